"""`branchline telemetry`: watch what an appliance or hub tells monitoring systems."""

import json
import sys
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console
from rich.text import Text

from appliance.cli.exits import printable, told
from appliance.cli.listen import listen
from appliance.telemetry.records import AnyRecord, TelemetryRecord, decode, kind_of, schema

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="""What an appliance or hub tells monitoring systems.

    Every record has a topic bl1/<tenant>/<site>/<kind>; the page telemetry.md explains each.
    """,
)
console = Console(highlight=False)

_HEAD = {"seq", "ts", "incarnation", "appliance", "kind"}
_COLOURS = {"alarm": "bold red", "contact-changed": "cyan", "seat-changed": "green"}


@app.command()
def tail(
    address: Annotated[
        str, typer.Option(help="Where to subscribe: an appliance's address or the hub's.")
    ] = "tcp://127.0.0.1:7420",
    topic: Annotated[
        str, typer.Option(help="Only topics that begin so, as bl1/main/berlin/alarm.")
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Topic and JSON as they came.")] = False,
    count: Annotated[int, typer.Option(min=0, help="End after so many records; 0: never.")] = 0,
    for_s: Annotated[
        float, typer.Option("--for", min=0, help="End after so many seconds; 0: never.")
    ] = 0,
) -> None:
    """Show records as they come, until Ctrl-C; the newest state of all things comes first."""
    with told("telemetry tail"):
        try:
            for number, (name, body) in enumerate(listen(address, topic, for_s=for_s or None), 1):
                _show(name, body, as_json=as_json)
                if number == count:
                    return
        except KeyboardInterrupt:
            return


@app.command("schema")
def show_schema() -> None:
    """Print the JSON Schema of all records."""
    json.dump(schema(), sys.stdout, indent=2)
    print()


def _show(topic: str, body: bytes, *, as_json: bool) -> None:
    if as_json:
        print(printable(topic), printable(body.decode("utf-8", "replace")), flush=True)
        return
    record = decode(body)
    if record is None:
        console.print(Text(f"{printable(topic)}: not JSON", "red"))
    else:
        console.print(line_of(topic, record), soft_wrap=True)


def line_of(topic: str, record: AnyRecord | dict[str, Any]) -> Text:
    """Return one line for people: when, where, what, and the fields that say something."""
    if isinstance(record, TelemetryRecord):
        kind, fields = kind_of(record), msgspec.structs.asdict(record)
        told_fields = {
            name: value for name, value in fields.items() if value not in ("", [], None)
        }
    else:
        kind, told_fields = str(record.get("kind", "?")), record
    site = topic.split("/")[-2] if topic.count("/") >= 2 else "?"
    line = Text(printable(str(told_fields.get("ts", ""))[11:23]), "dim")
    line.append(printable(f"  {site}/{told_fields.get('appliance', '?')}  "), "dim")
    colour = _COLOURS.get(kind, "bold")
    if told_fields.get("raised") is False:
        colour = "green"
    line.append(printable(f"{kind:<16}"), colour)
    for name, value in told_fields.items():
        if name not in _HEAD:
            line.append(printable(f" {name} "), "dim")
            line.append(printable(_plain(value)))
    return line


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ",".join(map(str, value))
    return str(value)
