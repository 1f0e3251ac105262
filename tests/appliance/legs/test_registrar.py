"""Phones: registering by digest, being asked, being called, calling; by robots and by sipp."""

from pathlib import Path

import pytest

from appliance.legs.robot import Robot, RobotPhones
from appliance.wire.commands import Bridge, Dial, Hang
from appliance.wire.events import (
    LegDown,
    LegIn,
    LegOut,
    LegQuality,
    LegUp,
    Refused,
    Registered,
    Unregistered,
)
from tests.appliance.legs.legsrig import (
    STRANGER_ADDRESS,
    ScriptedBrain,
    done,
    legs_running,
    settings_for,
)
from tests.appliance.legs.robotrig import PHONES, REALM, accounts, robots
from tests.ports import free_port
from tests.sippkit import SDP, Sipp, expect, request, scenario, send


async def test_a_phone_registers_and_says_good_bye(tmp_path: Path) -> None:
    async with legs_running(settings_for(tmp_path)) as rig:
        brain = await rig.brain()
        brain.put(accounts("1001", "1002"))
        async with robots(rig, Robot("1001", "s3cret"), Robot("1002", "s3cret")):
            await brain.event(Registered)
            await brain.count(Registered, 2)
            found = {one.registration.account for one in brain.heard(Registered)}
            assert found == {"1001", "1002"}
            again = await rig.brain()
            assert set(again.registrations) == {"1001", "1002"}
        await again.count(Unregistered, 2)
        assert again.heard(Unregistered)[0].reason == "normal"


@pytest.mark.parametrize(
    "robot", [Robot("1001", "wrong"), Robot("9999", "s3cret")], ids=["secret", "account"]
)
async def test_who_cannot_prove_it_is_refused(tmp_path: Path, robot: Robot) -> None:
    async with legs_running(settings_for(tmp_path)) as rig:
        brain = await rig.brain()
        brain.put(accounts("1001"))
        refused = scenario(
            send(_register("9999" if robot.account == "9999" else "1001")),
            expect(401, extra='auth="true"'),
            send(_register(robot.account, f"[authentication username={robot.account} "
                           f"password={robot.secret}]", cseq=2)),
            expect(403),
        )  # fmt: skip
        with Sipp(refused, remote=rig.sip, address=PHONES) as sipp:
            await done(sipp)
        assert not brain.heard(Registered)


def _register(account: str, *headers: str, cseq: int = 1) -> str:
    text = request("REGISTER", "Expires: 300", *headers, cseq=cseq)
    return text.replace("sip:sipp@", f"sip:{account}@").replace("[service]", account)


async def test_one_account_cannot_register_as_another(tmp_path: Path) -> None:
    async with legs_running(settings_for(tmp_path)) as rig:
        brain = await rig.brain()
        brain.put(accounts("1001", "1002"))
        usurps = scenario(
            send(_register("1001")),
            expect(401, extra='auth="true"'),
            send(_register("1001", "[authentication username=1002 password=s3cret]", cseq=2)),
            expect(403),
        )
        with Sipp(usurps, remote=rig.sip, address=PHONES) as sipp:
            await done(sipp)
        assert not brain.heard(Registered)


async def test_a_phone_is_told_to_wait_until_the_accounts_are_known(tmp_path: Path) -> None:
    async with legs_running(settings_for(tmp_path)) as rig:
        later = scenario(
            send(_register("1001")), expect(503, extra='rtd="true"'),
        )  # fmt: skip
        with Sipp(later, remote=rig.sip, address=PHONES) as sipp:
            await done(sipp)


async def test_a_phone_that_falls_silent_is_gone_and_may_come_back(tmp_path: Path) -> None:
    async with legs_running(settings_for(tmp_path)) as rig:
        brain = await rig.brain()
        brain.put(accounts("1001"))
        port = free_port(PHONES)
        registers = scenario(
            send(_register("1001")),
            expect(401, extra='auth="true"'),
            send(_register("1001", "[authentication username=1001 password=s3cret]", cseq=2)),
            expect(200),
        )
        with Sipp(registers, remote=rig.sip, address=PHONES, port=port) as sipp:
            await done(sipp)
        await brain.event(Registered)
        assert (await brain.event(Unregistered)).reason == "unreachable"
        brain.put(Dial(tok="d", kind="phone", via="1001"))
        assert (await brain.event(Refused, about="d")).reason == "unreachable"
        running = RobotPhones([], rig.sip, address=PHONES, port=port)
        await running.start()
        await brain.count(Registered, 2)
        await running.close()


