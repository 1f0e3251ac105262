"""The benches' C programs (`cext/bench`), built once with the engine's own release flags."""

import json
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).resolve().parents[2]
_BUILD = _ROOT / "build" / "bench"


@cache
def programs() -> Path:
    """Build all programs of `cext/bench`; return the folder they are in."""
    cmake = Path(sys.executable).parent / "cmake"
    make = Path(sys.executable).parent / "ninja"
    subprocess.run(
        [str(cmake), "-S", str(_ROOT / "cext"), "-B", str(_BUILD), "-G", "Ninja",
         f"-DCMAKE_MAKE_PROGRAM={make}", "-DCMAKE_BUILD_TYPE=RelWithDebInfo", "-DBL_BENCH=ON",
         "--log-level=WARNING"],
        check=True, stdout=sys.stderr,
    )  # fmt: skip
    subprocess.run([str(cmake), "--build", str(_BUILD)], check=True, stdout=sys.stderr)
    return _BUILD / "bench"


def run(name: str, *arguments: str, core: int | None = None, timeout_s: float = 600) -> Any:
    """Run a program, pinned to *core* if one is given; return the JSON object it prints."""
    command = [str(programs() / name), *arguments]
    if core is not None:
        command = ["taskset", "-c", str(core), *command]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, timeout=timeout_s)
    return json.loads(done.stdout)
