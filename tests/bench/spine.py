"""Calls through one branch: CPU, latency and memory of queue calls and of bridged talk.

Legs and brain share one core; the load (callers, agents, their sound, the capture) has the other.
A number leads straight to a queue of 1,000 agents, and the ledger is written.
"""

import statistics
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.baresipkit import wait_for
from tests.bench.calibrate import PeerBars
from tests.bench.capture import Capture, SipMessage
from tests.bench.load import (
    IdlePhones,
    Phones,
    Sink,
    Sound,
    caller_scenario,
    media_ports,
    sdp,
    streams,
)
from tests.bench.machine import Moment, Window, load_apart, rss_kb
from tests.bench.report import Report
from tests.sippkit import Sipp
from tests.spine.branch import Branch, agent, loopback, plan

SEATS = 1000
BRIDGED = 100
WAITING = 200
#: one talk; with 1,000 seats nobody waits for a free one
TALK_MS = 1000
#: how long a talk of the bridged part lasts at most [s]
_LONG_S = 120
#: phones are not asked within a bench
_NEVER_S = 3600.0
#: how often they are asked as the product is set up
CHECK_S = 4.0
#: an engine's tick [s]
_TICK_S = 0.02

# Asterisk's figures on the machine that `calibrate` compares with
PEER_CALL_MS = 8.8
PEER_P50_MS, PEER_P99_MS = 3.5, 5.2
PEER_BRIDGED_PERCENT, PEER_RECORDED_PERCENT = 30.0, 50.0
#: not scaled: memory is no matter of speed
PEER_CALL_KB, PEER_WAITING_KB = 430, 150


class Bench:
    """One run: its report, its cores, and the clocks of all its windows."""

    def __init__(self, core: int) -> None:
        self.report = Report("spine")
        self.core = core
        self.peers = PeerBars(self.report, self.core)
        self.busy: list[Window] = []
        self.ticks = self.late_ticks = 0.0

    @contextmanager
    def branch(
        self, seats: int, *, record: bool = False, check_s: float = _NEVER_S
    ) -> Iterator[Branch]:
        """Give a branch of *seats* agents; each phone is asked by OPTIONS within *check_s*."""
        agents = [agent(f"a{number}", "sales") for number in range(seats)]
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            branch = Branch(
                Path(folder),
                plan(agents, wrap_up_s=0),
                cpu=self.core,
                extra='log_level = "warning"',
                sip=f"phone_check_s = {check_s}",
                sections=f"[recording]\nenabled = {str(record).lower()}",
            )
            begin = time.monotonic()
            try:
                branch.start()
                yield branch
                self._count_ticks(branch, time.monotonic() - begin)
            except AssertionError as error:
                error.add_note(branch.log("legs")[-2000:] + branch.log("brain")[-2000:])
                raise
            finally:
                branch.stop()

    def _count_ticks(self, branch: Branch, seconds: float) -> None:
        self.ticks += seconds / _TICK_S
        self.late_ticks += sum(
            float(line.split(" media ticks were late")[0].split()[-1])
            for line in branch.log("legs").splitlines()
            if "media ticks were late" in line
        )

    def window(self, branch: Branch, seconds: float) -> Window:
        """Return what is used within *seconds* from now."""
        begin = Moment.now(pids(branch))
        time.sleep(seconds)
        window = Window.between(begin, Moment.now(pids(branch)))
        self.busy.append(window)
        return window

    def callers(
        self, branch: Branch, scenario: str, calls: int, rate: float, port: int = 0
    ) -> Sipp:
        """Return a sipp that calls the queue; *port* is its first call's for sound."""
        return Sipp(
            scenario,
            remote=(branch.address, 5060),
            address=branch.trunk,
            service="200",
            calls=calls,
            rate=rate,
            limit_s=calls / rate + _LONG_S + 30,
            args=media_ports(port),
        )


def run() -> Report:
    """Measure one branch."""
    with load_apart() as core:
        bench = Bench(core)
        _queue_calls(bench)
        _keep_alive(bench)
        bench.peers.again()
        for record in (False, True):
            _bridged(bench, record=record)
        bench.peers.again()
        _waiting(bench)
        _judge(bench)
    return bench.report


