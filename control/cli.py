"""`branchline control …`: set control up, run it, and do from a shell what the pages do."""

import json
import logging
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from appliance.base import log
from appliance.base.errors import BranchlineError
from control.fleet.cli import app as hubs_app
from control.ledger.cli import app as ledger_app
from control.ledger.cli import promises
from control.settings import ControlSettings, load_control

app = typer.Typer(
    no_args_is_help=True,
    help="""The control plane: one fleet, one plan, one floor.

    A first start is `init`, then `hub`, `intake` and `web` in three terminals (or as services),
    then `token` for each box. Settings come from /etc/branchline/control.toml; without it the
    defaults serve a machine of its own on loopback.
    """,
)

ConfigFile = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        envvar="BRANCHLINE_CONTROL_CONFIG",
        help="Settings file (TOML); else /etc/branchline/control.toml if there is one.",
    ),
]


@contextmanager
def _told() -> Iterator[None]:
    """Turn our errors into one line and exit status 1."""
    try:
        yield
    except BranchlineError as error:
        print(f"branchline control: {error}", file=sys.stderr)
        raise typer.Exit(1) from None


def _settings(config: Path | None) -> ControlSettings:
    """Load the settings and set the log up."""
    settings = load_control(config)
    log.set_up(settings.log_level, as_json=settings.log_json)
    # it tells of itself at every start, and of what it does only now and then
    logging.getLogger("alembic").setLevel(logging.WARNING)
    return settings


@app.command()
def init(
    config: ConfigFile = None,
    user: Annotated[str, typer.Option(help="Log-in name of the first admin.")] = "admin",
    password: Annotated[
        str,
        typer.Option(
            envvar="BRANCHLINE_ADMIN_PASSWORD",
            help="Password of the first admin; without it one is made and printed once.",
        ),
    ] = "",
) -> None:
    """Make state folder, keys, authority, tables and the first admin.

    May be run again at any time: what is there is kept, and only what is missing is made.
    """
    from control.models import people
    from control.models.base import moment
    from control.parts import ControlParts

    with _told():
        settings = _settings(config)
        parts = ControlParts.make(settings)
        with parts.database.session() as session:
            known = people.find_user(session, user) is not None
            chosen = password or secrets.token_urlsafe(12)
            if not known:
                at = moment(parts.clock)
                people.add_user(session, user, chosen, at)
                people.note(session, at, "command line", f"added user {user}")
        parts.close()
    print(f"state    {settings.state_path.absolute()}")
    print(f"pages    http://{settings.web_address}:{settings.web_port}")
    if known:
        print(f"user     {user} (was there; the password stays as it is)")
    else:
        shown = "as given" if password else f"{chosen}   <- shown only now"
        print(f"user     {user}\npassword {shown}")


@app.command()
def user(
    name: Annotated[str, typer.Argument(help="Log-in name.")],
    password: Annotated[
        str,
        typer.Option(
            envvar="BRANCHLINE_ADMIN_PASSWORD",
            help="The password; without it one is made and printed once.",
        ),
    ] = "",
    config: ConfigFile = None,
) -> None:
    """Add a person who may log in, or give one who is there a new password."""
    from control.models import people
    from control.models.base import moment
    from control.parts import ControlParts

    with _told():
        parts = ControlParts.open(_settings(config))
        chosen = password or secrets.token_urlsafe(12)
        with parts.database.session() as session:
            known, at = people.find_user(session, name), moment(parts.clock)
            if known is None:
                people.add_user(session, name, chosen, at)
            else:
                people.set_password(known, chosen)
            what = f"{'new password for' if known else 'added'} user {name}"
            people.note(session, at, "command line", what)
        parts.close()
    print(what if password else f"{what}\npassword {chosen}   <- shown only now")


@app.command()
def web(config: ConfigFile = None) -> None:
    """Serve the pages and the REST interface until Ctrl-C."""
    from control.web.server import serve

    with _told():
        serve(_settings(config))


@app.command()
def hub(
    name: Annotated[str, typer.Option(help="A further hub; empty: as the settings say.")] = "",
    config: ConfigFile = None,
) -> None:
    """Run a hub until Ctrl-C: links to boxes, matchmaker, telemetry proxy."""
    from control.fleet.hubs import settings_of
    from control.hub import daemon

    with _told():
        settings = _settings(config)
        daemon.run(settings_of(settings, name or settings.hub_name))


@app.command()
def intake(config: ConfigFile = None) -> None:
    """Take the boxes' ledgers in, beside the hub, until Ctrl-C."""
    from control.ledger import intake

    with _told():
        intake.run(_settings(config))


