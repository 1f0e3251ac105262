"""Runs `branchline …` as people do: in a process of its own."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]


def branchline(*words: str, path: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Return what the command line did; *path* is searched for modules first."""
    paths = [str(ROOT)] if path is None else [str(path), str(ROOT)]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(paths),
        "COLUMNS": "200",
        "TERMINAL_WIDTH": "200",
        "TYPER_USE_RICH": "0",
        "NO_COLOR": "1",
    }
    return subprocess.run(
        [sys.executable, "-m", "appliance.cli", *words],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
