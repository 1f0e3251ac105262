"""`branchline hw`: the gateway hardware that is plugged in."""

import json
from importlib import import_module
from typing import Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text
from serial.tools import list_ports

from appliance.cli.exits import printable
from appliance.cli.options import AsJson

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="The gateway hardware of this box."
)
console = Console(highlight=False)


@app.callback()
def _group() -> None:
    """Keep `list` a subcommand of its own name."""


@app.command("list")
def list_ports_and_profiles(as_json: AsJson = False) -> None:
    """List serial ports, the device behind each, and the driver profile that fits it."""
    rows = [_row(port) for port in sorted(list_ports.comports())]
    if as_json:
        print(json.dumps(rows))
        return
    table = Table("port", "device", "USB id", "serial number", "profile", box=None, pad_edge=False)
    for row in rows:
        table.add_row(*(Text(printable(text)) for text in row.values()))
    console.print(table if rows else "no serial ports; is the modem plugged in? see: lsusb")


def _row(port: Any) -> dict[str, str]:
    usb = f"{port.vid:04x}:{port.pid:04x}" if port.vid is not None else ""
    return {
        "port": str(port.device),
        "device": str(port.product or port.description or ""),
        "usb": usb,
        "serial_number": str(port.serial_number or ""),
        "profile": _profile_for(usb),
    }


def _profile_for(usb: str) -> str:
    """Return the names of the profiles that know this USB id."""
    if not usb:
        return ""
    profiles = import_module("drivers.profiles").PROFILES
    return " ".join(
        name
        for name, profile in sorted(profiles.items())
        if any(f"{known.vendor}:{known.product}" == usb for known in profile.usb_ids)
    )
