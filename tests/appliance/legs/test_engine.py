"""The media engine through its Python face, with real sockets, devices and files."""

import select
import socket
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from appliance.legs.engine import MediaEngine
from appliance.legs.enginebase import MediaError
from appliance.legs.enginetypes import Device, RtpRemote, Tone
from appliance.legs.mediaevents import (
    DeviceGone,
    DigitEnded,
    DigitHeard,
    MediaEvent,
    MediaSilent,
    MediaStarted,
    PlayEnded,
    RecordingClosed,
)
from tests import audio

LOOPBACK = "127.0.0.1"
EVENT_PT = 101


class Phone:
    """The far end of an RTP leg: a socket that sends and keeps packets."""

    def __init__(self, engine: MediaEngine, leg: int, *, events: bool = False) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((LOOPBACK, 0))
        self.socket.setblocking(False)
        self.port = engine.add_rtp_leg(leg, LOOPBACK, 0, 0)
        engine.set_remote(
            leg,
            RtpRemote(
                LOOPBACK,
                self.socket.getsockname()[1],
                0,
                "PCMU",
                EVENT_PT if events else None,
            ),
        )
        self.seq = 0
        self.timestamp = 1000
        self.heard: list[audio.Sound] = []
        #: payloads of telephone-event
        self.events: list[bytes] = []

    def close(self) -> None:
        self.socket.close()

    def send_packet(self, payload: bytes, payload_type: int = 0) -> None:
        head = struct.pack("!BBHII", 0x80, payload_type, self.seq, self.timestamp, 7)
        self.socket.sendto(head + payload, (LOOPBACK, self.port))
        self.seq += 1

    def say(self, frame: audio.Sound) -> None:
        self.send_packet(audio.g711_encode(frame))
        self.timestamp += len(frame)

    def listen(self) -> None:
        while True:
            try:
                packet = self.socket.recv(2048)
            except BlockingIOError:
                return
            payload_type = packet[1] & 0x7F
            if payload_type == EVENT_PT:
                self.events.append(packet[12:])
            else:
                self.heard.append(audio.g711_decode(packet[12:]))

    @property
    def sound(self) -> audio.Sound:
        return np.concatenate(self.heard) if self.heard else audio.silence(0)


AddPhone = Callable[..., Phone]


@pytest.fixture
def engine() -> Iterator[MediaEngine]:
    with MediaEngine(stepped=True, max_legs=16) as stepped:
        yield stepped


@pytest.fixture
def add_phone() -> Iterator[AddPhone]:
    phones: list[Phone] = []

    def add(engine: MediaEngine, leg: int, *, events: bool = False) -> Phone:
        phones.append(Phone(engine, leg, events=events))
        return phones[-1]

    yield add
    for phone in phones:
        phone.close()


def talk(engine: MediaEngine, sounds: dict[Phone, audio.Sound], ticks: int) -> list[MediaEvent]:
    """Let each phone say its sound frame by frame while the engine ticks."""
    cut = {phone: audio.frames(sound) for phone, sound in sounds.items()}
    events: list[MediaEvent] = []
    for tick in range(ticks):
        for phone, parts in cut.items():
            if tick < len(parts):
                phone.say(parts[tick])
        engine.step()
        events += engine.poll()
        for phone in cut:
            phone.listen()
    return events


def test_two_phones_hear_each_other_and_not_themselves(
    engine: MediaEngine, add_phone: AddPhone
) -> None:
    one, two = add_phone(engine, 1), add_phone(engine, 2)
    engine.bridge(5, [1, 2])
    events = talk(engine, {one: audio.tone(440, 1000), two: audio.tone(620, 1000)}, 50)
    assert events == [MediaStarted(1), MediaStarted(2)]
    for phone, foreign, own in ((one, 620, 440), (two, 440, 620)):
        middle = phone.sound[2000:6000]
        assert audio.level_dbm0(middle, foreign) == pytest.approx(-10.0, abs=0.3)
        assert audio.level_dbm0(middle, own) < -60
        assert audio.purity_db(middle, foreign) < -36  # G.711's own noise is at -38
    engine.unbridge(5)
    engine.remove(1)
    with pytest.raises(MediaError) as refused:
        engine.stats(1)
    assert refused.value.reason == "gone"


