"""Bridged calls of the media engine alone, without SIP: how many one core carries in time.

The engine has one core, the generator of both far ends' sound the other. For each way of talking
(plain, with digits sought in both legs' sound, with each call recorded to a stereo WAV file) the
largest number of calls is sought that is carried well for a window: at most 0.1 % of the ticks
late and nothing lost. Then the length of a tick with two workers on two cores is compared with
one's: there the legs talk to each other, since no core is left for a generator.
"""

import os
import statistics
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bench.calibrate import calibrate
from tests.bench.enginehost import FAULTS, EngineHost
from tests.bench.load import Sound, Stream
from tests.bench.machine import Moment, Window, load_apart
from tests.bench.report import Report
from tests.spine.branch import loopback

#: way of talking -> calls that one core must carry
BARS = {"plain": 1000, "digits": 900, "recorded": 800}
#: Asterisk's, on another machine (there are none for digits)
PEER_CALLS = {"plain": 280, "recorded": 150}
LATE_PERCENT = 0.1
#: the jitter buffer leaves out a frame where two clocks part
UNHEARD_PERCENT = 0.1
_FIRST_PORT = 10_000
_TICK_NS = 20_000_000
_WARM_S = 3.0
_WINDOW_S = 10.0
#: what a tick may take of its 20 ms [%], at the first guess
_FULL_PERCENT = 96.0
_WINDOWS = 3
_STEP = 0.95
#: for the two cores
_RING_LEGS = 1200
_RING_S = 3.0
_RING_ROUNDS = 3


@dataclass(frozen=True, slots=True)
class Carried:
    """What a window with so many calls was like."""

    calls: int
    window: Window
    engine: dict[str, int]
    sound: dict[str, Any]

    @property
    def due_ticks(self) -> int:
        """Ticks that were due."""
        return self.engine["ticks"] + self.engine["skipped_ticks"]

    @property
    def tick_percent(self) -> float:
        """Share of its 20 ms that a tick took."""
        return 100 * self.engine["busy_ns"] / (self.due_ticks * _TICK_NS)

    @property
    def late_percent(self) -> float:
        """Share of the ticks that began late, or never."""
        return 100 * (self.engine["late_ticks"] + self.engine["skipped_ticks"]) / self.due_ticks

    @property
    def others_percent(self) -> float:
        """Share of a core that was used by others than the engine and the generator."""
        busy = self.window.busy_percent * (os.cpu_count() or 1)
        generator = float(self.sound["core_percent"])
        return max(0.0, busy - self.window.core_percent - generator)

    @property
    def lost(self) -> int:
        """Packets that were lost on the way in or out."""
        names = ("lost", "late", "send_errors", "record_lost")
        return int(self.sound["lost"]) + sum(self.engine[name] for name in names)

    @property
    def unheard_percent(self) -> float:
        """Share of the frames that were sent and did not come out at the other end."""
        marked, unmarked = self.sound["marked"], self.sound["unmarked"]
        return float(100 * unmarked / max(1, marked + unmarked))

    @property
    def ok(self) -> bool:
        """Whether all were carried well."""
        return (
            self.late_percent <= LATE_PERCENT
            and self.lost == 0
            and self.unheard_percent <= UNHEARD_PERCENT
        )

    def reason(self) -> str:
        """Say what was not well, and how full the tick was."""
        return (
            f"{self.calls} calls: ticks {self.tick_percent:.0f} % full, "
            f"{self.late_percent:.2f} % late, {self.lost} packets lost, "
            f"{self.unheard_percent:.2f} % of frames not heard, "
            f"{self.engine['concealed']} made up, "
            f"delay p99 {self.sound['delay_p99_ms']:.0f} ms, "
            f"generator {self.sound['core_percent']:.0f} %, "
            f"others {self.others_percent:.0f} % of a core"
        )


def run() -> Report:
    """Measure all ways of talking, then the two cores."""
    report = Report("legs")
    with load_apart() as core:
        report.figure("peer_scale", calibrate(core).scale)
        for way in BARS:
            _most(report, core, way)
    _two_cores(report)
    report.notes.append(
        "Asterisk carries 280 plain and 150 recorded calls on another machine; "
        "peer_scale is how much dearer a packet is on this one; the bars are not scaled"
    )
    return report


# -- one core -----------------------------------------------------------------------------------


