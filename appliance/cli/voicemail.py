"""`branchline voicemail`: the messages that callers left at this box."""

import json
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
    help="""Messages that callers left at this box.

    The running brain is asked, so it must be there. Messages are WAV files in the recordings'
    folder; they go by themselves after voicemail.keep_days.
    """,
)
console = Console(highlight=False)

Message = Annotated[str, typer.Argument(help="The message, as `list` names it.")]


@app.command("list")
def show(
    config: ConfigFile = DEFAULT_CONFIG,
    mailbox: Annotated[str, typer.Option(help="Only this mailbox.")] = "",
    as_json: AsJson = False,
) -> None:
    """List the messages, the newest first."""
    with told("voicemail list"):
        rows, _ = _messages(config, mailbox)
    if as_json:
        print(json.dumps(rows))
        return
    names = ("left", "mailbox", "length_s", "caller", "caller_name", "queue", "message")
    table = Table(*names, box=None, pad_edge=False)
    for row in rows:
        table.add_row(*(Text(printable(str(row.get(name, "")))) for name in names))
    console.print(table if rows else "no messages")


@app.command()
def path(message: Message, config: ConfigFile = DEFAULT_CONFIG) -> None:
    """Print where a message's file is, as in `aplay "$(branchline voicemail path …)"`."""
    with told("voicemail path"):
        rows, folder = _messages(config, "")
        found = next((row for row in rows if row.get("message") == message), None)
        if found is None:
            raise ConfigError("not-found", f"there is no message {message!r}")
    print(folder / str(found.get("path")))


@app.command()
def delete(message: Message, config: ConfigFile = DEFAULT_CONFIG) -> None:
    """Delete a message and its file; the ledger keeps that there was one."""
    with told("voicemail delete"):
        settings = load_appliance(config)
        ask(Path(settings.state_dir), "voicemail-delete", message=message)
    print(f"deleted: {printable(message)}")


def _messages(config: Path, mailbox: str) -> tuple[list[dict[str, Any]], Path]:
    """Return the messages, and the folder their files are in."""
    settings = load_appliance(config)
    answer = ask(Path(settings.state_dir), "voicemail", mailbox=mailbox)
    return list(answer.get("messages") or []), Path(str(answer.get("folder") or ""))
