"""A conference of 100: sound in by RTP, mixed, out by RTP; Janus AudioBridge beside it.

Each window has a room of its own, ours and Janus's by turns, on the same core and with the same
packets from the same generator. Ours finds digits in all sound, which Janus does not. What an
Opus encoder is asked for is alike: complexity 1 and 36 kbit/s, our defaults.
"""

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from tests.bench.janus import Janus
from tests.bench.legs import run_s
from tests.bench.machine import compiled, load_apart
from tests.bench.report import Report
from tests.processes import end

PEOPLE = 100
HERE = "127.0.0.1"
SPEECH = Path("/usr/share/asterisk/sounds/en_US_f_Allison/demo-congrats.wav")
#: what our Opus legs have when nothing is said
COMPLEXITY, BITRATE = 1, 36_000
_ROUNDS = 3
_SETTLE_S = 1.5
_WINDOW_S = 3.0
_FRAMES_PER_S = 50
#: a room in which somebody talks is louder than this [dB below full scale]
_AUDIBLE_DB = -60.0


@dataclass(frozen=True, slots=True)
class Case:
    """One kind of conference."""

    name: str
    codec: str
    rate_hz: int
    talkers: int


CASES = (
    Case("pcmu_all_talk", "pcmu", 8000, PEOPLE),
    Case("pcmu_3_talk", "pcmu", 8000, 3),
    Case("opus_all_talk", "opus", 16000, PEOPLE),
    Case("opus_3_talk", "opus", 16000, 3),
)


class Found(NamedTuple):
    """What one window showed."""

    #: CPU for each packet that came, which is 20 ms of sound for one participant [µs]
    cpu_us: float
    #: share of the packets that should have come [%], of him who got fewest
    heard_percent: float
    #: [dB below full scale] of the quietest that was listened to
    level_db: float
    core_percent: float


class Load:
    """The participants: one generator."""

    def __init__(self, folder: Path, case: Case) -> None:
        speech = folder / f"speech{case.rate_hz}.raw"
        if not speech.exists():
            subprocess.run(
                ["sox", str(SPEECH), "-r", str(case.rate_hz), "-c", "1", "-e", "signed-integer",
                 "-b", "16", "-t", "raw", str(speech), "trim", "0", "10"],
                check=True,
            )  # fmt: skip
        self._process = subprocess.Popen(
            [str(folder / "confload"), HERE, case.codec, str(speech), str(PEOPLE),
             str(case.talkers)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        assert self._process.stdout
        #: where each participant hears
        self.ports = [int(word) for word in self._process.stdout.readline().split()]

    def begin(self, ports: list[int]) -> None:
        """Begin to send to the room's *ports*."""
        self._say("TO " + " ".join(map(str, ports)))
        self._say("RUN")

    def report(self) -> dict[str, Any]:
        """Return what came since the last report."""
        self._say("REPORT")
        assert self._process.stdout
        found: dict[str, Any] = json.loads(self._process.stdout.readline())
        return found

    def _say(self, line: str) -> None:
        assert self._process.stdin
        self._process.stdin.write(f"{line}\n".encode())
        self._process.stdin.flush()

    def close(self) -> None:
        """End it."""
        end(self._process)


def run() -> Report:
    """Measure each case, ours and Janus by turns."""
    report = Report("conference")
    with load_apart() as core, tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        compiled("confload.c", folder, "-lm", "-lopus")
        for case in CASES:
            _measure(report, case, core, folder)
    report.notes.append("Janus is not asked to find digits; ours does, in the sound of all")
    return report


def _measure(report: Report, case: Case, core: int, folder: Path) -> None:
    ours, janus = list[Found](), list[Found]()
    for _ in range(_ROUNDS):
        ours.append(_window(_our_room, case, core, folder))
        janus.append(_window(_janus_room, case, core, folder))
    middle = [statistics.median(one.cpu_us for one in side) for side in (ours, janus)]
    for side, found, cpu_us in (("ours", ours, middle[0]), ("janus", janus, middle[1])):
        report.figure(f"{case.name}_{side}_us", cpu_us)
        core_percent = statistics.median(one.core_percent for one in found)
        report.figure(f"{case.name}_{side}_core_percent", core_percent)
        worst = min(one.heard_percent for one in found)
        report.figure(f"{case.name}_{side}_heard_percent", worst)
        level = min(one.level_db for one in found)
        report.figure(f"{case.name}_{side}_level_db", level)
        assert level > _AUDIBLE_DB, f"{case.name}: somebody hears nothing of the others, {side}"
    ratio = middle[1] / middle[0]
    must = ">= 4" if case.codec == "pcmu" else ">= 1"
    report.bar(f"{case.name}_janus_by_ours", ratio, must, "x")


def _window(room: Any, case: Case, core: int, folder: Path) -> Found:
    """Return what a room of its own costs while all are in it."""
    load = Load(folder, case)
    try:
        with room(case, core, load) as pid:
            time.sleep(_SETTLE_S)
            load.report()
            begin, from_s = time.monotonic(), run_s(pid)
            time.sleep(_WINDOW_S)
            seconds, used_s = time.monotonic() - begin, run_s(pid) - from_s
            heard = load.report()
    finally:
        load.close()
    return Found(
        1e6 * used_s / max(heard["received"], 1),
        100 * heard["least"] / (_FRAMES_PER_S * seconds),
        heard["level"],
        100 * used_s / seconds,
    )


@contextmanager
def _our_room(case: Case, core: int, load: Load) -> Iterator[int]:
    """Give the process of our engine, with all in the room."""
    command = ["taskset", "-c", str(core), sys.executable, "-m", "tests.bench.confroom"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin
    assert process.stdout
    wish = {
        "codec": case.codec, "ports": load.ports, "talkers": case.talkers, "bitrate": BITRATE,
    }  # fmt: skip
    try:
        process.stdin.write(f"{json.dumps(wish)}\n".encode())
        process.stdin.flush()
        load.begin(json.loads(process.stdout.readline()))
        yield process.pid
    finally:
        process.stdin.close()
        end(process)


@contextmanager
def _janus_room(case: Case, core: int, load: Load) -> Iterator[int]:
    """Give the process of a Janus, with all in the room."""
    with Janus(core, case.rate_hz) as janus:
        options: dict[str, Any] = {"codec": case.codec}
        if case.codec == "opus":
            options |= {"quality": COMPLEXITY, "bitrate": BITRATE}
        load.begin(janus.join(load.ports, case.talkers, **options))
        yield janus.pid
