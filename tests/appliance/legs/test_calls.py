"""What one SIP call may do: hold, digits, early media, asserted callers, peers, recordings."""

import wave
from pathlib import Path

import pytest

from appliance.wire.commands import (
    Answer,
    Dial,
    Hang,
    Peer,
    Peers,
    Play,
    RecordLeg,
    Ring,
    SendDigits,
    StopPlay,
    StopRecord,
)
from appliance.wire.events import (
    Digit,
    Held,
    LegDown,
    LegIn,
    LegOut,
    LegQuality,
    LegRinging,
    LegUp,
    PlayDone,
    RecordingDone,
    Refused,
)
from tests.appliance.legs.legsrig import (
    CALLEE,
    CALLER,
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

PEER = "127.0.0.7"
HANGS_UP = (send(request("BYE", to_tag=True, cseq=9)), expect(200))


def call(*then: str, headers: tuple[str, ...] = (), body: str = SDP) -> str:
    """Return a scenario of a caller who is answered and then does something."""
    return scenario(
        send(request("INVITE", *headers, body=body)),
        expect(100, optional=True),
        expect(180, optional=True),
        expect(200),
        send(request("ACK", to_tag=True), retrans=False),
        *then,
    )


async def test_hold_is_told_and_answered(tmp_path: Path) -> None:
    def reinvite(direction: str, cseq: int) -> tuple[str, ...]:
        body = SDP + f"a={direction}\n"
        return (
            send(request("INVITE", body=body, to_tag=True, cseq=cseq)),
            expect(100, optional=True),
            expect(200),
            send(request("ACK", to_tag=True, cseq=cseq), retrans=False),
        )

    holds = call(*reinvite("sendonly", 2), *reinvite("sendrecv", 3), *HANGS_UP)
    async with legs_running(settings_for(tmp_path)) as rig:
        brain = await rig.brain()
        with Sipp(holds, remote=rig.sip, address=TRUNK_ADDRESS) as caller:
            leg = await answered(brain)
            await brain.event(LegDown)
            assert [event.on for event in brain.heard(Held, leg=leg)] == [True, False]
            await done(caller)
            messages = caller.wait().messages
            assert "a=recvonly" in messages


async def test_who_holds_us_is_sent_nothing(tmp_path: Path) -> None:
    holds = call(
        send(request("INVITE", body=SDP + "a=sendonly\n", to_tag=True, cseq=2)),
        expect(100, optional=True),
        expect(200),
        send(request("ACK", to_tag=True, cseq=2), retrans=False),
        pause(2000),
        *HANGS_UP,
    )
    async with legs_running(settings_for(tmp_path)) as rig:
        brain = await rig.brain()
        with Sipp(holds, remote=rig.sip, address=TRUNK_ADDRESS) as caller:
            leg = await answered(brain)
            brain.put(Play(leg, 1, ["tone:440"], loop=True))
            await brain.event(LegDown)
            # 2 s of sound would be 100 packets
            assert brain.heard(LegQuality)[0].packets_out < 50
            await done(caller)


async def test_digits_by_info_are_told_once(tmp_path: Path) -> None:
    info = request("INFO", to_tag=True, cseq=2, body="Signal=5\nDuration=160\n").replace(
        "application/sdp", "application/dtmf-relay"
    )
    async with legs_running(settings_for(tmp_path)) as rig:
        brain = await rig.brain()
        caller_xml = call(send(info), expect(200), *HANGS_UP)
        with Sipp(caller_xml, remote=rig.sip, address=TRUNK_ADDRESS) as caller:
            leg = await answered(brain)
            await brain.event(LegDown)
            (digit,) = brain.heard(Digit, leg=leg)
            assert (digit.digit, digit.source, digit.duration_ms) == ("5", "info", 160)
            await done(caller)


async def test_digits_are_sent_and_heard_by_the_other_side(tmp_path: Path) -> None:
    """A call from the trunk to ourselves: one leg sends digits, the other hears them."""
    async with legs_running(settings_for(tmp_path)) as rig:
        brain = await rig.brain()
        with Sipp(CALLER, remote=rig.sip, address=TRUNK_ADDRESS) as caller:
            leg = await answered(brain)
            brain.put(SendDigits(leg, "1x"))
            assert (await brain.event(Refused)).reason == "bad-request"
            brain.put(SendDigits(leg, "12#"), Hang(leg))
            await brain.event(LegDown)
            await done(caller)


@pytest.mark.parametrize(
    ("headers", "caller", "private"),
    [
        (("P-Asserted-Identity: <sip:+49305551@provider.example>",), "+49305551", False),
        (
            ("P-Asserted-Identity: <sip:+49305551@provider.example>", "Privacy: id"),
            "+49305551",
            True,
        ),
        ((), "sipp", False),
    ],
    ids=["asserted", "private", "plain"],
)
async def test_who_calls_is_what_the_network_asserts(
    tmp_path: Path, headers: tuple[str, ...], caller: str, private: bool
) -> None:
    async with legs_running(settings_for(tmp_path)) as rig:
        brain = await rig.brain()
        with Sipp(call(*HANGS_UP, headers=headers), remote=rig.sip, address=TRUNK_ADDRESS) as sipp:
            row = (await brain.event(LegIn)).row
            assert (row.caller, row.private) == (caller, private)
            brain.put(Answer(row.leg))
            await done(sipp)


async def test_a_caller_who_leaves_the_offer_to_us(tmp_path: Path) -> None:
    late = scenario(
        send(request("INVITE")),
        expect(100, optional=True),
        expect(200),
        send(request("ACK", to_tag=True, body=SDP), retrans=False),
        *HANGS_UP,
    )
    async with legs_running(settings_for(tmp_path)) as rig:
        brain = await rig.brain()
        with Sipp(late, remote=rig.sip, address=TRUNK_ADDRESS) as caller:
            await answered(brain)
            await brain.event(LegDown)
            await done(caller)


async def test_early_media_both_ways(tmp_path: Path) -> None:
    trunk_port = free_port(TRUNK_ADDRESS)
    early_callee = scenario(
        expect("INVITE"),
        send(response(183, "Session Progress", body=SDP), retrans=False),
        expect("CANCEL"),
        send(in_dialog_response(200, "OK"), retrans=False),
    )
    early_caller = scenario(
        send(request("INVITE", body=SDP)),
        expect(100, optional=True),
        expect(183),
        expect(486),
        send(request("ACK", to_tag=True), retrans=False),
    )
    async with legs_running(settings_for(tmp_path, trunk_port=trunk_port)) as rig:
        brain = await rig.brain()
        with (
            Sipp(early_callee, address=TRUNK_ADDRESS, port=trunk_port) as callee,
            Sipp(early_caller, remote=rig.sip, address=TRUNK_ADDRESS) as caller,
        ):
            leg = (await brain.event(LegIn)).row.leg
            brain.put(Ring(leg, early=True), Play(leg, 1, ["tone:440"]))
            assert (await brain.event(PlayDone)).why == "end"
            brain.put(Dial(tok="d", kind="trunk", via="city", to="1", owner=leg))
            ringing = await brain.event(LegRinging)
            assert (ringing.status, ringing.early) == (183, True)
            brain.put(Hang(leg, "busy"))
            assert (await brain.event(LegDown, leg=ringing.leg)).reason == "caller-gone"
            await done(caller)
            await done(callee)


async def test_a_peer_calls_with_its_reservation(tmp_path: Path) -> None:
    headers = ("X-Branchline-Reservation: 0195-abc", "X-Branchline-Fence: 42")
    async with legs_running(settings_for(tmp_path)) as rig:
        brain = await rig.brain()
        brain.put(Peers("me", [Peer("box-b", PEER, 5060)]))
        with Sipp(call(*HANGS_UP, headers=headers), remote=rig.sip, address=PEER) as sipp:
            row = (await brain.event(LegIn)).row
            assert (row.kind, row.via, row.reservation, row.fence) == (
                "peer", "box-b", "0195-abc", 42,
            )  # fmt: skip
            brain.put(Answer(row.leg))
            await done(sipp)


@pytest.mark.parametrize(
    "headers",
    [
        (),
        ("X-Branchline-Reservation: 0195-abc",),
        ("X-Branchline-Reservation: 0195-abc", "X-Branchline-Fence: -1"),
        ("X-Branchline-Reservation: 0195-abc", "X-Branchline-Fence: 99999999999999999999"),
    ],
)
async def test_a_peer_without_a_sound_reservation_is_a_stranger(
    tmp_path: Path, headers: tuple[str, ...]
) -> None:
    refused = scenario(
        send(request("INVITE", *headers, body=SDP)),
        expect(100, optional=True),
        expect(403),
        send(request("ACK", to_tag=True), retrans=False),
    )
    async with legs_running(settings_for(tmp_path)) as rig:
        brain = await rig.brain()
        brain.put(Peers("me", [Peer("box-b", PEER, 5060)]))
        await brain.until(lambda: bool(rig.daemon.gate.appliance) or brain.whole)
        with Sipp(refused, remote=rig.sip, address=PEER) as sipp:
            await done(sipp)
        assert not brain.heard(LegIn)


async def test_a_peer_is_called_by_its_reservation(tmp_path: Path) -> None:
    port = free_port(PEER)
    async with legs_running(settings_for(tmp_path)) as rig:
        brain = await rig.brain()
        brain.put(Peers("me", [Peer("box-b", PEER, port)]))
        with Sipp(CALLEE, address=PEER, port=port) as callee:
            brain.put(Dial(tok="d", kind="peer", via="box-b", reservation="0195-abc", fence=7))
            leg = (await brain.event(LegOut)).leg
            await brain.event(LegUp, leg=leg)
            brain.put(Hang(leg))
            await done(callee)
            messages = callee.wait().messages
            assert "INVITE sip:0195-abc@" in messages
            assert "X-Branchline-Reservation: 0195-abc" in messages
            assert "X-Branchline-Fence: 7" in messages


async def test_a_recording_is_made_and_told_of(tmp_path: Path) -> None:
    async with legs_running(settings_for(tmp_path)) as rig:
        brain = await rig.brain()
        with Sipp(CALLER, remote=rig.sip, address=TRUNK_ADDRESS) as caller:
            leg = await answered(brain)
            record = RecordLeg(leg, "r1", "2026/11/r1.wav")
            brain.put(record, record, Play(leg, 1, ["tone:440"]))
            await brain.event(PlayDone)
            brain.put(StopRecord("r1"))
            told = await brain.event(RecordingDone)
            assert (told.recording, told.path, told.reason) == ("r1", "2026/11/r1.wav", "normal")
            assert told.duration_ms >= 900
            brain.put(Hang(leg))
            await done(caller)
        again = await rig.brain()
        assert (await again.event(RecordingDone)).recording == "r1"
    with wave.open(str(tmp_path / "state/recordings/2026/11/r1.wav")) as file:
        assert file.getnchannels() == 2


@pytest.mark.parametrize("path", ["../x.wav", "/etc/x.wav", "", "a\0b.wav"])
async def test_a_recording_outside_its_folder_is_refused(tmp_path: Path, path: str) -> None:
    async with legs_running(settings_for(tmp_path)) as rig:
        brain = await rig.brain()
        with Sipp(CALLER, remote=rig.sip, address=TRUNK_ADDRESS) as caller:
            leg = await answered(brain)
            brain.put(RecordLeg(leg, "r1", path))
            assert (await brain.event(Refused)).reason == "recording-failed"
            brain.put(Hang(leg))
            await done(caller)


async def test_a_play_ends_as_it_should(tmp_path: Path) -> None:
    async with legs_running(settings_for(tmp_path)) as rig:
        brain = await rig.brain()
        with Sipp(CALLER, remote=rig.sip, address=TRUNK_ADDRESS) as caller:
            leg = await answered(brain)
            brain.put(Play(leg, 1, ["tone:busy"], loop=True))
            brain.put(Play(leg, 2, ["tone:busy"], loop=True))
            assert (await brain.event(PlayDone, play=1)).why == "replaced"
            brain.put(Play(leg, 3, ["no-such-prompt"]))
            assert (await brain.event(PlayDone, play=3)).why == "unknown-prompt"
            brain.put(Play(leg, 4, ["tone:ringback"], loop=True), StopPlay(leg))
            assert (await brain.event(PlayDone, play=4)).why == "stopped"
            brain.put(Play(leg, 5, ["tone:nonsense"]))
            assert (await brain.event(Refused)).reason == "unknown-prompt"
            brain.put(Hang(leg))
            await done(caller)


async def test_a_leg_that_falls_silent_is_ended(tmp_path: Path) -> None:
    async with legs_running(settings_for(tmp_path, silence_s=0.5)) as rig:
        brain = await rig.brain()
        with Sipp(CALLER, remote=rig.sip, address=TRUNK_ADDRESS) as caller:
            leg = await answered(brain)
            assert (await brain.event(LegDown, leg=leg)).reason == "media-timeout"
            await done(caller)
