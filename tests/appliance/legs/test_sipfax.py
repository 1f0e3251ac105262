"""T.38 in re-INVITEs: what sipp, standing in for a gateway, offers and answers."""

import asyncio
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from appliance.config.model import ApplianceSettings
from appliance.legs.sipfax import OFFER_AFTER_S
from appliance.wire.commands import Hang, ReceiveFax, StopFax
from appliance.wire.events import Digit, FaxDone, LegDown, LegIn, Refused
from tests.appliance.legs.legsrig import (
    TRUNK_ADDRESS,
    answered,
    done,
    legs_running,
    settings_for,
)
from tests.sippkit import (
    SDP,
    Sipp,
    expect,
    in_dialog_response,
    pause,
    request,
    scenario,
    send,
)

HEAD = SDP[: SDP.index("m=")]
OFF = "m=audio 0 RTP/AVP 8\n"
IMAGE = (
    "m=image [media_port] udptl t38\na=T38FaxVersion:3\na=T38FaxRateManagement:transferredTCF\n"
    "a=T38FaxUdpEC:t38UDPRedundancy\n"
)
REFUSED = "m=image 0 udptl t38\n"
SECURE = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz\n"
BYE = send(request("BYE", to_tag=True, cseq=9)) + expect(200)


HUNG_UP = expect("BYE") + send(in_dialog_response(200, "OK"), retrans=False)


def call(*then: str, body: str = SDP, last: str = BYE) -> str:
    """A caller who is answered, and then does something."""
    return scenario(
        send(request("INVITE", body=body)),
        expect(100, optional=True),
        expect(200),
        send(request("ACK", to_tag=True), retrans=False),
        *then,
        last,
    )


def offers(body: str, cseq: int, status: int = 200) -> str:
    return (
        pause(600)  # the fax has begun
        + send(request("INVITE", body=body, to_tag=True, cseq=cseq))
        + expect(100, optional=True)
        + expect(status)
        + send(request("ACK", to_tag=True, cseq=cseq), retrans=False)
    )


def answers(status: int, phrase: str, body: str = "") -> str:
    return (
        expect("INVITE")
        + send(in_dialog_response(status, phrase, body=body), retrans=status < 300)
        + expect("ACK")
    )


def settings(folder: Path, **trunk: Any) -> ApplianceSettings:
    plain = settings_for(folder)
    city = msgspec.structs.replace(plain.trunks["city"], **trunk)
    return msgspec.structs.replace(plain, trunks={"city": city})


async def a_fax(
    folder: Path, xml: str, *, receive: bool = True, **trunk: Any
) -> tuple[list[str], FaxDone | None]:
    """Take sipp's call, receive a fax on it; return the media that we named, and its end."""
    async with legs_running(settings(folder, **trunk)) as rig:
        brain = await rig.brain()
        with Sipp(xml, remote=rig.sip, address=TRUNK_ADDRESS) as caller:
            leg = await answered(brain)
            if receive:
                brain.put(ReceiveFax(leg, "f", "in.tif"))
            assert (await brain.event(LegDown)).reason == "normal"
            await done(caller)
            messages = caller.wait().messages
        assert not brain.heard(Refused)
        end = await brain.event(FaxDone) if receive else None
        assert not list((folder / "state/faxes").glob("*"))
    received = "".join(
        re.findall(r"message received.*?(?=^-{20})", messages + "-" * 20, re.S | re.M)
    )
    return re.findall(r"^m=(\w+ \d+ .*?)\s*$", received, re.M), end


def kinds(media: list[str]) -> list[str]:
    """Tell of each media line what it is and whether it is taken."""
    return [f"{one.split()[0]}{' off' if one.split()[1] == '0' else ''}" for one in media]


async def test_the_far_end_goes_over_to_t38_and_back(tmp_path: Path) -> None:
    moved = IMAGE.replace("[media_port]", "9")
    xml = call(
        offers(HEAD + OFF + IMAGE, 2),
        offers(HEAD + OFF + IMAGE, 3),
        offers(HEAD + OFF + moved, 4, 488),
        offers(HEAD + OFF + REFUSED, 5, 488),
        offers(SDP + REFUSED, 6),
        offers(HEAD + OFF + IMAGE, 7, 488),
    )
    media, end = await a_fax(tmp_path, xml)
    image, sound = ["audio off", "image"], ["audio", "image off"]
    assert kinds(media) == ["audio", *image, *image, *sound]
    assert len({one.split()[1] for one in media if " 0 " not in one}) == 1
    assert end is not None
    assert (end.reason, end.pages, end.path, end.t38) == ("call-dropped", 0, "", True)


