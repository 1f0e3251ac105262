"""Digits as events at the clock that was agreed (RFC 4733 §2.1), in both directions."""

import asyncio
import socket
import struct
import urllib.request
from pathlib import Path

import msgspec
import pytest

from appliance.legs.engine import MediaEngine
from appliance.legs.enginetypes import Codec, RtpRemote
from appliance.legs.mediaevents import DigitEnded
from appliance.wire.commands import Hang, SendDigits
from appliance.wire.events import Digit, LegDown
from tests.appliance.legs.legsrig import TRUNK_ADDRESS, answered, done, legs_running, settings_for
from tests.appliance.legs.phonerig import SOUNDS, phone, settings_of
from tests.appliance.legs.phonerig import Sound as PhoneSound
from tests.appliance.legs.rtprig import FarRtp, caller, far_rtp
from tests.baresipkit import wait_for
from tests.ports import free_port
from tests.sippkit import Sipp

OPUS_SOUND, G722_SOUND, *_ = SOUNDS
LOOPBACK = "127.0.0.1"
SOUND_PT, EVENT_PT = 96, 101
LENGTH_MS, STEP_MS = 160, 20
#: of the digits that we send, and the pause after each [ms]
OUR_MS, OUR_GAP_MS = 100, 60
OPUS = "m=audio {port} RTP/AVP 96 101\na=rtpmap:96 opus/48000/2\na=rtpmap:101 telephone-event/"
G722 = "m=audio {port} RTP/AVP 96 101\na=rtpmap:96 G722/8000\na=rtpmap:101 telephone-event/"
#: as browsers write it
BOTH = OPUS.replace("96 101", "96 126 101") + "48000\na=rtpmap:126 telephone-event/8000\n"


