"""What a call costs the legs process: SIP, media and wire, without any brain.

A scripted peer on the wire stands where the brain would; neither it nor the load (callers and
callees by sipp, their sound) is counted. The bars are below what Asterisk took on another
machine, and scaled by the calibration of this run; `…_unscaled` is a bar as it stands there.
"""

import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.baresipkit import wait_for
from tests.bench.calibrate import PeerBars
from tests.bench.capture import Capture
from tests.bench.load import (
    PHONES_PORT,
    Sink,
    Sound,
    agent_scenario,
    caller_scenario,
    media_ports,
    sdp,
    streams,
)
from tests.bench.machine import Moment, Window, load_apart, rss_kb
from tests.bench.report import Report
from tests.bench.wirepeer import Legs, Script, WirePeer
from tests.sippkit import Sipp
from tests.spine.branch import loopback

PEOPLE = 100
#: calls of a window that is counted by calls, and how many are made in a second
ANSWERED, ANSWERED_PER_S = 500, 100
JOINED, JOINED_PER_S = 300, 50
_ROUNDS = 3
#: a call that is answered and ended, nothing more
_SHORT_MS = 100
#: a talk that outlasts its windows
_LONG_MS = 120_000
_LIMIT_S = 200

# what we must keep to, on the machine that `calibrate` compares with
CALL_MS, JOINED_MS = 1.2, 3.0
WAITING_PERCENT = 2.0
#: not scaled: memory is no matter of speed
BRIDGED_KB, WAITING_KB = 100, 60
# and what Asterisk takes there
PEER_CALL_MS, PEER_JOINED_MS = 1.4, 5.0
PEER_WAITING_PERCENT = 13.0
PEER_BRIDGED_KB, PEER_WAITING_KB = 430, 150


class Bench:
    """One run: its report and its cores."""

    def __init__(self, core: int) -> None:
        self.report = Report("calls")
        self.core = core
        self.peers = PeerBars(self.report, core)


class Setting(NamedTuple):
    """The legs process, its peer on the wire, and the callees."""

    legs: Legs
    peer: WirePeer
    sink: Sink

    def callers(self, scenario: str, calls: int, rate: float, port: int = 0) -> Sipp:
        """Return a sipp that makes *calls* calls; *port* is its first call's for sound."""
        return Sipp(
            scenario,
            remote=(self.legs.address, 5060),
            address=self.legs.near,
            service="200",
            calls=calls,
            rate=rate,
            limit_s=_LIMIT_S,
            args=media_ports(port),
        )

    def settled(self) -> bool:
        """Tell whether no leg is left."""
        return not self.peer.legs


def run() -> Report:
    """Measure the legs process."""
    with load_apart() as core:
        bench = Bench(core)
        _counted(bench, "answer", "answered_call", ANSWERED, ANSWERED_PER_S)
        _counted(bench, "join", "two_leg_call", JOINED, JOINED_PER_S)
        bench.peers.again()
        _waiting(bench)
        _bridged(bench)
        bench.peers.again()
        _judge(bench)
    return bench.report


@contextmanager
def _setting(bench: Bench, script: Script, body: str = "", port: int = 0) -> Iterator[Setting]:
    """Give a legs process; callees say *body*, or that their sound goes where nobody listens."""
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-"))
        sink = Sink()
        stack.callback(sink.close)
        legs = stack.enter_context(Legs(Path(folder), bench.core))
        if script == "join":
            callees = Sipp(
                agent_scenario(body or sink.sdp()),
                address=legs.far,
                port=PHONES_PORT,
                calls=1_000_000,
                limit_s=_LIMIT_S,
                args=media_ports(port),
            )
            stack.enter_context(callees)
        peer = stack.enter_context(WirePeer(legs, script))
        yield Setting(legs, peer, sink)
        assert not peer.refused, peer.refused[:3]


def _counted(bench: Bench, script: Script, name: str, calls: int, rate: float) -> None:
    """Enter the CPU time of a call that is over at once."""
    found, failed = list[float](), 0
    with _setting(bench, script) as setting:
        scenario = caller_scenario(setting.sink.sdp(), _SHORT_MS)
        _finish(setting, setting.callers(scenario, round(rate), rate))  # caches warm
        before = rss_kb([setting.legs.pid])
        for _ in range(_ROUNDS):
            begin = Moment.now([setting.legs.pid])
            failed += calls - _finish(setting, setting.callers(scenario, calls, rate))
            window = Window.between(begin, Moment.now([setting.legs.pid]))
            found.append(1000 * window.ours_s / calls)
        # SIP keeps the transactions of a call that is over for 32 s (RFC 3261 §17)
        grown = rss_kb([setting.legs.pid]) - before
        bench.report.figure(f"{name}_kept_kb", grown / (calls * _ROUNDS))
    bench.report.figure(f"{name}_cpu_ms", statistics.median(found))
    bench.report.figure(f"{name}s_failed", failed)


