"""Print what pip has to install to work on Branchline: `pyproject.toml` is the only list."""

import tomllib
from pathlib import Path


def main() -> None:
    """Print build, run-time and development requirements, one a line."""
    root = Path(__file__).parents[2]
    document = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    project = document["project"]
    groups = (
        document["build-system"]["requires"],
        project["dependencies"],
        project["optional-dependencies"]["dev"],
    )
    for group in groups:
        print(*group, sep="\n")


if __name__ == "__main__":
    main()
