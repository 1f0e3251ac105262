"""Who may call: peers by certificate or address, trunks by address, phones by what they prove."""

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import msgspec

from appliance.legs.contacts import ContactTable
from appliance.legs.numbers import clean, user_of
from appliance.legs.phoneauth import PhoneAuth
from appliance.legs.sipevents import InviteIn
from appliance.legs.siptls import TlsFar
from appliance.legs.trunkwatch import TrunkWatch
from appliance.wire.commands import Peer, Peers
from appliance.wire.rows import LegRow

_log = logging.getLogger(__name__)

#: headers that name what a peer's call is for
RESERVATION_HEADER = "X-Branchline-Reservation"
FENCE_HEADER = "X-Branchline-Fence"
#: to a relay: the appliance that the call is for; from a relay: the one that it comes from
RELAY_TO_HEADER = "X-Branchline-Relay-To"
RELAY_FROM_HEADER = "X-Branchline-Relay-From"
#: privacy levels that hide the number (RFC 3323 §4.2, RFC 3325 §9.3)
_PRIVATE = frozenset({"id", "user", "header"})


@dataclass(frozen=True, slots=True)
class Denied:
    """How a call is refused: a bare status, with a challenge where one may help."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()


#: the one answer to everyone whom we do not know, whatever they ask for
STRANGER = Denied(403)


class SipGate:
    """Decides who a call is from; who is nobody gets the same bare answer as everybody else."""

    def __init__(
        self, trunks: TrunkWatch, contacts: ContactTable, auth: PhoneAuth, *, tls: bool = False
    ) -> None:
        """*tls*: we take calls by TLS, so peers that can are to use it."""
        self._trunks = trunks
        self._contacts = contacts
        self._auth = auth
        self._tls = tls
        self._peers: dict[str, list[Peer]] = {}
        self._by_id: dict[str, Peer] = {}
        #: our own id among the appliances
        self.appliance = ""
        #: we are to relay calls between the others
        self.relaying = False

    def know_peers(self, peers: Peers) -> None:
        """Take the appliances that may call, in place of those known before."""
        self.appliance = peers.appliance
        self.relaying = peers.relay and self._tls
        self._peers = {}
        self._by_id = {peer.appliance: peer for peer in peers.peers}
        for peer in peers.peers:
            if not self.by_tls(peer):
                self._peers.setdefault(peer.address, []).append(peer)

    def peer(self, appliance: str) -> Peer | None:
        """Return an enrolled appliance by its id."""
        return self._by_id.get(appliance)

    def by_tls(self, peer: Peer) -> bool:
        """Tell whether calls to and from *peer* go by TLS, and no other way."""
        return self._tls and peer.tls_port > 0

    def tls_fars(self) -> Iterator[TlsFar]:
        """Yield the peers that are called by TLS."""
        for peer in self._by_id.values():
            if self.by_tls(peer):
                yield TlsFar(peer.address, peer.tls_port, peer.appliance, ours=True)

    def relays(self) -> Iterator[Peer]:
        """Yield the appliances that relay our calls; a relay needs none itself."""
        for peer in self._by_id.values():
            if peer.relay and self.by_tls(peer) and not self.relaying:
                yield peer

    def admit(self, invite: InviteIn) -> LegRow | Denied:
        """Return the row of a call that is let in, or how it is refused."""
        if invite.peer and RESERVATION_HEADER.lower() in invite.extras:
            return self._proven(invite)
        account = clean(user_of(invite.from_uri))
        if self._contacts.is_at(account, invite.source, invite.source_port, tls=invite.tls):
            return _phone(invite, account)
        peers = self._peers.get(invite.source)
        if peers and RESERVATION_HEADER.lower() in invite.extras:
            return _peer(invite, peers)
        trunk = self._trunks.trunk_at(invite.source, invite.source_port, tls=invite.tls)
        if trunk:
            return _trunk(invite, trunk)
        return self._digest(invite)

    def _proven(self, invite: InviteIn) -> LegRow | Denied:
        """Judge a call of an appliance that has shown its certificate."""
        peer = self._by_id.get(invite.peer)
        if peer is None or not self.by_tls(peer):
            _log.warning("%s has a certificate, but is not among the peers", invite.peer)
            return STRANGER
        to = clean(invite.extras.get(RELAY_TO_HEADER.lower(), ""))
        caller = clean(invite.extras.get(RELAY_FROM_HEADER.lower(), ""))
        row = _peer(invite, [peer])
        if isinstance(row, Denied) or not (to or caller):
            return row
        if to and not caller and self.relaying:
            return msgspec.structs.replace(row, kind="relay", called=to)
        if caller and not to and peer.relay and caller in self._by_id:
            # whether the call is wanted, its reservation proves, which no relay knows beforehand
            return msgspec.structs.replace(row, via=caller, relay=peer.appliance)
        _log.warning("%s names an appliance that it may not name", invite.peer)
        return STRANGER

    def _digest(self, invite: InviteIn) -> LegRow | Denied:
        if invite.authorization:
            checked = self._auth.check(invite.authorization, "INVITE", invite.source)
            if checked.account:
                return _phone(invite, checked.account)
            if not checked.stale:
                return STRANGER
        elif not self._contacts.any_at(invite.source):
            return STRANGER
        headers = self._auth.challenge(stale=bool(invite.authorization), proxy=True)
        return Denied(407, tuple(headers))


def _phone(invite: InviteIn, account: str) -> LegRow:
    """Return the row of a phone's call; its number is its account, whatever it claims."""
    return LegRow(
        leg=0,
        out=False,
        kind="phone",
        via=account,
        state="new",
        caller=account,
        caller_name=clean(invite.from_name),
        called=_called(invite),
    )


def _trunk(invite: InviteIn, trunk: str) -> LegRow:
    """Return the row of a trunk's call; what the network asserts comes before From (RFC 3325)."""
    claimed = clean(user_of(invite.from_uri))
    asserted = clean(user_of(invite.pai))
    anonymous = claimed.lower() == "anonymous"
    caller = asserted or ("" if anonymous else claimed)
    levels = {level.strip().lower() for level in invite.privacy.split(";")}
    return LegRow(
        leg=0,
        out=False,
        kind="trunk",
        via=trunk,
        state="new",
        caller=caller,
        caller_name="" if anonymous else clean(invite.from_name),
        called=_called(invite),
        private=anonymous or bool(levels & _PRIVATE),
    )


def _peer(invite: InviteIn, peers: Iterable[Peer]) -> LegRow | Denied:
    """Return the row of a peer's call; the brain checks reservation and fence."""
    known = list(peers)
    peer = next((peer for peer in known if peer.port == invite.source_port), known[0])
    reservation = clean(invite.extras.get(RESERVATION_HEADER.lower(), ""))
    fence = invite.extras.get(FENCE_HEADER.lower(), "")
    if not (reservation and fence.isascii() and fence.isdigit() and len(fence) < 19):
        _log.warning("a call of peer %s names no reservation and fence", peer.appliance)
        return STRANGER
    return LegRow(
        leg=0,
        out=False,
        kind="peer",
        via=peer.appliance,
        state="new",
        caller=clean(user_of(invite.from_uri)),
        caller_name=clean(invite.from_name),
        called=reservation,
        reservation=reservation,
        fence=int(fence),
    )


def _called(invite: InviteIn) -> str:
    return clean(user_of(invite.request_uri) or user_of(invite.to_uri))
