"""Digits through a bridge: in by INFO, RFC 4733 or both, out once, in the other end's own form."""

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest

from appliance.wire.commands import Bridge, Dial, KeepDigits
from appliance.wire.events import Digit, LegDown, LegUp
from tests.appliance.legs.legsrig import (
    TRUNK_ADDRESS,
    LegsRig,
    ScriptedBrain,
    answered,
    done,
    legs_running,
    settings_for,
)
from tests.audio import frames, g711_decode, level_dbm0
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

PCAPS = Path("/usr/share/sip-tester")
EVENTS = "m=audio {port} RTP/AVP 8 101\na=rtpmap:101 telephone-event/8000\n"
SOUND_ONLY = "m=audio {port} RTP/AVP 8\n"
#: the two tones of 5 (ITU-T Q.23)
FIVE_HZ = (770, 1336)

RELAY = "Signal=5\nDuration=160\n"
BY_INFO = {
    "dtmf-relay": send(
        request("INFO", to_tag=True, cseq=2, body=RELAY).replace(
            "application/sdp", "application/dtmf-relay"
        )
    ),
    "dtmf": send(
        request("INFO", to_tag=True, cseq=2, body="5").replace(
            "application/sdp", "application/dtmf"
        )
    ),
}
BY_EVENT = f'<nop><action><exec play_pcap_audio="{PCAPS}/dtmf_2833_5.pcap"/></action></nop>'


class FarSound(asyncio.DatagramProtocol):
    """What a far end gets by RTP."""

    def __init__(self) -> None:
        self.packets: list[bytes] = []

    def datagram_received(self, data: bytes, _: object) -> None:
        """Keep a packet."""
        self.packets.append(data)

    def events(self) -> list[int]:
        """Return the events that came; one that lasts has one timestamp (RFC 4733 §2.2.1)."""
        found: dict[int, int] = {}
        for packet in self.packets:
            if packet[1] & 0x7F == 101:
                (timestamp,) = struct.unpack_from("!I", packet, 4)
                found[timestamp] = packet[12]
        return list(found.values())

    def tones(self, *hz: float) -> int:
        """Return how many times all these frequencies sounded together."""
        sound = b"".join(p[12:] for p in self.packets if p[1] & 0x7F == 8)
        there = [
            all(level_dbm0(part, one) > -20 for one in hz)
            for part in frames(g711_decode(sound, "PCMA"), 400)
        ]
        return int(np.sum(np.diff([False, *there, False]) != 0)) // 2


def caller(*sends: str) -> str:
    """Return somebody who sends digits when both are connected, and hangs up."""
    return scenario(
        send(request("INVITE", body=SDP)),
        expect(100, optional=True),
        expect(180, optional=True),
        expect(200),
        send(request("ACK", to_tag=True), retrans=False),
        pause(1500),
        *sends,
        pause(1500),
        send(request("BYE", to_tag=True, cseq=9)),
        expect(200),
    )


def callee(body: str) -> str:
    """Return somebody who answers with that body."""
    return scenario(
        expect("INVITE"),
        send(response(200, "OK", body=body)),
        expect("ACK"),
        expect("BYE"),
        send(in_dialog_response(200, "OK"), retrans=False),
    )


@contextlib.asynccontextmanager
async def listening() -> AsyncIterator[tuple[FarSound, int]]:
    """Listen for RTP; yield what comes, and the port."""
    loop = asyncio.get_running_loop()
    transport, far = await loop.create_datagram_endpoint(
        FarSound, local_addr=(TRUNK_ADDRESS, free_port(TRUNK_ADDRESS))
    )
    try:
        yield far, transport.get_extra_info("sockname")[1]
    finally:
        transport.close()


