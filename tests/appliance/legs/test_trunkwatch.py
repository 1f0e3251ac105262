"""Trunks: registered at a provider and refreshed, asked by OPTIONS, told on every change."""

from pathlib import Path

import msgspec

from appliance.config.model import ApplianceSettings, TrunkSettings
from appliance.legs.robot import RobotPhones
from appliance.wire.commands import Answer, Dial
from appliance.wire.events import (
    LegDown,
    LegIn,
    LegOut,
    LegUp,
    Registered,
    TrunkChanged,
    Unregistered,
)
from tests.appliance.legs.legsrig import LegsRig, legs_running, settings_for
from tests.appliance.legs.robotrig import accounts
from tests.ports import free_port


def with_trunk(folder: Path, trunk: TrunkSettings, address: str) -> ApplianceSettings:
    settings = settings_for(folder)
    sip = msgspec.structs.replace(settings.sip, address=address, port=free_port(address))
    return msgspec.structs.replace(settings, sip=sip, trunks={"out": trunk})


def trunk_to(provider: LegsRig, secret: str) -> TrunkSettings:
    """Return a trunk that registers at another legs process, as a phone of it."""
    host, port = provider.sip
    return TrunkSettings(
        host=host, port=port, user="8800", secret=secret, register=True, check_s=0
    )


async def test_a_trunk_registers_at_its_provider_and_calls_through_it(tmp_path: Path) -> None:
    """The provider is another legs process: its registrar knows the trunk as a phone."""
    async with legs_running(settings_for(tmp_path / "provider")) as provider:
        theirs = await provider.brain()
        theirs.put(accounts("8800"))
        trunk = trunk_to(provider, "s3cret")
        async with legs_running(with_trunk(tmp_path / "us", trunk, "127.0.0.8")) as rig:
            ours = await rig.brain()
            assert (await theirs.event(Registered)).registration.account == "8800"
            await ours.until(
                lambda: ours.trunks["out"].up or bool(ours.heard(TrunkChanged)), "trunk up"
            )
            ours.put(Dial(tok="d", kind="trunk", via="out", to="0301", caller="8800"))
            came = (await theirs.event(LegIn)).row
            assert (came.kind, came.via, came.called) == ("phone", "8800", "0301")
            theirs.put(Answer(came.leg))
            await ours.event(LegUp, leg=(await ours.event(LegOut)).leg)
        assert (await theirs.event(Unregistered)).reason == "normal"


async def test_a_name_that_cannot_be_resolved_holds_up_nobody(tmp_path: Path) -> None:
    trunk = TrunkSettings(host="no-such-host.invalid", check_s=0)
    async with legs_running(with_trunk(tmp_path, trunk, "127.0.0.8")) as rig:
        brain = await rig.brain()
        brain.put(Dial(tok="d", kind="trunk", via="out", to="0301"))
        assert (await brain.event(LegDown)).by_far


async def test_a_refused_registration_is_told(tmp_path: Path) -> None:
    async with legs_running(settings_for(tmp_path / "provider")) as provider:
        theirs = await provider.brain()
        theirs.put(accounts("8800"))
        trunk = trunk_to(provider, "wrong")
        async with legs_running(with_trunk(tmp_path / "us", trunk, "127.0.0.8")) as rig:
            ours = await rig.brain()
            await ours.until(
                lambda: (
                    "refused"
                    in (
                        ours.trunks["out"].reason,
                        *(e.trunk.reason for e in ours.heard(TrunkChanged)),
                    )
                ),
                "refused",
            )


async def test_a_trunk_that_answers_options_is_up_and_else_down(tmp_path: Path) -> None:
    port = free_port("127.0.0.6")
    trunk = TrunkSettings(host="127.0.0.6", port=port, check_s=0.5)
    async with legs_running(with_trunk(tmp_path, trunk, "127.0.0.8")) as rig:
        brain = await rig.brain()
        assert brain.trunks["out"].up is False
        provider = RobotPhones([], rig.sip, address="127.0.0.6", port=port)
        await provider.start()
        assert (await brain.event(TrunkChanged)).trunk.up
        await provider.close()
        await brain.count(TrunkChanged, 2)
        last = brain.heard(TrunkChanged)[1].trunk
        assert (last.up, last.reason) == (False, "unreachable")
