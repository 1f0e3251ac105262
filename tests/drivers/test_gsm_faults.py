"""The driver end to end, with what breaks: wires, modems, SIMs, listeners."""

import asyncio
import contextlib
import logging
import random
from pathlib import Path
from typing import Any

import pytest

from drivers.errors import DriverError
from drivers.line import (
    Answered,
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
from tests.drivers.rig import PATIENT, Rig, call_in, rigged, talk


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
