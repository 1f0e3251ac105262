"""A far end whose clock runs 200 ppm apart from ours, for a simulated hour.

RTP packets, and lumps of samples as from a serial modem. Once with a tone, in which every jump is
seen, and once with speech, in which the delay is found by comparing.
"""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from tests.bench import native
from tests.bench.loss import Sound, speech
from tests.bench.report import Report

_HOUR_S = 3600
_RATE_HZ = 8000
_FRAME = 160
#: delays are looked at once in so many seconds, and not in the first of these [s]
_STEP_S = 12
_PIECE_S = 4


def run() -> Report:
    """Measure both kinds of far end, with clocks too quick and too slow."""
    report = Report("drift")
    with tempfile.TemporaryDirectory(prefix="bench-drift-") as name:
        folder = Path(name)
        said = speech()
        said.tofile(folder / "speech")
        for kind in ("rtp", "device"):
            still = _run(kind, 0)
            for ppm in (200, -200):
                _measure(report, folder, said, kind, ppm, still["click"])
    report.notes.append("click: the greatest jump in a tone, over that with equal clocks")
    return report


def _run(kind: str, ppm: int, said: str = "-", heard: str = "-") -> dict[str, Any]:
    found: dict[str, Any] = native.run("bench_drift", kind, str(ppm), str(_HOUR_S), said, heard)
    return found


def _measure(report: Report, folder: Path, said: Sound, kind: str, ppm: int, still: float) -> None:
    """Enter an hour at *ppm*; *still* is the greatest jump with equal clocks."""
    name = f"{kind}_{'quick' if ppm > 0 else 'slow'}"
    tone = _run(kind, ppm)
    talk = _run(kind, ppm, str(folder / "speech"), str(folder / "heard"))
    delays = _delays_ms(said, np.fromfile(folder / "heard", np.int16), ppm)
    concealed = (tone["concealed"] + talk["concealed"]) / _RATE_HZ * 1000
    lost = tone["late"] + tone["discarded"] + talk["late"] + talk["discarded"]
    middle = (max(delays) + min(delays)) / 2
    report.figure(f"{name}_delay_min_ms", min(delays))
    report.figure(f"{name}_delay_max_ms", max(delays))
    report.figure(f"{name}_stretched_ms", (talk["cut"] + talk["inserted"]) / _RATE_HZ * 1000)
    report.bar(f"{name}_made_up", concealed, "<= 0", "ms")
    report.bar(f"{name}_lost", lost, "<= 0", "packets")
    report.bar(f"{name}_click", tone["click"] / still, "<= 2", "times")
    report.bar(f"{name}_delay_off_middle", max(delays) - middle, "<= 20", "ms")


def _delays_ms(said: Sound, heard: Sound, ppm: int) -> list[float]:
    """Return by how much later than it was said each piece is heard."""
    found = []
    length, search = _PIECE_S * _RATE_HZ, _RATE_HZ // 4
    for begin_s in range(_STEP_S, _HOUR_S - _PIECE_S - 1, _STEP_S):
        begin = begin_s * _RATE_HZ
        # what the far end says at that moment; the first tick is one frame after its beginning
        there = round((begin + _FRAME) * (1 + ppm * 1e-6))
        piece = np.take(said, range(there, there + length), mode="wrap").astype(np.float64)
        back = heard[begin : begin + length + search].astype(np.float64)
        size = 1 << back.size.bit_length()
        match = np.fft.irfft(np.fft.rfft(back, size) * np.conj(np.fft.rfft(piece, size)), size)
        found.append(1000 * float(np.argmax(match[:search])) / _RATE_HZ)
    return found
