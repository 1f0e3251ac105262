"""Callers without a brain: they ring, hear music, go to the last resort, are released."""

import asyncio
from pathlib import Path

from appliance.config.model import LegsSettings
from appliance.wire.commands import Answer, Bridge, Dial, Fallback, Level, Play, ReceiveFax
from appliance.wire.events import LegDown, LegIn, LegOut, LegUp, Refused
from tests.appliance.legs.legsrig import (
    CALLEE,
    CALLER,
    DEADLINE_S,
    TRUNK_ADDRESS,
    answered,
    done,
    legs_running,
    settings_for,
)
from tests.ports import free_port
from tests.sippkit import SDP, Sipp, expect, request, scenario, send

#: rings, and is told when to try again
RINGS_THEN_503 = scenario(
    send(request("INVITE", body=SDP)),
    expect(100, optional=True),
    expect(180),
    expect(503),
    send(request("ACK", to_tag=True), retrans=False),
)


async def test_a_new_call_rings_and_is_then_told_to_try_again(tmp_path: Path) -> None:
    settings = settings_for(tmp_path, legs=LegsSettings(orphan_new_s=1.0))
    async with legs_running(settings) as rig:
        with Sipp(RINGS_THEN_503, remote=rig.sip, address=TRUNK_ADDRESS) as caller:
            await done(caller)
            assert "Retry-After: 10" in caller.wait().messages
        brain = await rig.brain()
        (tomb,) = brain.rows.values()
        assert (tomb.state, tomb.reason) == ("down", "orphaned")


async def test_a_call_that_rings_is_answered_by_the_brain_that_comes_back(tmp_path: Path) -> None:
    async with legs_running(settings_for(tmp_path)) as rig:
        with Sipp("uac", remote=rig.sip, address=TRUNK_ADDRESS, args=["-d", "300"]) as caller:
            while not rig.daemon.table.rows:
                brain = await rig.brain()
                await brain.stop()
            brain = await rig.brain()
            (row,) = brain.rows.values()
            brain.put(Answer(row.leg))
            await brain.event(LegUp, leg=row.leg)
            await done(caller)


async def test_a_waiting_caller_hears_music_and_is_released_with_an_apology(
    tmp_path: Path,
) -> None:
    settings = settings_for(tmp_path, legs=LegsSettings(orphan_waiting_s=1.0))
    async with legs_running(settings) as rig:
        brain = await rig.brain()
        with Sipp(CALLER, remote=rig.sip, address=TRUNK_ADDRESS) as caller:
            leg = await answered(brain)
            await brain.stop()
            await done(caller)
        again = await rig.brain()
        tomb = again.rows[leg]
        assert (tomb.reason, tomb.t_down - tomb.t_up > 1.0) == ("orphaned", True)


async def test_a_fax_goes_on_without_music(tmp_path: Path) -> None:
    settings = settings_for(tmp_path, legs=LegsSettings(orphan_waiting_s=0.5))
    async with legs_running(settings) as rig:
        brain = await rig.brain()
        with Sipp(CALLER, remote=rig.sip, address=TRUNK_ADDRESS, calls=2) as callers:
            await brain.count(LegIn, 2)
            brain.put(Answer(1), Answer(2))
            await brain.count(LegUp, 2)
            brain.put(ReceiveFax(1, "f", "f.tif"), Play(1, 1, ["tone:440"]))
            await brain.event(Refused)  # so the fax runs
            await brain.stop()
            while 2 in rig.daemon.table.rows:  # noqa: ASYNC110 - the test's own deadline
                await asyncio.sleep(0.05)
            row = rig.daemon.table.rows[1]
            assert (row.state, row.fax, row.play) == ("up", "f", 0)
            rig.daemon.exchange.hang(1, "normal")
            await done(callers)


async def test_music_begins_at_once_and_a_brain_in_time_takes_over(tmp_path: Path) -> None:
    async with legs_running(settings_for(tmp_path)) as rig:
        brain = await rig.brain()
        with Sipp(CALLER, remote=rig.sip, address=TRUNK_ADDRESS) as caller:
            leg = await answered(brain)
            await brain.stop()
            again = await rig.brain()
            while not again.rows[leg].play:
                await again.stop()
                again = await rig.brain()
            assert again.rows[leg].play < 0
            again.put(Play(leg, 5, ["tone:busy"]))
            await again.until(lambda: rig.daemon.table.rows[leg].play == 5 or False)
            rig.daemon.exchange.hang(leg, "normal")
            await done(caller)


async def test_a_waiting_caller_goes_to_the_number_of_last_resort(tmp_path: Path) -> None:
    trunk_port = free_port(TRUNK_ADDRESS)
    settings = settings_for(
        tmp_path, trunk_port=trunk_port, legs=LegsSettings(orphan_waiting_s=0.5)
    )
    async with legs_running(settings) as rig:
        brain = await rig.brain()
        with (
            Sipp(CALLEE, address=TRUNK_ADDRESS, port=trunk_port) as callee,
            Sipp("uac", remote=rig.sip, address=TRUNK_ADDRESS, args=["-d", "3000"]) as caller,
        ):
            leg = await answered(brain)
            brain.put(Fallback("city", "0309999"), Level(leg, mute=True, deaf=True))
            await brain.stop()
            async with asyncio.timeout(DEADLINE_S):
                while not rig.daemon.table.bridges:  # noqa: ASYNC110 - nobody is there to be told
                    await asyncio.sleep(0.02)
            assert set(rig.daemon.media._bridge_numbers) == set(rig.daemon.table.bridges)
            row = rig.daemon.table.rows[leg]
            assert not row.mute
            assert not row.deaf
            await done(caller)
            await done(callee)
            assert "INVITE sip:0309999@" in callee.wait().messages
        again = await rig.brain()
        assert again.rows[leg].reason == "normal"
        (dialled,) = [row for row in again.rows.values() if row.out]
        assert (dialled.reason, dialled.owner) == ("bridge-ended", leg)


async def test_a_talk_is_never_touched(tmp_path: Path) -> None:
    trunk_port = free_port(TRUNK_ADDRESS)
    settings = settings_for(
        tmp_path, trunk_port=trunk_port, legs=LegsSettings(orphan_waiting_s=0.3)
    )
    async with legs_running(settings) as rig:
        brain = await rig.brain()
        with (
            Sipp(CALLEE, address=TRUNK_ADDRESS, port=trunk_port) as callee,
            Sipp("uac", remote=rig.sip, address=TRUNK_ADDRESS, args=["-d", "2500"]) as caller,
        ):
            leg = await answered(brain)
            brain.put(Dial(tok="d", kind="trunk", via="city", to="1", owner=leg))
            out = (await brain.event(LegOut)).leg
            await brain.event(LegUp, leg=out)
            brain.put(Bridge("b", [leg, out]))
            await brain.until(lambda: bool(rig.daemon.table.bridges) or bool(brain.events))
            await brain.stop()
            await done(caller)
            await done(callee)
        again = await rig.brain()
        assert again.rows[leg].reason == "normal"
        assert again.rows[out].reason == "bridge-ended"
        assert not again.heard(LegIn)
        assert not again.heard(LegDown)
