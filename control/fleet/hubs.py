"""Further hubs beside the first: a file in control's state folder, told in the directory."""

import re
from pathlib import Path
from typing import Annotated

import msgspec

from appliance.base.errors import ConfigError
from appliance.config.model import Port
from appliance.link.bodies import DirectoryHub
from appliance.link.files import write_whole
from appliance.routing.reach import HUB_NAME, HUB_PATTERN
from control.fleet.keys import hub_pair
from control.settings import ControlSettings

HUBS_FILE = "hubs.json"


class HubEntry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A further hub: where it listens, and where boxes dial it."""

    name: Annotated[str, msgspec.Meta(pattern=HUB_PATTERN)]
    address: str
    link_port: Port
    telemetry_in_port: Port
    telemetry_out_port: Port


def further_hubs(settings: ControlSettings) -> list[HubEntry]:
    """Return the hubs beside the first, by name; raise ConfigError `bad-config`."""
    path = _path(settings)
    try:
        return msgspec.json.decode(path.read_bytes(), type=list[HubEntry])
    except FileNotFoundError:
        return []
    except (OSError, msgspec.DecodeError) as error:
        raise ConfigError("bad-config", f"{path}: {error}") from error


def add_hub(settings: ControlSettings, entry: HubEntry) -> None:
    """Add a hub, or change one; its key is minted. Raises ConfigError `bad-config`."""
    if not re.match(HUB_PATTERN, entry.name):
        raise ConfigError("bad-config", f"{entry.name!r}: further hubs are called hub-2, hub-3, …")
    others = [hub for hub in further_hubs(settings) if hub.name != entry.name]
    taken = {settings.link_port, settings.telemetry_in_port, settings.telemetry_out_port}
    ports = [(settings.hub_address, taken), *((hub.address, _ports(hub)) for hub in others)]
    for address, used in ports:
        both = used & _ports(entry)
        if address == entry.address and both:
            raise ConfigError("port-busy", f"{entry.name}: another hub has port {min(both)}")
    hub_pair(settings.state_path, entry.name)
    _write(settings, [*others, entry])


def remove_hub(settings: ControlSettings, name: str) -> None:
    """Take a hub away; raise ConfigError `not-found`."""
    hubs = further_hubs(settings)
    others = [hub for hub in hubs if hub.name != name]
    if len(others) == len(hubs):
        raise ConfigError("not-found", f"no further hub is called {name!r}")
    _write(settings, others)


def settings_of(settings: ControlSettings, name: str) -> ControlSettings:
    """Return the settings that the hub called *name* runs by; raise ConfigError `not-found`."""
    if name in (HUB_NAME, settings.hub_name):
        return msgspec.structs.replace(settings, hub_name=name)
    for hub in further_hubs(settings):
        if hub.name == name:
            return msgspec.structs.replace(
                settings,
                hub_name=hub.name,
                hub_address=hub.address,
                link_port=hub.link_port,
                telemetry_in_port=hub.telemetry_in_port,
                telemetry_out_port=hub.telemetry_out_port,
            )
    raise ConfigError("not-found", f"no hub is called {name!r}: add it with `hubs add`")


def directory_hubs(settings: ControlSettings) -> tuple[DirectoryHub, ...]:
    """Return the further hubs as boxes are told of them."""
    return tuple(
        DirectoryHub(
            hub=hub.name,
            link_address=hub.address,
            link_port=hub.link_port,
            curve_key=hub_pair(settings.state_path, hub.name).public,
            telemetry_port=hub.telemetry_in_port,
        )
        for hub in further_hubs(settings)
    )


def _ports(hub: HubEntry) -> set[int]:
    return {hub.link_port, hub.telemetry_in_port, hub.telemetry_out_port}


def _write(settings: ControlSettings, hubs: list[HubEntry]) -> None:
    ordered = sorted(hubs, key=lambda hub: hub.name)
    body = msgspec.json.format(msgspec.json.encode(ordered), indent=2)
    write_whole(_path(settings), body)


def _path(settings: ControlSettings) -> Path:
    return settings.state_path / HUBS_FILE
