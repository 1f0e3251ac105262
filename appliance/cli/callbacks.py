"""`branchline callbacks`: who waits to be called back, and what to do about it."""

import getpass
import json
import os
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from appliance.base.errors import ConfigError
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


@app.command()
def held(config: ConfigFile = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """List who is called by nobody for now: what a peer has done with them is not known.

    `ours` are this box's own callers: it was gone or cut off, and the peer that had them in escrow
    may have called them. Once the peer is there again it says so, and they go on by themselves;
    where it never comes back, `release` lets them go on. `for a peer` are callers of a box that is
    gone; this box calls them as soon as a majority lets it.
    """
    with told("callbacks held"):
        answer = ask(Path(load_appliance(config).state_dir), "held-callbacks")
    if as_json:
        print(json.dumps(answer))
        return
    rows = answer.get("callbacks") or []
    if not rows:
        print("nobody is held")
        return
    table = Table(box=None, pad_edge=False)
    for title in ("contact", "number", "queue", "whose", "peer", "peer is", "since"):
        table.add_column(title)
    for row in rows:
        whose = "ours" if row.get("ours") else "for a peer"
        state = "up" if row.get("peer_up") else "gone"
        cells = (row.get("contact"), row.get("number"), row.get("queue"), whose, row.get("peer"))
        since = str(row.get("since"))[:19]
        table.add_row(*(Text(printable(str(cell))) for cell in (*cells, state, since)))
    console.print(table)


@app.command()
def release(
    contact: Annotated[str, typer.Argument(help="The contact's id, as `held` shows it.")],
    not_called: Annotated[
        bool,
        typer.Option(
            "--not-called",
            help="Your word that the peer has not called them: nobody else can know.",
        ),
    ] = False,
    by: Annotated[str, typer.Option(help="Who gives it, for the ledger; else your login.")] = "",
    config: ConfigFile = DEFAULT_CONFIG,
) -> None:
    """Let a held caller of this box go on, whose peer will not come back to say what it did.

    Look at the peer's ledger first, if its disk can be read: `branchline ledger show CONTACT
    --file ledger.db`. The peer is told to forget the caller as soon as it is there again.
    """
    with told("callbacks release"):
        if not not_called:
            raise ConfigError("bad-config", "a caller may be called twice: say --not-called")
        who = by or os.environ.get("SUDO_USER") or getpass.getuser()
        state_dir = Path(load_appliance(config).state_dir)
        ask(state_dir, "release-callback", contact=contact, by=who)
    print(f"{printable(contact)} goes on")


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
