"""A real soft-phone and legs over each codec, in the clear and by SRTP: tones heard both ways."""

import asyncio
import re
import wave
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt
import pytest

from appliance.config.model import ApplianceSettings, Codec, Srtp
from appliance.wire.commands import Dial, Hang, Play, RecordLeg
from appliance.wire.events import LegDown, LegIn, LegUp, RecordingDone
from tests.appliance.legs.legsrig import (
    TRUNK_ADDRESS,
    LegsRig,
    ScriptedBrain,
    answered,
    done,
    legs_running,
    settings_for,
)
from tests.baresipkit import Baresip, wait_for
from tests.ports import free_port
from tests.sippkit import (
    SDP,
    Sipp,
    expect,
    pause,
    request,
    scenario,
    send,
)

#: what legs play; every codec carries it
OUR_HZ = 620
#: what a phone says where the codec has the telephone band, and where it has more
NARROW_HZ, WIDE_HZ = 440, 5200


@dataclass(frozen=True)
class Sound:
    """A codec as baresip writes it, the module that holds it, and its rates."""

    codec: Codec
    name: str
    modules: tuple[str, ...]
    rate_hz: int
    channels: int = 1
    says_hz: int = WIDE_HZ


SOUNDS = [
    Sound("OPUS", "opus/48000/2", ("opus",), 48_000, 2),
    Sound("G722", "G722/16000/1", ("g722",), 16_000),
    Sound("L16", "L16/16000/1", ("l16",), 16_000),
    Sound("PCMU", "PCMU/8000/1", (), 8000, says_hz=NARROW_HZ),
    Sound("PCMA", "PCMA/8000/1", (), 8000, says_hz=NARROW_HZ),
]
G722 = SOUNDS[1]
ALL: tuple[Codec, ...] = tuple(sound.codec for sound in SOUNDS)


def write_tone(path: Path, sound: Sound) -> Path:
    """Write what a phone of that codec says: a minute's tone at the codec's own rate."""
    t = np.arange(60 * sound.rate_hz) / sound.rate_hz
    one = np.asarray(8000 * np.sin(2 * np.pi * sound.says_hz * t), np.int16)
    with wave.open(str(path), "wb") as file:
        file.setparams((sound.channels, 2, sound.rate_hz, 0, "NONE", ""))
        file.writeframes(np.repeat(one, sound.channels).tobytes())
    return path


def loudest_hz(samples: npt.NDArray[np.int16], rate_hz: int) -> float:
    """Return the strongest frequency of the last but one second."""
    second = samples[-2 * rate_hz : -rate_hz].astype(np.float64)
    assert len(second) == rate_hz, "too little was heard"
    spectrum = np.abs(np.fft.rfft(second * np.hanning(rate_hz)))
    assert 4 * spectrum.max() / rate_hz > 1000, "as good as silence"
    return float(spectrum.argmax())


def settings_of(
    folder: Path, port: int, codecs: Sequence[Codec], srtp: Srtp = "off"
) -> ApplianceSettings:
    """Return settings with a trunk of that policy."""
    settings = settings_for(folder, trunk_port=port)
    trunk = msgspec.structs.replace(settings.trunks["city"], codecs=tuple(codecs), srtp=srtp)
    return msgspec.structs.replace(settings, trunks={"city": trunk})


def phone(
    folder: Path,
    port: int,
    sound: Sound,
    *,
    dial: str = "",
    more: str = "",
    modules: Sequence[str] = (),
    config: str = "",
) -> Baresip:
    """Return a baresip that speaks only that codec, and answers at once."""
    folder.mkdir(parents=True, exist_ok=True)
    account = f"<sip:200@{TRUNK_ADDRESS}>;regint=0;answermode=auto;audio_codecs={sound.name}"
    return Baresip(
        folder / "phone",
        address=TRUNK_ADDRESS,
        port=port,
        account=account + more,
        says=write_tone(folder / "says.wav", sound),
        dial=dial,
        modules=(*sound.modules, *(("srtp",) if "mediaenc" in more else ()), *modules),
        config=f"audio_srate {sound.rate_hz}\n{config}",
    )


