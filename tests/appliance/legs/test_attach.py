"""Attaching and being away: snapshots, acknowledgements, heartbeats, versions; real sockets."""

import asyncio
from pathlib import Path

import msgspec

from appliance.config.model import LegsSettings
from appliance.wire.codec import HEAD, encode_frame
from appliance.wire.commands import Answer, Bridge, Dial, Play
from appliance.wire.events import LegDown, LegIn, LegOut, LegsRecord, LegUp, Refused
from appliance.wire.session import PROTO, Ack, Attach
from appliance.wire.transport import brain_stream, keep_connected
from tests.appliance.legs.legsrig import (
    CALLEE,
    TRUNK_ADDRESS,
    ScriptedBrain,
    done,
    legs_running,
    settings_for,
)
from tests.ports import free_port
from tests.sippkit import Sipp

TALK = ["-d", "1500"]


async def test_a_new_brain_finds_every_leg_as_it_is(tmp_path: Path) -> None:
    trunk_port = free_port(TRUNK_ADDRESS)
    async with legs_running(settings_for(tmp_path, trunk_port=trunk_port)) as rig:
        first = await rig.brain()
        with (
            Sipp(CALLEE, address=TRUNK_ADDRESS, port=trunk_port) as callee,
            Sipp("uac", remote=rig.sip, address=TRUNK_ADDRESS, args=TALK) as caller,
        ):
            leg = (await first.event(LegIn)).row.leg
            first.put(Answer(leg))
            await first.event(LegUp, leg=leg)
            first.put(Play(leg, 7, ["tone:ringback"], loop=True))
            first.put(Dial(tok="d", kind="trunk", via="city", to="123", owner=leg))
            out = (await first.event(LegOut)).leg
            await first.event(LegUp, leg=out)
            await first.stop()
            second = await rig.brain()
            assert second.rows == rig.daemon.table.rows
            assert second.rows[leg].play == 7
            assert second.rows[out].tok == "d"
            assert second.hello
            assert second.hello.seq == rig.daemon.events.seq
            second.put(Bridge("b", [leg, out]))
            ended = await second.event(LegDown, leg=leg)
            assert ended.seq > second.hello.seq
            await done(caller)
            await done(callee)


async def test_what_ended_meanwhile_is_in_the_snapshot_until_acknowledged(tmp_path: Path) -> None:
    async with legs_running(settings_for(tmp_path)) as rig:
        first = await rig.brain()
        with Sipp("uac", remote=rig.sip, address=TRUNK_ADDRESS, args=["-d", "600"]) as caller:
            leg = (await first.event(LegIn)).row.leg
            first.put(Answer(leg))
            await first.event(LegUp)
            await first.stop()
            await done(caller)
        second = await rig.brain()
        assert second.rows[leg].state == "down"
        assert second.rows[leg].reason == "normal"
        second.put(Ack(second.rows[leg].seq))
        third = await rig.brain()
        assert third.rows == {}


async def test_only_the_latest_attach_is_obeyed(tmp_path: Path) -> None:
    async with legs_running(settings_for(tmp_path)) as rig:
        first = await rig.brain()
        second = await rig.brain()
        await first.until(lambda: bool(first.downs), "the first is let go")
        second.put(Answer(5))
        assert (await second.event(Refused)).reason == "gone"


async def test_who_has_not_attached_is_not_obeyed(tmp_path: Path) -> None:
    async with legs_running(settings_for(tmp_path)) as rig:
        brain = await rig.brain()
        _, writer = await asyncio.open_unix_connection(str(rig.socket))
        writer.write(encode_frame([Answer(5), Ack(99)]))
        await writer.drain()
        # the stranger was heard before this one
        brain.put(Answer(6))
        await brain.event(Refused, about="6")
        brain.put(Answer(7))
        await brain.event(Refused, about="7")
        assert not brain.heard(Refused, about="5")
        writer.close()


async def test_a_silent_brain_is_dropped_and_may_come_back(tmp_path: Path) -> None:
    settings = settings_for(tmp_path, legs=LegsSettings(brain_dead_s=1.0))
    async with legs_running(settings) as rig:
        hung = ScriptedBrain(rig.socket, beats=False)
        await hung.start()
        assert rig.daemon.brain.away_since is None
        await hung.until(lambda: bool(hung.downs), "the brain is dropped")
        await hung.stop()
        again = await rig.brain()
        await asyncio.sleep(1.5)  # longer than a silent one is borne with
        assert again.downs == []


async def test_who_never_attaches_is_not_borne_with(tmp_path: Path) -> None:
    settings = settings_for(tmp_path, legs=LegsSettings(brain_dead_s=1.0))
    async with legs_running(settings) as rig:
        reader, writer = await asyncio.open_unix_connection(str(rig.socket))
        async with asyncio.timeout(10):
            assert await reader.read() == b""
        writer.close()


async def test_an_old_version_is_refused_by_word(tmp_path: Path) -> None:
    async with legs_running(settings_for(tmp_path)) as rig:
        link = brain_stream()
        heard: list[LegsRecord] = []
        link.on_records = heard.extend
        link.on_up = lambda: link.put(Attach(PROTO - 1, "old"))
        down = asyncio.Event()
        link.on_down = lambda _: down.set()
        task = asyncio.create_task(keep_connected(link, rig.socket))
        async with asyncio.timeout(10):
            await down.wait()
        assert [record.reason for record in heard if isinstance(record, Refused)] == [
            "old-version"
        ]
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_newer_version_is_answered_with_ours(tmp_path: Path) -> None:
    async with legs_running(settings_for(tmp_path)) as rig:
        newer = ScriptedBrain(rig.socket)
        newer.link.on_up = lambda: newer.link.put(Attach(PROTO + 3, "newer"))
        await newer.start()
        assert newer.hello
        assert newer.hello.proto == PROTO
        await newer.stop()


async def test_a_record_legs_do_not_know_is_refused_and_the_next_one_obeyed(
    tmp_path: Path,
) -> None:
    async with legs_running(settings_for(tmp_path)) as rig:
        reader, writer = await asyncio.open_unix_connection(str(rig.socket))
        batch = [[40, PROTO, "raw"], [99, "later"], [42, "no leg"], [42, 5]]
        payload = msgspec.msgpack.encode(batch)
        writer.write(len(payload).to_bytes(HEAD, "little") + payload)
        heard: list[list[object]] = []
        async with asyncio.timeout(10):
            while sum(row[0] == 30 for row in heard) < 3:
                size = int.from_bytes(await reader.readexactly(HEAD), "little")
                heard += msgspec.msgpack.decode(await reader.readexactly(size))
        refused = [row[3:] for row in heard if row[0] == 30]
        assert sorted(refused) == [[42, "", "unknown-record"], [42, "5", "gone"],
                                   [99, "", "unknown-record"]]  # fmt: skip
        writer.close()


async def test_epochs_grow(tmp_path: Path) -> None:
    settings = settings_for(tmp_path)
    epochs = []
    for _ in range(2):
        async with legs_running(settings) as rig:
            brain = await rig.brain()
            assert brain.hello
            epochs.append(brain.hello.epoch)
    assert [epoch.split("-")[0] for epoch in epochs] == ["1", "2"]
