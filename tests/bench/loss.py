"""Speech over a bad network: PESQ and delay, beside baresip with the very same packets.

Prompts are sent in packets of 20 ms with 30 ms of jitter, and loss at random or in bursts
(Gilbert's model, three packets long on the average). baresip gets them over real sockets, the
stream of `cext/media/stream.h` at the same moments of a simulated clock.
Delay is mouth to ear: from the first sample of a packet's making to its play, packet time counted.
"""

import tempfile
import wave
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from pesq import pesq  # type: ignore[import-untyped]

from tests.bench import native
from tests.bench.losspeer import Feed, LossPeer, play
from tests.bench.report import Report

Sound = npt.NDArray[np.int16]
Times = npt.NDArray[np.float64]

#: Debian's asterisk-core-sounds-en-wav
_PROMPTS = Path("/usr/share/asterisk/sounds")
_SECONDS = 56
_RATE_HZ = 8000
_PIECE_S = 8
_JITTER_MS = 30.0
_FRAME_MS = 20.0
#: of `bench_loss play`: when its ticks are
_PHASE_MS = 7.0
_BURST = 3.0
_POINTS = [("random", loss) for loss in (0, 3, 5, 10)] + [("burst", loss) for loss in (3, 5, 10)]
_PCMU, _OPUS = 0, 120
_OPUS_RATE_HZ = 48_000


@dataclass(frozen=True, slots=True)
class Coding:
    """A codec as it is sent: its payload type, and the loss that its FEC is told of [%]."""

    name: str
    codec: int
    fec_percent: int = 0

    @property
    def step(self) -> int:
        """From packet to packet, of the RTP clock."""
        return 960 if self.codec == _OPUS else 160


_CODINGS = [Coding("pcmu", _PCMU), Coding("opus", _OPUS), Coding("opus_fec", _OPUS, 10)]


@dataclass(frozen=True, slots=True)
class Result:
    """What came out of one point."""

    pesq: float
    delay_ms: float


def run() -> Report:
    """Measure all points; they go to all peers at the same time."""
    report = Report("loss")
    said = speech()
    with tempfile.TemporaryDirectory(prefix="bench-loss-") as name:
        folder = Path(name)
        said.tofile(folder / "speech")
        points = [_point(folder, coding, *at) for coding in _CODINGS for at in _POINTS]
        with ExitStack() as stack:
            feeds = [point.feed(stack, folder) for point in points]
            begin_s = play(feeds)
        for point, feed in zip(points, feeds, strict=True):
            ours = point.ours(folder, said)
            peer = point.heard(folder, said, feed.peer, begin_s)
            _enter(report, point.name, ours, peer)
    report.notes.append(
        "PESQ: ITU-T P.862.1 narrow band, the mean of pieces of 8 s; the peer is Debian's "
        "baresip with plc.so and its default buffers"
    )
    report.notes.append(
        "the peer's Opus comes back coded a second time, so it is scored by what it decoded, "
        "before its play-out buffer, where that is better; both sides leave Opus to libopus, so "
        "that without FEC they differ by little but chance"
    )
    return report


def _enter(report: Report, name: str, ours: Result, peer: Result) -> None:
    """Enter a point and its bars: no worse than the peer in either."""
    report.figure(f"{name}_pesq", ours.pesq)
    report.figure(f"{name}_pesq_peer", peer.pesq)
    report.figure(f"{name}_delay_ms", ours.delay_ms)
    report.figure(f"{name}_delay_peer_ms", peer.delay_ms)
    report.bar(f"{name}_pesq_ahead", ours.pesq - peer.pesq, ">= 0", "MOS")
    report.bar(f"{name}_delay_more", ours.delay_ms - peer.delay_ms, "<= 0", "ms")


@dataclass(frozen=True, slots=True)
class Point:
    """One coding under one loss."""

    name: str
    coding: Coding
    packets: Path
    arrivals_ms: Times

    def feed(self, stack: ExitStack, folder: Path) -> Feed:
        """Start a peer for it."""
        peer = stack.enter_context(LossPeer(folder / self.name, self.coding.codec))
        return Feed(peer, _payloads(self.packets), self.arrivals_ms, self.coding.step)

    def ours(self, folder: Path, speech: Sound) -> Result:
        """Play it through the stream."""
        arrivals, sound = folder / "arrivals", folder / "sound"
        self.arrivals_ms.tofile(arrivals)
        _native("play", self.coding.codec, self.packets, arrivals, sound)
        return _judge(speech, np.fromfile(sound, np.int16), _PHASE_MS)

    def heard(self, folder: Path, speech: Sound, peer: LossPeer, begin_s: float) -> Result:
        """Judge what the peer made of it."""
        first = peer.back[0].timestamp
        clock_hz = self.coding.step * 50
        # its clock against ours by the quickest packet: the others were delayed on their way
        start_s = min(one.t_s - (one.timestamp - first) % 2**32 / clock_hz for one in peer.back)
        sound = _decoded(folder, self.coding, [one.payload for one in peer.back])
        early = round((begin_s - start_s) * _RATE_HZ)  # the call began before the speech
        result = _judge(speech, sound[early:], 0.0)
        if self.coding.codec == _PCMU:
            return result  # coded twice it is the very same
        own_ms = _delays_ms(speech, _decoded(folder, self.coding, _payloads(self.packets)))
        dump = _judge(speech, _dump(peer), 0.0)
        best = max(dump.pesq, result.pesq)
        return Result(best, result.delay_ms - float(np.median(own_ms)))


