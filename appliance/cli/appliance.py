"""`branchline appliance`: run this box's brain, join it to a fleet, look at it."""

import asyncio
import importlib
import json
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from appliance.base.errors import PeerError
from appliance.base.log import set_up
from appliance.cli.exits import EX_UNAVAILABLE, printable, told
from appliance.cli.listen import collect
from appliance.cli.options import DEFAULT_CONFIG, AsJson, ConfigFile, telemetry_address
from appliance.config.load import load_appliance
from appliance.telemetry.records import BoxState, TelemetryRecord, kind_of

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="""This box's brain: calls, menus, queue, seats.

    `check-config` reads the settings, `join` makes the box one of a fleet, `run` is what the
    service starts, `status` tells how it fares.
    """,
)
console = Console(highlight=False)

#: how long `status` waits for the brain's word: it repeats its state twice a second
STATUS_WAIT_S = 3.0


@app.command()
def run(config: ConfigFile = DEFAULT_CONFIG) -> None:
    """Run the brain until it is told to stop (SIGTERM, Ctrl-C).

    The legs process (`branchline legs run`) may be started before or after, and restarted.
    """
    with told("appliance run"):
        settings = load_appliance(config)
        set_up(settings.log_level, as_json=settings.log_json)
        # by name: field commands may not depend on the running parts (see the import contracts);
        # this is the one that starts them
        daemon = importlib.import_module("appliance.daemon")
        code = asyncio.run(daemon.run(settings))
    raise typer.Exit(code)


@app.command("check-config")
def check_config(
    file: Annotated[Path, typer.Argument(help="The settings to check.")] = DEFAULT_CONFIG,
) -> None:
    """Read a settings file and say what is wrong with it, or that it is right."""
    with told("appliance check-config"):
        settings = load_appliance(file)
    trunks, lines = sorted(settings.trunks), sorted(settings.lines)
    print(f"{file}: right")
    print(f"  {settings.tenant}/{settings.site}/{settings.name}, state in {settings.state_dir}")
    print(f"  SIP {settings.sip.address}:{settings.sip.port}")
    print(f"  trunks: {', '.join(trunks) or 'none'}; lines: {', '.join(lines) or 'none'}")


@app.command()
def join(
    control: Annotated[str, typer.Option(help="Control's address, as https://control.example.")],
    token: Annotated[
        str, typer.Option(envvar="BRANCHLINE_TOKEN", help="The join token that control showed.")
    ],
    config: ConfigFile = DEFAULT_CONFIG,
) -> None:
    """Join this box to a fleet with the token that control's page «Boxes» shows.

    The box makes its keys, sends control what is public of them and waits for the approval;
    compare the fingerprint shown here with the one that control shows. Harmless to repeat.
    """
    with told("appliance join"):
        settings = load_appliance(config)
        # loaded when needed: no other field command speaks to control
        enrol = importlib.import_module("appliance.link.enrol").enrol
        asyncio.run(enrol(settings, control, token, progress=_say))
    _say("This box has joined. Next: start it (systemctl start branchline-legs")
    _say("branchline-appliance), then look: branchline appliance status")


@app.command()
def status(config: ConfigFile = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Tell how the running brain fares, by what it tells monitoring systems."""
    with told("appliance status"):
        settings = load_appliance(config)
        address = telemetry_address(settings)
        records = collect(address, STATUS_WAIT_S, until=BoxState)
        boxes = [record for record in records if isinstance(record, BoxState)]
        if not boxes:
            raise PeerError(
                "unavailable", f"no brain tells of itself at {address}; is it running?"
            )
    if as_json:
        print(json.dumps(_by_kind(records)))
        return
    _show(boxes[-1], records)
    if not boxes[-1].legs_up:
        raise typer.Exit(EX_UNAVAILABLE)


def _say(text: str) -> None:
    print(printable(text), flush=True)


def _by_kind(records: list[TelemetryRecord]) -> dict[str, Any]:
    """Return the newest of each: the box alone, all else as lists."""
    result: dict[str, Any] = {}
    for record in records:
        plain = msgspec.to_builtins(record)
        if isinstance(record, BoxState):
            result["box-state"] = plain
        else:
            result.setdefault(kind_of(record), []).append(plain)
    return result


def _show(box: BoxState, records: list[TelemetryRecord]) -> None:
    """Print a table for people."""
    table = Table(show_header=False, box=None, pad_edge=False)
    facts = {
        "appliance": f"{box.appliance}, version {box.version}, up {box.uptime_s:.0f} s",
        "legs": "attached" if box.legs_up else "not attached: calls cannot be made",
        "hub": "in reach" if box.hub_up else "not in reach: working as an island",
        "peers": ", ".join(box.peers) or "none",
        "plan": f"serial {box.plan_serial}" if box.plan_serial else "none yet",
        "contacts": f"{box.contacts_open} open",
        "seats": str(box.seats),
        "ledger": f"entry {box.ledger_number}, on disk to {box.ledger_synced}",
        "disk": f"{box.disk_free_mib} MiB free",
    }
    for name, value in facts.items():
        table.add_row(name, Text(printable(value)))
    for record in records:
        plain = msgspec.structs.asdict(record)
        if kind_of(record) == "trunk-state":
            state = Text("up") if plain["up"] else Text(f"down: {plain['reason']}", "red")
            table.add_row(Text(printable(f"{plain['trunk_kind']} {plain['trunk']}")), state)
        if kind_of(record) == "alarm" and plain["raised"]:
            text = printable(f"{plain['alarm']} {plain['about']}: {plain['reason']}")
            table.add_row(Text("alarm", "red"), Text(text))
    console.print(table)
