"""Relays, as a node of the link has them: dialled by, and carried for others where it is one.

To whoever cannot be dialled, an appliance speaks through a relay appliance with which both have a
session. What goes there is sealed from end to end, as over NATS: the relay only carries packets.
"""

import asyncio
import hashlib
import logging
from collections.abc import Callable, Iterable

from appliance.base.errors import ConfigError, PeerError
from appliance.link.bucket import Bucket
from appliance.link.messages import Carried, Carry, LinkMessage, NotCarried
from appliance.link.relay_desk import RelayDesk
from appliance.link.sealed_handshake import key_bytes
from appliance.link.sealed_transport import LONGEST, SealedTransport
from appliance.link.session import Peer
from appliance.link.transport import Transport, TransportEvents

_log = logging.getLogger(__name__)

#: bytes on the way of one session: 2.5 MB/s at a round trip of 100 ms
WINDOW_BYTES = 1 << 18
#: what we have carried [bytes/s], and at once: below what a relay lets pass (`relay_desk.py`)
RATE_BYTES = 4_000_000
BURST_BYTES = 1 << 18
#: records that are the relays' business
RELAYED = (Carry, Carried, NotCarried)

Send = Callable[[str, LinkMessage], bool]


class RelayCarrier:
    """`Carrier` over our sessions with relays; a way is a relay's name."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._taker: Callable[[bytes, str], None] = lambda _packet, _way: None
        self._bucket = Bucket(RATE_BYTES, BURST_BYTES, 0.0)
        #: link key -> name
        self.names: dict[bytes, str] = {}

    @property
    def ready(self) -> bool:
        """Tell whether anything can be carried: a relay that is away says so by itself."""
        return True

    def start(
        self,
        take: Callable[[bytes, str], None],
        changed: Callable[[], None],  # noqa: ARG002
    ) -> None:
        """Begin."""
        self._taker = take

    async def carry(self, key: bytes, way: str, packet: bytes) -> None:
        """Give a packet to relay *way*; waits for its turn. Raises PeerError `unreachable`."""
        wait_s = self._bucket.owe(len(packet), asyncio.get_running_loop().time())
        if wait_s > 0:
            await asyncio.sleep(wait_s)
        name = self.names.get(key, "")
        if not name or not self._send(way, Carry(name, packet)):
            raise PeerError("unreachable", f"relay {way} is not there")

    def take(self, relay: str, packet: bytes) -> None:
        """Take a packet that *relay* has brought."""
        self._taker(packet, relay)

    async def flush(self, seconds: float) -> None:
        """Return at once: the link sends what it was given."""

    async def close(self) -> None:
        """Carry no more: the link's sessions end by themselves."""


class RelayTransport:
    """`Transport` over a direct one and over relays, whose sessions have negative numbers."""

    def __init__(self, direct: Transport, sealed: SealedTransport) -> None:
        self._direct = direct
        self._sealed = sealed

    @property
    def needs_port(self) -> bool:
        """Tell whether a peer without a port cannot be dialled, unless by a relay."""
        return self._direct.needs_port

    def start(self, events: TransportEvents) -> None:
        """Begin; raise ConfigError `port-busy`."""
        self._direct.start(events)
        self._sealed.start(_Negative(events))

    def allow(self, keys: Iterable[str]) -> None:
        """Let only these keys dial us from now on; sessions of others are cut."""
        known = frozenset(keys)
        self._direct.allow(known)
        self._sealed.allow(known)

    def dial(self, name: str, address: str, port: int, key: str) -> int:
        """Open a session without a relay."""
        return self._direct.dial(name, address, port, key)

    def dial_by(self, relay: str, name: str, key: str) -> int:
        """Open a session through *relay*."""
        return -self._sealed.dial(name, relay, 0, key)

    def relay_of(self, session: int) -> str:
        """Return the relay that a session goes through; empty: none."""
        return self._sealed.way_of(-session) if session < 0 else ""

    def send(self, session: int, frame: bytes) -> bool:
        """Send *frame*; False where the session is closed or the other end does not read."""
        if session < 0:
            return self._sealed.send(-session, frame)
        return self._direct.send(session, frame)

    def cut(self, session: int) -> None:
        """End a session now."""
        if session < 0:
            self._sealed.cut(-session)
        else:
            self._direct.cut(session)

    def close(self) -> None:
        """End all sessions and stop listening."""
        self._sealed.close()
        self._direct.close()

    async def gone(self) -> None:
        """Wait until what was sent before `close` has left."""
        await self._sealed.gone()
        await self._direct.gone()


