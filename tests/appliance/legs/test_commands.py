"""Commands that no sound brain would send: each is refused by word, and legs stay whole."""

import asyncio
import math
from pathlib import Path

import pytest

from appliance.wire.commands import (
    Account,
    Accounts,
    Answer,
    BrainRecord,
    Bridge,
    Dial,
    Hang,
    Level,
    Listen,
    MaskDigits,
    PauseRecord,
    Peer,
    Peers,
    Play,
    ReceiveFax,
    RecordLeg,
    Ring,
    Seek,
    SendDigits,
    SendFax,
    StopFax,
    StopRecord,
    Tap,
    Unbridge,
)
from appliance.wire.events import Bridged, FaxDone, LegDown, LegIn, LegUp, PlayDone, Refused
from appliance.wire.rows import Part
from appliance.wire.session import Ack
from tests.appliance.legs.legsrig import (
    CALLER,
    TRUNK_ADDRESS,
    answered,
    done,
    legs_running,
    settings_for,
)
from tests.sippkit import Sipp

BIG = 2**63 - 1
NO_LEG: list[BrainRecord] = [
    Answer(0),
    Answer(-1),
    Answer(BIG),
    Ring(BIG),
    Hang(-BIG),
    Play(BIG, 1, ["x"]),
    SendDigits(BIG, "1"),
    RecordLeg(BIG, "r", "r.wav"),
    ReceiveFax(BIG, "f", "f.tif"),
    SendFax(BIG, "f", "f.tif"),
]
SENSELESS: list[tuple[BrainRecord, str]] = [
    (Hang(1, "no-such-reason"), "bad-request"),
    (Hang(1, 'normal"\r\nX-Evil: 1'), "bad-request"),
    (Ring(1), "wrong-state"),
    (Play(1, 0, ["tone:busy"]), "bad-request"),
    (Play(1, -1, ["tone:busy"]), "bad-request"),
    (Play(1, BIG, ["tone:busy"]), "bad-request"),
    (Play(1, 1, []), "bad-request"),
    (Play(1, 1, ["tone:busy"] * 65), "bad-request"),
    (Play(1, 1, ["tone:9999999"]), "unknown-prompt"),
    (Bridge("", [1, 2]), "bad-request"),
    (Bridge("b", [1, 1]), "bad-request"),
    (Bridge("b", [1, 2]), "gone"),
    (Bridge("b", list(range(100))), "bad-request"),
    (Bridge("b", [1, 2], (Part(3, "listen"),)), "gone"),
    (Level(1, says_db=math.nan), "bad-request"),
    (PauseRecord("none"), "gone"),
    (MaskDigits(2), "gone"),
    (Tap(1, "t", "../legs.sock"), "tap-failed"),
    (Seek(1, 5, 0), "gone"),
    (Listen(1, ("no-tone",)), "unknown-prompt"),
    (SendDigits(1, "1" * 65), "bad-request"),
    (SendDigits(1, "１"), "bad-request"),
    (RecordLeg(1, "r", "/etc/passwd"), "recording-failed"),
    (ReceiveFax(1, "", "f.tif"), "bad-request"),
    (ReceiveFax(1, "f", "/etc/f.tif"), "write-failed"),
    (ReceiveFax(1, "f", "../f.tif"), "write-failed"),
    (ReceiveFax(1, "f", "f.tif\0"), "write-failed"),
    (ReceiveFax(1, "f", "f.wav"), "write-failed"),
    (ReceiveFax(1, "f", "x" * 300 + "/f.tif"), "write-failed"),
    (ReceiveFax(1, "f", "f.tif", "4" * 21), "bad-request"),
    (ReceiveFax(1, "f", "f.tif", "4\r\n"), "bad-request"),
    (SendFax(1, "f", "none.tif"), "bad-file"),
    (SendFax(1, "f", "../../f.tif"), "bad-file"),
    (Dial(tok="", kind="trunk", via="city", to="1"), "bad-request"),
    (Dial(tok="t", kind="trunk", via="city", to="1\r\nX: y"), "bad-request"),
    (Dial(tok="t", kind="trunk", via="city", to=""), "bad-request"),
    (Dial(tok="t", kind="line", via="city", to="1"), "unknown-trunk"),
    (Accounts('a"realm', [Account("1", "x")]), "bad-request"),
]


@pytest.mark.parametrize("command", NO_LEG, ids=str)
async def test_a_command_about_no_leg_is_refused(tmp_path: Path, command: BrainRecord) -> None:
    async with legs_running(settings_for(tmp_path)) as rig:
        brain = await rig.brain()
        brain.put(command)
        assert (await brain.event(Refused)).reason == "gone"


