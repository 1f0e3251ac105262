"""The checks of `branchline doctor`: each looks at one thing and says what to do about it."""

import ctypes
import errno
import importlib
import shutil
import socket
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Literal

import msgspec

from appliance.base.clock import SystemClock, rfc3339
from appliance.base.errors import BranchlineError
from appliance.config.model import ApplianceSettings
from appliance.ledger.store import LedgerReader, ledger_path
from appliance.link.documents import FOLDER
from appliance.link.messages import Document
from appliance.plan.checks import parse_plan
from appliance.plan.model import Plan
from appliance.plan.prompts import prompts_of

Level = Literal["ok", "warn", "fail"]

#: below this a branch's ledger and recordings soon have no room [MiB]
DISK_FAIL_MIB, DISK_WARN_MIB = 100, 1024
#: a clock before this is not set: the first release, 2026-01-01 [µs since 1970 UTC]
RELEASED_US = 1_767_225_600_000_000
#: what adjtimex(2) returns while the clock is not synchronised
_TIME_ERROR = 5
_TIMEX_BYTES = 208
_MODULES = {
    "_branchline_media": "the media engine",
    "_branchline_sip": "the SIP shim",
}


class Check(msgspec.Struct, frozen=True):
    """What one check found."""

    name: str
    level: Level
    found: str
    advice: str = ""

    def as_json(self) -> str:
        """Return the check as a JSON object."""
        return msgspec.json.encode(self).decode()


def check_all(settings: ApplianceSettings) -> Iterator[Check]:
    """Yield the results of all checks; a check that itself goes wrong is a failure."""
    checks: tuple[Callable[[ApplianceSettings], Iterator[Check]], ...] = (
        check_state,
        check_ports,
        check_modules,
        check_prompts,
        check_clock,
        check_ledger,
    )
    for check in checks:
        try:
            yield from check(settings)
        except (OSError, BranchlineError) as error:
            yield Check(check.__name__.removeprefix("check_"), "fail", str(error))


def check_state(settings: ApplianceSettings) -> Iterator[Check]:
    """Look at the state folder, its room, and whether the box has joined a fleet."""
    folder = Path(settings.state_dir)
    if not folder.is_dir():
        yield Check(
            "state", "fail", f"{folder} is not there", f"make it: install -d -m 700 {folder}"
        )
        return
    yield Check("state", "ok", str(folder))
    free_mib = shutil.disk_usage(folder).free >> 20
    level: Level = "ok"
    if free_mib < DISK_WARN_MIB:
        level = "warn" if free_mib >= DISK_FAIL_MIB else "fail"
    yield Check(
        "disk",
        level,
        f"{free_mib} MiB free",
        "make room: old recordings are the usual reason",
    )
    if (folder / "identity").is_dir():
        yield Check("fleet", "ok", "joined")
    else:
        yield Check(
            "fleet",
            "warn",
            "not joined; the box works alone",
            "branchline appliance join --control … --token …",
        )


def check_ports(settings: ApplianceSettings) -> Iterator[Check]:
    """Try to bind each fixed port."""
    sip, link, told = settings.sip, settings.link, settings.telemetry
    wanted = (
        ("SIP, UDP", socket.SOCK_DGRAM, sip.address, sip.port),
        ("SIP, TCP", socket.SOCK_STREAM, sip.address, sip.port),
        ("link", socket.SOCK_STREAM, link.address or sip.address, link.port),
        ("telemetry", socket.SOCK_STREAM, told.address, told.port),
    )
    for what, kind, address, port in wanted:
        yield _check_port(what, kind, address, port)


def _check_port(what: str, kind: socket.SocketKind, address: str, port: int) -> Check:
    where = f"{what} {address}:{port}"
    try:
        with socket.socket(socket.AF_INET, kind) as probe:
            if kind == socket.SOCK_STREAM:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((address, port))
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            advice = (
                f"right if Branchline is running; else see who has it: ss -ltunp | grep {port}"
            )
            return Check("port", "warn", f"{where} is taken", advice)
        return Check("port", "fail", f"{where}: {error.strerror or error}", "see [sip], [link]")
    return Check("port", "ok", f"{where} is free")


def check_modules(_: ApplianceSettings) -> Iterator[Check]:
    """Load the two compiled modules."""
    for name, what in _MODULES.items():
        try:
            importlib.import_module(name)
        except ImportError as error:
            advice = "install the Debian packages of images/packages/runtime.txt, then make setup"
            yield Check("library", "fail", f"{what}: {error}", advice)
        else:
            yield Check("library", "ok", what)


def check_prompts(settings: ApplianceSettings) -> Iterator[Check]:
    """Look for prompts in each folder of the settings."""
    for name in settings.media.prompt_dirs:
        folder = Path(name)
        if folder.is_dir() and any(folder.iterdir()):
            yield Check("prompts", "ok", name)
        else:
            advice = "install prompts there, or correct [media] prompt_dirs"
            yield Check("prompts", "warn", f"{name} is not there or empty", advice)
    plan = _plan(settings)
    folders = [Path(name) for name in settings.media.prompt_dirs]
    for name, place in sorted(prompts_of(plan).items()) if plan else ():
        if not name.startswith("tone:") and not any(_is_prompt(name, at) for at in folders):
            advice = "put it in one of media.prompt_dirs, or correct the plan"
            yield Check("prompts", "warn", f"{place}: there is no prompt {name!r}", advice)


def _plan(settings: ApplianceSettings) -> Plan | None:
    """Return the plan that this box has from control, or from its own file."""
    kept = Path(settings.state_dir) / FOLDER / "plan"
    if kept.exists():
        return parse_plan(msgspec.msgpack.decode(kept.read_bytes(), type=Document).body)
    return parse_plan(Path(settings.plan_file).read_bytes()) if settings.plan_file else None


def _is_prompt(name: str, folder: Path) -> bool:
    """Tell whether a folder holds sound of that name, in whatever coding."""
    path = folder / name
    return path.exists() or folder.name == name or any(path.parent.glob(f"{path.name}.*"))


def check_clock(_: ApplianceSettings) -> Iterator[Check]:
    """See whether the clock is set and kept right."""
    now_us = SystemClock().wall_us()
    if now_us < RELEASED_US:
        yield Check(
            "clock",
            "fail",
            f"it says {rfc3339(now_us)[:19]}",
            "set it; a certificate of today is not valid yet for this box",
        )
    elif _synchronised():
        yield Check("clock", "ok", "synchronised")
    else:
        advice = "let it follow a time server: timedatectl set-ntp true"
        yield Check("clock", "warn", "not synchronised by the kernel's account", advice)


def _synchronised() -> bool:
    """Ask the kernel (adjtimex(2)) whether a time service keeps the clock."""
    libc = ctypes.CDLL(None, use_errno=True)
    state: int = libc.adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES))
    return 0 <= state < _TIME_ERROR


def check_ledger(settings: ApplianceSettings) -> Iterator[Check]:
    """Walk the ledger's chain."""
    path = ledger_path(Path(settings.state_dir))
    if not path.exists():
        yield Check("ledger", "ok", "none yet")
        return
    with closing(LedgerReader(path)) as reader:
        result = reader.verify()
    if result.ok:
        yield Check("ledger", "ok", f"{result.entries} entries, whole")
        return
    found = result.breaks[0]
    yield Check(
        "ledger",
        "fail",
        f"chain {found.chain} is broken at entry {found.number}: {found.why}",
        "keep a copy of the file, then: branchline ledger verify",
    )