async def test_a_second_fax_goes_on_with_t38(tmp_path: Path) -> None:
    tells = request("INFO", to_tag=True, cseq=3, body="Signal=5\nDuration=160\n").replace(
        "application/sdp", "application/dtmf-relay"
    )
    xml = call(offers(HEAD + IMAGE, 2), send(tells), expect(200), last=HUNG_UP)
    async with legs_running(settings(tmp_path)) as rig:
        brain = await rig.brain()
        with Sipp(xml, remote=rig.sip, address=TRUNK_ADDRESS) as caller:
            leg = await answered(brain)
            brain.put(ReceiveFax(leg, "f", "f.tif"))
            await brain.event(Digit)  # T.38 is agreed
            brain.put(StopFax("f"))
            assert (await brain.event(FaxDone, fax="f")).t38
            brain.put(ReceiveFax(leg, "g", "g.tif"), StopFax("g"))
            assert (await brain.event(FaxDone, fax="g")).t38
            brain.put(Hang(leg))
            await done(caller)


@pytest.mark.parametrize(
    ("body", "trunk", "receive"),
    [(SDP, {}, False), (SDP, {"t38": False}, True), (SDP + SECURE, {"srtp": "optional"}, True)],
    ids=["no fax", "not wanted", "encrypted"],
)
async def test_t38_is_refused_and_the_call_goes_on(
    tmp_path: Path, body: str, trunk: dict[str, Any], receive: bool
) -> None:
    xml = call(offers(HEAD + IMAGE, 2, 488), offers(body + IMAGE, 3), body=body)
    media, end = await a_fax(tmp_path, xml, receive=receive, **trunk)
    assert kinds(media) == ["audio", "audio", "image off"]
    assert end is None or not end.t38


async def test_a_call_cannot_begin_with_t38(tmp_path: Path) -> None:
    xml = scenario(
        send(request("INVITE", body=HEAD + IMAGE)),
        expect(100, optional=True),
        expect(488),
        send(request("ACK", to_tag=True), retrans=False),
    )
    async with legs_running(settings(tmp_path)) as rig:
        brain = await rig.brain()
        with Sipp(xml, remote=rig.sip, address=TRUNK_ADDRESS) as caller:
            await done(caller)
        assert not brain.heard(LegIn)


async def test_an_offer_that_crosses_another_is_made_again(tmp_path: Path) -> None:
    xml = call(
        offers(SDP, 2),  # a re-INVITE that changes nothing
        answers(491, "Request Pending"),
        answers(200, "OK", HEAD + IMAGE),
        pause(300),
    )
    media, end = await a_fax(tmp_path, xml)
    assert kinds(media) == ["audio", "audio", "image", "image"]
    assert end is not None
    assert end.t38


@pytest.mark.parametrize("answer", [HEAD + REFUSED, SDP], ids=["refused", "sound"])
async def test_an_answer_without_t38_leads_back_to_sound(tmp_path: Path, answer: str) -> None:
    xml = call(answers(200, "OK", answer), answers(200, "OK", SDP), pause(300))
    media, end = await a_fax(tmp_path, xml)
    assert kinds(media) == ["audio", "image", "audio"]
    assert end is not None
    assert not end.t38


async def test_t38_that_is_agreed_too_late_leads_back_to_sound(tmp_path: Path) -> None:
    late = answers(200, "OK", HEAD + IMAGE).replace("<send", pause(4000) + "<send", 1)
    xml = call(late, answers(200, "OK", SDP), pause(300))
    async with legs_running(settings(tmp_path)) as rig:
        brain = await rig.brain()
        with Sipp(xml, remote=rig.sip, address=TRUNK_ADDRESS) as caller:
            brain.put(ReceiveFax(await answered(brain), "f", "f.tif"))
            await asyncio.sleep(OFFER_AFTER_S + 2)  # our offer is on its way
            brain.put(StopFax("f"))
            await brain.event(FaxDone)
            assert (await brain.event(LegDown)).reason == "normal"
            await done(caller)
