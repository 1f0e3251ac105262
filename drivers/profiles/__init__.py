"""Profiles: what is particular to each make of device, as data. `profile_named` finds one."""

from drivers.errors import DriverError
from drivers.profiles.profile import Profile
from drivers.profiles.sim7600 import SIM7600

#: profile name, as configuration says it -> profile
PROFILES: dict[str, Profile] = {SIM7600.name: SIM7600}

__all__ = ["PROFILES", "Profile", "profile_named"]


def profile_named(name: str) -> Profile:
    """Return the profile *name*; raises `DriverError` (`bad-config`) with the names there are."""
    try:
        return PROFILES[name]
    except KeyError:
        known = ", ".join(sorted(PROFILES))
        raise DriverError("bad-config", f"no profile {name!r}; there are: {known}") from None
