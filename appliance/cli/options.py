"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

from appliance.base.errors import ConfigError
from appliance.plan.checks import parse_plan
from appliance.plan.model import Plan

DEFAULT_CONFIG = Path("/etc/branchline/appliance.toml")

ConfigFile = Annotated[
    Path,
    typer.Option(
        "--config",
        "-c",
        envvar="BRANCHLINE_CONFIG",
        help="The appliance's settings (TOML).",
    ),
]

AsJson = Annotated[bool, typer.Option("--json", help="One JSON document, for programs.")]


def read_plan(path: Path) -> Plan:
    """Return the plan (JSON) in a file; raise ConfigError."""
    try:
        return parse_plan(path.read_bytes())
    except OSError as error:
        raise ConfigError("bad-plan", f"{path} cannot be read: {error.strerror}") from error
