"""The driver end to end over pseudo-terminals, against the pretend modem: calls and sound."""

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest

from drivers.errors import DriverError
from drivers.line import (
    PCM_FRAME_BYTES,
    Alerting,
    Answered,
    DigitHeard,
    Ended,
    Incoming,
    LineState,
    LineUp,
)
from drivers.sim.sound import DTMF_AMPLITUDE, DTMF_HZ, TONE_AMPLITUDE, to_bytes, tones
from tests.drivers.rig import Rig, call_in, level_at, talk, wav_samples


async def test_line_comes_up_and_says_who_it_is(rig: Rig) -> None:
    assert rig.events == [LineUp("Loopback Mobile", -71)]
    assert rig.state() is LineState.IDLE
    assert rig.line.identity.imei == "861234567890123"
    assert rig.line.identity.iccid == "89860012345678901234"
    assert rig.line.pcm_fd is None


async def test_incoming_call_is_answered_and_ended_by_the_caller(rig: Rig) -> None:
    told = call_in(rig)
    assert await rig.wait_for(Incoming) == Incoming("+33612345678")
    assert rig.state() is LineState.RINGING
    await rig.line.answer()
    await rig.wait_for(Answered)
    assert rig.state() is LineState.ACTIVE
    rig.sim.modem.hang_up_far()
    assert await rig.wait_for(Ended) == Ended("normal", 16, by_far=True)
    await rig.until_idle()
    assert rig.line.pcm_fd is None
    assert not rig.sim.modem.pcm_on
    assert [event["event"] for event in told] == ["ringing", "answered", "ended"]


async def test_withheld_number_is_none(rig: Rig) -> None:
    call_in(rig, None)
    assert await rig.wait_for(Incoming) == Incoming(None)


async def test_caller_who_gives_up_has_cancelled(rig: Rig) -> None:
    call_in(rig, patience_s=4.0)
    await rig.wait_for(Incoming)
    assert await rig.wait_for(Ended) == Ended("cancelled", 16, by_far=True)
    await rig.until_idle()


async def test_refused_call_is_declined(rig: Rig) -> None:
    told = call_in(rig)
    await rig.wait_for(Incoming)
    await rig.line.hang_up()
    assert await rig.wait_for(Ended) == Ended("declined", 21, by_far=False)
    await rig.until_idle()
    assert told[-1] == {"event": "ended", "by": "near", "answered": False}


async def test_we_hang_up(rig: Rig) -> None:
    told = await talk(rig)
    await rig.line.hang_up()
    assert await rig.wait_for(Ended) == Ended("normal", 16, by_far=False)
    await rig.until_idle()
    assert told[-1] == {"event": "ended", "by": "near", "answered": True}


async def test_descriptor_lives_until_the_callback_of_the_end_returns(rig: Rig) -> None:
    await talk(rig)
    seen: list[int | None] = []
    inner = rig.line._calls._emit

    def look(event: Any) -> None:
        if isinstance(event, Ended):
            fd = rig.line.pcm_fd
            seen.append(fd)
            assert fd is not None
            os.fstat(fd)
        inner(event)

    rig.line._calls._emit = look
    rig.sim.modem.hang_up_far()
    await rig.wait_for(Ended)
    assert len(seen) == 1


async def test_callers_tone_is_on_the_descriptor_alone(rig: Rig) -> None:
    await talk(rig, say="tone:440")
    heard = await rig.read_pcm(8000)
    assert level_at(heard, 440) == pytest.approx(TONE_AMPLITUDE, rel=0.2)
    assert level_at(heard, 1000) < 0.01


async def test_noise_from_before_the_call_is_not_heard(rig: Rig) -> None:
    rig.sim._pcm.send(to_bytes(tones((2000,), 100, 0.9)))
    await talk(rig)
    assert level_at(await rig.read_pcm(800), 2000) < 0.01


