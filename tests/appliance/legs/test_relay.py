"""Calls through a relay between two appliances that cannot be dialled."""

import asyncio
from pathlib import Path

import pytest

from appliance.base.reasons import LOST
from appliance.legs.gate import RELAY_FROM_HEADER, RELAY_TO_HEADER
from appliance.legs.sipcall import SipCall
from appliance.wire.commands import Answer, Hang, Peers, Play, RecordLeg, Ring, SendDigits
from appliance.wire.events import (
    Bridged,
    Digit,
    Held,
    LegDown,
    LegIn,
    LegOut,
    LegRinging,
    LegUp,
    RecordingDone,
    Relaying,
)
from tests.appliance.legs.legsrig import LegsRig, answered
from tests.appliance.legs.phonerig import first_channel, loudest_hz
from tests.appliance.legs.relayrig import Trio, trio
from tests.appliance.legs.tlsrig import client_context, invite_of, statuses
from tests.certificates import Authority


def size_of(path: Path) -> int:
    """Return how much of a recording there is."""
    return path.stat().st_size if path.exists() else 0


async def grown(path: Path, size: int) -> None:
    """Wait until a recording has so much."""
    async with asyncio.timeout(20):
        while size_of(path) < size:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def talk(boxes: Trio) -> tuple[int, int]:
    """Let A call B, who answers; return the leg at each once all hear each other."""
    boxes.dial()
    callee = await answered(boxes.b)
    caller = (await boxes.a.event(LegUp)).leg
    async with asyncio.timeout(20):
        while not all(sounds(rig) for rig in boxes.rigs.values()):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    return caller, callee


def sounds(rig: LegsRig) -> bool:
    """Tell whether something good comes on each leg: the handshakes are over."""
    legs = [rig.daemon.engine.stats(leg) for leg in rig.daemon.table.rows]
    return all(leg.packets_in - leg.forged - leg.unknown - leg.foreign > 2 for leg in legs)


async def test_two_boxes_that_nobody_can_dial_hear_each_other(tmp_path: Path) -> None:
    async with trio(tmp_path) as boxes:
        boxes.dial()
        incoming = (await boxes.b.event(LegIn)).row
        assert (incoming.kind, incoming.via, incoming.relay) == ("peer", "box-a", "box-r")
        assert (incoming.reservation, incoming.fence) == ("r-1", 7)
        boxes.b.put(Ring(incoming.leg))
        assert (await boxes.a.event(LegRinging)).status == 180
        callee = await answered(boxes.b)
        caller = (await boxes.a.event(LegUp)).leg
        for brain, leg, tone in ((boxes.a, caller, 440), (boxes.b, callee, 880)):
            brain.put(Play(leg, 1, [f"tone:{tone}"], loop=True))
            brain.put(RecordLeg(leg, "talk", "talk.wav"))
        paths = {
            name: tmp_path / name / "state/recordings/talk.wav" for name in ("box-a", "box-b")
        }
        for path in paths.values():
            await grown(path, 300_000)
        boxes.b.put(Hang(callee))
        assert (await boxes.a.event(LegDown, leg=caller)).reason == "normal"
        for brain in (boxes.a, boxes.b):
            await brain.event(RecordingDone)
        await boxes.r.count(LegDown, 2)
    assert loudest_hz(*first_channel(paths["box-b"])) == 440
    assert loudest_hz(*first_channel(paths["box-a"])) == 880


async def test_digits_pass_both_ways_once(tmp_path: Path) -> None:
    async with trio(tmp_path) as boxes:
        caller, callee = await talk(boxes)
        for here, leg, there in ((boxes.a, caller, boxes.b), (boxes.b, callee, boxes.a)):
            here.put(SendDigits(leg, "159"))
            await there.count(Digit, 3)
            assert [one.digit for one in there.heard(Digit)] == ["1", "5", "9"]
            assert {one.source for one in there.heard(Digit)} == {"rfc4733"}
        boxes.a.put(Hang(caller))
        assert (await boxes.b.event(LegDown, leg=callee)).reason == "normal"


async def test_hold_passes_both_ways(tmp_path: Path) -> None:
    async with trio(tmp_path) as boxes:
        caller, callee = await talk(boxes)
        for name, leg, there in (("box-a", caller, boxes.b), ("box-b", callee, boxes.a)):
            far = boxes.rigs[name].daemon.exchange.far(leg)
            assert isinstance(far, SipCall)
            for on in (True, False):
                far.hold(on=on)
                await there.event(Held, on=on)
        assert [one.on for one in boxes.r.heard(Held)] == [True, False] * 2
        boxes.b.put(SendDigits(callee, "7"))
        await boxes.a.event(Digit, digit="7")


async def test_both_halves_have_the_callers_codec(tmp_path: Path) -> None:
    async with trio(tmp_path) as boxes:
        boxes.dial(codecs=("PCMU", "PCMA"))
        await answered(boxes.b)
        await boxes.a.event(LegUp)
        relay = boxes.rigs["box-r"].daemon
        await boxes.r.count(LegUp, 2)
        calls = [relay.exchange.far(leg) for leg in relay.table.rows]
        agreed = [call.agreed for call in calls if isinstance(call, SipCall)]
        assert [one.codec for one in agreed if one is not None] == ["PCMU", "PCMU"]


async def test_a_caller_who_gives_up_frees_the_far_end(tmp_path: Path) -> None:
    async with trio(tmp_path) as boxes:
        boxes.dial()
        ringing = (await boxes.b.event(LegIn)).row.leg
        caller = (await boxes.a.event(LegOut)).leg
        boxes.a.put(Hang(caller, "contact-gone"))
        assert (await boxes.b.event(LegDown, leg=ringing)).reason == "cancelled"
        await boxes.r.count(LegDown, 2)