def event(digit: int, ms: int, clock_hz: int) -> bytes:
    """Return an event's payload (RFC 4733 §2.3) after so many ms."""
    end = 0x80 if ms >= LENGTH_MS else 0
    return struct.pack("!BBH", digit, end | 8, ms * clock_hz // 1000)


@pytest.mark.parametrize(
    ("codec", "told_hz", "clock_hz"),
    [("OPUS", 0, 48_000), ("OPUS", 8000, 8000), ("G722", 0, 8000), ("L16", 8000, 8000)],
)
def test_a_digit_that_comes_has_its_length(codec: Codec, told_hz: int, clock_hz: int) -> None:
    with (
        MediaEngine(stepped=True, max_legs=2) as engine,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as far,
    ):
        far.bind((LOOPBACK, 0))
        port = engine.add_rtp_leg(1, LOOPBACK, 0, 0)
        engine.set_remote(
            1,
            RtpRemote(
                LOOPBACK, far.getsockname()[1], SOUND_PT, codec, EVENT_PT,
                rate_hz=16_000, event_rate_hz=told_hz, event_payload_type_in=110,
            ),
        )  # fmt: skip
        for seq, ms in enumerate(range(STEP_MS, LENGTH_MS + 1, STEP_MS)):
            head = struct.pack("!BBHII", 0x80, 110, seq, 1000, 7)
            far.sendto(head + event(5, ms, clock_hz), (LOOPBACK, port))
            engine.step()
        assert [e for e in engine.poll() if isinstance(e, DigitEnded)] == [
            DigitEnded(1, "5", LENGTH_MS)
        ]


async def press(far: FarRtp, digit: int, clock_hz: int) -> None:
    """Press a key for its time."""
    for ms in range(STEP_MS, LENGTH_MS + 1, STEP_MS):
        far.send(EVENT_PT, event(digit, ms, clock_hz), marker=ms == STEP_MS)
        await asyncio.sleep(STEP_MS / 1000)
    far.timestamp += 2 * LENGTH_MS * clock_hz // 1000


async def see_digits(far: FarRtp, clock_hz: int) -> None:
    """See 1 and 2 come out, each with its time by that clock."""
    on, ends = OUR_MS // STEP_MS, 3
    packets = await far.get(2 * (on + ends), EVENT_PT)
    first, second = packets[: on + ends], packets[on + ends :]
    for digit, part in ((1, first), (2, second)):
        values = [struct.unpack("!BBH", packet.payload) for packet in part]
        assert {number for number, _, _ in values} == {digit}
        assert [length * 1000 // clock_hz for _, _, length in values] == [
            *range(STEP_MS, OUR_MS + 1, STEP_MS), *[OUR_MS] * ends,
        ]  # fmt: skip
        assert len({packet.timestamp for packet in part}) == 1
    assert second[0].after(first[0]) == (OUR_MS + OUR_GAP_MS) * clock_hz // 1000


@pytest.mark.parametrize(
    ("media", "clock_hz"),
    [
        pytest.param(OPUS + "48000\n", 48_000, id="opus-48000"),
        pytest.param(OPUS + "8000\n", 8000, id="opus-8000"),
        pytest.param(BOTH, 48_000, id="opus-both"),
        pytest.param(G722 + "8000\n", 8000, id="g722"),
    ],
)
async def test_digits_both_ways(tmp_path: Path, media: str, clock_hz: int) -> None:
    settings = settings_for(tmp_path)
    trunk = msgspec.structs.replace(settings.trunks["city"], codecs=("OPUS", "G722"))
    settings = msgspec.structs.replace(settings, trunks={"city": trunk})
    async with legs_running(settings) as rig, far_rtp() as far:
        brain = await rig.brain()
        calls = caller(media.format(port=far.port))
        with Sipp(calls, remote=rig.sip, address=TRUNK_ADDRESS) as sipp:
            leg = await answered(brain)
            await far.get(1, SOUND_PT)
            await press(far, 5, clock_hz)
            await press(far, 6, clock_hz)
            await brain.count(Digit, 2)
            assert [(one.digit, one.source) for one in brain.heard(Digit)] == [
                ("5", "rfc4733"), ("6", "rfc4733"),
            ]  # fmt: skip
            brain.put(SendDigits(leg, "12"))
            await see_digits(far, clock_hz)
            brain.put(Hang(leg))
            await brain.event(LegDown, leg=leg)
            await done(sipp)
            answer = sipp.wait().messages.split("SIP/2.0 200 OK")[1]
            assert f"a=rtpmap:101 telephone-event/{clock_hz}" in answer
            assert "a=rtpmap:126" not in answer


def type_at(address: str, port: int, key: str) -> None:
    """Press a key of a baresip."""
    with urllib.request.urlopen(f"http://{address}:{port}/?{key}", timeout=10) as page:
        page.read()


@pytest.mark.parametrize("sound", [OPUS_SOUND, G722_SOUND], ids=lambda sound: sound.codec)
async def test_a_phone_and_legs_press_keys(tmp_path: Path, sound: PhoneSound) -> None:
    port, pages = free_port(TRUNK_ADDRESS), free_port(TRUNK_ADDRESS)
    async with legs_running(settings_of(tmp_path, port, (sound.codec,))) as rig:
        brain = await rig.brain()
        calls = phone(
            tmp_path, port, sound, dial=f"sip:200@{rig.sip[0]}:{rig.sip[1]}",
            modules=("httpd",), config=f"http_listen {TRUNK_ADDRESS}:{pages}",
        )  # fmt: skip
        with calls as baresip:
            leg = await answered(brain)
            brain.put(SendDigits(leg, "5"))
            await asyncio.to_thread(
                wait_for, "our key", lambda: "received event: '5' (end=1)" in baresip.said
            )
            await asyncio.to_thread(type_at, TRUNK_ADDRESS, pages, "7")
            heard = await brain.event(Digit)
            assert (heard.digit, heard.source) == ("7", "rfc4733")
            brain.put(Hang(leg))
            await brain.event(LegDown, leg=leg)
