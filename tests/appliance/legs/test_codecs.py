"""A real soft-phone and legs over each codec, in the clear and by SRTP: tones heard both ways."""

import asyncio
import re
from pathlib import Path

import pytest

from appliance.config.model import Srtp
from appliance.wire.commands import Dial
from appliance.wire.events import LegDown, LegIn
from tests.appliance.legs.legsrig import TRUNK_ADDRESS, answered, done, legs_running
from tests.appliance.legs.phonerig import (
    ALL,
    G722,
    SOUNDS,
    Sound,
    legs_call,
    phone,
    phone_calls,
    settings_of,
)
from tests.baresipkit import wait_for
from tests.ports import free_port
from tests.sippkit import (
    SDP,
    Sipp,
    expect,
    pause,
    request,
    scenario,
    send,
)


@pytest.mark.parametrize("sound", SOUNDS, ids=lambda sound: sound.codec)
async def test_a_phone_that_calls_is_understood(tmp_path: Path, sound: Sound) -> None:
    await phone_calls(tmp_path, sound)


@pytest.mark.parametrize("sound", SOUNDS, ids=lambda sound: sound.codec)
async def test_a_phone_that_is_called_is_understood(tmp_path: Path, sound: Sound) -> None:
    await legs_call(tmp_path, sound)


@pytest.mark.parametrize(
    ("srtp", "mediaenc"),
    [("optional", "srtp"), ("required", "srtp"), ("required", "srtp-mand")],
)
async def test_srtp_both_ways(tmp_path: Path, srtp: Srtp, mediaenc: str) -> None:
    more = f";mediaenc={mediaenc}"
    assert "SRTP is Enabled" in await phone_calls(tmp_path / "in", G722, srtp, more)
    assert "SRTP is Enabled" in await legs_call(tmp_path / "out", G722, srtp, more)


def keyed(media: str, key: str = "A") -> str:
    """Return sipp's offer over that transport, with a key."""
    body = SDP.replace("RTP/AVP", media)
    return body + f"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{key * 40}\n"


def reinvite(body: str, cseq: int, status: int) -> str:
    """Return an offer within the call, and the answer it gets."""
    return (
        send(request("INVITE", body=body, to_tag=True, cseq=cseq))
        + expect(100, optional=True)
        + expect(status)
        + send(request("ACK", to_tag=True, cseq=cseq), retrans=False)
    )


async def test_no_later_offer_talks_a_call_out_of_its_keys(tmp_path: Path) -> None:
    calls = scenario(
        send(request("INVITE", body=keyed("RTP/AVP"))),
        expect(100, optional=True),
        expect(200),
        send(request("ACK", to_tag=True), retrans=False),
        reinvite(SDP, 2, 488),
        reinvite(keyed("RTP/AVP"), 3, 200),
        reinvite(keyed("RTP/SAVP", "B"), 4, 200),
        reinvite(keyed("RTP/AVP", "!"), 5, 400),
        send(request("BYE", to_tag=True, cseq=9)),
        expect(200),
    )
    async with legs_running(settings_of(tmp_path, 5060, ALL, "optional")) as rig:
        brain = await rig.brain()
        with Sipp(calls, remote=rig.sip, address=TRUNK_ADDRESS) as caller:
            leg = await answered(brain)
            assert (await brain.event(LegDown, leg=leg)).reason == "normal"
            await done(caller)
            ours = re.findall("a=crypto:1 AES_CM_128_HMAC_SHA1_80 .{47}", caller.wait().messages)
    answers = {line for line in ours if not line.endswith(("AAA", "BBB", "!!!"))}
    assert len(answers) == 1, "our key changes within a call"


async def test_a_caller_who_leaves_the_offer_to_us_gets_keys(tmp_path: Path) -> None:
    late = scenario(
        send(request("INVITE")),
        expect(100, optional=True),
        expect(200),
        send(
            request("ACK", to_tag=True, body=keyed("RTP/SAVP").replace("crypto:1", "crypto:2")),
            retrans=False,
        ),
        pause(500),
        send(request("BYE", to_tag=True, cseq=9)),
        expect(200),
    )
    async with legs_running(settings_of(tmp_path, 5060, ALL, "required")) as rig:
        brain = await rig.brain()
        with Sipp(late, remote=rig.sip, address=TRUNK_ADDRESS) as caller:
            leg = await answered(brain)
            assert (await brain.event(LegDown, leg=leg)).reason == "normal"
            await done(caller)


@pytest.mark.parametrize("srtp", ["off", "optional"])
async def test_a_phone_without_keys_talks_in_the_clear(tmp_path: Path, srtp: Srtp) -> None:
    await phone_calls(tmp_path, G722, srtp)


async def test_a_phone_without_keys_is_refused_where_they_are_required(tmp_path: Path) -> None:
    port = free_port(TRUNK_ADDRESS)
    async with legs_running(settings_of(tmp_path, port, ALL, "required")) as rig:
        brain = await rig.brain()
        with phone(tmp_path, port, G722) as baresip:
            await asyncio.to_thread(wait_for, "the phone", lambda: "ready" in baresip.said)
            brain.put(Dial(tok="d", kind="trunk", via="city", to="200"))
            assert (await brain.event(LegDown)).reason == "no-codec"
        dial = f"sip:200@{rig.sip[0]}:{rig.sip[1]}"
        with phone(tmp_path / "in", port, G722, dial=dial) as baresip:
            await asyncio.to_thread(wait_for, "488", lambda: "488" in baresip.said)
        assert not brain.heard(LegIn)
