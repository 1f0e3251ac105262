"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

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
