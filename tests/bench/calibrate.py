"""How this machine compares with the one that the peers' figures were measured on.

The peers (Asterisk, FreeSWITCH) are not here to be run beside us. What they and we do most is to
send and receive small UDP packets, so their figures are scaled by what that costs here.
"""

import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.bench.machine import compiled
from tests.bench.report import Report

#: on the machine of the peers' figures, 172-byte packets over loopback [µs]
PEER_SEND_US = 1.1
PEER_RECEIVE_US = 0.35


@dataclass(frozen=True, slots=True)
class Calibration:
    """What a packet over loopback costs here."""

    send_us: float
    receive_us: float

    @property
    def scale(self) -> float:
        """Return how much longer than there the same work takes here."""
        return (self.send_us + self.receive_us) / (PEER_SEND_US + PEER_RECEIVE_US)


def calibrate(core: int) -> Calibration:
    """Measure on *core*; of many rounds the best tenth, so that neighbours do not count."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        program = compiled("udpcost.c", Path(folder))
        command = ["taskset", "-c", str(core), str(program)]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    send_ns, receive_ns = map(float, done.stdout.split())
    return Calibration(send_ns / 1000, receive_ns / 1000)


class PeerBars:
    """Bars that are a peer's figures, scaled by the calibration of this run."""

    def __init__(self, report: Report, core: int) -> None:
        self._report = report
        self._core = core
        self._found = [calibrate(core)]

    def again(self) -> None:
        """Measure once more, near what is measured now."""
        self._found.append(calibrate(self._core))

    def settle(self) -> float:
        """Enter the figures of the best calibration: it is the hardest on us; return its scale."""
        best = min(self._found, key=lambda one: one.scale)
        self._report.figure("loopback_send_us", best.send_us)
        self._report.figure("loopback_receive_us", best.receive_us)
        return self._report.figure("peer_scale", best.scale)

    def bar(self, name: str, value: float, peer: float, unit: str, scale: float) -> None:
        """Enter a bar: not dearer than the peer; its figure is shown as measured and scaled."""
        self._report.figure(f"{name}_peer_unscaled", peer)
        self._report.bar(name, value, f"<= {peer * scale:.4g}", unit)
