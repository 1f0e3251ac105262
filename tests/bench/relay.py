"""Bridged calls, ours beside rtpengine's: CPU for each packet that is passed on.

Both get the same packets of the same generator, in turns, on the same core; each window has a
process of its own. Ours takes each packet out of RTP, buffers, decodes and mixes it, seeks digits
in it and codes it anew, with RTCP of its own; rtpengine relays it, or transcodes it, in user space
(without its kernel module). CPU is what the whole process uses, less what it uses without calls.
What a bare loop of receives and sends needs for the same packets stands beside them: no relay with
a socket a leg gets below that.
"""

import statistics
import tempfile
import time
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

from appliance.legs.enginetypes import Codec
from tests.bench.bare import Bare
from tests.bench.enginehost import PAYLOAD_TYPES, EngineHost
from tests.bench.legs import in_time, run_s
from tests.bench.load import Sound, Stream
from tests.bench.machine import load_apart
from tests.bench.report import Report
from tests.bench.rtpengine import Rtpengine
from tests.spine.branch import loopback


class Kind(NamedTuple):
    """What is passed on, how much of it, and our share of rtpengine's cost at most."""

    codecs: tuple[Codec, Codec]
    calls: int
    most: float
    #: rtpengine seeks digits, too: it offers one side telephone-event that the other has not
    digits: bool = False


#: busy, rtpengine finds more packets at each wake-up: two loads; transcoding more than 100 calls
#: fills its core
KINDS = {
    "relay_100": Kind(("PCMU", "PCMU"), 100, 1 / 2),
    "relay_300": Kind(("PCMU", "PCMU"), 300, 1 / 2),
    "digits_100": Kind(("PCMU", "PCMU"), 100, 1 / 2, digits=True),
    "transcode_100": Kind(("PCMU", "PCMA"), 100, 1 / 3),
}
#: the plain relays are done by bare loops, too
Way = Literal["ours", "rtpengine", "batched", "plain"]
PEERS: tuple[Way, ...] = ("ours", "rtpengine")
BARE: tuple[Way, ...] = ("batched", "plain")
_ROUNDS = 3
_WARM_S = 1.5
_WINDOW_S = 3.5
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
    found: dict[tuple[str, Way], list[Cost]] = {}
    with load_apart() as core:
        for _ in range(_ROUNDS):
            for name, kind in KINDS.items():
                for who in (*PEERS, *BARE) if name.startswith("relay") else PEERS:
                    found.setdefault((name, who), []).append(_window(report, core, who, kind))
    for name, kind in KINDS.items():
        _enter(report, name, found[name, "ours"], found[name, "rtpengine"], kind.most)
        for who in BARE:
            if costs := found.get((name, who)):
                cost = statistics.median(one.us_per_packet for one in costs)
                report.figure(f"{name}_bare_{who}_us_per_packet", cost)
    report.notes.append("a packet: taken in and passed on; 100 calls: 10,000 of them a second")
    report.notes.append("ours seeks digits in all its windows, rtpengine in those of `digits`")
    report.notes.append("rtpengine 10.5, user space, one thread")
    return report


def _enter(report: Report, name: str, ours: list[Cost], theirs: list[Cost], most: float) -> None:
    """Enter one kind: the median of the rounds' ratios, which shared what the machine gave."""
    for who, costs in (("", ours), ("rtpengine_", theirs)):
        cost = statistics.median(one.us_per_packet for one in costs)
        delay = statistics.median(one.delay_p50_ms for one in costs)
        report.figure(f"{name}_{who}us_per_packet", cost)
        if name.startswith("relay"):
            report.figure(f"{name}_{who}delay_p50_ms", delay)
    ratio = statistics.median(
        mine.us_per_packet / peer.us_per_packet for mine, peer in zip(ours, theirs, strict=True)
    )
    report.bar(f"{name}_of_rtpengine", ratio, f"<= {most:.4g}", "x")


def _window(report: Report, core: int, who: Way, kind: Kind) -> Cost:
    """Let one of them pass packets on for a window."""
    far = loopback()
    with (
        tempfile.TemporaryDirectory(prefix="bench-relay-") as name,
        _peer(who, Path(name), core, far, kind) as peer,
        Sound(Path(name), far, "rtcp") as sound,
    ):
        in_time(sound)
        idle = _used_s(peer.pid, _IDLE_S)
        address, ports = _calls(peer, far, kind)
        sound.add(
            Stream(_FIRST_PORT + 2 * number, address, port, PAYLOAD_TYPES[kind.codecs[number % 2]])
            for number, port in enumerate(ports)
        )
        time.sleep(_WARM_S)
        sound.report()
        used = _used_s(peer.pid, _WINDOW_S)
        heard = sound.report()
    missing = abs(heard["sent"] - heard["received"])
    if missing > heard["sent"] * _AWAY_PERCENT / 100:
        report.notes.append(f"{who}: {missing} of {heard['sent']} packets were not passed on")
    # a bare loop asks its empty sockets, too, before there are packets
    used_s = (used - (0.0 if isinstance(peer, Bare) else idle)) * heard["seconds"]
    return Cost(1e6 * used_s / heard["sent"], heard["delay_p50_ms"])


def _peer(
    who: Way, folder: Path, core: int, far: str, kind: Kind
) -> AbstractContextManager[EngineHost | Rtpengine | Bare]:
    """Start one of them; it has begun: what it takes to begin is not what it takes to idle."""
    if who == "rtpengine":
        return Rtpengine(folder, core)
    if who != "ours":
        return Bare(folder, core, who, far, _FIRST_PORT, kind.calls)
    host = EngineHost(core)
    host.stats()
    return host


def _calls(peer: EngineHost | Rtpengine | Bare, far: str, kind: Kind) -> tuple[str, list[int]]:
    """Return the address and the ports of a window's legs."""
    if isinstance(peer, Bare):
        return peer.address, peer.ports
    if isinstance(peer, EngineHost):
        return peer.calls(kind.calls, far, _FIRST_PORT, kind.codecs, detect=True)
    return peer.calls(kind.calls, far, _FIRST_PORT, kind.codecs, digits=kind.digits)


def _used_s(pid: int, seconds: float) -> float:
    """Return the CPU that a process uses in each second of so many from now."""
    begin, from_s = time.monotonic(), run_s(pid)
    time.sleep(seconds)
    return (run_s(pid) - from_s) / (time.monotonic() - begin)
