"""Whom a node of the link dials, when, and by which way. No socket and no clock of its own."""

import logging
from collections.abc import Iterable, Iterator, Mapping
from random import Random
from typing import Literal

from appliance.link.dialler import DETOUR_AFTER_S, Detour, Redial
from appliance.link.messages import DEAD_S
from appliance.link.relays import Relays, RelayTransport
from appliance.link.session import LinkSession, Peer
from appliance.link.transport import Transport

_log = logging.getLogger(__name__)


class Outreach:
    """Makes the sessions that are due: direct ones, and ones through relays where these fail."""

    def __init__(
        self,
        name: str,
        role: Literal["appliance", "hub"],
        chance: Random,
        sessions: Mapping[int, LinkSession],
        up: Mapping[str, LinkSession],
    ) -> None:
        self._name = name
        self._role = role
        self._chance = chance
        self._sessions = sessions
        self._up = up
        self._own: Peer | None = None
        self._peers: dict[str, Peer] = {}
        self._redials: dict[str, Redial] = {}
        self._detours: dict[str, Detour] = {}

    def know(self, own: Peer | None, peers: Iterable[Peer]) -> None:
        """Know these peers and no others; *own* is what they know of us."""
        self._own = own
        before, self._peers = self._peers, {peer.name: peer for peer in peers}
        for name, redial in tuple(self._redials.items()):
            peer = self._peers.get(name)
            if peer is None:
                del self._redials[name], self._detours[name]
            elif (peer.address, peer.port) != (before[name].address, before[name].port):
                redial.hasten()

    def add(self, name: str, transport: Transport, now_s: float) -> None:
        """Reach for a peer from now on.

        Where both ends dial, the lesser name goes first, so that they do not cross.
        """
        known = self._peers.get(name)
        if known is not None and name not in self._redials:
            first = self.leads(known) or not _dialled(self._own, transport)
            self._redials[name] = Redial(now_s, self._chance, delay_s=0.0 if first else DEAD_S)
            self._detours[name] = Detour(now_s, self._chance)

    def stop(self) -> None:
        """Reach for nobody any more."""
        self._redials.clear()

    def leads(self, peer: Peer) -> bool:
        """Tell whether it is for this end to dial first, and for the other to wait."""
        return peer.role == "hub" or (self._role != "hub" and self._name < peer.name)

    # -- what is due ---------------------------------------------------------------------------

    def due(
        self, transport: Transport, relays: Relays | None, now_s: float
    ) -> Iterator[LinkSession]:
        """Open the sessions that it is time for."""
        for name, redial in tuple(self._redials.items()):
            peer = self._peers[name]
            if now_s >= redial.due_s and self._may_dial(peer, redial, transport, now_s):
                _log.debug("> dial %s at %s:%s", name, peer.address, peer.port)
                number = transport.dial(name, peer.address, peer.port, peer.key)
                limit_s = redial.begin()
                yield LinkSession(number, peer, dialled=True, now_s=now_s, limit_s=limit_s)
            if relays is not None and isinstance(transport, RelayTransport):
                yield from self._through(relays, peer, transport, now_s)

    def _may_dial(self, peer: Peer, redial: Redial, transport: Transport, now_s: float) -> bool:
        """Tell whether a direct attempt may begin; a relayed session is no hindrance."""
        if not _dialled(peer, transport):
            return False
        known = [session for session in self.sessions_with(peer.name) if not session.relay]
        if any(session.state == "up" for session in known):
            return False
        return redial.beside([session.opened_s for session in known], now_s)

    def _through(
        self, relays: Relays, peer: Peer, transport: RelayTransport, now_s: float
    ) -> Iterator[LinkSession]:
        """Dial *peer* through a relay, where it is time for that."""
        if peer.role == "hub" or peer.name in self._up:
            return
        wait_s = 0.0 if self.leads(peer) else DEAD_S
        if _dialled(peer, transport) or _dialled(self._own, transport):
            wait_s += DETOUR_AFTER_S
        detour = self._detours[peer.name]
        if not detour.due(now_s, wait_s):
            return
        if any(session.relay for session in self.sessions_with(peer.name)):
            return
        relay = detour.next(relays.to(self._name, peer.name), now_s)
        if relay:
            _log.debug("> dial %s through %s", peer.name, relay)
            number, limit_s = transport.dial_by(relay, peer.name, peer.key), detour.limit_s
            yield LinkSession(
                number, peer, dialled=True, now_s=now_s, limit_s=limit_s, relay=relay
            )

    def sessions_with(self, peer: str) -> list[LinkSession]:
        """Return the sessions with *peer* that are up or on their way there."""
        return [s for s in self._sessions.values() if s.peer.name == peer and not s.leaving]

    def relay_to(self, peer: Peer, relays: Relays) -> str:
        """Return the relay for calls to a peer that has dialled us; empty: they go directly."""
        if peer.port or peer.role == "hub" or (self._own is not None and self._own.relay):
            return ""
        return next(iter(relays.to(self._name, peer.name)), "")

    # -- what has come of it -------------------------------------------------------------------

    def came_up(self, session: LinkSession, now_s: float) -> None:
        """Note that a peer is up."""
        redial = self._redials.get(session.peer.name)
        if redial is None:
            return
        if session.relay:
            redial.later(now_s)
        else:
            redial.succeeded(now_s - session.opened_s if session.dialled else None)

    def ended(self, session: LinkSession, now_s: float, *, was_up: bool) -> None:
        """Note that a session is over, or that an attempt has failed."""
        peer = session.peer
        redial = self._redials.get(peer.name)
        if redial is None:
            return
        if not session.relay:
            attempt = session.dialled and session.state == "hello"
            redial.failed(now_s, session.opened_s if attempt else None)
            if self._up.get(peer.name, session) is not session:
                redial.later(now_s)
        if was_up:
            delay_s = DEAD_S if session.relay and not self.leads(peer) else 0.0
            self._detours[peer.name].lost(session.relay, now_s, delay_s)


def _dialled(peer: Peer | None, transport: Transport) -> bool:
    """Tell whether *peer* can be dialled without a relay."""
    return peer is None or bool(peer.port) or not transport.needs_port
