"""Call-backs in escrow: a peer stands in for an appliance that died, and nobody is called twice.

The owner puts each of its call-backs, sealed, with one peer, and acts on them only while a
majority leases it the right (`link/lease.py`). Before a caller is called, a majority has heard so.
Once the lease has lapsed, however shortly, the owner does not know what the peer did, and asks it
first. What lies with a peer that has been gone for long is moved to another (`moves.py`).
"""

import logging
from collections.abc import Callable, Iterable
from typing import NamedTuple, Protocol

import msgspec

from appliance.base.errors import PeerError
from appliance.call.callbacks import CallBacks
from appliance.call.contact import CallBack, Contact, had_agent, is_away
from appliance.call.escrow.moves import EscrowMoves
from appliance.call.office import Office
from appliance.call.owner import ContactOwner
from appliance.ledger.records import EscrowClosed, EscrowReleased, Outcome
from appliance.link.lease import RENEW_S, LeaseSeeker, at_peer, ranked, voters
from appliance.link.messages import (
    EscrowGot,
    EscrowPut,
    EscrowSettle,
    LeaseAsk,
    Settled,
)
from appliance.wire.commands import Hang

log = logging.getLogger(__name__)

#: what a contact is filed under that the holder is still to forget
DROP_KEY = "escrow-drop/"
_OUTCOMES: tuple[Outcome, ...] = ("served", "abandoned", "released", "failed")


class Sealing(Protocol):
    """Who seals from link key to link key."""

    def seal(self, text: bytes, peer_key: str) -> bytes:
        """Return *text* for the owner of *peer_key* alone."""

    def open(self, sealed: bytes, peer_key: str) -> bytes:
        """Return what the owner of *peer_key* sealed for us; raise PeerError."""


class Fleet(NamedTuple):
    """What the federation gives the escrow."""

    #: enrolled appliances, ourselves among them: name -> link key
    keys: Callable[[], dict[str, str]]
    #: who is up
    up: Callable[[], set[str]]
    #: peer that the plan names for us, or empty
    named: Callable[[], str]
    sealing: Sealing
    #: a peer that is gone this long holds nothing any more [s]
    move_after_s: float = 60.0


class Stub(msgspec.Struct, frozen=True):
    """What is sealed: the contact, and the owner's monotonic clock as it was sealed [s]."""

    contact: Contact
    at_s: float


class Drop(msgspec.Struct, frozen=True):
    """A contact that the holder is to forget: over, called by us, or taken from that peer.

    It is filed by what we claim of it: the contact, or where it was taken away `contact/holder`.
    """

    holder: str
    number: int