@app.command()
def token(
    site: Annotated[str, typer.Option(help="Branch the box stands in; added if new.")],
    name: Annotated[str, typer.Option(help="What the box is to be called.")],
    auto_approve: Annotated[
        bool, typer.Option("--auto-approve", help="Let the box in without a person looking.")
    ] = False,
    hours: Annotated[float, typer.Option(help="How long the token may be used.")] = 24,
    config: ConfigFile = None,
) -> None:
    """Make a join token and print it. It lets one box ask for a place in the fleet, once."""
    from control.fleet.tokens import make_token
    from control.models.base import moment
    from control.parts import ControlParts

    with _told():
        parts = ControlParts.open(_settings(config))
        with parts.database.session() as session:
            text = make_token(
                session,
                parts.authority.digest,
                site=site,
                name=name,
                who="command line",
                at=moment(parts.clock),
                hours=hours,
                auto_approve=auto_approve,
            )
        parts.close()
    print(text)


@app.command()
def network(
    name: Annotated[str, typer.Argument(help="Name of the box.")],
    nat: Annotated[
        bool | None,
        typer.Option("--nat/--no-nat", help="Other branches cannot dial it, or can."),
    ] = None,
    relay: Annotated[
        bool | None,
        typer.Option(
            "--relay/--no-relay", help="It carries between branches that cannot, or does not."
        ),
    ] = None,
    config: ConfigFile = None,
) -> None:
    """Say how a box stands in the network, and print it. Its peers learn of it at once."""
    from control.models.fleet import Appliance
    from control.parts import ControlParts

    with _told():
        parts = ControlParts.open(_settings(config))
        with parts.database.session() as session:
            parts.enrolment.set_network(session, name, "command line", nat=nat, relay=relay)
            row = session.get_one(Appliance, name)
            hidden, carries = row.nat or row.link_port == 0, row.relay
        told = parts.hub.reload()
        parts.close()
    print(f"{name} {'is behind NAT' if hidden else 'can be dialled'}", end="")
    print(" and carries for others" if carries else "")
    if not told:
        print("the hub is away; it will tell the boxes when it starts")


@app.command(name="import-plan")
def import_plan(
    file: Annotated[Path, typer.Argument(help="Plan as JSON.", exists=True, dir_okay=False)],
    config: ConfigFile = None,
) -> None:
    """Make the draft say what FILE says. Nothing reaches the boxes before `publish`."""
    from control.fleet import exchange
    from control.models.base import moment
    from control.models.people import note
    from control.parts import ControlParts

    with _told():
        parts = ControlParts.open(_settings(config))
        plan = exchange.read_plan(file.read_bytes(), str(file))
        with parts.database.session() as session:
            exchange.import_plan(session, plan)
            note(session, moment(parts.clock), "command line", f"imported plan {file.name}")
        parts.close()
    print(
        f"{len(plan.numbers)} numbers, {len(plan.queues)} queues, {len(plan.flows)} flows, ",
        end="",
    )
    print(f"{len(plan.agents)} agents: now in the draft")


@app.command(name="export-plan")
def export_plan(config: ConfigFile = None) -> None:
    """Print the draft as JSON, such as `import-plan` reads."""
    from control.parts import ControlParts

    with _told():
        parts = ControlParts.open(_settings(config))
        with parts.database.session() as session:
            draft = parts.publication.draft(session)
        parts.close()
    for remark in draft.remarks:
        print(f"{remark.severity} {remark.place}: {remark.message}", file=sys.stderr)
    if draft.plan is None:
        raise typer.Exit(1)
    print(json.dumps(msgspec.to_builtins(draft.plan), indent=2, ensure_ascii=False))


@app.command()
def publish(config: ConfigFile = None) -> None:
    """Check, number and sign the draft, and have the hub hand it to the boxes."""
    from control.parts import ControlParts

    with _told():
        parts = ControlParts.open(_settings(config))
        with parts.database.session() as session:
            document = parts.publication.publish(session, "command line")
        told = parts.hub.reload()
        parts.close()
    if document is None:
        print("nothing to publish: the draft is what the fleet has")
        return
    print(f"plan {document.serial} published")
    if not told:
        print("the hub is away; it will read the plan when it starts")


@app.command(name="agent-secret")
def agent_secret(
    agent: Annotated[str, typer.Argument(help="Name of the agent.")],
    config: ConfigFile = None,
) -> None:
    """Give an agent's phone a new secret and print it once. It counts after `publish`."""
    from control.fleet.secrets import renew_secret
    from control.models import plan as rows
    from control.models.base import moment
    from control.models.people import note
    from control.parts import ControlParts

    with _told():
        settings = _settings(config)
        parts = ControlParts.open(settings)
        with parts.database.session() as session:
            row = session.get(rows.Agent, agent)
            if row is None:
                print(f"branchline control: there is no agent {agent!r}", file=sys.stderr)
                raise typer.Exit(1)
            secret = renew_secret(row, settings.realm)
            note(session, moment(parts.clock), "command line", f"new secret for agent {agent}")
            account = row.account
        parts.close()
    print(f"account {account}\nrealm   {settings.realm}\nsecret  {secret}   <- shown only now")


app.add_typer(hubs_app, name="hubs")
app.add_typer(ledger_app, name="ledger")
app.command()(promises)
