"""Profiles: found by name, complete, and obeyed by their pretend device."""

import pytest

from drivers.errors import DriverError
from drivers.profiles import PROFILES, Profile, profile_named
from drivers.profiles.profile import Role
from drivers.sim.modem import Sim7600Simulator


def test_unknown_name_is_refused_with_the_known_ones() -> None:
    with pytest.raises(DriverError, match=r"bad-config: no profile 'nokia'; there are: .*sim7600"):
        profile_named("nokia")


@pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES)
def test_profile_is_complete(profile: Profile) -> None:
    assert PROFILES[profile.name] is profile
    assert {Role.CONTROL, Role.AUDIO} <= set(profile.roles.values())
    assert all(len(part) == 4 for usb in profile.usb_ids for part in (usb.vendor, usb.product))
    assert {"ring", "clip", "clcc", "no-carrier", "registration"} <= set(profile.urcs.values())


def test_pretend_modem_takes_every_command_of_its_profile() -> None:
    said: list[bytes] = []
    modem = Sim7600Simulator(said.append, lambda _: None)
    modem.from_host(b"ATE0\r")
    for step in profile_named("sim7600").init:
        said.clear()
        modem.from_host(step.command.encode() + b"\r")
        assert said == [b"\r\nOK\r\n"], step.command