class EscrowOwner:
    """Puts our call-backs with a peer, and keeps them still while we may not act."""

    def __init__(self, office: Office, owner: ContactOwner, callbacks: CallBacks) -> None:
        self._turn, self._book, self._clock = office.turn, office.book, office.clock
        self._name = office.book.name
        self._owner = owner
        self._callbacks = callbacks
        self._fleet: Fleet | None = None
        self._seeker: LeaseSeeker | None = None
        self._drops: dict[str, Drop] = {}
        #: contact -> round of the lease after which it may be called
        self._uncleared: dict[str, int] = {}
        self._settled_s = -1e9
        self._moves = EscrowMoves()
        callbacks.on_change = self.changed
        callbacks.clear = self.clear
        #: asks a voter, ourselves among them
        self.ask: Callable[[str, LeaseAsk], None] = lambda _voter, _ask: None

    def join(self, fleet: Fleet) -> None:
        """Begin: there are others."""
        self._fleet = fleet

    def remember(self, states: Iterable[tuple[str, bytes]]) -> None:
        """Take what the ledger kept."""
        for key, state in states:
            if key.startswith(DROP_KEY):
                self._drops[key.removeprefix(DROP_KEY)] = msgspec.msgpack.decode(state, type=Drop)

    # -- what is put with the peer -------------------------------------------------------------

    def changed(self, contact: Contact) -> None:
        """Bring the peer up to date about a contact that left a number."""
        back = contact.callback
        if self._fleet is None or back is None or back.owner:
            return
        if not back.tok:
            self._uncleared.pop(contact.contact, None)
        open_ = self._book.get(contact.contact) is contact
        if open_ and not had_agent(contact) and not back.tok:
            self._put(contact, back)
        elif back.holder:
            self._drop(contact, back)

    def _put(self, contact: Contact, back: CallBack) -> None:
        fleet = self._fleet
        if fleet is None or back.doubt:
            return
        if back.holder and at_peer(contact.contact, back.holder) in self._drops:
            return  # it is put with another as soon as that is known
        if not back.holder and not self._valid():
            self._ask_again()  # without the lease it would be in doubt at once
            return
        holder = back.holder or self._choose(fleet, contact.contact)
        key = fleet.keys().get(holder)
        if key is None:
            return
        back.told += 1
        if not back.holder:
            back.holder = holder
        self._book.changed(contact)
        stub = msgspec.msgpack.encode(Stub(contact, self._clock.monotonic_s()))
        put = EscrowPut(contact.contact, back.told, fleet.sealing.seal(stub, key))
        self._turn.message(back.holder, put)

    def _choose(self, fleet: Fleet, contact: str) -> str:
        """Return who stands in for us: the peer that the plan names, or the first that is up."""
        up = {
            peer
            for peer in fleet.up() & fleet.keys().keys()
            if at_peer(contact, peer) not in self._drops
        }
        named = fleet.named()
        return named if named in up else next(iter(ranked(self._name, up)), "")

    def _drop(self, contact: Contact, back: CallBack) -> None:
        self._claim(contact.contact, contact.contact, back)
        self._turn.message(back.holder, EscrowPut(contact.contact, back.told))

    def _claim(self, claim: str, contact: str, back: CallBack) -> None:
        """Let voters hear, from now on, that the holder is to leave the contact out."""
        back.told += 1
        self._drops[claim] = drop = Drop(back.holder, back.told)
        self._turn.keep(DROP_KEY + claim, drop)
        log.info("%s is no longer for %s to call", contact, back.holder)

    def got(self, peer: str, message: EscrowGot) -> None:
        """Hear that the peer has it on disk."""
        if message.moves:
            self._moves.heeds(peer)
        moved = at_peer(message.contact, peer)
        for claim in (message.contact, moved):
            drop = self._drops.get(claim)
            if drop is not None and drop.holder == peer and message.number >= drop.number:
                self._forgotten(claim)
                if claim == moved:
                    self._take_away(message.contact, peer)

    def _forgotten(self, claim: str) -> None:
        """The peer has it no more, or knows that it was called."""
        if self._drops.pop(claim, None) is not None:
            self._turn.forget(DROP_KEY + claim)

    def peer_up(self, peer: str) -> None:
        """Tell a peer that is there again what it may have missed."""
        for claim, drop in self._drops.items():
            name = claim.partition("/")[0]
            one = self._book.get(name)
            back = one.callback if one is not None else None
            # of what is in doubt it is to tell first what it did
            doubt = back is not None and back.doubt and back.holder == peer
            if drop.holder == peer and not doubt:
                self._turn.message(peer, EscrowPut(name, drop.number))
        for one in self._book.left():
            back = one.callback
            if back is not None and not back.doubt and back.holder in ("", peer):
                self.changed(one)

    # -- the right to act ----------------------------------------------------------------------

    def barred(self, contact: Contact) -> str:
        """Return why *contact* may not be served from here now, or nothing."""
        back = contact.callback
        if back is None or not is_away(contact) or not back.holder:
            return ""
        return "lease-lost" if back.doubt or not self._valid() else ""

    def clear(self, contact: Contact) -> bool:
        """Let a majority know that *contact* is called; tell whether there is nobody to tell."""
        if contact.callback is None or not contact.callback.holder:
            return True
        self._uncleared[contact.contact] = self._ask()
        return False

    def granted(self) -> None:
        """Go on with what a majority has heard by now."""
        for contact in self._book.left() if self._valid() else ():
            if contact.callback is not None and not contact.callback.holder:
                self.changed(contact)
        done = self._seeker.done if self._seeker else 0
        for claim in self._moves.done(self._seeker.kept if self._seeker and self._valid() else 0):
            if claim in self._drops:
                self._take_away(*claim.split("/", 1))
        for name, number in tuple(self._uncleared.items()):
            if number <= done:
                del self._uncleared[name]
                if (called := self._book.get(name)) is not None:
                    self._callbacks.go(called)

    # -- a holder that is gone -----------------------------------------------------------------

    def _move(self, fleet: Fleet, ours: list[Contact], now_s: float) -> None:
        """Begin to move what lies with a peer that has been gone for long."""
        up = fleet.up() & fleet.keys().keys()
        with_peers = [one for one in ours if one.callback is not None and one.callback.holder]
        gone = {one.callback.holder for one in with_peers if one.callback} - up
        self._moves.look(gone, now_s)
        claims = []
        for contact in with_peers if up and self._valid() else ():
            back = contact.callback
            if back is None or back.doubt or back.tok or had_agent(contact):
                continue
            claim = at_peer(contact.contact, back.holder)
            ripe = self._moves.ripe(back.holder, now_s, fleet.move_after_s)
            if ripe and claim not in self._drops:
                self._claim(claim, contact.contact, back)
                self._book.changed(contact)
                claims.append(claim)
        if claims:
            self._moves.begin(claims, self._ask())

    def _take_away(self, name: str, peer: str) -> None:
        """Put a contact with another peer, now that this one will not act on it any more."""
        contact = self._book.get(name)
        back = contact.callback if contact is not None else None
        if contact is not None and back is not None and back.holder == peer and not back.doubt:
            back.holder = ""
            self._book.changed(contact)
            self.changed(contact)

    def release(self, name: str, by: str) -> None:
        """Take a person's word that the holder has not called; raise PeerError `contact-gone`."""
        contact = self._book.get(name)
        back = contact.callback if contact is not None else None
        if contact is None or back is None or not back.doubt:
            raise PeerError("contact-gone", f"{name} is not held here for want of a peer's word")
        log.warning("%s: %s says that %s has not called", name, by, back.holder)
        self._turn.note(name, EscrowReleased(holder=back.holder, by=by))
        self._claim(at_peer(name, back.holder), name, back)
        self._turn.message(back.holder, EscrowPut(name, back.told))
        back.holder, back.doubt, back.held = "", False, False
        self._book.changed(contact)
        self.changed(contact)

    @property
    def seeker(self) -> LeaseSeeker | None:
        """The lease about ourselves, once it was asked for."""
        return self._seeker

    def _valid(self) -> bool:
        return self._seeker is not None and self._seeker.valid(self._clock.monotonic_s())

    def _ask_again(self) -> None:
        """Renew the lease when it is time to."""
        if self._seeker is None or self._seeker.due(self._clock.monotonic_s()):
            self._ask()

    def _ask(self) -> int:
        fleet = self._fleet
        assert fleet is not None  # noqa: S101 - nothing is in escrow without one
        chosen = voters(self._name, fleet.keys())
        if self._seeker is None or self._seeker.voters != chosen:
            before = self._seeker
            self._seeker = LeaseSeeker(self._name, chosen)
            self._seeker.number = before.number if before else 0
        number = self._seeker.ask(self._clock.monotonic_s())
        for voter in sorted(chosen):
            self.ask(voter, LeaseAsk(self._name, number, list(self._drops)))
        return number

    def tick(self) -> None:
        """Renew the lease, keep still without one, and settle what is in doubt."""
        if self._fleet is None:
            return
        keys = self._fleet.keys()
        ours = [one for one in self._book.left() if one.callback and not one.callback.owner]
        if not ours and not self._drops:
            return
        for name in [one for one, drop in self._drops.items() if drop.holder not in keys]:
            self._forgotten(name)
        now_s = self._clock.monotonic_s()
        self._ask_again()
        valid = self._valid()
        for contact in ours:
            self._keep_still(contact, valid=valid)
        self._move(self._fleet, ours, now_s)
        if now_s - self._settled_s >= RENEW_S:
            self._settled_s = now_s
            self._settle(ours)

    def _keep_still(self, contact: Contact, *, valid: bool) -> None:
        """Offer the contact to nobody while we may not act on it."""
        back = contact.callback
        if back is None or not back.holder:
            if valid:
                self.changed(contact)
            return
        if had_agent(contact) and not back.doubt:
            self._drop(contact, back)
            back.holder = ""
            return
        doubt = back.doubt or not valid
        if (back.doubt, back.held) != (doubt, doubt):
            back.doubt = back.held = doubt
            back.held_us = self._clock.wall_us()
            self._book.changed(contact)
        if doubt and contact.phase == "reserved" and is_away(contact) and not back.tok:
            leg = contact.booking.leg if contact.booking else 0
            self._owner.take_back(contact, "lease-lost")
            if leg:
                self._turn.command(Hang(leg, "lease-lost"))

    # -- back again ----------------------------------------------------------------------------

    def _settle(self, ours: list[Contact]) -> None:
        asked: dict[str, list[Settled]] = {}
        for contact in ours:
            back = contact.callback
            if back is not None and back.doubt and not back.tok:
                asked.setdefault(back.holder, []).append(Settled(contact.contact))
        for holder, contacts in asked.items():
            self._turn.message(holder, EscrowSettle(ask=True, contacts=contacts))

    def settled(self, peer: str, contacts: list[Settled]) -> None:
        """Take what the peer did with what is in doubt."""
        for one in contacts:
            contact = self._book.get(one.contact)
            back = contact.callback if contact else None
            if contact is None or back is None or back.holder != peer or not back.doubt:
                continue
            if one.state != "busy":
                self._forgotten(at_peer(one.contact, peer))
            if one.state == "free":
                # the peer has it no more: it is ours alone, until it is put with one again
                back.holder, back.doubt, back.held = "", False, False
                back.calls = one.calls if one.calls >= 0 else back.calls
                self._forgotten(one.contact)
                self._book.changed(contact)
            elif one.state == "over":
                self._close(contact, back, peer, one)

    def _close(self, contact: Contact, back: CallBack, peer: str, one: Settled) -> None:
        """Close a contact that the peer has called; a caller who waits on the line goes on."""
        if contact.leg:
            back.holder, back.doubt, back.held = "", False, False
            self._book.changed(contact)
            return
        outcome: Outcome = "released"
        for word in _OUTCOMES:
            outcome = word if word == one.outcome else outcome
        fact = EscrowClosed(by=peer, outcome=outcome, reason=one.reason)
        self._turn.note(contact.contact, fact)
        self._book.give_up(contact)
        self._drop(contact, back)
