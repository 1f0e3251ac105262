"""N-1 mixing of 20 ms at 16 kHz, all talking, against a bare SIMD loop of add and subtract.

The bare loop reads and writes the same frames and saturates nothing. The bars are on frames that
lie as the engine's do, each within its own leg's struct; one array of frames is for comparison.
"""

from tests.bench import native
from tests.bench.machine import load_apart
from tests.bench.report import Report

LEGS = (32, 256, 1000)
#: the runs of the program, of which the least of each figure counts
_RUNS = 3


def run() -> Report:
    """Measure the kernels of `cext/media/mix.c`."""
    report = Report("mix")
    with load_apart() as core:
        found = [native.run("bench_mix", core=core) for _ in range(_RUNS)]
    for layout in ("structs", "array"):
        ours = [_enter(report, found, layout, legs) for legs in LEGS]
        growth = 100 * (max(ours) / min(ours) - 1)
        report.figure(f"{layout}_growth_percent", growth)
        if layout == "structs":
            report.bar("growth_32_to_1000", growth, "<= 20", "%")
    if not found[0]["avx2"]:
        report.notes.append("this machine has no AVX2: both sides ran on its baseline")
    return report


def _enter(
    report: Report, found: list[dict[str, dict[str, dict[str, float]]]], layout: str, legs: int
) -> float:
    """Enter what *legs* legs cost; return our figure [ns a leg]."""
    rows = [one[layout][str(legs)] for one in found]
    ours, bare = (min(row[side] for row in rows) for side in ("ours_ns", "bare_ns"))
    report.figure(f"{layout}_{legs}_ns", ours)
    report.figure(f"{layout}_{legs}_bare_ns", bare)
    if layout == "structs":
        report.bar(f"of_bare_loop_{legs}", ours / bare, "<= 1.6", "x")
    return ours