def test_stats_count_what_came_and_went(engine: MediaEngine, add_phone: AddPhone) -> None:
    phone = add_phone(engine, 1)
    talk(engine, {phone: audio.tone(440, 200)}, 10)
    phone.socket.sendto(b"garbage", (LOOPBACK, phone.port))
    phone.send_packet(b"x" * 20, payload_type=96)
    engine.step(2)
    stats = engine.stats(1)
    assert (stats.packets_in, stats.packets_out) == (10, 12)
    assert (stats.bytes_in, stats.bytes_out) == (1600, 1920)
    assert (stats.malformed, stats.unknown, stats.lost) == (1, 1, 0)
    assert (engine.engine_stats().ticks, engine.engine_stats().legs) == (12, 1)


def test_packets_go_one_by_one_where_that_is_wished(add_phone: AddPhone) -> None:
    with MediaEngine(stepped=True, batched=False) as engine:
        phone = add_phone(engine, 1)
        talk(engine, {phone: audio.tone(440, 200)}, 10)
        assert (engine.stats(1).packets_in, engine.stats(1).packets_out) == (10, 10)
        assert engine.engine_stats().batched == 0


def test_digit_in_the_sound_is_heard_once_when_asked_for(
    engine: MediaEngine, add_phone: AddPhone
) -> None:
    phone = add_phone(engine, 1)
    said = np.concatenate([audio.silence(100), audio.digit("7"), audio.silence(100)])
    assert talk(engine, {phone: said}, 20) == [MediaStarted(1)]
    engine.detect_digits(1, True)
    (heard,) = talk(engine, {phone: said}, 20)
    assert isinstance(heard, DigitHeard)
    assert (heard.leg, heard.digit, heard.source) == (1, "7", "inband")
    assert 25 <= heard.duration_ms <= 40
    engine.detect_digits(1, False)
    assert talk(engine, {phone: said}, 20) == []


def test_event_digit_mutes_the_same_digit_in_the_sound(
    engine: MediaEngine, add_phone: AddPhone
) -> None:
    phone = add_phone(engine, 1, events=True)
    engine.detect_digits(1, True)
    events: list[MediaEvent] = []
    for tick in range(8):
        ticks = min(tick + 1, 5)
        end = 0x80 if tick >= 5 else 0
        phone.send_packet(struct.pack("!BBH", 10, end, ticks * 160), EVENT_PT)
        engine.step()
        events += engine.poll()
    told = [MediaStarted(1), DigitHeard(1, "*", "rfc4733", 20), DigitEnded(1, "*", 100)]
    assert events == told
    phone.timestamp += 8 * 160
    assert talk(engine, {phone: audio.digit("*", 200)}, 20) == []


@pytest.mark.parametrize("events", [True, False])
def test_digits_go_out_as_the_far_end_knows_them(
    engine: MediaEngine, add_phone: AddPhone, events: bool
) -> None:
    phone = add_phone(engine, 1, events=events)
    engine.send_digits(1, "9")
    engine.step(10)
    phone.listen()
    if events:
        assert [payload[0] for payload in phone.events] == [9] * 8
    else:
        assert audio.level_dbm0(phone.sound[:800], 852) == pytest.approx(-9, abs=0.3)
        assert audio.level_dbm0(phone.sound[:800], 1477) == pytest.approx(-7, abs=0.3)
    with pytest.raises(MediaError) as refused:
        engine.send_digits(1, "9é")
    assert refused.value.reason == "bad-request"


