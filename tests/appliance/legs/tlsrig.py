"""An appliance with TLS, for tests: its certificate lies where enrolment puts it."""

from pathlib import Path

import msgspec

from appliance.config.model import ApplianceSettings
from tests.appliance.legs.legsrig import settings_for
from tests.certificates import Authority, Pair, write_pair
from tests.ports import free_port

HERE, THERE = "127.0.0.1", "127.0.0.2"


def settings_of(folder: Path, address: str, pair: Pair, authority: Authority) -> ApplianceSettings:
    """Return the settings of an enrolled appliance with TLS."""
    settings = settings_for(folder)
    write_pair(Path(settings.state_dir) / "identity", pair, authority.pem)
    sip = msgspec.structs.replace(settings.sip, address=address, tls_port=free_port(address))
    return msgspec.structs.replace(settings, sip=sip)
