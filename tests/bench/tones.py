"""Finding tones and voice: what it costs a leg, and how well beside libspandsp's detectors."""

from tests.bench import native
from tests.bench.report import Report

#: how tones come off the line in `cext/bench/bench_tones.c`
_PROGRESS = ("exact", "up_1_5", "down_1_5", "longer_10", "shorter_10", "level_35", "snr_15")
_ANSWER = ("exact", "up_15", "down_15", "level_38", "snr_15")


def run() -> Report:
    """Measure; the bars are that nothing is missed that spandsp finds, or within tolerances."""
    found = native.run("bench_tones")
    report = Report("tones")
    for name, value in found.items():
        report.figure(name, value)
    for kind, lines in (("tone", _PROGRESS), ("answer", _ANSWER)):
        for line in lines:
            report.bar(f"{kind}_{line}", found[f"{kind}_{line}"], ">= 99", "%")
    answer_ratio = found["answertone_ns"] / found["spandsp_modem_tones_ns"]
    report.bar("answertone_against_spandsp", answer_ratio, "<= 1", "x")
    report.notes.append(
        "ns are a frame of 20 ms; each percentage is of 80 tones at random phases and alignments"
    )
    return report