async def test_our_tone_is_in_the_callers_recording(rig: Rig, tmp_path: Path) -> None:
    recording = tmp_path / "heard.wav"
    await talk(rig, record=str(recording))
    fd = rig.line.pcm_fd
    assert fd is not None
    sound = to_bytes(tones((1000,), 2000, TONE_AMPLITUDE))
    for start in range(0, len(sound), PCM_FRAME_BYTES):
        # one frame in for one frame out, as the engine does
        await rig.read_pcm(PCM_FRAME_BYTES // 2)
        os.write(fd, sound[start : start + PCM_FRAME_BYTES])
    await rig.line.hang_up()
    await rig.until_idle()
    heard = wav_samples(recording)
    assert len(heard) >= 16000
    # at ten times the speed of life frames may be late, so the best stretch counts
    stretches = [heard[start : start + 800] for start in range(0, len(heard) - 800, 400)]
    best = max(stretches, key=lambda stretch: level_at(stretch, 1000))
    assert level_at(best, 1000) == pytest.approx(TONE_AMPLITUDE, rel=0.1)
    assert level_at(best, 440) < 0.01


async def test_keys_are_in_the_sound_and_reported(rig: Rig) -> None:
    await talk(rig, press="1", press_after_s=5.0)
    low, high = DTMF_HZ["1"]
    async with asyncio.timeout(20):
        while True:
            frame = await rig.read_pcm(400)
            if level_at(frame, low) > DTMF_AMPLITUDE * 0.8:
                break
    assert level_at(frame, high) > DTMF_AMPLITUDE * 0.8
    assert level_at(frame, DTMF_HZ["9"][0]) < 0.05
    assert await rig.wait_for(DigitHeard) == DigitHeard("1")


async def test_our_digits_reach_the_far_end(rig: Rig) -> None:
    told = await talk(rig)
    await rig.line.send_digits("42#")
    assert [event["digit"] for event in told if event["event"] == "digit"] == ["4", "2", "#"]
    with pytest.raises(DriverError, match="bad-request"):
        await rig.line.send_digits("4x")


async def test_dialled_call_is_answered(rig: Rig) -> None:
    told: list[dict[str, Any]] = []
    rig.sim.modem.tell_dialled = told.append
    await rig.line.dial("+33199000001")
    assert rig.state() is LineState.DIALLING
    await rig.wait_for(Alerting)
    await rig.wait_for(Answered)
    heard = await rig.read_pcm(8000)
    assert level_at(heard, 440) > TONE_AMPLITUDE * 0.5
    await rig.line.hang_up()
    assert (await rig.wait_for(Ended)).reason == "normal"
    await rig.until_idle()
    assert told[0] == {"event": "dialled", "to": "+33199000001"}


@pytest.mark.parametrize(
    ("outcome", "ended"),
    [
        ("busy", Ended("busy", 17)),
        ("no-answer", Ended("no-answer", 19)),
        ("not-found", Ended("not-found", 1)),
        ("congestion", Ended("congestion", 34)),
    ],
)
async def test_dialled_call_fails_with_its_reason(rig: Rig, outcome: str, ended: Ended) -> None:
    rig.sim.modem.outcomes["117"] = outcome
    await rig.line.dial("117")
    assert await rig.wait_for(Ended) == ended
    await rig.until_idle()
    assert not any(isinstance(event, Answered) for event in rig.events)


async def test_dialled_call_is_given_up(rig: Rig) -> None:
    rig.sim.modem.outcomes["117"] = "no-answer"
    await rig.line.dial("117")
    await rig.wait_for(Alerting)
    await rig.line.hang_up()
    assert await rig.wait_for(Ended) == Ended("cancelled", 16, by_far=False)
    await rig.until_idle()


async def test_next_call_may_be_dialled_as_soon_as_one_has_ended(rig: Rig) -> None:
    await talk(rig)
    await rig.line.hang_up()
    await rig.wait_for(Ended)
    await rig.line.dial("118")
    await rig.wait_for(Answered)


async def test_what_makes_no_sense_is_refused_by_word(rig: Rig) -> None:
    for number in ("", "12;AT+CFUN=0", "+", "sip:bob", "1" * 40, "12\r"):
        with pytest.raises(DriverError, match="bad-request"):
            await rig.line.dial(number)
    with pytest.raises(DriverError, match="wrong-state"):
        await rig.line.answer()
    with pytest.raises(DriverError, match="wrong-state"):
        await rig.line.send_digits("1")
    await rig.line.hang_up()
    await talk(rig)
    with pytest.raises(DriverError, match="wrong-state"):
        await rig.line.dial("118")