def heard(folder: Path) -> Path:
    """Return the file in which the phone keeps what it hears."""
    return next((folder / "phone").glob("dump-*-dec.wav"), folder / "nothing-yet")


def first_channel(path: Path) -> tuple[npt.NDArray[np.int16], int]:
    """Return the first channel of a WAV file and its rate."""
    with wave.open(str(path)) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), np.int16)
        return samples.reshape(-1, file.getnchannels())[:, 0], file.getframerate()


async def talk(brain: ScriptedBrain, rig: LegsRig, leg: int, folder: Path, sound: Sound) -> None:
    """Let both ends hear each other for some seconds, and hang up."""
    brain.put(Play(leg, 1, [f"tone:{OUR_HZ}"], loop=True), RecordLeg(leg, "talk", "talk.wav"))
    enough = 3 * 2 * sound.rate_hz * sound.channels
    async with asyncio.timeout(30):
        while not heard(folder).exists() or heard(folder).stat().st_size < enough:  # noqa: ASYNC110
            await asyncio.sleep(0.1)
    brain.put(Hang(leg))
    assert (await brain.event(LegDown, leg=leg)).reason == "normal"
    await brain.event(RecordingDone)


def assert_both_heard(rig: LegsRig, folder: Path, sound: Sound) -> None:
    """Assert that each end has heard the other's tone."""
    assert loudest_hz(*first_channel(heard(folder))) == OUR_HZ
    recordings = Path(rig.daemon.settings.state_dir) / "recordings"
    assert loudest_hz(*first_channel(recordings / "talk.wav")) == sound.says_hz


async def phone_calls(folder: Path, sound: Sound, srtp: Srtp = "off", more: str = "") -> str:
    """Have a phone call legs and talk; return what it printed."""
    port = free_port(TRUNK_ADDRESS)
    async with legs_running(settings_of(folder, port, ALL, srtp)) as rig:
        brain = await rig.brain()
        dial = f"sip:200@{rig.sip[0]}:{rig.sip[1]}"
        with phone(folder, port, sound, dial=dial, more=more) as baresip:
            leg = await answered(brain)
            await talk(brain, rig, leg, folder, sound)
        assert_both_heard(rig, folder, sound)
        return baresip.said


async def legs_call(folder: Path, sound: Sound, srtp: Srtp = "off", more: str = "") -> str:
    """Have legs call a phone and talk; return what the phone printed."""
    port = free_port(TRUNK_ADDRESS)
    async with legs_running(settings_of(folder, port, ALL, srtp)) as rig:
        brain = await rig.brain()
        with phone(folder, port, sound, more=more) as baresip:
            await asyncio.to_thread(wait_for, "the phone", lambda: "ready" in baresip.said)
            brain.put(Dial(tok="d", kind="trunk", via="city", to="200"))
            leg = (await brain.event(LegUp)).leg
            await talk(brain, rig, leg, folder, sound)
        assert_both_heard(rig, folder, sound)
        return baresip.said


@pytest.mark.parametrize("sound", SOUNDS, ids=lambda sound: sound.codec)
async def test_a_phone_that_calls_is_understood(tmp_path: Path, sound: Sound) -> None:
    await phone_calls(tmp_path, sound)


@pytest.mark.parametrize("sound", SOUNDS, ids=lambda sound: sound.codec)
async def test_a_phone_that_is_called_is_understood(tmp_path: Path, sound: Sound) -> None:
    await legs_call(tmp_path, sound)


@pytest.mark.parametrize(
    ("srtp", "mediaenc"),
    [("optional", "srtp"), ("required", "srtp"), ("required", "srtp-mand")],
)
async def test_srtp_both_ways(tmp_path: Path, srtp: Srtp, mediaenc: str) -> None:
    more = f";mediaenc={mediaenc}"
    assert "SRTP is Enabled" in await phone_calls(tmp_path / "in", G722, srtp, more)
    assert "SRTP is Enabled" in await legs_call(tmp_path / "out", G722, srtp, more)