async def through_a_bridge(
    folder: Path, takes: str, *sends: str, keeps: bool = False
) -> tuple[FarSound, list[Digit]]:
    """Send digits through a bridge; return what came out, and what the brain was told."""
    trunk_port = free_port(TRUNK_ADDRESS)
    async with (
        legs_running(settings_for(folder, trunk_port=trunk_port)) as rig,
        listening() as (far, port),
    ):
        brain = await rig.brain()
        head = SDP[: SDP.index("m=")]
        answers = callee(head + takes.format(port=port))
        with Sipp(answers, address=TRUNK_ADDRESS, port=trunk_port) as theirs:
            await bridged(rig, brain, caller(*sends), keeps=keeps)
            await done(theirs)
        return far, brain.heard(Digit)


async def bridged(rig: LegsRig, brain: ScriptedBrain, calls: str, *, keeps: bool = False) -> None:
    """Bridge a caller with the one whom the trunk reaches, until it is over."""
    with Sipp(calls, remote=rig.sip, address=TRUNK_ADDRESS) as ours:
        leg = await answered(brain)
        brain.put(Dial(tok="d", kind="trunk", via="city", to="1", owner=leg))
        await brain.until(lambda: len(brain.heard(LegUp)) == 2, "both up")
        other = brain.heard(LegUp)[1].leg
        brain.put(Bridge("b", [leg, other]), *([KeepDigits(leg)] if keeps else []))
        await brain.event(LegDown, leg=leg)
        await done(ours)


@pytest.mark.parametrize("form", BY_INFO)
async def test_info_comes_out_as_one_event(tmp_path: Path, form: str) -> None:
    far, told = await through_a_bridge(tmp_path, EVENTS, BY_INFO[form] + expect(200))
    assert far.events() == [5]
    assert far.tones(*FIVE_HZ) == 0
    assert [(digit.digit, digit.source) for digit in told] == [("5", "info")]


async def test_info_comes_out_as_one_tone(tmp_path: Path) -> None:
    far, told = await through_a_bridge(tmp_path, SOUND_ONLY, BY_INFO["dtmf"] + expect(200))
    assert far.tones(*FIVE_HZ) == 1
    assert [digit.digit for digit in told] == ["5"]


async def test_an_event_comes_out_as_one_event(tmp_path: Path) -> None:
    far, told = await through_a_bridge(tmp_path, EVENTS, BY_EVENT, pause(1000))
    assert far.events() == [5]
    assert [(digit.digit, digit.source) for digit in told] == [("5", "rfc4733")]


async def test_an_event_comes_out_as_one_tone(tmp_path: Path) -> None:
    far, told = await through_a_bridge(tmp_path, SOUND_ONLY, BY_EVENT, pause(1000))
    assert far.tones(*FIVE_HZ) == 1
    assert [digit.digit for digit in told] == ["5"]


@pytest.mark.parametrize("takes", [EVENTS, SOUND_ONLY], ids=["events", "tones"])
@pytest.mark.parametrize("info_first", [True, False])
async def test_both_at_once_come_out_once(tmp_path: Path, takes: str, info_first: bool) -> None:
    info = BY_INFO["dtmf-relay"] + expect(200)
    sends = (info, BY_EVENT) if info_first else (BY_EVENT, pause(50), info)
    far, told = await through_a_bridge(tmp_path, takes, *sends, pause(1000))
    assert [digit.digit for digit in told] == ["5"]
    if takes is EVENTS:
        assert far.events() == [5]
    else:
        assert far.tones(*FIVE_HZ) == 1


@pytest.mark.parametrize("form", ["event", "info"])
async def test_digits_that_are_kept_are_told_and_come_out_nowhere(
    tmp_path: Path, form: str
) -> None:
    sends = BY_EVENT if form == "event" else BY_INFO["dtmf"] + expect(200)
    far, told = await through_a_bridge(tmp_path, EVENTS, sends, pause(1000), keeps=True)
    assert far.events() == []
    assert far.tones(*FIVE_HZ) == 0
    assert [digit.digit for digit in told] == ["5"]
