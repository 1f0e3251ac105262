"""A supervised, recorded and tapped talk while the brain is away; what the next one is shown."""

import asyncio
from pathlib import Path

from appliance.wire.commands import (
    Answer,
    BrainRecord,
    Bridge,
    Hang,
    Level,
    Listen,
    MaskDigits,
    PauseRecord,
    RecordLeg,
    StopRecord,
    StopTap,
    Tap,
)
from appliance.wire.events import (
    Bridged,
    LegDown,
    LegIn,
    LegUp,
    RecordingDone,
    RecordingGap,
    Refused,
    TapEnded,
)
from appliance.wire.rows import Part
from tests.appliance.legs.legsrig import (
    CALLER,
    DEADLINE_S,
    TRUNK_ADDRESS,
    ScriptedBrain,
    done,
    legs_running,
    settings_for,
)
from tests.sippkit import Sipp

#: a tap's frame of both sides: head and 20 ms at 8 kHz, 16 bits
FRAME_OCTETS = 16 + 2 * 160 * 2


async def three_up(brain: ScriptedBrain) -> list[int]:
    """Answer three callers; return their legs."""
    await brain.count(LegIn, 3)
    legs = [event.row.leg for event in brain.heard(LegIn)]
    brain.put(*(Answer(leg) for leg in legs))
    await brain.count(LegUp, 3)
    return legs


async def test_nothing_ends_and_the_snapshot_shows_it(tmp_path: Path) -> None:
    async with legs_running(settings_for(tmp_path)) as rig:
        desk = tmp_path / "state" / "taps" / "desk"
        there: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Queue()
        server = await asyncio.start_unix_server(lambda *ends: there.put_nowait(ends), str(desk))
        brain = await rig.brain()
        with Sipp(CALLER, remote=rig.sip, address=TRUNK_ADDRESS, calls=3) as callers:
            caller, agent, boss = await three_up(brain)
            set_up: list[BrainRecord] = [
                Bridge("b", [caller, agent, boss], (Part(boss, "whisper", agent),)),
                RecordLeg(agent, "r", "r.wav"),
                PauseRecord("r"),
                MaskDigits(caller),
                Level(boss, says_db=-6.0, mute=True),
                Listen(caller, ("busy",), talk=True),
                Tap(agent, "t", "desk"),
            ]
            brain.put(*set_up)
            reader, writer = await there.get()
            await brain.stop()
            async with asyncio.timeout(DEADLINE_S):
                await reader.readexactly(50 * FRAME_OCTETS)

            again = await rig.brain()
            rows = again.rows
            assert [rows[leg].bridge for leg in (caller, agent, boss)] == ["b"] * 3
            assert (rows[boss].role, rows[boss].whispers_to) == ("whisper", agent)
            assert (rows[boss].says_db, rows[boss].mute) == (-6.0, True)
            assert (rows[agent].recording, rows[agent].paused) == ("r", True)
            assert rows[agent].taps == ("t",)
            assert (rows[caller].masked, rows[caller].listens) == (True, ("busy", "talk"))

            again.put(*set_up)  # as a brain that is not sure would say it again
            again.put(PauseRecord("r", on=False), StopTap("t"))
            await again.event(TapEnded, tap="t", reason="stopped")
            await again.event(RecordingGap, recording="r", why="paused")
            again.put(StopRecord("r"))
            await again.event(RecordingDone, recording="r", reason="normal")
            assert (await again.event(Bridged)).parts == (Part(boss, "whisper", agent),)
            assert not again.heard(Refused)
            again.put(*(Hang(leg) for leg in (boss, agent, caller)))
            await again.count(LegDown, 3)
            await done(callers)
        writer.close()
        server.close()
        await server.wait_closed()
