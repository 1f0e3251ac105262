"""The peer's side of the escrow: holds sealed stubs, and calls for an owner that has died.

It acts when it has not heard the owner for SILENT_S and a majority leases it the right, which no
voter does while it hears the owner or the owner's own lease counts.
"""

import logging
from collections.abc import Callable, Iterable

import msgspec

from appliance.base.errors import PeerError
from appliance.call.callbacks import CallBacks
from appliance.call.contact import CallBack, Contact, is_away, shift
from appliance.call.escrow.owner import Fleet, Stub
from appliance.call.office import Office
from appliance.call.owner import ContactOwner
from appliance.ledger.records import EscrowReturned, EscrowTaken, Outcome
from appliance.link.lease import SILENT_S, LeaseSeeker, at_peer, voters
from appliance.link.messages import EscrowGot, EscrowPut, EscrowSettle, LeaseAsk, Settled
from appliance.plan.diallable import is_plain
from appliance.wire.commands import Hang

log = logging.getLogger(__name__)

STUB_KEY = "escrow-stub/"
#: stubs taken of one owner, and the longest of them [bytes]
MAX_STUBS = 10_000
MAX_SEALED = 16_384


class Held(msgspec.Struct, kw_only=True):
    """A call-back of another appliance; an ended one until its owner has heard how."""

    owner: str
    contact: str
    number: int
    sealed: bytes
    #: when it came: monotonic [s] of this boot, and wall clock [us]
    at_s: float
    boot: str
    wall_us: int
    taken: bool = False
    outcome: str = ""
    reason: str = ""