def _most(report: Report, core: int, way: str) -> None:
    """Find the most calls: first as many as the bar asks for, then as many as that lets hope.

    When the first goes wrong though there was time, it is tried again: others work in bursts.
    """
    best: Carried | None = None
    failed: Carried | None = None
    calls = BARS[way]
    for number in range(_WINDOWS):
        tried = _carry(core, way, calls)
        if tried.ok:
            best = tried
            failed = failed if failed and failed.calls > calls else None
            calls = _round(max(calls * _FULL_PERCENT / tried.tick_percent, calls / _STEP))
        else:
            failed = tried
            room = _FULL_PERCENT / tried.tick_percent
            calls = _round(calls * min(room, 1.0 if number == 0 else _STEP))
        if best and failed and not best.calls < calls < failed.calls:
            calls = _round((best.calls + failed.calls) / 2)
        if best and calls <= best.calls:
            break
    _enter(report, way, best, failed)


def _round(calls: float) -> int:
    return 20 * int(calls / 20 + 1e-6)


def _enter(report: Report, way: str, best: Carried | None, failed: Carried | None) -> None:
    """Enter the most calls, what they cost, and what the next number failed of."""
    report.bar(f"{way}_calls", best.calls if best else 0, f">= {BARS[way]}", "calls")
    shown = best or failed
    assert shown
    each = shown.window.core_percent / shown.calls
    report.figure(f"{way}_core_percent_per_100_calls", 100 * each)
    report.figure(f"{way}_us_per_packet", 1e6 * shown.window.ours_s / shown.sound["sent"])
    report.figure(f"{way}_tick_percent", shown.tick_percent)
    report.figure(f"{way}_delay_p50_ms", shown.sound["delay_p50_ms"])
    report.figure(f"{way}_delay_p99_ms", shown.sound["delay_p99_ms"])
    report.figure(f"{way}_generator_percent", shown.sound["core_percent"])
    for word, one in (("carried", best), ("not carried", failed)):
        if one:
            report.notes.append(f"{way}, {word}: {one.reason()}")


def _carry(core: int, way: str, calls: int) -> Carried:
    """Carry *calls* for a window."""
    far = loopback()
    with (
        tempfile.TemporaryDirectory(prefix="bench-legs-") as name,
        EngineHost(core) as host,
        Sound(Path(name), far, "rtcp") as sound,
    ):
        in_time(sound)
        address, ports = host.calls(
            calls, far, _FIRST_PORT,
            detect=way == "digits", folder=Path(name) if way == "recorded" else None,
        )  # fmt: skip
        sound.add(
            Stream(_FIRST_PORT + 2 * number, address, port, 0) for number, port in enumerate(ports)
        )
        time.sleep(_WARM_S)
        before = host.stats()
        sound.report()
        begin = Moment.now([host.pid])
        time.sleep(_WINDOW_S)
        window = Window.between(begin, Moment.now([host.pid]))
        heard = sound.report()
        after = host.stats()
    return Carried(calls, window, _since(before, after), heard)


def in_time(sound: Sound) -> None:
    """Let the generator go before all else on its core, as the engine does, where we may."""
    with suppress(PermissionError):
        os.sched_setscheduler(sound.pid, os.SCHED_RR, os.sched_param(5))


def _since(before: dict[str, int], after: dict[str, int]) -> dict[str, int]:
    growing = {"ticks", "late_ticks", "skipped_ticks", "busy_ns", *FAULTS}
    return {
        name: value - before[name] if name in growing else value for name, value in after.items()
    }


# -- two cores ----------------------------------------------------------------------------------


def _two_cores(report: Report) -> None:
    """Compare the length of a tick with two workers and with one, in turns."""
    found: dict[int, list[float]] = {1: [], 2: []}
    for _ in range(_RING_ROUNDS):
        for workers, lengths in found.items():
            lengths.append(_tick_ms(workers))
    one, two = (statistics.median(found[workers]) for workers in (1, 2))
    report.figure(f"tick_ms_{_RING_LEGS}_legs_1_core", one)
    report.figure(f"tick_ms_{_RING_LEGS}_legs_2_cores", two)
    report.figure("two_cores_times_one", one / two)
    report.notes.append(
        f"two cores: the mean tick of {_RING_LEGS} legs that send to each other, digits sought"
    )


def _tick_ms(workers: int) -> float:
    """Return the mean length of a tick: what the tick's own thread runs, waiting included."""
    first = min(os.sched_getaffinity(0))
    with EngineHost(first, workers) as host:
        host.ring(_RING_LEGS)
        time.sleep(1)
        before, from_s = host.stats()["ticks"], run_s(host.pid, "bl-tick")
        time.sleep(_RING_S)
        after, to_s = host.stats()["ticks"], run_s(host.pid, "bl-tick")
    return 1000 * (to_s - from_s) / (after - before)


def run_s(pid: int, thread: str = "") -> float:
    """Return how long a process has run, or its threads of one name (schedstat, to the ns)."""
    found = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        if not thread or (task / "comm").read_text() == f"{thread}\n":
            found += int((task / "schedstat").read_text().split()[0])
    return found / 1e9
