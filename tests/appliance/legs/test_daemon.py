"""Legs as a whole: calls by sipp over real sockets, a scripted brain on the wire."""

from pathlib import Path

import msgspec
import pytest

from appliance.wire.commands import Answer, Bridge, Dial, Hang, Play, Ring, StopPlay
from appliance.wire.events import (
    Bridged,
    LegDown,
    LegIn,
    LegOut,
    LegQuality,
    LegRinging,
    LegUp,
    PlayDone,
    Refused,
)
from tests.appliance.legs.legsrig import (
    CALLEE,
    CALLER,
    STRANGER_ADDRESS,
    TRUNK_ADDRESS,
    answered,
    done,
    legs_running,
    settings_for,
)
from tests.ports import free_port
from tests.sippkit import (
    SDP,
    Sipp,
    expect,
    in_dialog_response,
    pause,
    request,
    response,
    scenario,
    send,
)


async def test_a_call_is_answered_hears_a_tone_and_is_ended(tmp_path: Path) -> None:
    async with legs_running(settings_for(tmp_path)) as rig:
        brain = await rig.brain()
        with Sipp(CALLER, remote=rig.sip, address=TRUNK_ADDRESS, service="5551") as caller:
            came = await brain.event(LegIn)
            assert (came.row.kind, came.row.via, came.row.called) == ("trunk", "city", "5551")
            assert (came.row.caller, came.row.state) == ("sipp", "new")
            brain.put(Ring(came.row.leg), Answer(came.row.leg))
            await brain.event(LegUp, leg=came.row.leg)
            brain.put(Play(came.row.leg, 1, ["tone:440"]))
            assert (await brain.event(PlayDone, play=1)).why == "end"
            brain.put(Hang(came.row.leg))
            down = await brain.event(LegDown)
            assert (down.leg, down.reason, down.by_far) == (came.row.leg, "normal", False)
            assert brain.heard(LegQuality)[0].packets_out > 10
            await done(caller)


async def test_two_calls_are_bridged_and_the_end_of_one_ends_the_other(tmp_path: Path) -> None:
    trunk_port = free_port(TRUNK_ADDRESS)
    leaver = scenario(
        send(request("INVITE", body=SDP)),
        expect(100, optional=True),
        expect(200),
        send(request("ACK", to_tag=True), retrans=False),
        pause(1500),
        send(request("BYE", to_tag=True, cseq=2)),
        expect(200),
    )
    async with legs_running(settings_for(tmp_path, trunk_port=trunk_port)) as rig:
        brain = await rig.brain()
        with (
            Sipp(CALLEE, address=TRUNK_ADDRESS, port=trunk_port) as callee,
            Sipp(leaver, remote=rig.sip, address=TRUNK_ADDRESS) as caller,
        ):
            leg = await answered(brain)
            dial = Dial(tok="d1", kind="trunk", via="city", to="0301234", owner=leg, caller="77")
            brain.put(dial, dial)
            out = (await brain.event(LegOut, tok="d1")).leg
            assert (await brain.event(LegRinging, leg=out)).status == 180
            await brain.event(LegUp, leg=out)
            brain.put(Bridge("b1", [leg, out]))
            assert (await brain.event(Bridged)).legs == [leg, out]
            assert (await brain.event(LegDown, leg=leg)).reason == "normal"
            ended = await brain.event(LegDown, leg=out)
            assert (ended.reason, ended.by_far) == ("bridge-ended", False)
            await done(caller)
            await done(callee)
            assert len(brain.heard(LegOut)) == 1
            assert not brain.heard(Refused)


async def test_a_caller_who_leaves_takes_the_ringing_leg_along(tmp_path: Path) -> None:
    trunk_port = free_port(TRUNK_ADDRESS)
    ringing = scenario(
        expect("INVITE"),
        send(response(180, "Ringing"), retrans=False),
        expect("CANCEL"),
        send(in_dialog_response(200, "OK"), retrans=False),
        send(
            in_dialog_response(487, "Request Terminated").replace(
                "[last_CSeq:]", "CSeq: [cseq] INVITE"
            ),
            retrans=False,
        ),
        expect("ACK"),
    )
    async with legs_running(settings_for(tmp_path, trunk_port=trunk_port)) as rig:
        brain = await rig.brain()
        with (
            Sipp(ringing, address=TRUNK_ADDRESS, port=trunk_port) as callee,
            Sipp("uac", remote=rig.sip, address=TRUNK_ADDRESS, args=["-d", "800"]) as caller,
        ):
            leg = await answered(brain)
            brain.put(Dial(tok="d1", kind="trunk", via="city", to="0301234", owner=leg))
            out = (await brain.event(LegOut)).leg
            await brain.event(LegRinging, leg=out)
            assert (await brain.event(LegDown, leg=leg)).by_far
            assert (await brain.event(LegDown, leg=out)).reason == "caller-gone"
            await done(caller)
            await done(callee)


@pytest.mark.parametrize(
    ("status", "reason", "cause"),
    [(486, "busy", 17), (404, "not-found", 1), (603, "declined", 21), (488, "no-codec", 65)],
)
async def test_a_refusal_comes_back_as_a_word(
    tmp_path: Path, status: int, reason: str, cause: int
) -> None:
    trunk_port = free_port(TRUNK_ADDRESS)
    refusing = scenario(
        expect("INVITE"),
        send(response(status, "No"), retrans=False),
        expect("ACK"),
    )
    async with legs_running(settings_for(tmp_path, trunk_port=trunk_port)) as rig:
        brain = await rig.brain()
        with Sipp(refusing, address=TRUNK_ADDRESS, port=trunk_port) as callee:
            brain.put(Dial(tok="d1", kind="trunk", via="city", to="0301234"))
            down = await brain.event(LegDown)
            assert (down.reason, down.cause, down.by_far) == (reason, cause, True)
            await done(callee)