async def test_senseless_commands_leave_a_call_as_it_was(tmp_path: Path) -> None:
    async with legs_running(settings_for(tmp_path)) as rig:
        brain = await rig.brain()
        with Sipp(CALLER, remote=rig.sip, address=TRUNK_ADDRESS) as caller:
            assert await answered(brain) == 1
            brain.put(*(command for command, _ in SENSELESS))
            await brain.count(Refused, len(SENSELESS))
            found = [event.reason for event in brain.heard(Refused)]
            assert found == [reason for _, reason in SENSELESS]
            assert rig.daemon.table.rows[1].state == "up"
            brain.put(Hang(1))
            assert (await brain.event(LegDown)).reason == "normal"
            await done(caller)


async def test_what_is_harmless_is_not_refused(tmp_path: Path) -> None:
    async with legs_running(settings_for(tmp_path)) as rig:
        brain = await rig.brain()
        with Sipp(CALLER, remote=rig.sip, address=TRUNK_ADDRESS) as caller:
            leg = await answered(brain)
            brain.put(Answer(leg), Unbridge("none"), StopRecord("none"), StopFax("none"))
            brain.put(Hang(leg), Hang(leg))
            await brain.event(LegDown)
            await done(caller)
        brain.put(Answer(99))
        assert (await brain.event(Refused)).about == "99"
        assert len(brain.heard(Refused)) == 1


@pytest.mark.parametrize("ring_s", [math.nan, -1.0, math.inf])
async def test_a_ring_time_that_is_none_does_no_harm(tmp_path: Path, ring_s: float) -> None:
    async with legs_running(settings_for(tmp_path)) as rig:
        brain = await rig.brain()
        brain.put(Dial(tok="t", kind="trunk", via="city", to="1", ring_s=ring_s))
        brain.put(Hang(1))
        assert (await brain.event(LegDown)).reason == "normal"


async def test_a_peer_whose_address_is_none_fails_alone(tmp_path: Path) -> None:
    async with legs_running(settings_for(tmp_path)) as rig:
        brain = await rig.brain()
        brain.put(
            Peers("me", [Peer("b", "not an address>\r\n", 70000)]),
            Dial(tok="t", kind="peer", via="b", reservation="r"),
        )
        assert (await brain.event(LegDown)).reason == "bad-request"


async def test_a_leg_with_a_fax_does_nothing_else(tmp_path: Path) -> None:
    during: list[BrainRecord] = [
        Play(1, 2, ["tone:440"]),
        Bridge("b", [1, 2]),
        SendDigits(1, "1"),
        ReceiveFax(1, "g", "g.tif"),
    ]
    async with legs_running(settings_for(tmp_path)) as rig:
        brain = await rig.brain()
        with Sipp(CALLER, remote=rig.sip, address=TRUNK_ADDRESS, calls=2) as callers:
            await brain.count(LegIn, 2)
            brain.put(Answer(1), Answer(2))
            await brain.count(LegUp, 2)
            brain.put(Bridge("b", [1, 2]), Play(1, 1, ["tone:440"], loop=True))
            brain.put(ReceiveFax(1, "f", "f.tif"), ReceiveFax(1, "f", "f.tif"), *during)
            await brain.count(Refused, len(during))
            assert {event.reason for event in brain.heard(Refused)} == {"wrong-state"}
            assert (await brain.event(PlayDone, play=1)).why == "stopped"
            rows = rig.daemon.table.rows
            assert [(rows[leg].bridge, rows[leg].fax) for leg in (1, 2)] == [("", "f"), ("", "")]
            brain.put(StopFax("f"))
            assert (await brain.event(FaxDone)).reason == "call-dropped"
            brain.put(Bridge("b", [1, 2]))
            await brain.count(Bridged, 2)
            brain.put(Hang(1))
            await brain.count(LegDown, 2)
            await done(callers)


async def test_the_end_of_a_fax_is_told_to_the_next_brain(tmp_path: Path) -> None:
    async with legs_running(settings_for(tmp_path)) as rig:
        brain = await rig.brain()
        with Sipp(CALLER, remote=rig.sip, address=TRUNK_ADDRESS) as caller:
            leg = await answered(brain)
            brain.put(ReceiveFax(leg, "f", "f.tif"))
            brain.put(SendDigits(leg, "1"))
            await brain.event(Refused)  # so the fax runs
            await brain.stop()
            rig.daemon.exchange.hang(leg, "normal")
            await done(caller)
        while rig.daemon.faxes.busy:  # noqa: ASYNC110 - the test's own deadline
            await asyncio.sleep(0.02)
        later = await rig.brain()
        assert (await later.event(FaxDone)).fax == "f"
        later.put(Ack(rig.daemon.events.seq))
        await later.stop()
        last = await rig.brain()
        assert not last.heard(FaxDone)