class _Negative:
    """Tells of a relayed session by its negative number."""

    def __init__(self, events: TransportEvents) -> None:
        self._events = events

    def on_open(self, session: int, key: str) -> None:
        """Pass on."""
        self._events.on_open(-session, key)

    def on_frame(self, session: int, frame: bytes) -> None:
        """Pass on."""
        self._events.on_frame(-session, frame)

    def on_close(self, session: int, reason: str) -> None:
        """Pass on."""
        self._events.on_close(-session, reason)


class Relays:
    """Both sides of relaying at one node: give it to the node, which does the rest."""

    def __init__(self, send: Send, direct: Callable[[str], bool], *, secret_key: str) -> None:
        self._carrier = RelayCarrier(send)
        self.sealed = SealedTransport(
            self._carrier, secret_key=secret_key, window_bytes=WINDOW_BYTES
        )
        self.desk = RelayDesk(send, direct)
        self._direct = direct
        self._peers: dict[str, Peer] = {}
        #: who is a relay
        self._names: list[str] = []

    def allow(self, own: Peer | None, peers: Iterable[Peer]) -> None:
        """Know these peers and no others; carry for others if *own* says that we do."""
        self._peers = {peer.name: peer for peer in peers}
        self._names = [peer.name for peer in self._peers.values() if peer.relay]
        self.desk.open = own is not None and own.relay
        names: dict[bytes, str] = {}
        for peer in self._peers.values():
            try:
                names[key_bytes(peer.key)] = peer.name
            except ConfigError as error:
                _log.error("%s: %s", peer.name, error)
        self._carrier.names = names

    def to(self, own: str, peer: str) -> list[str]:
        """Return the relays by which *peer* may be reached now, the one to try first first."""
        up = [name for name in self._names if name != peer and self._direct(name)]
        return in_order(up, own, peer) if up else up

    def take(self, peer: str, record: LinkMessage, now_s: float) -> None:
        """Take a record of *peer* that is the relays' business."""
        if isinstance(record, Carry):
            self.desk.take(peer, record, now_s)
        elif peer not in self._names:
            self.sealed.ignored["refused"] += 1
        elif isinstance(record, Carried) and len(record.packet) <= LONGEST:
            self._carrier.take(peer, record.packet)
        elif isinstance(record, NotCarried) and (to := self._peers.get(record.to)):
            _log.debug("< %s does not carry to %s: %.63s", peer, record.to, record.reason)
            self.sealed.lose(peer, "unreachable", to.key)
        else:
            self.sealed.ignored["bad-request"] += 1

    def gone(self, peer: str) -> None:
        """Note that our session with *peer* is over."""
        self.desk.forget(peer)
        self.sealed.lose(peer, "unreachable")


def in_order(relays: Iterable[str], one: str, other: str) -> list[str]:
    """Return *relays* as the pair tries them: rendezvous hashing, the same for both ends.

    So the pairs of a fleet spread over its relays, and of a lost one's pairs each goes elsewhere.
    """
    pair = "\0".join(sorted((one, other)))

    def weight(relay: str) -> bytes:
        return hashlib.blake2b(f"{pair}\0{relay}".encode(), digest_size=16).digest()

    return sorted(relays, key=weight, reverse=True)