def pids(branch: Branch) -> list[int]:
    """Return the processes under test."""
    assert branch.legs
    assert branch.brain
    return [branch.legs.pid, branch.brain.pid]


# -- queue calls --------------------------------------------------------------------------------


def _queue_calls(bench: Bench) -> None:
    """1,000 agents: what a call costs, and how soon the agent's phone is called."""
    sink = Sink()
    with bench.branch(SEATS) as branch, ExitStack() as stack:
        stack.callback(sink.close)
        accounts = [f"a{number}" for number in range(SEATS)]
        stack.enter_context(Phones(branch, accounts, sink.sdp()))
        scenario = caller_scenario(sink.sdp(), TALK_MS)
        _run_calls(bench, branch, scenario, calls=40, rate=20)  # prompts loaded, caches warm
        idle = bench.window(branch, 5)
        bench.report.figure("idle_1000_seats_core_percent", idle.core_percent)
        _at_rate(bench, branch, scenario, rate=20, calls=200, windows=5)
        _at_rate(bench, branch, scenario, rate=100, calls=600, windows=3)


def _at_rate(
    bench: Bench, branch: Branch, scenario: str, *, rate: int, calls: int, windows: int
) -> None:
    """Enter the medians over some windows of *calls* each."""
    found = [_run_calls(bench, branch, scenario, calls=calls, rate=rate) for _ in range(windows)]
    delays = [statistics.quantiles(one.delays_ms, n=100) for one in found]
    name = f"at_{rate}_per_s"
    bench.report.figure(f"call_cpu_{name}_ms", statistics.median(one.cpu_ms for one in found))
    for part in (50, 99):
        middle = statistics.median(one[part - 1] for one in delays)
        bench.report.figure(f"invite_to_agent_p{part}_{name}_ms", middle)
    bench.report.figure(f"calls_failed_{name}", sum(one.failed for one in found))


def _keep_alive(bench: Bench) -> None:
    """1,000 idle phones, asked by OPTIONS whether they are there."""
    with bench.branch(SEATS, check_s=CHECK_S) as branch, ExitStack() as stack:
        phones = IdlePhones(branch, [f"a{number}" for number in range(SEATS)])
        stack.callback(phones.close)
        bench.window(branch, CHECK_S)
        windows = [bench.window(branch, CHECK_S) for _ in range(3)]
        percent = statistics.median(one.core_percent for one in windows)
        bench.report.figure("idle_1000_seats_checked_core_percent", percent)
        assert len(branch.seats()) == SEATS, "a phone was given up"


class Calls(NamedTuple):
    """What became of one window's calls."""

    #: of legs and brain, a call
    cpu_ms: float
    #: from the caller's INVITE to the agent's, each
    delays_ms: list[float]
    failed: int


def _run_calls(bench: Bench, branch: Branch, scenario: str, *, calls: int, rate: float) -> Calls:
    """Let *calls* callers call, and wait until all is over."""
    begin = Moment.now(pids(branch))
    with (
        Capture(branch.folder, branch.address) as capture,
        bench.callers(branch, scenario, calls, rate) as sipp,
    ):
        result = sipp.wait()
    wait_for("the end of all calls", lambda: not branch.phases())
    window = Window.between(begin, Moment.now(pids(branch)))
    bench.busy.append(window)
    delays = list(_delays_ms(capture.messages(), branch))
    return Calls(1000 * window.ours_s / calls, delays, calls - result.successful)


def _delays_ms(messages: Iterable[SipMessage], branch: Branch) -> Iterator[float]:
    """Yield the time from each caller's first INVITE to the INVITE of its agent [ms]."""
    came: dict[str, float] = {}
    for message in messages:
        if message.method != "INVITE":
            continue
        caller = message.header("From").partition("sip:")[2].partition("@")[0]
        if message.source == branch.trunk:
            came.setdefault(caller, message.t_s)
        elif message.source == branch.address and caller in came:
            yield 1000 * (message.t_s - came.pop(caller))


# -- talks --------------------------------------------------------------------------------------


