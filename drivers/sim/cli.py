"""`branchline sim`: pretend devices for demonstrations, training and tests."""

import asyncio
import json
import signal
from pathlib import Path
from typing import Annotated, Any

import typer

from drivers.errors import DriverError
from drivers.sim.client import ask, place_call
from drivers.sim.faults import FAULTS
from drivers.sim.runner import SimulatedModem

app = typer.Typer(
    help="Pretend devices: try lines, trunks and whole sites without hardware.",
    no_args_is_help=True,
)

_MODEM_HELP = """Run a pretend voice modem until Ctrl-C.

DIR/at and DIR/pcm are its control and sound ports: give them to an appliance's line instead of
/dev/ttyUSB2 and /dev/ttyUSB4. Then, in another terminal:

  branchline sim call --dir DIR --from +33612345678 --say hello.wav --press 1

lets somebody call, and `branchline sim fault --dir DIR silent` shows how the line recovers.
"""
_Dir = Annotated[Path, typer.Option("--dir", help="The modem's folder.")]


@app.command(help=_MODEM_HELP)
def modem(
    make: Annotated[str, typer.Argument(help="Make of the modem; there is: sim7600.")],
    folder: _Dir,
    imei: Annotated[str, typer.Option(help="15 digits that identify it.")] = "861234567890123",
    operator: Annotated[str, typer.Option(help="Network it is in.")] = "Loopback Mobile",
    pin: Annotated[str, typer.Option(help="PIN its SIM wants; empty: none.")] = "",
) -> None:
    """Run a pretend voice modem until Ctrl-C."""
    if make != "sim7600":
        _fail(f"no pretend modem {make!r}; there is: sim7600")
    if not (imei.isdigit() and len(imei) == 15):
        _fail("an IMEI has 15 digits")
    try:
        asyncio.run(_run(SimulatedModem(folder, imei=imei, operator=operator, pin=pin), folder))
    except DriverError as error:
        _fail(str(error))


@app.command()
def call(
    folder: _Dir,
    from_number: Annotated[
        str, typer.Option("--from", help="Who calls; empty: number withheld.")
    ] = "+33612345678",
    say: Annotated[str, typer.Option(help="WAV file to say, or tone:440.")] = "",
    press: Annotated[str, typer.Option(help="Keys to press.")] = "",
    press_after_s: Annotated[float, typer.Option(help="When to press them [s].")] = 6.0,
    talk_s: Annotated[float, typer.Option(help="Hang up after so long [s].")] = 20.0,
    record: Annotated[str, typer.Option(help="WAV file for what the caller hears.")] = "",
) -> None:
    """Let somebody call the pretend modem, and print what happens to them."""
    try:
        for event in place_call(
            folder,
            from_number or None,
            say=say,
            press=press,
            press_after_s=press_after_s,
            talk_s=talk_s,
            record=record,
        ):
            _print(event)
    except DriverError as error:
        _fail(str(error))


@app.command()
def hangup(folder: _Dir) -> None:
    """Let the far end of the pretend modem's call hang up."""
    _ask(folder, {"do": "hangup"})


@app.command()
def status(folder: _Dir) -> None:
    """Show what the pretend modem is doing."""
    _ask(folder, {"do": "status"})


@app.command(
    help="Make something go wrong with the pretend modem; `clear` ends it.\n\n"
    + "\n\n".join(f"{name}: {what}." for name, what in FAULTS.items())
)
def fault(folder: _Dir, name: Annotated[str, typer.Argument(help="Which.")]) -> None:
    """Make something go wrong with the pretend modem."""
    _ask(folder, {"do": "fault", "name": name})


async def _run(device: SimulatedModem, folder: Path) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    await device.start()
    try:
        control, audio = device.paths
        print(f"A pretend SIM7600 is plugged in: control {control}, sound {audio}")
        print(f"Call it:  branchline sim call --dir {folder} --from +33612345678 --say tone:440")
        print("Ctrl-C pulls it out.", flush=True)
        await stop.wait()
    finally:
        await device.stop()


def _ask(folder: Path, request: dict[str, Any]) -> None:
    try:
        _print(ask(folder, request))
    except DriverError as error:
        _fail(str(error))


def _print(record: dict[str, Any]) -> None:
    print(json.dumps(record), flush=True)


def _fail(message: str) -> None:
    print(message)
    raise typer.Exit(1)
