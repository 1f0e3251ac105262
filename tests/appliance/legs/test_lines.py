"""A hardware line as a leg: a pretend modem on pseudo-terminals, the real driver and engine."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from appliance.base.errors import ConfigError
from appliance.config.model import LineSettings
from appliance.legs.daemon import LegsDaemon
from appliance.wire.commands import Answer, Dial, Hang, Play
from appliance.wire.events import (
    Digit,
    LegDown,
    LegIn,
    LegOut,
    LegUp,
    PlayDone,
    Refused,
    TrunkChanged,
)
from drivers.sim.caller import FarCaller
from drivers.sim.modem import Sim7600Simulator
from drivers.sim.runner import SimulatedModem
from tests.appliance.legs.legsrig import LegsRig, ScriptedBrain, legs_running, settings_for


@contextlib.asynccontextmanager
async def line(folder: Path) -> AsyncIterator[tuple[LegsRig, ScriptedBrain, Sim7600Simulator]]:
    """Run legs with one line, and wait until it is up."""
    modem = SimulatedModem(folder / "modem")
    await modem.start()
    control, audio = modem.paths
    port = LineSettings(profile="sim7600", control=control, audio=audio, number="0800")
    settings = msgspec.structs.replace(settings_for(folder), lines={"gsm1": port})
    try:
        async with legs_running(settings) as rig:
            brain = await rig.brain()
            await brain.until(
                lambda: brain.trunks["gsm1"].up or bool(brain.heard(TrunkChanged)), "line up"
            )
            yield rig, brain, modem.modem
    finally:
        await modem.stop()


async def test_a_call_on_a_line_is_answered_and_its_digits_are_heard(tmp_path: Path) -> None:
    async with line(tmp_path) as (_, brain, modem):
        far = FarCaller(say="tone:440", press="5", press_after_s=1.0, talk_s=30)
        modem.ring("+49151", far, lambda _: None)
        row = (await brain.event(LegIn)).row
        assert (row.kind, row.via, row.caller, row.called) == ("line", "gsm1", "+49151", "0800")
        brain.put(Answer(row.leg))
        await brain.event(LegUp, leg=row.leg)
        brain.put(Play(row.leg, 1, ["tone:440"]))
        assert (await brain.event(Digit, leg=row.leg)).digit == "5"
        await brain.event(PlayDone)
        brain.put(Hang(row.leg))
        assert (await brain.event(LegDown)).by_far is False
        assert max(far.heard) > 1000


async def test_a_caller_who_leaves_a_line_is_told(tmp_path: Path) -> None:
    async with line(tmp_path) as (_, brain, modem):
        modem.ring(None, FarCaller(say="tone:440", talk_s=1.0), lambda _: None)
        row = (await brain.event(LegIn)).row
        assert (row.caller, row.private) == ("", True)
        brain.put(Answer(row.leg))
        down = await brain.event(LegDown)
        assert (down.reason, down.cause, down.by_far) == ("normal", 16, True)


async def test_a_line_is_dialled_and_busy_meanwhile(tmp_path: Path) -> None:
    async with line(tmp_path) as (_, brain, _modem):
        brain.put(Dial(tok="a", kind="line", via="gsm1", to="030123"))
        leg = (await brain.event(LegOut, tok="a")).leg
        brain.put(Dial(tok="b", kind="line", via="gsm1", to="030124"))
        assert (await brain.event(Refused, about="b")).reason == "busy"
        await brain.event(LegUp, leg=leg)
        brain.put(Hang(leg))
        assert (await brain.event(LegDown)).leg == leg


async def test_a_line_that_is_busy_at_the_far_end(tmp_path: Path) -> None:
    async with line(tmp_path) as (_, brain, modem):
        modem.outcomes["030999"] = "busy"
        brain.put(Dial(tok="a", kind="line", via="gsm1", to="030999"))
        assert (await brain.event(LegDown)).reason == "busy"


async def test_a_modem_that_is_pulled_out_ends_its_call(tmp_path: Path) -> None:
    async with line(tmp_path) as (_, brain, modem):
        modem.ring("1", FarCaller(say="tone:440", talk_s=30), lambda _: None)
        leg = (await brain.event(LegIn)).row.leg
        brain.put(Answer(leg))
        await brain.event(LegUp)
        seen = len(brain.heard(TrunkChanged))
        modem.fault("reset")
        assert (await brain.event(LegDown)).reason == "line-lost"
        await brain.count(TrunkChanged, seen + 1)
        assert brain.heard(TrunkChanged)[seen].trunk.up is False


async def test_an_unknown_profile_is_a_bad_setting(tmp_path: Path) -> None:
    port = LineSettings(profile="no-such", control="/dev/null", audio="/dev/null")
    settings = msgspec.structs.replace(settings_for(tmp_path), lines={"gsm1": port})
    with pytest.raises(ConfigError, match="bad-config"):
        LegsDaemon(settings)
