"""Comfort noise (RFC 3389) with a far end of our own: agreed in SDP, in by RTP, out by RTP."""

import itertools
from pathlib import Path

import pytest

from appliance.wire.commands import Dial, Hang, Play, RecordLeg
from appliance.wire.events import LegDown, LegQuality, LegUp, RecordingDone
from tests.appliance.legs.legsrig import (
    TRUNK_ADDRESS,
    ScriptedBrain,
    answered,
    done,
    legs_running,
    settings_for,
)
from tests.appliance.legs.rtprig import FarRtp, callee, caller, far_rtp
from tests.audio import FRAME, frames, read_wav, tone, total_dbm0
from tests.ports import free_port
from tests.sippkit import Sipp

NOISE_PT, SOUND_PT = 13, 8
TONE_HZ = 440
#: a far end's noise [-dBov], and the same [dBm0]: 0 dBov is 6.15 dBm0 (RFC 3389 §3.1)
BELOW_DBOV = 60
NOISE_DBM0 = 6.15 - BELOW_DBOV
WITH_NOISE = "m=audio {port} RTP/AVP 8 13\n"
WITHOUT = "m=audio {port} RTP/AVP 8\n"


async def hang_up(brain: ScriptedBrain, leg: int, sipp: Sipp) -> LegQuality:
    """Hang up, and return what was heard on the leg."""
    brain.put(Hang(leg))
    assert (await brain.event(LegDown, leg=leg)).reason == "normal"
    await done(sipp)
    return await brain.event(LegQuality, leg=leg)


def frames_of_pause(path: Path) -> list[float]:
    """Return the levels of a recording's frames between its two tones, but those at the edges."""
    levels = frames(read_wav(path)[:, 0], FRAME)
    loud = [i for i, frame in enumerate(levels) if total_dbm0(frame) > -20]
    gaps = [(b - a, a) for a, b in itertools.pairwise(loud)]
    length, begin = max(gaps)
    return [total_dbm0(frame) for frame in levels[begin + 5 : begin + length - 5]]


async def speak_with_a_pause(far: FarRtp) -> None:
    """Say a tone, pause with a packet of noise now and then, and say the tone again."""
    await far.say(tone(TONE_HZ, 1000))
    for _ in range(6):
        far.send(NOISE_PT, bytes([BELOW_DBOV]))
        await far.rest(0.5)
    await far.say(tone(TONE_HZ, 1000))


async def test_a_far_end_that_pauses_is_heard_as_its_noise(tmp_path: Path) -> None:
    """Its pause is longer than the silence after which a leg counts as lost."""
    settings = settings_for(tmp_path, silence_s=2.0)
    async with legs_running(settings) as rig, far_rtp() as far:
        brain = await rig.brain()
        calls = caller(WITH_NOISE.format(port=far.port))
        with Sipp(calls, remote=rig.sip, address=TRUNK_ADDRESS) as sipp:
            leg = await answered(brain)
            brain.put(RecordLeg(leg, "talk", "talk.wav"))
            await far.get(1, SOUND_PT)
            await speak_with_a_pause(far)
            quality = await hang_up(brain, leg, sipp)
            await brain.event(RecordingDone)
            assert "a=rtpmap:13 CN/8000" in sipp.wait().messages
    assert quality.refused == 0
    levels = frames_of_pause(Path(settings.state_dir) / "recordings" / "talk.wav")
    assert len(levels) > 100
    assert max(levels) < NOISE_DBM0 + 3
    assert min(levels) > NOISE_DBM0 - 3


async def hears_silence_then_a_tone(brain: ScriptedBrain, leg: int, far: FarRtp) -> None:
    """Have the far end hear nothing until one packet says so, and then a tone."""
    (noise, *_) = await far.get(1, NOISE_PT)
    assert len(noise.payload) == 1
    assert noise.payload[0] == 127
    before = len(far.of(SOUND_PT))
    brain.put(Play(leg, 1, [f"tone:{TONE_HZ}"], loop=True))
    first = (await far.get(before + 1, SOUND_PT))[before]
    assert first.marker, "a talk spurt begins (RFC 3551 §4.1)"
    assert first.after(noise) % FRAME == 0


async def test_a_caller_who_takes_it_gets_noise_for_silence(tmp_path: Path) -> None:
    async with legs_running(settings_for(tmp_path)) as rig, far_rtp() as far:
        brain = await rig.brain()
        calls = caller(WITH_NOISE.format(port=far.port))
        with Sipp(calls, remote=rig.sip, address=TRUNK_ADDRESS) as sipp:
            leg = await answered(brain)
            await hears_silence_then_a_tone(brain, leg, far)
            await hang_up(brain, leg, sipp)


@pytest.mark.parametrize("takes", [WITH_NOISE, WITHOUT], ids=["takes-it", "does-not"])
async def test_a_callee_decides_whether_silence_is_sent(tmp_path: Path, takes: str) -> None:
    port = free_port(TRUNK_ADDRESS)
    async with legs_running(settings_for(tmp_path, trunk_port=port)) as rig, far_rtp() as far:
        brain = await rig.brain()
        answers = callee(takes.format(port=far.port))
        with Sipp(answers, address=TRUNK_ADDRESS, port=port) as sipp:
            brain.put(Dial(tok="d", kind="trunk", via="city", to="1"))
            leg = (await brain.event(LegUp)).leg
            if takes is WITH_NOISE:
                await hears_silence_then_a_tone(brain, leg, far)
            else:  # a second of silence, each packet of it
                await far.get(50, SOUND_PT)
                assert {packet.payload_type for packet in far.packets} == {SOUND_PT}
            await hang_up(brain, leg, sipp)
            assert "a=rtpmap:13 CN/8000" in sipp.wait().messages


async def test_who_was_not_offered_it_gets_none(tmp_path: Path) -> None:
    async with legs_running(settings_for(tmp_path)) as rig, far_rtp() as far:
        brain = await rig.brain()
        calls = caller(WITHOUT.format(port=far.port))
        with Sipp(calls, remote=rig.sip, address=TRUNK_ADDRESS) as sipp:
            leg = await answered(brain)
            heard = await far.get(50, SOUND_PT)
            assert {packet.payload_type for packet in far.packets} == {SOUND_PT}
            assert {b.after(a) for a, b in itertools.pairwise(heard)} == {FRAME}
            await hang_up(brain, leg, sipp)
