"""`branchline callbacks`: who waits to be called back, and how to end one."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from appliance.cli.admin import ask
from appliance.cli.exits import printable, told
from appliance.cli.options import DEFAULT_CONFIG, AsJson, ConfigFile
from appliance.config.load import load_appliance

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="""Callers of this box who left a number and keep their place until they are called.

    The running brain answers; `branchline ledger show` tells what became of one.
    """,
)
console = Console(highlight=False)


@app.command("list")
def list_(config: ConfigFile = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """List the call-backs of the running brain, the next one first.

    A state is `waiting`, `resting` (called in vain, until the next time), `agent` (whose phone
    rings), `calling`, or `held` (another box may be calling; it is not known yet).
    """
    with told("callbacks list"):
        answer = ask(Path(load_appliance(config).state_dir), "callbacks")
    if as_json:
        print(json.dumps(answer))
        return
    rows = answer.get("callbacks") or []
    if not rows:
        print("nobody waits to be called back")
        return
    table = Table(box=None, pad_edge=False)
    for title in ("contact", "number", "queue", "state", "waited", "promised", "calls left"):
        table.add_column(title)
    for row in rows:
        table.add_row(*(Text(printable(value)) for value in _shown(row)))
    console.print(table)


@app.command()
def cancel(
    contact: Annotated[str, typer.Argument(help="The contact's id, as `list` shows it.")],
    config: ConfigFile = DEFAULT_CONFIG,
) -> None:
    """End a call-back: its caller is not called, and its place is free."""
    with told("callbacks cancel"):
        ask(Path(load_appliance(config).state_dir), "cancel-callback", contact=contact)
    print(f"{printable(contact)} is cancelled")


def _shown(row: dict[str, Any]) -> tuple[str, ...]:
    due_s = float(row.get("due_in_s") or 0)
    promised = f"in {_minutes(due_s)}" if due_s >= 0 else f"{_minutes(-due_s)} ago"
    return (
        str(row.get("contact")),
        str(row.get("number")),
        str(row.get("queue")),
        str(row.get("state")),
        _minutes(float(row.get("waited_s") or 0)),
        promised,
        str(row.get("calls_left")),
    )


def _minutes(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}"