async def test_a_registered_phone_is_called_and_heard(tmp_path: Path) -> None:
    async with legs_running(settings_for(tmp_path)) as rig:
        brain = await rig.brain()
        brain.put(accounts("1001", "1002"))
        phones = [
            Robot(name, "s3cret", answer_after_s=0.1, talk_s=talk_s)
            for name, talk_s in (("1001", 1.0), ("1002", -1.0))
        ]
        async with robots(rig, *phones) as running:
            await brain.count(Registered, 2)
            legs = []
            for name in ("1001", "1002"):
                brain.put(Dial(tok=name, kind="phone", via=name, caller="555"))
                legs.append(await _out(brain, name))
            brain.put(Bridge("b", legs))
            first = await brain.event(LegDown, leg=legs[0])
            second = await brain.event(LegDown, leg=legs[1])
            assert (first.reason, first.by_far) == ("normal", True)
            assert (second.reason, second.by_far) == ("bridge-ended", False)
            assert running.answered == 2
            assert all(quality.packets_in > 20 for quality in brain.heard(LegQuality))


async def _out(brain: ScriptedBrain, tok: str) -> int:
    """Return the leg of a `Dial` once it is up."""
    leg = (await brain.event(LegOut, tok=tok)).leg
    await brain.event(LegUp, leg=leg)
    return leg


async def test_a_registered_phone_calls_as_its_account(tmp_path: Path) -> None:
    async with legs_running(settings_for(tmp_path)) as rig:
        brain = await rig.brain()
        brain.put(accounts("1001"))
        calls = scenario(
            send(_register("1001")),
            expect(401, extra='auth="true"'),
            send(_register("1001", "[authentication username=1001 password=s3cret]", cseq=2)),
            expect(200),
            send(_invite("1001", "liar", cseq=3)),
            expect(100, optional=True),
            expect(480),
            send(request("ACK", to_tag=True, cseq=3), retrans=False),
        )
        with Sipp(calls, remote=rig.sip, address=PHONES, service="500") as sipp:
            came = (await brain.event(LegIn)).row
            assert (came.kind, came.via, came.caller, came.called) == (
                "phone", "1001", "1001", "500",
            )  # fmt: skip
            assert came.caller_name == "liar"
            brain.put(Hang(came.leg, "no-answer"))
            await done(sipp)


def _invite(account: str, name: str = "", *headers: str, cseq: int = 1) -> str:
    text = request("INVITE", *headers, body=SDP, cseq=cseq)
    return text.replace("From: sipp <sip:sipp@", f'From: "{name}" <sip:{account}@')


async def test_a_phone_at_another_port_proves_itself_by_digest(tmp_path: Path) -> None:
    async with legs_running(settings_for(tmp_path)) as rig:
        brain = await rig.brain()
        brain.put(accounts("1001", "1002"))
        proves = scenario(
            send(_invite("1002")),
            expect(100, optional=True),
            expect(407, extra='auth="true"'),
            send(request("ACK", to_tag=True), retrans=False),
            send(_invite("1002", "", "[authentication username=1002 password=s3cret]", cseq=2)),
            expect(100, optional=True),
            expect(486),
            send(request("ACK", to_tag=True, cseq=2), retrans=False),
        )
        async with robots(rig, Robot("1001", "s3cret")):
            await brain.event(Registered)
            with Sipp(proves, remote=rig.sip, address=PHONES) as sipp:
                came = (await brain.event(LegIn)).row
                assert (came.kind, came.caller) == ("phone", "1002")
                brain.put(Hang(came.leg, "busy"))
                await done(sipp)


@pytest.mark.parametrize("account", ["1001", "9999"])
async def test_a_stranger_with_a_wrong_proof_learns_nothing(tmp_path: Path, account: str) -> None:
    async with legs_running(settings_for(tmp_path)) as rig:
        brain = await rig.brain()
        brain.put(accounts("1001"))
        # a nonce of ours, as anybody gets one by REGISTER
        nonce = rig.daemon.auth.challenge(stale=False, proxy=True)[0][1].split('"')[3]
        wrong = (
            f'Proxy-Authorization: Digest username="{account}", realm="{REALM}", uri="sip:a", '
            f'nonce="{nonce}", response="0", qop=auth, cnonce="c", nc=00000001'
        )
        refused = scenario(
            send(_invite(account, "", wrong)),
            expect(100, optional=True),
            expect(403),
            send(request("ACK", to_tag=True), retrans=False),
        )
        with Sipp(refused, remote=rig.sip, address=STRANGER_ADDRESS) as sipp:
            await done(sipp)
        assert not brain.heard(LegIn)


async def test_contacts_outlive_the_process(tmp_path: Path) -> None:
    settings = settings_for(tmp_path)
    async with legs_running(settings) as rig:
        brain = await rig.brain()
        brain.put(accounts("1001"))
        phones = RobotPhones(
            [Robot("1001", "s3cret", answer_after_s=0)],
            rig.sip,
            address=PHONES,
            port=free_port(PHONES),
        )
        await phones.start()
        await brain.event(Registered)
    try:
        async with legs_running(settings) as rig:
            brain = await rig.brain()
            assert "1001" in brain.registrations
            brain.put(Dial(tok="d", kind="phone", via="1001"))
            await _out(brain, "d")
            brain.put(accounts("1002"))
            assert (await brain.event(Unregistered)).reason == "unknown-account"
    finally:
        await phones.close()