def test_prompts_and_tones_play_in_order(engine: MediaEngine, add_phone: AddPhone) -> None:
    phone = add_phone(engine, 1)
    prompt = engine.load_prompt(audio.tone(1000, 210).tobytes())
    assert prompt.samples == 1680
    engine.play(1, 3, [prompt, Tone((440.0, 480.0), ((200, 100),)), prompt])
    del prompt  # the play keeps what it needs
    events = talk(engine, {phone: audio.silence(0)}, 36)
    assert events == [PlayEnded(1, 3, "end", 720)]
    for begin in (0, 4080):
        assert audio.level_dbm0(phone.sound[begin : begin + 1600], 1000) > -10.5
    ringing = phone.sound[1680:3280]
    assert audio.level_dbm0(ringing, 440) == pytest.approx(-13, abs=0.3)
    assert audio.level_dbm0(ringing, 480) == pytest.approx(-13, abs=0.3)
    assert audio.total_dbm0(phone.sound[3280:4080]) < -60


def test_loop_goes_on_until_it_is_stopped(engine: MediaEngine, add_phone: AddPhone) -> None:
    add_phone(engine, 1)
    engine.play(1, 1, [Tone((425.0,), ((500, 500),))], loop=True)
    engine.step(500)
    assert engine.poll() == []
    engine.play(1, 2, [Tone((425.0,), ((500, 500),))], loop=True)
    engine.stop_play(1)
    engine.step()
    assert engine.poll() == [PlayEnded(1, 1, "replaced", 1000), PlayEnded(1, 2, "stopped")]


@pytest.mark.parametrize(
    "tone",
    [
        Tone((440.0,), ()),
        Tone((440.0,), ((100, 0),) * 9),
        Tone((440.0,) * 5, ((100, 0),)),
        Tone((5000.0,), ((100, 0),)),
        Tone((440.0,), ((-1, 0),)),
        Tone((440.0,), ((0, 0),)),
    ],
)
def test_impossible_tones_are_refused(
    engine: MediaEngine, add_phone: AddPhone, tone: Tone
) -> None:
    add_phone(engine, 1)
    with pytest.raises(MediaError) as refused:
        engine.play(1, 1, [tone])
    assert refused.value.reason == "bad-request"


def test_recording_holds_both_directions_in_step(
    engine: MediaEngine, add_phone: AddPhone, tmp_path: Path
) -> None:
    one, two = add_phone(engine, 1), add_phone(engine, 2)
    engine.bridge(5, [1, 2])
    path = tmp_path / "call.wav"
    engine.record(8, 1, str(path))
    quiet = audio.silence(500)
    said = {
        one: np.concatenate([quiet, audio.tone(440, 500)]),
        two: np.concatenate([quiet, audio.tone(620, 500)]),
    }
    talk(engine, said, 60)
    engine.stop_record(8)
    engine.step()
    assert engine.poll() == [RecordingClosed(8, 1, 60 * 20, "normal")]
    left, right = audio.read_wav(path).T
    assert len(left) == 60 * 160
    assert abs(audio.onset(left) - audio.onset(right)) <= 160
    assert audio.level_dbm0(left[5000:7400], 440) == pytest.approx(-10, abs=0.3)
    assert audio.level_dbm0(right[5000:7400], 620) == pytest.approx(-10, abs=0.3)
    assert audio.level_dbm0(left[5000:7400], 620) < -60


def test_recording_into_nowhere_is_refused(
    engine: MediaEngine, add_phone: AddPhone, tmp_path: Path
) -> None:
    add_phone(engine, 1)
    with pytest.raises(MediaError) as refused:
        engine.record(1, 1, str(tmp_path / "none" / "call.wav"))
    assert refused.value.reason == "recording-failed"


