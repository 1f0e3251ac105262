"""The driver end to end over pseudo-terminals, against the pretend modem."""

import asyncio
import contextlib
import logging
import os
import random
from collections.abc import AsyncIterator
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
    Line,
    LineDown,
    LineState,
    LineUp,
)
from drivers.sim.answers import answers
from drivers.sim.caller import FarCaller
from drivers.sim.modem import Sim7600Simulator
from drivers.sim.sound import DTMF_AMPLITUDE, DTMF_HZ, TONE_AMPLITUDE, to_bytes, tones
from tests.drivers.rig import Rig, level_at, rigged, wav_samples

PATIENT = 600.0


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with rigged(tmp_path) as rig:
        await rig.line.start()
        await rig.wait_for(LineUp)
        yield rig


def call_in(
    rig: Rig, number: str | None = "+33612345678", *, patience_s: float = PATIENT, **far: Any
) -> list[dict[str, Any]]:
    """Let somebody call, and return the list of what they will be told."""
    told: list[dict[str, Any]] = []
    caller = FarCaller(**({"talk_s": PATIENT} | far))
    rig.sim.modem.ring(number, caller, told.append, patience_s=patience_s)
    return told


async def talk(rig: Rig, **far: Any) -> list[dict[str, Any]]:
    """Let somebody call and answer them."""
    told = call_in(rig, **far)
    await rig.wait_for(Incoming)
    await rig.line.answer()
    await rig.wait_for(Answered)
    return told


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


async def test_reset_during_a_call_ends_it_and_the_line_comes_back(rig: Rig) -> None:
    await talk(rig)
    rig.sim.modem.fault("reset")
    assert await rig.wait_for(Ended) == Ended("line-lost", 0, by_far=False)
    assert (await rig.wait_for(LineDown)).reason == "line-lost"
    assert rig.state() is LineState.DOWN
    with pytest.raises(DriverError, match="line-lost"):
        await rig.line.dial("118")
    await rig.wait_for(LineUp)
    await talk(rig)


async def test_restart_behind_an_open_port_is_noticed(rig: Rig) -> None:
    await talk(rig)
    rig.sim.modem.fault("restart")
    assert (await rig.wait_for(Ended)).reason == "line-lost"
    assert (await rig.wait_for(LineDown)).reason in {"line-lost", "line-silent"}
    await rig.wait_for(LineUp)
    await talk(rig)


async def test_silent_modem_is_noticed_and_comes_back(rig: Rig) -> None:
    await talk(rig)
    rig.sim.modem.fault("silent")
    assert await rig.wait_for(Ended) == Ended("line-silent", 0, by_far=False)
    assert (await rig.wait_for(LineDown)).reason == "line-silent"
    rig.sim.modem.fault("clear")
    await rig.wait_for(LineUp)
    # the call that outlived our silence has nobody to talk to
    await rig.until(lambda: rig.sim.modem.call is None)
    await rig.until_idle()


async def test_lost_network_is_reported_and_regained(rig: Rig) -> None:
    rig.sim.modem.fault("no-network")
    assert (await rig.wait_for(LineDown)).reason == "no-signal"
    # the radio is switched off and on after a while, which is what brings it back here
    await rig.wait_for(LineUp)
    assert rig.sim.modem.registered


async def test_worn_sound_path_is_cured_by_a_reset(rig: Rig) -> None:
    rig.sim.modem.fault("worn")
    await talk(rig)
    await rig.line.hang_up()
    assert (await rig.wait_for(Ended)).reason == "normal"
    assert "worn" in (await rig.wait_for(LineDown)).detail
    await rig.wait_for(LineUp)
    assert rig.sim.modem.audio_cycles == 0
    await talk(rig)


@pytest.mark.parametrize("fault", ["drip", "slow", "echo", "garbage"])
async def test_calls_get_through_on_a_bad_wire(rig: Rig, fault: str) -> None:
    rig.sim.modem.fault(fault)
    for _ in range(3):
        call_in(rig)
        await rig.wait_for(Incoming)
        await rig.line.answer()
        await rig.wait_for(Answered)
        rig.sim.modem.hang_up_far()
        assert (await rig.wait_for(Ended)).reason == "normal"
        await rig.until_idle()