def _bridged(bench: Bench, *, record: bool) -> None:
    """100 bridged calls with sound both ways: what they cost, without and with recording."""
    word = "recorded" if record else "bridged"
    here = loopback()
    with bench.branch(BRIDGED, record=record) as branch, ExitStack() as stack:
        accounts = [f"a{number}" for number in range(BRIDGED)]
        stack.enter_context(Phones(branch, accounts, sdp(here), 6000))
        before = rss_kb(pids(branch))
        with Capture(branch.folder, branch.address) as capture:
            scenario = caller_scenario(sdp(here), _LONG_S * 1000)
            stack.enter_context(bench.callers(branch, scenario, BRIDGED, 20, 20000))
            wait_for("the talks", lambda: branch.phases().count("talking") == BRIDGED)
        sound = stack.enter_context(Sound(branch.folder, here))
        sound.add(streams(capture.messages(), branch.address))
        bench.window(branch, 3)  # jitter buffers settle
        grown = rss_kb(pids(branch)) - before
        sound.report()
        windows = [bench.window(branch, 5) for _ in range(5)]
        heard = sound.report()
        assert not record or _recordings(branch) == BRIDGED, "not every talk is recorded"
        percent = statistics.median(one.core_percent for one in windows)
        bench.report.figure(f"{word}_100_core_percent", percent)
        bench.report.figure(f"{word}_call_kb", grown / BRIDGED)
        lost = 1 - heard["received"] / max(heard["sent"], 1)
        bench.report.figure(f"{word}_packets_lost_percent", 100 * max(lost, 0))
        bench.report.figure(f"{word}_longest_gap_ms", heard["gap_max_ms"])


def _recordings(branch: Branch) -> int:
    """Return how many recordings grow."""
    folder = branch.state / "recordings"
    return sum(path.stat().st_size > 100_000 for path in folder.rglob("*") if path.is_file())


def _waiting(bench: Bench) -> None:
    """Callers that wait with music: what they cost."""
    sink = Sink()
    with bench.branch(0) as branch, ExitStack() as stack:
        stack.callback(sink.close)
        warm = caller_scenario(sink.sdp(), 500)
        _run_calls(bench, branch, warm, calls=5, rate=20)  # the music is loaded
        before = rss_kb(pids(branch))
        scenario = caller_scenario(sink.sdp(), _LONG_S * 1000)
        stack.enter_context(bench.callers(branch, scenario, WAITING, 20))
        wait_for("the callers", lambda: branch.phases().count("waiting") == WAITING)
        bench.window(branch, 2)
        bench.report.figure("waiting_call_kb", (rss_kb(pids(branch)) - before) / WAITING)
        windows = [bench.window(branch, 4) for _ in range(3)]
        percent = statistics.median(one.core_percent for one in windows)
        bench.report.figure("waiting_100_core_percent", percent * 100 / WAITING)


# -- judging ------------------------------------------------------------------------------------


def _judge(bench: Bench) -> None:
    """Enter the bars: not dearer than Asterisk on this machine."""
    report, peers = bench.report, bench.peers
    found = report.figures
    scale = peers.settle()
    peers.bar("call_cpu", found["call_cpu_at_20_per_s_ms"], PEER_CALL_MS, "ms", scale)
    name = "invite_to_agent_p{}"
    at = "invite_to_agent_p{}_at_20_per_s_ms"
    peers.bar(name.format(50), found[at.format(50)], PEER_P50_MS, "ms", scale)
    peers.bar(name.format(99), found[at.format(99)], PEER_P99_MS, "ms", scale)
    bridged, recorded = found["bridged_100_core_percent"], found["recorded_100_core_percent"]
    peers.bar("bridged_100_core", bridged, PEER_BRIDGED_PERCENT, "%", scale)
    peers.bar("recorded_100_core", recorded, PEER_RECORDED_PERCENT, "%", scale)
    report.bar("bridged_call_memory", found["bridged_call_kb"], f"<= {PEER_CALL_KB}", "kB")
    report.bar("waiting_call_memory", found["waiting_call_kb"], f"<= {PEER_WAITING_KB}", "kB")
    late = report.figure("late_ticks_percent", 100 * bench.late_ticks / bench.ticks)
    report.bar("late_ticks", late, "<= 0.1", "%")
    seconds = sum(one.seconds for one in bench.busy)
    for name, share in (("steal", "steal_percent"), ("machine_busy", "busy_percent")):
        total = sum(getattr(one, share) * one.seconds for one in bench.busy)
        report.figure(f"{name}_percent", total / seconds)
