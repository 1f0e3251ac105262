"""`branchline legs`: run the legs process, or a pretend phone."""

import asyncio
import importlib
import resource
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, Any

import typer

from appliance.base.errors import BranchlineError, ConfigError
from appliance.base.log import set_up
from appliance.config.load import load_appliance

app = typer.Typer(help="The legs process: SIP, media and hardware lines.", no_args_is_help=True)

#: exit codes of sysexits.h, by reason; 70 (EX_SOFTWARE) for all others
_EXIT_CODES = {
    "bad-config": 78,
    "missing-file": 78,
    "missing-library": 72,
    "port-busy": 69,
    "unknown-prompt": 66,
}


@app.command()
def run(
    config: Annotated[Path, typer.Option(help="The appliance's settings.")] = Path(
        "/etc/branchline/appliance.toml"
    ),
) -> None:
    """Run the legs process until it is told to stop."""
    try:
        settings = load_appliance(config)
        set_up(settings.log_level, as_json=settings.log_json)
        _run(_loaded("appliance.legs.daemon").run(settings))
    except BranchlineError as error:
        _fail(error)


@app.command()
def phone(
    account: Annotated[list[str], typer.Option(help="Account; may be given several times.")],
    secret: Annotated[list[str], typer.Option(help="Its secret, one for each account.")],
    registrar: Annotated[str, typer.Option(help="HOST:PORT of the registrar.")],
    *,
    address: Annotated[str, typer.Option(help="Address of the phones.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port of the phones.")] = 5080,
    answer_after_s: Annotated[float, typer.Option(help="Below 0: never.")] = 2.0,
    talk_s: Annotated[float, typer.Option(help="Below 0: until the far end hangs up.")] = 20.0,
    says: Annotated[str, typer.Option(help="WAV to speak; else a tone.")] = "",
    records: Annotated[str, typer.Option(help="WAV of what is heard, one a call.")] = "",
) -> None:
    """Run pretend phones that answer calls, until told to stop."""
    set_up("info")
    try:
        if len(account) != len(secret):
            raise ConfigError("bad-config", "there must be one --secret for each --account")
        host, _, number = registrar.rpartition(":")
        if not host or not number.isascii() or not number.isdigit():
            raise ConfigError("bad-config", f"--registrar {registrar!r} is not HOST:PORT")
        robots = _loaded("appliance.legs.robot")
        phones = [
            robots.Robot(name, word, answer_after_s, talk_s, says, records)
            for name, word in zip(account, secret, strict=True)
        ]
        where = (host, int(number))
        _run(robots.run(phones, where, address=address, port=port))
    except BranchlineError as error:
        _fail(error)


def _loaded(module: str) -> Any:
    """Return a module that needs the C libraries; raise BranchlineError `missing-library`."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ConfigError("missing-library", f"{module} cannot be loaded: {error}") from error


def raise_file_limit() -> None:
    """Raise the soft limit of open files to the hard one: each leg of RTP has two sockets."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _run(work: Coroutine[Any, Any, None]) -> None:
    raise_file_limit()
    asyncio.run(work)


def _fail(error: BranchlineError) -> None:
    typer.echo(f"branchline legs: {error}", err=True)
    raise typer.Exit(_EXIT_CODES.get(error.reason, 70))


if __name__ == "__main__":
    app()