async def test_modem_that_is_plugged_in_late_comes_up(tmp_path: Path) -> None:
    async with rigged(tmp_path) as rig:
        await rig.sim.stop()
        await rig.line.start()
        assert (await rig.wait_for(LineDown)).reason == "line-lost"
        rig.sim.modem.boot(0.0)
        await rig.sim.start()
        await rig.wait_for(LineUp)


async def test_port_in_use_is_reported_as_that(tmp_path: Path) -> None:
    async with rigged(tmp_path) as rig:
        await rig.line.start()
        await rig.wait_for(LineUp)
        first = rig.line
        try:
            rig.plug()
            await rig.line.start()
            assert (await rig.wait_for(LineDown)).reason == "port-busy"
        finally:
            await first.close()
        await rig.wait_for(LineUp)


async def test_closed_line_has_hung_up(rig: Rig) -> None:
    await talk(rig)
    await rig.line.close()
    assert [type(event) for event in rig.events[-2:]] == [Ended, LineDown]
    assert rig.events[-1] == LineDown("shutdown", "the line was closed")
    await rig.until(lambda: rig.sim.modem.call is None)


@pytest.mark.parametrize(
    ("sim_pin", "pin", "attempts"),
    [("1234", None, 3), ("1234", "9999", 1), ("1234", "1234", 1), ("1234", "1234", 0)],
)
async def test_locked_sim_costs_no_attempt(
    tmp_path: Path, sim_pin: str, pin: str | None, attempts: int
) -> None:
    async with rigged(tmp_path, pin=sim_pin, pin_attempts=attempts) as rig:
        rig.plug(pin=pin)
        await rig.line.start()
        assert (await rig.wait_for(LineDown)).reason == "sim-locked"
        assert rig.sim.modem.pin_attempts == attempts
        assert rig.sim.modem.locked


