"""`branchline appliance`: run this box's brain, join it to a fleet, look at it."""

import asyncio
import importlib
import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from appliance.base.log import set_up
from appliance.cli.admin import ask
from appliance.cli.exits import EX_UNAVAILABLE, printable, told
from appliance.cli.options import DEFAULT_CONFIG, AsJson, ConfigFile
from appliance.config.load import load_appliance

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="""This box's brain: calls, menus, queue, seats.

    `check-config` reads the settings, `join` makes the box one of a fleet, `run` is what the
    service starts, `status` tells how it fares.
    """,
)
console = Console(highlight=False)


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
    """Join this box to a fleet with the token that control's page «Fleet» shows.

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
    """Tell how the running brain of this machine fares: links, trunks, agents, contacts.

    Ends with 69 while the brain or its legs process is not there.
    """
    with told("appliance status"):
        settings = load_appliance(config)
        answer = ask(Path(settings.state_dir), "status")
    if as_json:
        print(json.dumps(answer))
    else:
        _show(answer)
    if not answer.get("legs_up"):
        raise typer.Exit(EX_UNAVAILABLE)


def _say(text: str) -> None:
    print(printable(text), flush=True)


#: what is shown of a written contact at an agent
_WORK = ("seat", "channel", "phase", "contact", "subject")


def _show(box: dict[str, Any]) -> None:
    """Print the brain's answer for people; what a newer brain adds is left to --json."""
    table = Table(show_header=False, box=None, pad_edge=False)
    for name, value in (
        ("box", f"{box.get('site')}/{box.get('name')}"),
        ("legs", "attached" if box.get("legs_up") else "not attached: calls cannot be made"),
        ("hub", "in reach" if box.get("hub_up") else "not in reach: working as an island"),
        ("peers", ", ".join(_reached(box)) or "none in reach"),
        ("plan", f"serial {box['plan_serial']}" if box.get("plan_serial") else "none yet"),
        *([("link", _link(box["link"]))] if box.get("link") else []),
        *(_trunk(trunk) for trunk in box.get("trunks") or []),
        *(("agent", _words(agent, "seat", "state", "why")) for agent in box.get("agents") or []),
        *(
            ("work", _words({**work, "seat": agent.get("seat")}, *_WORK))
            for agent in box.get("agents") or []
            for work in agent.get("work") or []
        ),
        *(
            ("contact", _words(contact, "contact", "phase", "queue", "waited_s", "seat"))
            for contact in box.get("contacts") or []
        ),
    ):
        table.add_row(Text(printable(name)), Text(printable(value)))
    console.print(table)


def _reached(box: dict[str, Any]) -> list[str]:
    """Return the peers, each with the relay that leads to it."""
    relays = box.get("relays") or {}
    return [
        f"{peer} (through {relays[peer]})" if peer in relays else str(peer)
        for peer in box.get("peers") or []
    ]


def _link(link: dict[str, Any]) -> str:
    """Return how many calls with other branches there are, and how many there may be."""
    words = []
    for name, unit in (("calls", "calls"), ("kbit_s", "kbit/s")):
        most = link.get(f"{name}_limit")
        words.append(f"{link.get(name)}{f' of {most}' if most else ''} {unit}")
    return f"{', '.join(words)} with other branches"


def _trunk(trunk: dict[str, Any]) -> tuple[str, str]:
    state = "up" if trunk.get("up") else f"down: {trunk.get('reason')}"
    return str(trunk.get("kind")), f"{trunk.get('name')} {state}"


def _words(row: dict[str, Any], *names: str) -> str:
    """Return the named values of a row that say something."""
    return "  ".join(str(row[name]) for name in names if row.get(name) not in (None, ""))