def _finish(setting: Setting, callers: Sipp) -> int:
    """Let *callers* call and wait until no leg is left; return how many calls went well."""
    with callers:
        result = callers.wait()
    wait_for("the end of all calls", setting.settled)
    return result.successful


def _waiting(bench: Bench) -> None:
    """Callers who wait with music."""
    with _setting(bench, "music") as setting, ExitStack() as stack:
        warm = caller_scenario(setting.sink.sdp(), 1000)
        _finish(setting, setting.callers(warm, 5, 5))  # the music is loaded
        before = rss_kb([setting.legs.pid])
        scenario = caller_scenario(setting.sink.sdp(), _LONG_MS)
        stack.enter_context(setting.callers(scenario, PEOPLE, 20))
        wait_for("the callers", lambda: len(setting.peer.up) == PEOPLE)
        percent = _share(setting)
        grown = rss_kb([setting.legs.pid]) - before
        bench.report.figure("waiting_100_core_percent", percent)
        bench.report.figure("waiting_call_kb", grown / PEOPLE)


def _bridged(bench: Bench) -> None:
    """Talks with sound both ways."""
    here = loopback()
    with _setting(bench, "join", sdp(here), 6000) as setting, ExitStack() as stack:
        legs = setting.legs
        warm = caller_scenario(setting.sink.sdp(), 500)
        _finish(setting, setting.callers(warm, 5, 5))
        before = rss_kb([legs.pid])
        with Capture(legs.folder, legs.address) as capture:
            scenario = caller_scenario(sdp(here), _LONG_MS)
            stack.enter_context(setting.callers(scenario, PEOPLE, 20, 20000))
            wait_for("the talks", lambda: len(setting.peer.up) == 2 * PEOPLE)
        sound = stack.enter_context(Sound(legs.folder, here))
        sound.add(streams(capture.messages(), legs.address))
        percent = _share(setting)
        grown = rss_kb([legs.pid]) - before
        heard = sound.report()
        lost = 1 - heard["received"] / max(heard["sent"], 1)
        bench.report.figure("bridged_100_core_percent", percent)
        bench.report.figure("bridged_call_kb", grown / PEOPLE)
        bench.report.figure("bridged_packets_lost_percent", 100 * max(lost, 0))


def _share(setting: Setting) -> float:
    """Return the share of a core that is used while nothing changes [%]."""
    found = list[float]()
    for seconds in (3, *(4,) * _ROUNDS):
        begin = Moment.now([setting.legs.pid])
        time.sleep(seconds)
        found.append(Window.between(begin, Moment.now([setting.legs.pid])).core_percent)
    return statistics.median(found[1:])


def _judge(bench: Bench) -> None:
    """Enter the bars."""
    report = bench.report
    found, scale = report.figures, bench.peers.settle()
    for name, figure, must, peer, unit in (
        ("answered_call_cpu", "answered_call_cpu_ms", CALL_MS, PEER_CALL_MS, "ms"),
        ("two_leg_call_cpu", "two_leg_call_cpu_ms", JOINED_MS, PEER_JOINED_MS, "ms"),
        ("waiting_100_core", "waiting_100_core_percent", WAITING_PERCENT,
         PEER_WAITING_PERCENT, "%"),
    ):  # fmt: skip
        report.figure(f"{name}_bar_unscaled", must)
        report.figure(f"{name}_peer_unscaled", peer)
        report.figure(f"{name}_peer_scaled", peer * scale)
        report.bar(name, found[figure], f"<= {must * scale:.4g}", unit)
    report.figure("bridged_call_peer_kb", PEER_BRIDGED_KB)
    report.figure("waiting_call_peer_kb", PEER_WAITING_KB)
    report.bar("bridged_call_memory", found["bridged_call_kb"], f"<= {BRIDGED_KB}", "kB")
    report.bar("waiting_call_memory", found["waiting_call_kb"], f"<= {WAITING_KB}", "kB")
