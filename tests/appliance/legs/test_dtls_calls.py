"""DTLS-SRTP by SIP: a real soft-phone, two legs processes, forged certificates, later offers."""

import asyncio
import re
from pathlib import Path

import msgspec
import numpy as np
import pytest

from appliance.config.model import ApplianceSettings, LinkSettings, SrtpKeys
from appliance.legs import sdp
from appliance.legs.mediaevents import DigitHeard, Secured
from appliance.legs.sipevents import Answered, Ended, Failed, OfferResult
from appliance.wire.commands import Dial, Hang, Peer, Peers, Play, RecordLeg, SendDigits
from appliance.wire.events import LegDown, LegQuality, LegUp, RecordingDone
from tests.appliance.legs.dtlsrig import far_end
from tests.appliance.legs.legsrig import (
    TRUNK_ADDRESS,
    answered,
    legs_running,
    settings_for,
)
from tests.appliance.legs.phonerig import (
    ALL,
    G722,
    first_channel,
    legs_call,
    loudest_hz,
    phone_calls,
    settings_of,
)

UP = "---> DTLS-SRTP complete (audio/RTP) Profile=AEAD_AES_128_GCM"


@pytest.mark.parametrize(("keys", "mux"), [("dtls", "yes"), ("both", "no")])
async def test_a_phone_that_calls(tmp_path: Path, keys: SrtpKeys, mux: str) -> None:
    said = await phone_calls(
        tmp_path,
        G722,
        "required",
        ";mediaenc=dtls_srtp",
        srtp_keys=keys,
        config=f"rtcp_mux {mux}",
    )
    assert UP in said
    assert "verified sha-256 fingerprint OK" in said


@pytest.mark.parametrize(("keys", "mux"), [("dtls", "yes"), ("both", "no")])
async def test_a_phone_that_is_called(tmp_path: Path, keys: SrtpKeys, mux: str) -> None:
    said = await legs_call(
        tmp_path,
        G722,
        "required",
        ";mediaenc=dtls_srtp",
        srtp_keys=keys,
        config=f"rtcp_mux {mux}",
    )
    assert UP in said
    assert "verified sha-256 fingerprint OK" in said


def forged(body: str) -> str:
    """Return a body whose fingerprint differs by one digit."""
    return re.sub(
        r"(sha-256 )(.)",
        lambda match: match[1] + ("B" if match[2] == "A" else "A"),
        body,
        count=1,
    )


@pytest.mark.parametrize("setup", ["active", "passive"])
async def test_a_forged_fingerprint_ends_the_call(tmp_path: Path, setup: str) -> None:
    async with far_end() as far:
        settings = settings_of(tmp_path, far.stack.port, ALL, "required", "dtls")
        async with legs_running(settings) as rig:
            brain = await rig.brain()
            far.call(rig, forged(far.offer(setup)))
            leg = await answered(brain)
            event = await far.event(Answered)
            assert isinstance(event, Answered)
            far.use(event.sdp)
            assert (await brain.event(LegDown, leg=leg)).reason == "wrong-fingerprint"
            assert (await brain.event(LegQuality, leg=leg)).packets_in == 0
            ended = await far.event(Ended)
            assert isinstance(ended, Ended)
            assert ended.cause == 58
        assert not any(isinstance(one, Secured) for one in far.heard)