def test_silence_is_told_and_device_end_too(engine: MediaEngine, add_phone: AddPhone) -> None:
    phone = add_phone(engine, 1)
    engine.silence_timeout(1, 100)
    device, modem = socket.socketpair()
    with device, modem:
        modem.setblocking(False)
        engine.add_device_leg(2, device.fileno(), Device())
        engine.bridge(1, [1, 2])
        modem.sendall(audio.tone(1000, 100).tobytes())
        events = talk(engine, {phone: audio.tone(440, 100)}, 20)
        assert events == [MediaStarted(1), MediaStarted(2), MediaSilent(1)]
        assert audio.level_dbm0(phone.sound[480:1120], 1000) > -11
        heard = np.frombuffer(modem.recv(1 << 16), dtype="<i2")
        assert len(heard) == 240 + 20 * 160  # the lead that the device is kept ahead by
    engine.step(2)
    assert engine.poll() == [DeviceGone(2)]


def test_held_leg_is_neither_heard_nor_sent_to(engine: MediaEngine, add_phone: AddPhone) -> None:
    one, two = add_phone(engine, 1), add_phone(engine, 2)
    engine.bridge(5, [1, 2])
    engine.set_flow(1, send=False, receive=False)
    talk(engine, {one: audio.tone(440, 400), two: audio.tone(620, 400)}, 20)
    assert len(one.sound) == 0
    assert audio.total_dbm0(two.sound) < -60


def test_refusals_name_their_reason(engine: MediaEngine) -> None:
    def reason_of(call: Callable[[], object]) -> str:
        with pytest.raises(MediaError) as refused:
            call()
        return refused.value.reason

    port = engine.add_rtp_leg(1, LOOPBACK, 0, 0)
    remote = RtpRemote("not an address", 4000, 0, "PCMU")
    assert reason_of(lambda: engine.add_rtp_leg(1, LOOPBACK, 0, 0)) == "duplicate"
    even = port - port % 2
    if port == even:
        assert reason_of(lambda: engine.add_rtp_leg(2, LOOPBACK, even, even)) == "port-busy"
    assert reason_of(lambda: engine.add_rtp_leg(2, "192.0.2.1", 0, 0)) == "port-busy"
    assert reason_of(lambda: engine.set_remote(1, remote)) == "bad-request"
    assert reason_of(lambda: engine.bridge(1, [1, 2])) == "gone"
    assert reason_of(lambda: engine.unbridge(1)) == "gone"
    assert reason_of(lambda: engine.remove(9)) == "gone"
    assert reason_of(lambda: engine.mask_record(9, True)) == "gone"
    assert reason_of(lambda: engine.mask_tap(9, True)) == "gone"
    assert reason_of(lambda: engine.load_prompt(b"")) == "bad-request"
    assert reason_of(engine.start) == "wrong-state"
    engine.close()
    assert reason_of(engine.step) == "wrong-state"


def test_full_engine_refuses_more(engine: MediaEngine) -> None:
    for leg in range(16):
        engine.add_rtp_leg(leg, LOOPBACK, 0, 0)
    with pytest.raises(MediaError) as refused:
        engine.add_rtp_leg(16, LOOPBACK, 0, 0)
    assert refused.value.reason == "overload"


def test_running_engine_wakes_its_reader(add_phone: AddPhone) -> None:
    with MediaEngine(max_legs=4) as engine:
        engine.start()
        phone = add_phone(engine, 1)
        phone.say(audio.silence(20))
        events: list[MediaEvent] = []
        while MediaStarted(1) not in events:
            ready, _, _ = select.select([engine.fileno()], [], [], 30)
            assert ready, "no event within the deadline"
            events += engine.poll()
        ready, _, _ = select.select([phone.socket.fileno()], [], [], 30)
        assert ready, "no packet within the deadline"


def test_descriptors_all_come_back(tmp_path: Path) -> None:
    descriptors = Path("/proc/self/fd")
    before = len(list(descriptors.iterdir()))
    for turn in range(3):
        with MediaEngine(stepped=True, max_legs=8) as engine:
            engine.add_rtp_leg(1, LOOPBACK, 0, 0)
            engine.record(1, 1, str(tmp_path / f"{turn}.wav"))
            engine.step()
            engine.remove(1)
            engine.step()
            engine.add_rtp_leg(2, LOOPBACK, 0, 0)
    assert len(list(descriptors.iterdir())) == before
