"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

from appliance.config.model import ApplianceSettings

DEFAULT_CONFIG = Path("/etc/branchline/appliance.toml")

ConfigFile = Annotated[
    Path,
    typer.Option(
        "--config",
        "-c",
        envvar="BRANCHLINE_CONFIG",
        show_default=str(DEFAULT_CONFIG),
        help="The appliance's settings (TOML).",
    ),
]

AsJson = Annotated[bool, typer.Option("--json", help="One JSON document, for programs.")]


def telemetry_address(settings: ApplianceSettings) -> str:
    """Return where the appliance's telemetry can be subscribed to on this machine."""
    address = settings.telemetry.address
    if address in {"", "*", "0.0.0.0"}:  # noqa: S104 - compared, not bound
        address = "127.0.0.1"
    return f"tcp://{address}:{settings.telemetry.port}"