@pytest.mark.parametrize(
    ("reason", "status"), [("busy", 486), ("not-found", 404), ("no-answer", 480)]
)
async def test_a_call_is_refused_with_the_status_of_its_reason(
    tmp_path: Path, reason: str, status: int
) -> None:
    refused = scenario(
        send(request("INVITE", body=SDP)),
        expect(100, optional=True),
        expect(status),
        send(request("ACK", to_tag=True), retrans=False),
    )
    async with legs_running(settings_for(tmp_path)) as rig:
        brain = await rig.brain()
        with Sipp(refused, remote=rig.sip, address=TRUNK_ADDRESS) as caller:
            leg = (await brain.event(LegIn)).row.leg
            brain.put(Hang(leg, reason))
            assert (await brain.event(LegDown)).reason == reason
            await done(caller)


async def test_nobody_answers_within_the_ring_time(tmp_path: Path) -> None:
    trunk_port = free_port(TRUNK_ADDRESS)
    ringing = scenario(
        expect("INVITE"),
        send(response(180, "Ringing"), retrans=False),
        expect("CANCEL"),
        send(in_dialog_response(200, "OK"), retrans=False),
    )
    async with legs_running(settings_for(tmp_path, trunk_port=trunk_port)) as rig:
        brain = await rig.brain()
        with Sipp(ringing, address=TRUNK_ADDRESS, port=trunk_port) as callee:
            brain.put(Dial(tok="d1", kind="trunk", via="city", to="0301234", ring_s=1.0))
            assert (await brain.event(LegDown)).reason == "no-answer"
            await done(callee)


@pytest.mark.parametrize("service", ["100", "nobody"])
async def test_a_stranger_is_refused_whomever_he_asks_for(tmp_path: Path, service: str) -> None:
    refused = scenario(
        send(request("INVITE", body=SDP)),
        expect(100, optional=True),
        expect(403),
        send(request("ACK", to_tag=True), retrans=False),
    )
    async with legs_running(settings_for(tmp_path)) as rig:
        brain = await rig.brain()
        with Sipp(refused, remote=rig.sip, address=STRANGER_ADDRESS, service=service) as caller:
            await done(caller)
        assert not brain.events


async def test_an_offer_without_our_codecs_is_refused_without_a_leg(tmp_path: Path) -> None:
    video = SDP.replace("m=audio [media_port] RTP/AVP 8 0 101", "m=audio [media_port] RTP/AVP 18")
    refused = scenario(
        send(request("INVITE", body=video)),
        expect(100, optional=True),
        expect(488),
        send(request("ACK", to_tag=True), retrans=False),
    )
    async with legs_running(settings_for(tmp_path)) as rig:
        brain = await rig.brain()
        with Sipp(refused, remote=rig.sip, address=TRUNK_ADDRESS) as caller:
            await done(caller)
        assert not brain.events


async def test_a_call_that_gets_no_media_is_not_left_ringing(tmp_path: Path) -> None:
    refused = scenario(
        send(request("INVITE", body=SDP)),
        expect(100, optional=True),
        expect(503),
        send(request("ACK", to_tag=True), retrans=False),
    )
    settings = settings_for(tmp_path)
    narrow = msgspec.structs.replace(settings.media, first_port=65535, last_port=65535)
    async with legs_running(msgspec.structs.replace(settings, media=narrow)) as rig:
        brain = await rig.brain()
        with Sipp(refused, remote=rig.sip, address=TRUNK_ADDRESS) as caller:
            brain.put(Answer((await brain.event(LegIn)).row.leg))
            assert (await brain.event(LegDown)).reason == "overload"
            assert (await brain.event(Refused)).reason == "overload"
            await done(caller)


async def test_what_cannot_be_done_is_refused_by_word(tmp_path: Path) -> None:
    async with legs_running(settings_for(tmp_path)) as rig:
        brain = await rig.brain()
        brain.put(
            Answer(99),
            Dial(tok="t1", kind="trunk", via="nowhere", to="1"),
            Dial(tok="t2", kind="phone", via="1001"),
            Dial(tok="t3", kind="peer", via="b", reservation="r"),
            Dial(tok="t4", kind="trunk", via="city", to="1 @evil"),
            Dial(tok="t5", kind="trunk", via="city", to="1", owner=99),
            Bridge("b", [1]),
            Play(99, 1, ["tone:busy"]),
            StopPlay(99),
        )
        await brain.count(Refused, 9)
        assert [(r.command, r.about, r.reason) for r in brain.heard(Refused)] == [
            (42, "99", "gone"),
            (45, "t1", "unknown-trunk"),
            (45, "t2", "unavailable"),
            (45, "t3", "unknown-peer"),
            (45, "t4", "bad-request"),
            (45, "t5", "gone"),
            (48, "b", "bad-request"),
            (46, "99", "gone"),
            (47, "99", "gone"),
        ]


async def test_a_flood_of_calls_is_answered(tmp_path: Path) -> None:
    async with legs_running(settings_for(tmp_path)) as rig:
        brain = await rig.brain()
        seen = 0
        with Sipp(
            "uac", remote=rig.sip, address=TRUNK_ADDRESS, calls=60, rate=60, args=["-d", "300"]
        ) as caller:
            while seen < 60:
                await brain.count(LegIn, seen + 1)
                for came in brain.heard(LegIn)[seen:]:
                    brain.put(Answer(came.row.leg))
                    seen += 1
            await done(caller)
        await brain.count(LegDown, 60)
        assert rig.daemon.table.rows == {}
        seqs = [int(getattr(event, "seq", 0)) for event in brain.events]
        assert seqs == list(range(seqs[0], seqs[0] + len(seqs)))