@pytest.mark.parametrize("word", ["busy", "stale-fence", "seat-gone"])
async def test_why_the_far_end_refuses_is_told_in_its_word(tmp_path: Path, word: str) -> None:
    async with trio(tmp_path) as boxes:
        boxes.dial()
        boxes.b.put(Hang((await boxes.b.event(LegIn)).row.leg, word))
        assert (await boxes.a.event(LegDown)).reason == word


async def test_a_relay_without_room_says_so_and_has_room_again(tmp_path: Path) -> None:
    async with trio(tmp_path, relay_calls=1) as boxes:
        caller, callee = await talk(boxes)
        boxes.dial("second", "r-2")
        refused = await boxes.a.event(LegDown)
        assert (refused.leg != caller, refused.reason) == (True, "relay-full")
        assert not boxes.b.heard(LegDown)
        boxes.a.put(Hang(caller))
        await boxes.b.event(LegDown, leg=callee)
        await boxes.r.event(Relaying, calls=0, total=1, refused={"relay-full": 1})
        boxes.dial("third", "r-3")
        await boxes.b.count(LegIn, 2)


async def test_a_relay_without_ports_refuses_and_harms_no_other(tmp_path: Path) -> None:
    async with trio(tmp_path, few_ports=True) as boxes:
        caller, callee = await talk(boxes)
        boxes.dial("second", "r-2")
        refused = await boxes.a.event(LegDown)
        assert (refused.leg != caller, refused.reason) == (True, "relay-full")
        await boxes.r.event(Relaying, calls=1, total=1, refused={"relay-full": 1})
        boxes.b.put(SendDigits(callee, "7"))
        await boxes.a.event(Digit, digit="7")


async def test_a_box_that_is_not_connected_is_unreachable_at_once(tmp_path: Path) -> None:
    async with trio(tmp_path) as boxes:
        await boxes.stop("box-b")
        boxes.dial()
        assert (await boxes.a.event(LegDown)).reason == "peer-unreachable"
        boxes.put("box-a", boxes.directory("box-a"))
        boxes.put("box-r", Peers("box-r", [boxes.peer("box-a")], relay=True))
        boxes.dial("again")
        await boxes.a.count(LegDown, 2)
        assert boxes.a.heard(LegDown)[1].reason == "unknown-peer"


async def test_the_relays_brain_is_not_needed(tmp_path: Path) -> None:
    async with trio(tmp_path) as boxes:
        await boxes.r.stop()
        caller, callee = await talk(boxes)
        again = await boxes.rigs["box-r"].brain()
        assert {(row.kind, row.via, row.state) for row in again.rows.values()} == {
            ("relay", "box-a", "up"),
            ("relay", "box-b", "up"),
        }
        await again.stop()
        boxes.a.put(Hang(caller))
        assert (await boxes.b.event(LegDown, leg=callee)).reason == "normal"
        assert not boxes.rigs["box-r"].daemon.relay.calls


async def test_a_relay_that_stops_ends_both_halves(tmp_path: Path) -> None:
    async with trio(tmp_path) as boxes:
        await talk(boxes)
        await boxes.stop("box-r")
        for brain in (boxes.a, boxes.b):
            # lost, not hung up: the caller goes back to its place
            assert (await brain.event(LegDown)).reason in LOST


async def test_who_answers_too_late_finds_nobody(tmp_path: Path) -> None:
    async with trio(tmp_path) as boxes:
        boxes.dial()
        ringing = (await boxes.b.event(LegIn)).row.leg
        caller = (await boxes.a.event(LegOut)).leg
        boxes.a.put(Hang(caller, "contact-gone"))
        boxes.b.put(Answer(ringing))  # crosses the CANCEL
        await boxes.b.event(LegDown, leg=ringing)
        await boxes.r.count(LegDown, 2)
        assert not boxes.r.heard(Bridged) or not boxes.rigs["box-r"].daemon.table.rows


async def asked(boxes: Trio, name: str, ours: Authority | None, **headers: str) -> int:
    """Call a box by TLS with a certificate of that name; return the final status."""
    rig = boxes.rigs[name]
    invite = invite_of(rig, "TLS")
    lines = "".join(f"{key}: {value}\r\n" for key, value in headers.items())
    invite = invite.replace(b"Content-Type:", f"{lines}Content-Type:".encode(), 1)
    pair = (ours or Authority("stranger")).pair("box-a")
    port = rig.daemon.settings.sip.tls_port
    reader, writer = await asyncio.open_connection(rig.sip[0], port, ssl=client_context(pair))
    writer.write(invite)
    try:
        return (await statuses(reader))[-1]
    finally:
        writer.close()


async def test_strangers_get_no_relay_and_are_counted(tmp_path: Path) -> None:
    async with trio(tmp_path) as boxes:
        to_b = {RELAY_TO_HEADER: "box-b"}
        assert await asked(boxes, "box-r", None, **to_b) == 403
        # an appliance of the directory, at one that is no relay
        assert await asked(boxes, "box-b", boxes.ours, **to_b) == 403
        # or that says whom it speaks for without being a relay
        assert await asked(boxes, "box-b", boxes.ours, **{RELAY_FROM_HEADER: "box-r"}) == 403
        both = {**to_b, RELAY_FROM_HEADER: "box-b"}
        assert await asked(boxes, "box-r", boxes.ours, **both) == 403
        assert await asked(boxes, "box-r", boxes.ours, **{RELAY_TO_HEADER: "box-a"}) == 400
        await boxes.r.event(Relaying, calls=0, total=0, refused={"refused": 2, "bad-request": 1})
        assert not boxes.b.heard(LegIn)
        assert not boxes.r.heard(LegIn)
