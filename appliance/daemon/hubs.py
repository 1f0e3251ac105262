"""The hubs of this appliance: who they are, and which of them leads to control just now."""

from collections.abc import Callable, Iterable

from appliance.link.bodies import Directory
from appliance.link.identity import HUB_NAME, Identity
from appliance.link.session import Peer

#: what leads to control: its address, telemetry port (0: none) and CURVE public key
Telemetry = tuple[str, int, str]


class Hubs:
    """The first hub, which the identity names, and those of the directory.

    Proposals come from all of them. The way to control, for the ledger and telemetry, is one: the
    first that is up, the hub called `hub` before all others.
    """

    def __init__(self, identity: Identity) -> None:
        self._first = identity.hub
        self._telemetry_port = identity.fields.hub_telemetry_port
        self._peers = {HUB_NAME: self._first}
        self._ports = {HUB_NAME: self._telemetry_port}
        #: those that are up
        self.up: set[str] = set()
        #: which of them leads to control; nothing: none is up
        self.control = ""
        #: where telemetry goes
        self._told = HUB_NAME
        #: told of the one that leads to control from now on; not of there being none
        self.on_control: Callable[[Telemetry], None] = lambda _telemetry: None

    def __contains__(self, peer: str) -> bool:
        """Tell whether *peer* is a hub."""
        return peer in self._peers

    def peers(self) -> list[Peer]:
        """Return all of them as peers of the link."""
        return list(self._peers.values())

    def without(self, peers: Iterable[str]) -> set[str]:
        """Return the appliances among *peers*."""
        return set(peers) - self._peers.keys()

    def know(self, directory: Directory | None) -> None:
        """Take the directory's hubs."""
        self._peers = {HUB_NAME: self._first}
        self._ports = {HUB_NAME: self._telemetry_port}
        for one in directory.hubs if directory else ():
            if one.hub != HUB_NAME:
                self._peers[one.hub] = Peer(
                    name=one.hub,
                    role="hub",
                    key=one.curve_key,
                    address=one.link_address,
                    port=one.link_port,
                )
                self._ports[one.hub] = one.telemetry_port

    def changed(self, peer: str, *, up: bool) -> bool:
        """Note that a hub came or went; tell whether another leads to control now."""
        before = self.control
        (self.up.add if up else self.up.discard)(peer)
        self.control = min(self.up, key=lambda name: (name != HUB_NAME, name), default="")
        if self.control and self.control != self._told:
            hub = self._peers.get(self.control)
            if hub is not None:
                self._told = self.control
                self.on_control((hub.address, self._ports[hub.name], hub.key))
        return self.control != before
