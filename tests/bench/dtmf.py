"""What it costs to find DTMF digits: ours on each path, spandsp's detector beside it.

2,000 channels of 20 ms frames on one core, all decisions included; of ten channels six speak,
three are silent and one sends digits. Both hear the same, in turns.
"""

import os
import statistics
from pathlib import Path
from typing import Any

from tests.bench import native
from tests.bench.report import Report

#: Debian's asterisk-core-sounds-*-wav: speech at 8 kHz
SOUNDS = Path("/usr/share/asterisk/sounds")
TIMES_FASTER = 4
AVX2_NS = 1.4
#: narrowest first; the engine takes the last that the machine has
PATHS = ("portable", "avx2", "avx512")


def run() -> Report:
    """Measure both on one core."""
    report = Report("dtmf")
    files = sorted(str(path) for path in SOUNDS.glob("*/*.wav"))
    core = max(os.sched_getaffinity(0))
    found = native.run("bench_dtmf", *files, core=core)
    peer = found["spandsp"]["ns"]
    report.figure("spandsp_ns_per_sample_and_channel", statistics.median(peer))
    best = 0.0
    for path in PATHS:
        ours = found[path]["ns"]
        if not all(ours):
            report.notes.append(f"this machine has no {path}")
            continue
        cost = report.figure(f"{path}_ns_per_sample_and_channel", statistics.median(ours))
        best = report.figure(f"{path}_times_faster", _times(peer, ours))
        if path == "avx2":
            report.bar("avx2_cost", cost, f"<= {AVX2_NS}", "ns/sample/channel")
    report.bar("times_faster_than_spandsp", best, f">= {TIMES_FASTER}", "x")
    _same_digits(report, found)
    return report


def _times(peer: list[float], ours: list[float]) -> float:
    """Return how many times faster ours is, by rounds: they shared what the machine gave."""
    return statistics.median(theirs / mine for theirs, mine in zip(peer, ours, strict=True))


def _same_digits(report: Report, found: dict[str, Any]) -> None:
    """Enter how many digits each told: nobody is quick by not listening."""
    for name in (*PATHS, "spandsp"):
        report.figure(f"{name}_digits_told", found[name]["digits"])
