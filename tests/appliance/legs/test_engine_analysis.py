"""What the media engine's Python face listens for on demand, and faxes; over real sockets."""

import socket
import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from appliance.legs.engine import MediaEngine
from appliance.legs.enginebase import MediaError
from appliance.legs.enginetypes import Greeting, RtpRemote, Tone
from appliance.legs.fax import read_pages
from appliance.legs.faxtypes import FaxEnded, FaxHow, FaxPage
from appliance.legs.mediaevents import Answered, AnswerTone, MediaEvent, ToneHeard
from appliance.legs.t38sdp import T38, T38Stream
from tests import audio

LOOPBACK = "127.0.0.1"
LEG, OTHER, FAX = 1, 2, 7
BUSY = Tone((425.0,), ((500, 500),))
#: [samples]
FRAME, SECOND = 160, 8000
WIDTH, ROWS = 1728, 40


@pytest.fixture
def engine() -> Iterator[MediaEngine]:
    with MediaEngine(stepped=True) as engine:
        yield engine


@pytest.fixture
def far_end(engine: MediaEngine) -> Iterator[socket.socket]:
    """The far end of LEG."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as far_end:
        far_end.bind((LOOPBACK, 0))
        far_end.connect((LOOPBACK, engine.add_rtp_leg(LEG, LOOPBACK, 0, 0)))
        engine.set_remote(LEG, RtpRemote(LOOPBACK, far_end.getsockname()[1], 0, "PCMU"))
        yield far_end


def sine(hz: float, ms: int) -> audio.Sound:
    turns = np.arange(ms * SECOND // 1000) * hz / SECOND
    return (4000 * np.sin(2 * np.pi * turns)).astype(np.int16)


def silence(ms: int) -> audio.Sound:
    return np.zeros(ms * SECOND // 1000, np.int16)


def word(ms: int) -> audio.Sound:
    """A buzz of 130 Hz with its overtones."""
    return sum((sine(130.0 * k, ms) // k for k in range(1, 12)), silence(ms)).astype(np.int16)


def say(engine: MediaEngine, far_end: socket.socket, *sounds: audio.Sound) -> list[MediaEvent]:
    """Say them all; return what the engine told about it."""
    sound = np.concatenate([*sounds, silence(300)])
    events: list[MediaEvent] = []
    for number in range(len(sound) // FRAME):
        head = struct.pack("!BBHII", 0x80, 0, number, number * FRAME, 7)
        frame = sound[number * FRAME :][:FRAME]
        far_end.send(head + audio.g711_encode(frame))
        engine.step()
        events += engine.poll()
    return [event for event in events if isinstance(event, ToneHeard | AnswerTone | Answered)]


def busy(times: int) -> list[audio.Sound]:
    return [sine(425, 500), silence(500)] * times


def test_a_tone_is_told_by_its_key(engine: MediaEngine, far_end: socket.socket) -> None:
    engine.watch_tones(LEG, {4: BUSY, 5: Tone((440.0, 480.0), ((2000, 4000),))})
    assert say(engine, far_end, *busy(3)) == [ToneHeard(LEG, 4)]


def test_no_tone_is_told_any_more(engine: MediaEngine, far_end: socket.socket) -> None:
    engine.watch_tones(LEG, {4: BUSY})
    engine.watch_tones(LEG, {})
    assert say(engine, far_end, *busy(3)) == []


def test_a_fax_that_answers(engine: MediaEngine, far_end: socket.socket) -> None:
    engine.watch_answer_tones(LEG, True)
    assert say(engine, far_end, silence(500), sine(2100, 1500)) == [AnswerTone(LEG, "ced")]


@pytest.mark.parametrize(
    ("how", "who"),
    [(None, "human"), (Greeting(), "human"), (Greeting(greeting_ms=300), "machine")],
)
def test_who_answered(
    engine: MediaEngine, far_end: socket.socket, how: Greeting | None, who: str
) -> None:
    engine.watch_greeting(LEG, how=how)
    (answered,) = say(engine, far_end, silence(400), word(500), silence(1500))
    assert isinstance(answered, Answered)
    assert answered.who == who
    assert 500 <= answered.at_ms <= 2500


def test_what_cannot_be_looked_for(engine: MediaEngine) -> None:
    with pytest.raises(MediaError) as refused:
        engine.watch_tones(LEG, {4: BUSY})
    assert refused.value.reason == "gone"
    engine.add_rtp_leg(LEG, LOOPBACK, 0, 0)
    for tones in ({0: BUSY}, {number + 1: BUSY for number in range(17)}):
        with pytest.raises(MediaError) as refused:
            engine.watch_tones(LEG, tones)
        assert refused.value.reason == "bad-request"


def write_tiff(path: Path) -> None:
    """Write one page of slanted lines: uncompressed, one strip (TIFF 6.0 section 4)."""
    rows = [(0x80808080 >> (row % 8)).to_bytes(4, "big") * (WIDTH // 32) for row in range(ROWS)]
    image = b"".join(rows)
    entries = [
        (256, WIDTH), (257, ROWS), (258, 1), (259, 1), (262, 0), (273, 0), (278, ROWS),
        (279, len(image)), (282, 0), (283, 0), (296, 2),
    ]  # fmt: skip
    ratios = 8 + 2 + 12 * len(entries) + 4
    places = {273: ratios + 16, 282: ratios, 283: ratios + 8}
    head = struct.pack("<2sHIH", b"II", 42, 8, len(entries))
    for tag, value in entries:
        kind = 5 if tag in (282, 283) else 4
        head += struct.pack("<HHII", tag, kind, 1, places.get(tag, value))
    path.write_bytes(head + struct.pack("<IIIII", 0, 204, 1, 98, 1) + image)


def call(engine: MediaEngine) -> dict[int, int]:
    """Join LEG and OTHER by loopback; return the port of each."""
    ports = {leg: engine.add_rtp_leg(leg, LOOPBACK, 0, 0) for leg in (LEG, OTHER)}
    engine.set_remote(LEG, RtpRemote(LOOPBACK, ports[OTHER], 0, "PCMU"))
    engine.set_remote(OTHER, RtpRemote(LOOPBACK, ports[LEG], 0, "PCMU"))
    return ports


def run_faxes(engine: MediaEngine, ticks: int) -> list[MediaEvent]:
    events: list[MediaEvent] = []
    for _ in range(ticks):
        engine.step()
        events += engine.poll()
        if sum(isinstance(event, FaxEnded) for event in events) == 2:
            break
    return events


@pytest.mark.parametrize("t38", [False, True])
def test_a_fax_from_leg_to_leg(engine: MediaEngine, tmp_path: Path, t38: bool) -> None:
    write_tiff(tmp_path / "sent.tif")
    ports = call(engine)
    engine.send_fax(FAX, LEG, str(tmp_path / "sent.tif"), FaxHow(station="030 123"))
    engine.receive_fax(FAX + 1, OTHER, str(tmp_path / "got.tif"))
    events = run_faxes(engine, 100)
    if t38:
        ours = T38(repair="redundancy", max_datagram=1400)
        engine.switch_fax(FAX, T38Stream(0, LOOPBACK, ports[OTHER], ours))
        engine.switch_fax(FAX + 1, T38Stream(0, LOOPBACK, ports[LEG], ours))
    events += run_faxes(engine, 5000)
    ended = {event.fax: event for event in events if isinstance(event, FaxEnded)}
    assert [ended[fax].reason for fax in (FAX, FAX + 1)] == ["normal", "normal"]
    assert ended[FAX + 1].leg == OTHER
    assert ended[FAX + 1].progress.station == "030 123"
    assert ended[FAX + 1].progress.t38 is t38
    assert any(isinstance(event, FaxPage) and event.fax == FAX + 1 for event in events)
    (page,) = read_pages(tmp_path / "got.tif")
    assert (page.width, page.rows) == (WIDTH, ROWS)


def test_a_fax_that_is_stopped(engine: MediaEngine, tmp_path: Path) -> None:
    call(engine)
    engine.receive_fax(FAX, LEG, str(tmp_path / "got.tif"))
    engine.step(10)
    engine.stop_fax(FAX)
    (ended,) = [event for event in run_faxes(engine, 20) if isinstance(event, FaxEnded)]
    assert (ended.reason, ended.progress.pages) == ("call-dropped", 0)
    with pytest.raises(MediaError) as refused:
        engine.stop_fax(FAX)
    assert refused.value.reason == "gone"


def test_comfort_noise_instead_of_silence(engine: MediaEngine, far_end: socket.socket) -> None:
    port = far_end.getsockname()[1]
    engine.set_remote(LEG, RtpRemote(LOOPBACK, port, 0, "PCMU", noise_payload_type=13))
    engine.step(50)
    far_end.setblocking(False)
    types = [far_end.recv(2048)[1] & 0x7F for _ in range(11)]
    assert types == [0] * 10 + [13]
    with pytest.raises(BlockingIOError):
        far_end.recv(2048)
