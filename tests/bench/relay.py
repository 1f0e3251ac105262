"""Bridged calls, ours beside rtpengine's: CPU for each packet that is passed on.

Both get the same packets of the same generator, in turns, on the same core; each window has a
process of its own. Ours takes each packet out of RTP, buffers, decodes and mixes it, seeks digits
in it and codes it anew, with RTCP of its own; rtpengine relays it, or transcodes it, in user space
(without its kernel module). CPU is what the whole process uses, less what it uses without calls.
"""

import statistics
import tempfile
import time
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from appliance.legs.enginetypes import Codec
from tests.bench.enginehost import PAYLOAD_TYPES, EngineHost
from tests.bench.legs import in_time
from tests.bench.load import Sound, Stream
from tests.bench.machine import Moment, Window, load_apart
from tests.bench.report import Report
from tests.bench.rtpengine import Rtpengine
from tests.spine.branch import loopback

_Codecs = tuple[Codec, Codec]

#: what is passed on -> the codecs of both sides, and our share of rtpengine's cost at most
KINDS: dict[str, tuple[_Codecs, float]] = {
    "relay": (("PCMU", "PCMU"), 1 / 2),
    "transcode": (("PCMU", "PCMA"), 1 / 3),
}
CALLS = 100
_ROUNDS = 4
_WARM_S = 2.0
_WINDOW_S = 4.0
_IDLE_S = 1.0
_FIRST_PORT = 10_000
#: of the packets that were sent, may be on their way at a window's ends [%]
_AWAY_PERCENT = 1.0


@dataclass(frozen=True, slots=True)
class Cost:
    """What one window found."""

    us_per_packet: float
    delay_p50_ms: float


def run() -> Report:
    """Measure both, relay and transcoding, in turns."""
    report = Report("relay")
    found: dict[tuple[str, str], list[Cost]] = {}
    with load_apart() as core:
        for _ in range(_ROUNDS):
            for kind, (codecs, _) in KINDS.items():
                for who in ("ours", "rtpengine"):
                    cost = _window(report, core, who, codecs)
                    found.setdefault((kind, who), []).append(cost)
    for kind, (_, most) in KINDS.items():
        _enter(report, kind, found[kind, "ours"], found[kind, "rtpengine"], most)
    report.notes.append("a packet: taken in and passed on; rtpengine seeks no digits")
    report.notes.append(f"rtpengine 10.5 with one thread; {CALLS} calls, {100 * CALLS} packets/s")
    return report


def _enter(report: Report, kind: str, ours: list[Cost], theirs: list[Cost], most: float) -> None:
    """Enter one kind: the median of the rounds' ratios, which shared what the machine gave."""
    for name, costs in (("", ours), ("rtpengine_", theirs)):
        report.figure(f"{kind}_{name}us_per_packet",
                      statistics.median(one.us_per_packet for one in costs))  # fmt: skip
        if kind == "relay":
            report.figure(f"{kind}_{name}delay_p50_ms",
                          statistics.median(one.delay_p50_ms for one in costs))  # fmt: skip
    ratio = statistics.median(
        mine.us_per_packet / peer.us_per_packet for mine, peer in zip(ours, theirs, strict=True)
    )
    report.bar(f"{kind}_of_rtpengine", ratio, f"<= {most:.4g}", "x")


def _window(report: Report, core: int, who: str, codecs: _Codecs) -> Cost:
    """Let one of the two pass packets on for a window."""
    far = loopback()
    with (
        tempfile.TemporaryDirectory(prefix="bench-relay-") as name,
        _peer(who, Path(name), core) as peer,
        Sound(Path(name), far, "rtcp") as sound,
    ):
        in_time(sound)
        idle = _used(peer.pid, _IDLE_S)
        if isinstance(peer, EngineHost):
            address, ports = peer.calls(CALLS, far, _FIRST_PORT, codecs, detect=True)
        else:
            address, ports = peer.calls(CALLS, far, _FIRST_PORT, codecs)
        sound.add(
            Stream(_FIRST_PORT + 2 * number, address, port, PAYLOAD_TYPES[codecs[number % 2]])
            for number, port in enumerate(ports)
        )
        time.sleep(_WARM_S)
        sound.report()
        window = _used(peer.pid, _WINDOW_S)
        heard = sound.report()
    missing = abs(heard["sent"] - heard["received"])
    if missing > heard["sent"] * _AWAY_PERCENT / 100:
        report.notes.append(f"{who}: {missing} of {heard['sent']} packets were not passed on")
    used_s = window.ours_s - idle.core_percent / 100 * window.seconds
    return Cost(1e6 * used_s / heard["sent"], heard["delay_p50_ms"])


def _peer(who: str, folder: Path, core: int) -> AbstractContextManager[EngineHost | Rtpengine]:
    """Start one of the two."""
    return EngineHost(core) if who == "ours" else Rtpengine(folder, core)


def _used(pid: int, seconds: float) -> Window:
    """Return what a process uses within *seconds* from now."""
    begin = Moment.now([pid])
    time.sleep(seconds)
    return Window.between(begin, Moment.now([pid]))