async def test_later_offers_keep_the_association(tmp_path: Path) -> None:
    async with far_end() as far:
        settings = settings_of(tmp_path, far.stack.port, ALL, "optional")
        async with legs_running(settings) as rig:
            brain = await rig.brain()
            call = far.call(rig, far.offer())
            leg = await answered(brain)
            event = await far.event(Answered)
            assert isinstance(event, Answered)
            first = event.sdp
            far.use(first)
            await far.media(Secured)
            clear = sdp.offer(far.local.bumped(), sdp.Policy())
            sdes = sdp.Local(TRUNK_ADDRESS, far.local.port, 1, keys=sdp.make_keys(bytes))
            for worse in (clear, sdp.offer(sdes, sdp.Policy(srtp="required", srtp_keys="sdes"))):
                far.stack.reoffer(call, worse)
                result = await far.event(OfferResult)
                assert isinstance(result, OfferResult)
                assert result.status == 488
            for direction in ("inactive", "sendrecv"):
                far.stack.reoffer(call, far.offer().replace("sendrecv", direction))
                result = await far.event(OfferResult)
                assert isinstance(result, OfferResult)
                assert "a=setup:passive" in result.sdp
                assert result.sdp.count("a=fingerprint:") == 1
                far.use(result.sdp)
            brain.put(SendDigits(leg, "42"))
            await far.media(DigitHeard, 2)
            far.stack.end(call)
            assert (await brain.event(LegDown, leg=leg)).reason == "normal"
            quality = await brain.event(LegQuality, leg=leg)
            # what came before our own keys were there was refused
            assert quality.packets_in > quality.refused
        assert sum(isinstance(one, Secured) for one in far.heard) == 1


async def test_a_far_end_without_keys_is_refused(tmp_path: Path) -> None:
    async with far_end() as far:
        settings = settings_of(tmp_path, far.stack.port, ALL, "required", "dtls")
        async with legs_running(settings) as rig:
            await rig.brain()
            sdes = sdp.Local(TRUNK_ADDRESS, far.local.port, 1, keys=sdp.make_keys(bytes))
            far.call(rig, sdp.offer(sdes, sdp.Policy(srtp="required", srtp_keys="sdes")))
            failed = await far.event(Failed)
            assert isinstance(failed, Failed)
            assert failed.status == 488


def peer_settings(folder: Path, address: str) -> ApplianceSettings:
    """Return settings of an appliance whose calls to others are encrypted by DTLS."""
    settings = settings_for(folder)
    sip = msgspec.structs.replace(settings.sip, address=address)
    link = LinkSettings(srtp="required", srtp_keys="dtls")
    return msgspec.structs.replace(settings, sip=sip, link=link)


def recording(folder: Path) -> Path:
    """Return where an appliance keeps its recording."""
    return folder / "state/recordings/talk.wav"


def size_of(folder: Path) -> int:
    """Return how much of it there is."""
    path = recording(folder)
    return path.stat().st_size if path.exists() else 0


async def test_two_appliances_hear_each_other(tmp_path: Path) -> None:
    here, there = (
        peer_settings(tmp_path / name, address)
        for name, address in (("a", "127.0.0.1"), ("b", "127.0.0.2"))
    )
    async with legs_running(here) as a, legs_running(there) as b:
        brain_a, brain_b = await a.brain(), await b.brain()
        brain_a.put(Peers("box-a", [Peer("box-b", *b.sip)]))
        brain_b.put(Peers("box-b", [Peer("box-a", *a.sip)]))
        brain_a.put(Dial(tok="d", kind="peer", via="box-b", reservation="r-1", fence=1))
        callee = await answered(brain_b)
        caller = (await brain_a.event(LegUp)).leg
        for brain, leg, tone in ((brain_a, caller, 440), (brain_b, callee, 880)):
            brain.put(Play(leg, 1, [f"tone:{tone}"], loop=True))
            brain.put(RecordLeg(leg, "talk", "talk.wav"))
        async with asyncio.timeout(20):
            for name in ("a", "b"):
                while size_of(tmp_path / name) < 3 * 2 * 2 * 16_000:  # noqa: ASYNC110
                    await asyncio.sleep(0.1)
        brain_a.put(Hang(caller))
        for brain, leg in ((brain_a, caller), (brain_b, callee)):
            quality = await brain.event(LegQuality, leg=leg)
            assert quality.packets_in > quality.refused
            await brain.event(RecordingDone)
    for folder, tone in (("a", 880), ("b", 440)):
        samples, rate_hz = first_channel(recording(tmp_path / folder))
        assert np.isclose(loudest_hz(samples, rate_hz), tone, atol=1)