class EscrowHolder:
    """Stands in for other appliances."""

    def __init__(self, office: Office, owner: ContactOwner, callbacks: CallBacks) -> None:
        self._turn, self._book, self._clock = office.turn, office.book, office.clock
        self._owner = owner
        self._callbacks = callbacks
        self._fleet: Fleet | None = None
        self._held: dict[str, Held] = {}
        self._seekers: dict[str, LeaseSeeker] = {}
        #: owner -> since when it is silent [monotonic s]
        self._silent: dict[str, float] = {}
        office.book.on_ended.append(self._ended)
        #: asks a voter, ourselves among them; set by the composition root
        self.ask: Callable[[str, LeaseAsk], None] = lambda _voter, _ask: None

    def join(self, fleet: Fleet) -> None:
        """Begin: there are others."""
        self._fleet = fleet

    def remember(self, states: Iterable[tuple[str, bytes]]) -> None:
        """Take what the ledger kept."""
        for key, state in states:
            if key.startswith(STUB_KEY):
                held = msgspec.msgpack.decode(state, type=Held)
                self._held[held.contact] = held

    def seeker(self, about: str) -> LeaseSeeker | None:
        """Return our lease about an owner, if we want one."""
        return self._seekers.get(about)

    # -- stubs ---------------------------------------------------------------------------------

    def put(self, peer: str, message: EscrowPut) -> None:
        """Keep a stub, or forget it; the answer goes out once that is committed."""
        held = self._held.get(message.contact)
        if held is not None and held.owner != peer:
            log.warning("< %s: %s is in escrow for %s", peer, message.contact, held.owner)
            return
        if not message.sealed and held is not None and message.number < held.number:
            pass  # what came since is newer
        elif not message.sealed:
            if self._settle(peer, message.contact).state == "busy":
                return  # it is asked again when the call is over
            self._forget(message.contact)
        elif (held is None and self._full(peer)) or len(message.sealed) > MAX_SEALED:
            log.warning("< %s: no room for %s", peer, message.contact)
            return
        elif held is None or (message.number > held.number and not held.taken):
            self._keep(
                Held(
                    owner=peer,
                    contact=message.contact,
                    number=message.number,
                    sealed=message.sealed,
                    at_s=self._clock.monotonic_s(),
                    boot=self._callbacks.boot,
                    wall_us=self._clock.wall_us(),
                )
            )
        self._turn.message(peer, EscrowGot(message.contact, message.number, moves=True))

    def _full(self, owner: str) -> bool:
        return sum(held.owner == owner for held in self._held.values()) >= MAX_STUBS

    def _keep(self, held: Held) -> None:
        self._held[held.contact] = held
        self._turn.keep(STUB_KEY + held.contact, held)

    def _forget(self, contact: str) -> None:
        if self._held.pop(contact, None) is not None:
            self._turn.forget(STUB_KEY + contact)

    # -- standing in ---------------------------------------------------------------------------

    def tick(self) -> None:
        """Look who is silent, ask for the right to act, act while it counts."""
        fleet = self._fleet
        if fleet is None or not self._held:
            return
        known = fleet.keys()
        for held in [one for one in self._held.values() if one.owner not in known]:
            self._forget(held.contact)  # its owner is no longer enrolled
        now_s, up = self._clock.monotonic_s(), fleet.up()
        for owner in sorted({held.owner for held in self._held.values()}):
            if owner in up:
                self._silent.pop(owner, None)
            since_s = self._silent.setdefault(owner, now_s) if owner not in up else now_s
            taken = any(h.taken and not h.outcome for h in self._of(owner))
            if taken or now_s - since_s >= SILENT_S:
                self._seek(fleet, owner, now_s)
                self._act(owner, now_s, adopt=owner not in up)
            else:
                self._seekers.pop(owner, None)

    def _of(self, owner: str) -> list[Held]:
        return [held for held in self._held.values() if held.owner == owner]

    def _seek(self, fleet: Fleet, owner: str, now_s: float) -> None:
        chosen = voters(owner, fleet.keys())
        seeker = self._seekers.get(owner)
        if seeker is None or seeker.voters != chosen:
            number = seeker.number if seeker else 0
            seeker = self._seekers[owner] = LeaseSeeker(owner, chosen)
            # numbers rise over restarts, so that no late answer of before counts
            seeker.number = max(number, round(now_s * 1000))
        if seeker.due(now_s):
            number = seeker.ask(now_s)
            for voter in sorted(chosen):
                self.ask(voter, LeaseAsk(owner, number))

    def _act(self, owner: str, now_s: float, *, adopt: bool) -> None:
        """Take up the owner's call-backs while we may, and keep them still while not."""
        seeker = self._seekers[owner]
        valid = seeker.valid(now_s)
        for held in self._of(owner):
            contact = self._book.get(held.contact)
            if at_peer(held.contact, self._book.name) in seeker.claims and not held.outcome:
                self._settle(owner, held.contact)  # it was taken from us
            elif held.taken and contact is not None and contact.callback is not None:
                if contact.callback.held == valid:
                    contact.callback.held = not valid
                    contact.callback.held_us = self._clock.wall_us()
                    self._book.changed(contact)
            elif not held.taken and valid and adopt and held.contact not in seeker.claims:
                self._take(held, now_s)

    def _take(self, held: Held, now_s: float) -> None:
        """Make the sealed contact ours, to be called back at its place."""
        try:
            contact = self._open(held, now_s)
        except (PeerError, msgspec.MsgspecError) as error:
            log.error("%s of %s cannot be taken: %s", held.contact, held.owner, error)  # noqa: TRY400
            self._forget(held.contact)
            return
        back = contact.callback
        if back is None or contact.contact != held.contact or not is_plain(back.number):
            log.error("%s of %s is none that may be called", held.contact, held.owner)
            self._forget(held.contact)
            return
        trunk = self._callbacks.some_trunk(back.trunk)
        if not trunk:
            return
        back.trunk, back.owner = trunk, held.owner
        held.taken = True
        self._keep(held)
        fact = EscrowTaken(owner=held.owner, number=back.number)
        self._turn.note(contact.contact, fact)
        self._book.add(contact)
        if contact.phase == "resting":
            self._callbacks.rest(contact)
        else:
            self._owner.enqueue(
                contact, contact.queue, contact.skills, contact.klass, contact.agent
            )

    def _open(self, held: Held, now_s: float) -> Contact:
        fleet = self._fleet
        key = fleet.keys().get(held.owner) if fleet else None
        if fleet is None or key is None:
            raise PeerError("unknown-peer", f"no appliance {held.owner}")
        stub = msgspec.msgpack.decode(fleet.sealing.open(held.sealed, key), type=Stub)
        since_s = now_s - held.at_s
        if held.boot != self._callbacks.boot:
            since_s = max(0.0, (self._clock.wall_us() - held.wall_us) / 1e6)
        contact = stub.contact
        shift(contact, now_s - since_s - stub.at_s)
        if contact.callback is not None:
            _without_leg(contact, contact.callback)
            contact.callback.boot = self._callbacks.boot
            ago_s = now_s - contact.callback.t_promised
            contact.callback.wall_us = self._clock.wall_us() - round(ago_s * 1e6)
        return contact

    def barred(self, contact: Contact) -> str:
        """Return why a contact that we stand in for may not be served now, or nothing."""
        back = contact.callback
        if back is None or not back.owner:
            return ""
        seeker = self._seekers.get(back.owner)
        valid = seeker is not None and seeker.valid(self._clock.monotonic_s())
        return "" if valid else "lease-lost"

    # -- the owner is back ---------------------------------------------------------------------

    def asked(self, peer: str, message: EscrowSettle) -> None:
        """Tell an owner what became of its own, and give back what was not begun."""
        answer = [self._settle(peer, one.contact) for one in message.contacts]
        self._turn.message(peer, EscrowSettle(ask=False, contacts=answer))

    def _settle(self, peer: str, name: str) -> Settled:
        held = self._held.get(name)
        if held is None or held.owner != peer:
            return Settled(name)
        if held.outcome:
            return Settled(name, "over", held.outcome, held.reason)
        contact = self._book.get(name) if held.taken else None
        if contact is None or contact.callback is None:
            self._forget(name)
            return Settled(name)
        if contact.callback.tok or not is_away(contact):
            return Settled(name, "busy")
        if contact.phase == "reserved":
            leg = contact.booking.leg if contact.booking else 0
            self._owner.take_back(contact, "cancelled")
            if leg:
                self._turn.command(Hang(leg, "cancelled"))
        calls = contact.callback.calls
        self._turn.note(name, EscrowReturned(owner=peer))
        self._book.give_up(contact)
        self._forget(name)
        return Settled(name, "free", calls=calls)

    def _ended(self, contact: Contact, outcome: Outcome, reason: str) -> None:
        held = self._held.get(contact.contact)
        if held is not None and held.taken:
            held.outcome, held.reason = outcome, reason
            self._keep(held)


def _without_leg(contact: Contact, back: CallBack) -> None:
    """Leave of a contact only what waits: its legs and its agent were another appliance's."""
    contact.leg, contact.epoch, contact.up, contact.on_hold = 0, "", False, False
    contact.booking, contact.outside, contact.flow, contact.leaving = None, None, None, None
    contact.fence = 0
    if contact.phase == "flow":
        contact.queue, contact.skills, contact.agent = back.queue, back.skills, back.agent
    contact.phase = "resting" if contact.phase == "resting" else "waiting"
    back.waits, back.tok, back.leg = True, "", 0
    back.holder, back.doubt, back.held = "", False, False