async def test_wrong_pin_is_sent_once_only(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with rigged(tmp_path, pin="1234") as rig:
        rig.plug(pin="9999")
        with caplog.at_level(logging.INFO, logger="drivers.gsm"):
            await rig.line.start()
            assert (await rig.wait_for(LineDown)).reason == "sim-locked"
            await rig.until(lambda: caplog.text.count("it is not sent again") >= 3)
        assert rig.sim.modem.pin_attempts == 2


async def test_right_pin_opens_the_sim(tmp_path: Path) -> None:
    async with rigged(tmp_path, pin="1234") as rig:
        rig.plug(pin="1234")
        await rig.line.start()
        await rig.wait_for(LineUp)
        assert not rig.sim.modem.locked


def test_pin_that_cannot_be_one_is_a_configuration_error(tmp_path: Path) -> None:
    with pytest.raises(DriverError, match="bad-config"):
        Rig.plug(_unplugged(tmp_path), pin="12a4")


def _unplugged(folder: Path) -> Rig:
    class Nothing:
        paths = (str(folder / "at"), str(folder / "pcm"))

    return Rig(Nothing())  # type: ignore[arg-type]


class OneIndex(Sim7600Simulator):
    """A modem that gives every call the same index."""

    def ring(self, *args: Any, **options: Any) -> None:
        self._indexes = 0
        super().ring(*args, **options)


@pytest.mark.parametrize("answered", [True, False])
async def test_next_caller_is_not_taken_for_the_one_before(tmp_path: Path, answered: bool) -> None:
    async with rigged(tmp_path, kind=OneIndex) as rig:
        await rig.line.start()
        await rig.wait_for(LineUp)
        call_in(rig, "1001")
        await rig.wait_for(Incoming)
        if answered:
            await rig.line.answer()
            await rig.wait_for(Answered)
        rig.sim.modem.hang_up_far()
        call_in(rig, "1002")
        assert (await rig.wait_for(Ended)).reason == ("normal" if answered else "cancelled")
        assert await rig.wait_for(Incoming) == Incoming("1002")


class Forgetful(Sim7600Simulator):
    """A modem that refuses to list its calls now and then."""

    refusals = 0

    @answers(r"AT\+CLCC")
    def _sometimes(self) -> list[str] | str:
        self.refusals = (self.refusals + 1) % 3
        return "ERROR" if self.refusals == 1 else self._list()


async def test_refused_look_does_not_take_the_line_down(tmp_path: Path) -> None:
    async with rigged(tmp_path, kind=Forgetful) as rig:
        await rig.line.start()
        await rig.wait_for(LineUp)
        await talk(rig)
        rig.sim.modem.hang_up_far()
        await rig.wait_for(Ended)
        assert not any(isinstance(event, LineDown) for event in rig.events)


async def test_modem_without_sound_gives_the_call_up(tmp_path: Path) -> None:
    class Mute(Sim7600Simulator):
        @answers(r"AT\+CPCMREG=1")
        def _never(self) -> str:
            return "ERROR"

    async with rigged(tmp_path, kind=Mute) as rig:
        await rig.line.start()
        await rig.wait_for(LineUp)
        call_in(rig)
        await rig.wait_for(Incoming)
        await rig.line.answer()
        assert await rig.wait_for(Ended) == Ended("line-lost", 0, by_far=False)
        assert not any(isinstance(event, Answered) for event in rig.events)
        assert "worn" in (await rig.wait_for(LineDown)).detail


async def test_dial_that_raises_is_followed_by_no_end(tmp_path: Path) -> None:
    class Deaf(Sim7600Simulator):
        @answers(r"ATD(\d+);")
        def _silently(self, number: str) -> list[str]:
            self._dial(number)
            return []

    async with rigged(tmp_path, kind=Deaf) as rig:
        await rig.line.start()
        await rig.wait_for(LineUp)
        rig.sim.modem.make_callee = lambda _: FarCaller(talk_s=PATIENT)
        line: Line = rig.line
        with pytest.raises(DriverError, match="line-silent"):
            await line.dial("118")
        # what rings out there all the same is hung up
        await rig.until(lambda: rig.sim.modem.call is None)
        await rig.until_idle()
        assert not any(isinstance(event, Ended | Answered) for event in rig.events)


async def test_broken_listener_does_not_kill_the_line(tmp_path: Path) -> None:
    async with rigged(tmp_path) as rig:
        heard = rig.on_event
        broken = [True]

        def once_broken(event: Any) -> None:
            heard(event)
            if broken.pop() if broken else False:
                raise RuntimeError("listener")

        rig.plug()
        rig.line._on_event = once_broken
        await rig.line.start()
        await rig.wait_for(LineUp)
        assert (await rig.wait_for(LineDown)).reason == "internal"
        await rig.wait_for(LineUp)


@pytest.mark.parametrize("seed", range(4))
async def test_fifty_calls_with_faults_end_idle(rig: Rig, seed: int) -> None:
    """Whatever breaks and whoever hangs up when: the line is idle again, each call told once."""
    luck = random.Random(seed)
    modem = rig.sim.modem
    faults = ["", "", "", "", "", "drip", "echo", "slow", "garbage", "reset", "restart", "worn"]
    for _ in range(50):
        await rig.until(lambda: rig.line.state is LineState.IDLE and modem.call is None)
        fault = luck.choice(faults)
        with contextlib.suppress(DriverError):
            if luck.random() < 0.5:
                call_in(rig, patience_s=luck.choice([1.0, PATIENT]), talk_s=luck.choice([1, 9]))
            else:
                modem.outcomes["117"] = luck.choice(["answer", "busy", "no-answer"])
                await rig.line.dial("117")
        if luck.random() < 0.3:
            modem.fault(fault or "clear")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(luck.random() * 0.2):
                await rig.wait_for(Incoming)
        with contextlib.suppress(DriverError):
            await luck.choice([rig.line.answer, rig.line.hang_up, rig.line.answer])()
        if fault and luck.random() < 0.5:
            modem.fault(fault)
        if luck.random() < 0.5:
            modem.hang_up_far()
        modem.fault("clear")
        if modem.call is not None and luck.random() < 0.7:
            with contextlib.suppress(DriverError):
                await rig.line.hang_up()
        modem.hang_up_far()
    await rig.until(lambda: rig.line.state is LineState.IDLE and modem.call is None)
    await talk(rig)
    open_calls = 0
    for event in rig.events:
        open_calls += isinstance(event, Incoming)
        open_calls -= isinstance(event, Ended) and open_calls > 0
        assert open_calls <= 1
