"""`branchline control hubs`: hubs beside the first."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from appliance.base.errors import BranchlineError, PeerError
from control.fleet.hubclient import HubClient
from control.fleet.hubs import HubEntry, add_hub, remove_hub
from control.parts import ControlParts
from control.settings import ControlSettings, load_control

app = typer.Typer(
    no_args_is_help=True,
    help="""Hubs beside the first, which share its work and stand in for it.

    Boxes are told of them by the signed directory and dial them all. Run each with
    `branchline control hub --name NAME`.
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
Name = Annotated[str, typer.Argument(help="hub-2, hub-3, …")]


@contextmanager
def _parts(config: Path | None) -> Iterator[ControlParts]:
    """Open control; turn our errors into one line and exit status 1."""
    try:
        parts = ControlParts.open(load_control(config))
        try:
            yield parts
        finally:
            parts.close()
    except BranchlineError as error:
        print(f"branchline control: {error}", file=sys.stderr)
        raise typer.Exit(1) from None


@app.command()
def add(
    name: Name,
    link_port: Annotated[int, typer.Option(help="Where boxes dial it.", min=1, max=65535)],
    telemetry_in_port: Annotated[
        int, typer.Option(help="Where boxes send telemetry.", min=1, max=65535)
    ],
    telemetry_out_port: Annotated[
        int, typer.Option(help="Where monitoring subscribes.", min=1, max=65535)
    ],
    address: Annotated[
        str, typer.Option(help="Where it listens and boxes dial it; empty: as the first hub.")
    ] = "",
    config: ConfigFile = None,
) -> None:
    """Add a hub, or change one: mint its key, and tell the boxes by a new directory."""

    def change(settings: ControlSettings) -> None:
        entry = HubEntry(
            name=name,
            address=address or settings.hub_address,
            link_port=link_port,
            telemetry_in_port=telemetry_in_port,
            telemetry_out_port=telemetry_out_port,
        )
        add_hub(settings, entry)

    _change(config, change)


@app.command()
def remove(name: Name, config: ConfigFile = None) -> None:
    """Take a hub away, and tell the boxes. Its process may be ended then."""
    _change(config, lambda settings: remove_hub(settings, name))


@app.command(name="list")
def show(config: ConfigFile = None) -> None:
    """List all hubs: name, address, port, and how many boxes each sees from this machine."""
    with _parts(config) as parts:
        for hub in parts.hub.hubs():
            print(f"{hub.hub_name}  {hub.hub_address}:{hub.link_port}  {_state(parts.hub, hub)}")


def _state(client: HubClient, hub: ControlSettings) -> str:
    try:
        floor = client.ask({"do": "floor"}, hub=hub)
    except PeerError as error:
        return error.message
    boxes = floor.get("appliances", [])
    seats = len(floor.get("seats", []))
    return f"up, {sum(box['up'] for box in boxes)} of {len(boxes)} boxes, {seats} seats"


def _change(config: Path | None, change: Callable[[ControlSettings], None]) -> None:
    """Change the list, publish the directory, and have the hubs hand it out."""
    with _parts(config) as parts:
        change(parts.settings)
        with parts.database.session() as session:
            document = parts.publication.publish_directory(session, "command line")
        told = parts.hub.reload()
        what = f"directory {document.serial} is published" if document else "nothing has changed"
        print(what if told else f"{what}; no hub is up to hand it out")