def keyed(media: str, key: str = "A") -> str:
    """Return sipp's offer over that transport, with a key."""
    body = SDP.replace("RTP/AVP", media)
    return body + f"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{key * 40}\n"


def reinvite(body: str, cseq: int, status: int) -> str:
    """Return an offer within the call, and the answer it gets."""
    return (
        send(request("INVITE", body=body, to_tag=True, cseq=cseq))
        + expect(100, optional=True)
        + expect(status)
        + send(request("ACK", to_tag=True, cseq=cseq), retrans=False)
    )


async def test_no_later_offer_talks_a_call_out_of_its_keys(tmp_path: Path) -> None:
    calls = scenario(
        send(request("INVITE", body=keyed("RTP/AVP"))),
        expect(100, optional=True),
        expect(200),
        send(request("ACK", to_tag=True), retrans=False),
        reinvite(SDP, 2, 488),
        reinvite(keyed("RTP/AVP"), 3, 200),
        reinvite(keyed("RTP/SAVP", "B"), 4, 200),
        reinvite(keyed("RTP/AVP", "!"), 5, 400),
        send(request("BYE", to_tag=True, cseq=9)),
        expect(200),
    )
    async with legs_running(settings_of(tmp_path, 5060, ALL, "optional")) as rig:
        brain = await rig.brain()
        with Sipp(calls, remote=rig.sip, address=TRUNK_ADDRESS) as caller:
            leg = await answered(brain)
            assert (await brain.event(LegDown, leg=leg)).reason == "normal"
            await done(caller)
            ours = re.findall("a=crypto:1 AES_CM_128_HMAC_SHA1_80 .{47}", caller.wait().messages)
    answers = {line for line in ours if not line.endswith(("AAA", "BBB", "!!!"))}
    assert len(answers) == 1, "our key changes within a call"


async def test_a_caller_who_leaves_the_offer_to_us_gets_keys(tmp_path: Path) -> None:
    late = scenario(
        send(request("INVITE")),
        expect(100, optional=True),
        expect(200),
        send(
            request("ACK", to_tag=True, body=keyed("RTP/SAVP").replace("crypto:1", "crypto:2")),
            retrans=False,
        ),
        pause(500),
        send(request("BYE", to_tag=True, cseq=9)),
        expect(200),
    )
    async with legs_running(settings_of(tmp_path, 5060, ALL, "required")) as rig:
        brain = await rig.brain()
        with Sipp(late, remote=rig.sip, address=TRUNK_ADDRESS) as caller:
            leg = await answered(brain)
            assert (await brain.event(LegDown, leg=leg)).reason == "normal"
            await done(caller)


@pytest.mark.parametrize("srtp", ["off", "optional"])
async def test_a_phone_without_keys_talks_in_the_clear(tmp_path: Path, srtp: Srtp) -> None:
    await phone_calls(tmp_path, G722, srtp)


async def test_a_phone_without_keys_is_refused_where_they_are_required(tmp_path: Path) -> None:
    port = free_port(TRUNK_ADDRESS)
    async with legs_running(settings_of(tmp_path, port, ALL, "required")) as rig:
        brain = await rig.brain()
        with phone(tmp_path, port, G722) as baresip:
            await asyncio.to_thread(wait_for, "the phone", lambda: "ready" in baresip.said)
            brain.put(Dial(tok="d", kind="trunk", via="city", to="200"))
            assert (await brain.event(LegDown)).reason == "no-codec"
        dial = f"sip:200@{rig.sip[0]}:{rig.sip[1]}"
        with phone(tmp_path / "in", port, G722, dial=dial) as baresip:
            await asyncio.to_thread(wait_for, "488", lambda: "488" in baresip.said)
        assert not brain.heard(LegIn)
