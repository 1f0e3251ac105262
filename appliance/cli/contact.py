"""`branchline contact`: written contacts by command: new, accept, decline, end."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from appliance.base.errors import ConfigError
from appliance.cli.admin import ask
from appliance.cli.exits import told
from appliance.cli.options import DEFAULT_CONFIG, AsJson, ConfigFile
from appliance.config.load import load_appliance

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="""Contacts without a call (chat, sms, mail, task): they wait and are offered like calls.

    `new` on the box where it came in; `accept`, `decline` and `end` on the box of the agent.
    `branchline appliance status --json` shows what each agent is offered and works on.
    """,
)

ContactId = Annotated[str, typer.Argument(help="The contact's id, as `new` printed it.")]


@app.command()
def new(
    channel: Annotated[str, typer.Option(help="chat, sms, mail or task.")],
    queue: Annotated[str, typer.Option(help="Queue that it waits in.")],
    subject: Annotated[str, typer.Option(help="What the agent reads of it.")] = "",
    sender: Annotated[str, typer.Option(help="Who wrote it.")] = "",
    klass: Annotated[str, typer.Option(help="Class of service; else the plan's default.")] = "",
    skill: Annotated[
        list[str] | None, typer.Option(help="Skill it needs beside the queue's, as german=3.")
    ] = None,
    agent: Annotated[str, typer.Option(help="Agent it asks for by name.")] = "",
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Let a new contact wait in a queue, and print its id.

    It is journalled and outlives a restart of the brain.
    """
    with told("contact new"):
        _do(
            config,
            as_json,
            type="new",
            channel=channel,
            queue=queue,
            subject=subject,
            sender=sender,
            klass=klass,
            skills=dict(_level(one) for one in skill or []),
            agent=agent,
        )


@app.command()
def accept(contact: ContactId, config: ConfigFile = DEFAULT_CONFIG) -> None:
    """Accept a contact for the agent whom it is offered to."""
    _act("accept", contact, config)


@app.command()
def decline(contact: ContactId, config: ConfigFile = DEFAULT_CONFIG) -> None:
    """Give a contact that is offered back to its place; others are asked first then."""
    _act("decline", contact, config)


@app.command()
def end(contact: ContactId, config: ConfigFile = DEFAULT_CONFIG) -> None:
    """End a contact, or its notes; on the box where it came in, also one that waits."""
    _act("end", contact, config)


def _act(what: str, contact: str, config: Path) -> None:
    with told(f"contact {what}"):
        _do(config, as_json=False, type="act", what=what, contact=contact)


def _do(config: Path, as_json: bool, **what: Any) -> None:
    settings = load_appliance(config)
    answer = ask(Path(settings.state_dir), "contact", **what)
    print(json.dumps(answer) if as_json else answer["contact"])


def _level(text: str) -> tuple[str, int]:
    skill, _, level = text.partition("=")
    if level and not level.isdigit():
        raise ConfigError("bad-request", f"{text}: write a skill as german=3")
    return skill, int(level or 1)