def _point(folder: Path, coding: Coding, kind: str, loss: int) -> Point:
    """Code the speech, and decide when each packet comes."""
    packets = folder / f"packets-{coding.name}"
    if not packets.exists():
        percent = str(coding.fec_percent)
        native.run(
            "bench_loss", "encode", str(coding.codec), str(_RATE_HZ), percent,
            str(folder / "speech"), str(packets),
        )  # fmt: skip
    burst = _BURST if kind == "burst" else 1.0
    arrivals = _arrivals(len(_payloads(packets)), loss / 100, burst)
    return Point(f"{coding.name}_{kind}_{loss}", coding, packets, arrivals)


def _native(mode: str, codec: int, *files: Path) -> None:
    native.run("bench_loss", mode, str(codec), str(_RATE_HZ), *map(str, files))


# -- what is sent -------------------------------------------------------------------------------


def speech() -> Sound:
    """Return long prompts one after the other, with 300 ms between them."""
    files = sorted(_PROMPTS.rglob("*.wav"), key=lambda file: (-file.stat().st_size, file.name))
    parts: list[Sound] = []
    left = _SECONDS * _RATE_HZ
    for file in files[5:]:  # the longest are lists of words
        with wave.open(str(file)) as reader:
            parts.append(np.frombuffer(reader.readframes(reader.getnframes()), np.int16))
        parts.append(np.zeros(int(0.3 * _RATE_HZ), np.int16))
        left -= parts[-2].size + parts[-1].size
        if left <= 0:
            break
    return np.concatenate(parts)[: _SECONDS * _RATE_HZ]


def _arrivals(count: int, loss: float, burst: float) -> Times:
    """Return when each packet comes [ms], in order; below 0: never."""
    random = np.random.default_rng(1)
    sent = (np.arange(count) + 1) * _FRAME_MS
    arrivals = np.maximum.accumulate(sent + random.uniform(0, _JITTER_MS, count))
    bad = False
    for number, draw in enumerate(random.random(count)):
        # to stay bad, or to become so, that the mean is `loss` and bursts are `burst` long
        stay = 1 - 1 / burst if burst > 1 else loss
        begin = loss * (1 - stay) / (1 - loss) if burst > 1 else loss
        bad = bool(draw < (stay if bad else begin))
        if bad:
            arrivals[number] = -1
    return arrivals


def _payloads(packets: Path) -> list[bytes]:
    data = packets.read_bytes()
    found = []
    while data:
        size = int.from_bytes(data[:2], "little")
        found.append(data[2 : 2 + size])
        data = data[2 + size :]
    return found


# -- what is heard ------------------------------------------------------------------------------


def _decoded(folder: Path, coding: Coding, payloads: Sequence[bytes]) -> Sound:
    """Return the sound of packets, all there, one after the other."""
    packets, sound = folder / "again", folder / "decoded"
    packets.write_bytes(b"".join(len(one).to_bytes(2, "little") + one for one in payloads))
    _native("decode", coding.codec, packets, sound, sound)
    return np.fromfile(sound, np.int16)


def _dump(peer: LossPeer) -> Sound:
    """Return what the peer decoded, at 8 kHz."""
    with wave.open(str(peer.dump())) as reader:
        assert reader.getframerate() == _OPUS_RATE_HZ
        frames = np.frombuffer(reader.readframes(reader.getnframes()), np.int16)
        left = frames[:: reader.getnchannels()].astype(np.float64)
    spectrum = np.fft.rfft(left)
    keep = left.size * _RATE_HZ // _OPUS_RATE_HZ
    narrow = np.fft.irfft(spectrum[: keep // 2 + 1], keep) * keep / left.size
    return np.asarray(np.clip(np.rint(narrow), -32768, 32767), np.int16)


def _delays_ms(speech: Sound, heard: Sound) -> list[float]:
    """Return by how much later each piece of the speech is heard."""
    found = []
    length, search = 4 * _RATE_HZ, _RATE_HZ
    for begin in range(0, speech.size - length, length):
        said = speech[begin : begin + length].astype(np.float64)
        back = heard[max(0, begin - search) : begin + length + search].astype(np.float64)
        size = 1 << (said.size + back.size).bit_length()
        match = np.fft.irfft(np.fft.rfft(back, size) * np.conj(np.fft.rfft(said, size)), size)
        at = int(np.argmax(match[: 2 * search])) - min(begin, search)
        found.append(1000 * at / _RATE_HZ)
    return found


def _judge(speech: Sound, heard: Sound, start_ms: float) -> Result:
    """Score what was heard from *start_ms* on, on the clock of what was said."""
    shift_ms = float(np.median(_delays_ms(speech, heard)))
    shift = round(shift_ms * _RATE_HZ / 1000)
    heard = heard[shift:] if shift > 0 else np.concatenate([np.zeros(-shift, np.int16), heard])
    piece = _PIECE_S * _RATE_HZ
    scores = [
        pesq(_RATE_HZ, speech[begin : begin + piece], heard[begin : begin + piece], "nb")
        for begin in range(0, min(speech.size, heard.size) - piece + 1, piece)
    ]
    return Result(float(np.mean(scores)), shift_ms + start_ms)
