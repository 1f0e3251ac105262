"""Transfers: an agent hands a contact on, to a queue, an agent, a site or a number outside.

The contact's owner carries them out, wherever the agents are: their legs all meet where the caller
came in, so that no leg is left behind by a transfer. A seat is asked for by name (`SeatWanted`)
and reserved as any other; nothing is proposed past its owner.

What has been asked for is kept with the contact (`Transfer`): a killed brain goes on with it.
`docs/transfers.md` tells who hears what when.
"""

import logging
from collections.abc import Callable

from appliance.call.contact import MAX_HANDLED, Contact, Transfer, waited_s
from appliance.call.office import Office
from appliance.call.outside import OutsideCalls
from appliance.call.owner import ContactOwner
from appliance.call.transfer.bridges import partners
from appliance.call.transfer.consult import Consultations
from appliance.call.transfer.rules import against, leaves, place_rule, transfer_of
from appliance.call.transfer.steps import TransferSteps
from appliance.call.transfer.waits import QueueWait
from appliance.call.waiting import WaitingRoom
from appliance.ledger.records import ContactMoved
from appliance.link.messages import (
    CONFIRM_MS,
    Offer,
    ProposalRefused,
    Release,
    SeatTold,
    SeatWanted,
    TransferAsk,
    TransferTold,
)
from appliance.plan.transfers import PlaceRule, Target, parse_target, typed_target
from appliance.routing.model import Place, SeatRow
from appliance.wire.commands import Unbridge

log = logging.getLogger(__name__)

#: the owner of a seat has this long to offer it [s]; it confirms within the same time
WANTED_S = CONFIRM_MS / 1000
#: a note is cut after this many characters
MAX_NOTE = 500

#: None: another was asked, and will tell
Find = Callable[[Contact, Target, tuple[str, ...]], SeatRow | str | None]


class Transfers:
    """Moves contacts from one agent to the next."""

    def __init__(
        self, office: Office, owner: ContactOwner, outside: OutsideCalls, waiting: WaitingRoom
    ) -> None:
        self._turn, self._book, self._plans = office.turn, office.book, office.plans
        self._timers, self._clock, self._hlc = office.timers, office.clock, office.hlc
        self._owner = owner
        self._outside = outside
        self._waiting = waiting
        self._steps = TransferSteps(office, waiting, owner.talks)
        self.consult = Consultations(office, owner, outside, waiting, self._steps)
        self.consult.go_on_alone = self._on_alone
        self.consult.lose = self._queued_again
        self.queues = QueueWait(office, self.consult.bridges, waiting)
        self.queues.look = self.say_wanted
        #: finds a seat for a target, or says by a reason word why there is none
        self.find: Find = lambda _contact, _target, _tried: "unavailable"
        owner.transfers = self

    # -- asking --------------------------------------------------------------------------------

    def asked(self, peer: str, message: TransferAsk) -> None:
        """Do what the agent of a reservation asks for; a foreign one is refused by word."""
        contact = self._book.by_reservation(message.reservation)
        booking = contact.booking if contact else None
        if contact is None or booking is None:
            reason = "contact-gone"
        elif (booking.seat_owner, booking.fence) != (peer, message.fence):
            reason = "stale-fence"
        else:
            reason = self.ask(
                contact, message.do, message.target, place=message.place, note=message.note
            )
            if reason and contact.phase == "talking" and contact.transfer is None:
                contact.transfer = transfer_of(contact, "blind", message.target[:64])
                self.consult.tell_failed(contact)
        if reason:
            told = TransferTold(message.reservation, message.fence, "refused", reason)
            self._turn.message(peer, told)

    def ask(
        self,
        contact: Contact,
        do: str,
        target: str = "",
        *,
        place: PlaceRule | str = "",
        note: str = "",
    ) -> str:
        """Begin a transfer or take the next step of one; return why not, or nothing."""
        if contact.phase != "talking" or contact.booking is None or contact.channel != "voice":
            return "wrong-state"
        if do in ("blind", "consult"):
            if contact.transfer is not None:
                return "wrong-state"
            return self._begin(
                contact, do, target, place or self._plans.plan.transfers.place, note
            )
        return self.consult.ask(contact, do)

    def _begin(self, contact: Contact, how: str, text: str, place: str, note: str) -> str:
        booking, rules = contact.booking, self._plans.plan.transfers
        numbers = {number.number: number.queue for number in self._plans.plan.numbers}
        target = typed_target(rules, numbers, text)
        reason = against(self._plans, contact, target)
        if booking is None or target is None or reason:
            return reason or "not-found"
        if note:
            contact.notes = (*contact.notes, f"{booking.seat}: {note[:MAX_NOTE]}")[-MAX_HANDLED:]
        contact.transfer = transfer_of(contact, how, str(target))
        contact.transfer.place = place_rule(place)
        self._steps.tell(contact, "asked", note=note[:MAX_NOTE])
        if how == "blind":
            self._blind(contact, target)
        else:
            self.consult.begin(contact)
            if target.kind == "outside":
                self.consult.call_outside(contact, target.name)
            else:
                self._want(contact, target)
        self._book.changed(contact)
        return ""

    # -- at once -------------------------------------------------------------------------------

    def _blind(self, contact: Contact, target: Target) -> None:
        match target.kind:
            case "queue":
                self._steps.let_go(contact)
                self._to_queue(contact, target.name)
            case "outside":
                self._steps.let_go(contact)
                self._call_outside(contact, target.name)
            case _:
                self._want(contact, target)

    def _call_outside(self, contact: Contact, number: str) -> None:
        rules = self._plans.plan.transfers
        self._set_stage(contact, "calling")
        self._steps.tell(contact, "calling")
        self._steps.moving(contact)
        self._outside.dial(contact, number, rules.trunk, rules.ring_s, by=_by(contact))

    def _to_queue(self, contact: Contact, queue: str, home: str = "") -> None:
        """Let the contact wait in *queue*, with the place that was asked for."""
        transfer = contact.transfer
        if transfer is None:
            return
        self._give_place(contact, transfer.place)
        fact = ContactMoved(to=transfer.target, place=transfer.place, by=_by(contact))
        self._turn.note(contact.contact, fact)
        self._steps.tell(contact, "completed")
        contact.transfer = None
        contact.home = home
        skills = contact.skills if queue == contact.queue else {}
        self._owner.enqueue(contact, queue, skills, contact.klass)

    def _give_place(self, contact: Contact, rule: PlaceRule) -> None:
        if rule == "keep":
            return
        contact.place = Place(self._hlc.now(), self._book.name, contact.contact)
        contact.era_ms = self._hlc.era_ms
        if rule == "new":
            now = self._clock.monotonic_s()
            contact.waited_before_s += waited_s(contact, now)
            contact.t_queued = now

    # -- a seat by name ------------------------------------------------------------------------

    def _want(self, contact: Contact, target: Target) -> None:
        """Ask for the best seat of *target* that is free and has not refused."""
        transfer = contact.transfer
        if transfer is None:
            return
        found = self.find(contact, target, transfer.tried)
        if found is None:
            transfer.seat = transfer.seat_owner = ""
            self._book.changed(contact)
            self._arm(contact, WANTED_S)
        elif isinstance(found, str):
            self._none(contact, target, found)
        else:
            transfer.seat, transfer.seat_owner = found.seat, found.owner
            self.say_wanted(contact)

    def told(self, _peer: str, message: SeatTold) -> None:
        """Go on with the seat that whoever sees more has found."""
        contact = self._book.get(message.contact)
        transfer = contact.transfer if contact else None
        target = parse_target(message.target)
        if contact is None or transfer is None or target is None or not _seeks(transfer):
            return
        if message.target != transfer.target:
            return
        self._timers.cancel(_timer(contact))
        if message.seat and message.owner and message.seat not in transfer.tried:
            transfer.seat, transfer.seat_owner = message.seat, message.owner
            self.say_wanted(contact)
        else:
            self._none(contact, target, message.reason[:32] or "unavailable")

    def _none(self, contact: Contact, target: Target, reason: str) -> None:
        """No seat is to be had: wait for one of that site, or give up."""
        transfer = contact.transfer
        if transfer is None:
            return
        if target.kind == "site" and transfer.how == "blind" and not transfer.tried:
            if contact.booking is not None:
                self._steps.let_go(contact)
            self._to_queue(contact, contact.queue, home=target.name)
        elif target.kind != "queue" or not self.queues.wait(contact, target.name):
            self.fail(contact, transfer.reason or reason)

    def say_wanted(self, contact: Contact) -> None:
        """Ask the owner of the seat; repeated, it is the same question.

        Where none is free yet, look again.
        """
        transfer = contact.transfer
        if transfer is None:
            return
        target = parse_target(transfer.target)
        if not transfer.seat and target is not None:
            self._want(contact, target)
            return
        self._book.changed(contact)
        wanted = SeatWanted(
            contact=contact.contact,
            contact_incarnation=self._book.incarnation,
            contact_fence=contact.fence,
            seat=transfer.seat,
            recall=transfer.stage == "returning",
            leaves=leaves(contact, transfer.seat_owner),
        )
        self._turn.message(transfer.seat_owner, wanted)
        self._arm(contact, WANTED_S)

    def offered(self, peer: str, offer: Offer) -> bool:
        """Take a seat that was asked for; return whether the offer is about a transfer."""
        contact = self._book.get(offer.contact)
        transfer = contact.transfer if contact else None
        if contact is None or _holds(contact, offer):
            return contact is not None  # said again: the question was asked twice
        if transfer is None or not _asks_for(transfer, peer, offer.seat):
            return False
        if offer.contact_incarnation != self._book.incarnation:
            self._turn.message(peer, Release(offer.reservation, offer.fence, "stale-incarnation"))
            return True
        if full := self._book.budget.against(peer, leaves(contact)):
            self._turn.message(peer, Release(offer.reservation, offer.fence, full))
            self._not_there(contact, full)
            return True
        self._timers.cancel(_timer(contact))
        if transfer.how == "consult" and contact.phase == "talking":
            self.consult.offered(contact, peer, offer)
            return True
        if contact.phase == "talking":
            self._steps.let_go(contact)
        self._set_stage(contact, "recalled" if transfer.stage == "returning" else "calling")
        if transfer.stage == "calling":
            self._steps.tell(contact, "calling", seat=offer.seat)
        contact.phase = "waiting"
        offer.contact_fence = contact.fence  # it may have been raised since we asked, by ourselves
        self._owner.offered(peer, offer)
        return True

    def seat_refused(self, peer: str, message: ProposalRefused) -> bool:
        """Ask for another seat, or give up; return whether it is about a transfer."""
        contact = self._book.get(message.contact)
        transfer = contact.transfer if contact else None
        if contact is None or transfer is None or not _asks_for(transfer, peer, message.seat):
            return False
        self._not_there(contact, message.reason)
        return True

    def _not_there(self, contact: Contact, reason: str) -> None:
        """Go on where the seat that was asked for is not to be had."""
        transfer = contact.transfer
        if transfer is None:
            return
        self._timers.cancel(_timer(contact))
        if transfer.stage == "returning":
            self._queued_again(contact, reason)
            return
        target = parse_target(transfer.target)
        if transfer.seat:
            transfer.tried = (*transfer.tried, transfer.seat)
        transfer.reason = reason
        if target is None or target.kind == "agent" or not transfer.seat:
            self.fail(contact, reason)
        else:
            self._want(contact, target)

    # -- what fails ----------------------------------------------------------------------------

    def fail(self, contact: Contact, reason: str) -> None:
        """The target cannot be had: back to the agent who asked, if that one is still there."""
        if contact.phase == "talking":
            self.consult.fail(contact, reason)
        else:
            self._steps.tell(contact, "failed", reason=reason)
            self.return_to_agent(contact)

    def returned(self, contact: Contact, reason: str) -> bool:
        """Take back a contact whose offer came to nothing; False: it was no transfer's."""
        transfer = contact.transfer
        if transfer is None:
            return False
        if transfer.stage == "recalled":
            self._queued_again(contact, reason)
        else:
            self.fail(contact, reason)
        return True

    def outside_up(self, contact: Contact) -> None:
        """The number outside has answered: the transfer is over."""
        self._steps.tell(contact, "completed")
        contact.transfer = None
        contact.phase = "talking"
        contact.t_talk = self._clock.monotonic_s()
        self._book.changed(contact)

    def outside_failed(self, contact: Contact, reason: str) -> None:
        """A number outside was not reached: back to the agent."""
        self.fail(contact, reason)

    def return_to_agent(self, contact: Contact) -> None:
        """Recall: ask for the agent who handed it on; the caller hears music meanwhile."""
        transfer = contact.transfer
        if transfer is None:
            return
        self._steps.moving(contact)
        self._waiting.music(contact)
        transfer.stage = "returning"
        transfer.seat, transfer.seat_owner = transfer.by, transfer.by_owner
        self.say_wanted(contact)

    def _queued_again(self, contact: Contact, reason: str) -> None:
        """Neither target nor agent: the contact waits where it came from, at its place."""
        transfer = contact.transfer
        self._timers.cancel(_timer(contact))
        if transfer is not None:
            self._steps.tell(contact, "returned", reason=reason)
            contact.queue = transfer.queue
            contact.transfer = None
        self._owner.enqueue(contact, contact.queue, contact.skills, contact.klass)

    def lost(self, contact: Contact, reason: str) -> None:
        """An agent was lost in mid-talk: the caller waits again, at its own place, with music."""
        self._steps.note_talk(contact, reason, by="us")
        self._book.drop_booking(contact)
        self._turn.command(Unbridge(contact.contact))
        fact = ContactMoved(to=f"queue:{contact.queue}", by=reason)
        self._turn.note(contact.contact, fact)
        self._owner.enqueue(contact, contact.queue, contact.skills, contact.klass)

    # -- the agents come and go ----------------------------------------------------------------

    def connected(self, contact: Contact) -> None:
        """The contact talks with an agent again: the transfer is over."""
        transfer = contact.transfer
        if transfer is None:
            return
        seat = contact.booking.seat if contact.booking else ""
        came_back = transfer.stage == "recalled"
        self._steps.tell(contact, "returned" if came_back else "completed", seat=seat)
        contact.transfer = None

    def agent_down(self, contact: Contact, reason: str) -> bool:
        """The agent who asked has gone; return whether a transfer goes on without them."""
        if contact.transfer is None:
            return False
        self.consult.agent_down(contact, reason)
        return True

    def _on_alone(self, contact: Contact) -> None:
        """The agent went while the seat was asked for: the transfer goes on without them."""
        transfer = contact.transfer
        target = parse_target(transfer.target) if transfer else None
        if transfer is not None and not transfer.seat and target and target.kind == "queue":
            self._to_queue(contact, target.name)
            return
        self._steps.moving(contact)
        self.say_wanted(contact)

    def caller_down(self, contact: Contact) -> None:
        """The caller has gone: let the agents go too."""
        self._timers.cancel(_timer(contact))
        self.consult.caller_down(contact)

    def peer_down(self, peer: str) -> None:
        """Give up what was asked of an appliance that is gone."""
        for contact in self._book:
            transfer = contact.transfer
            if transfer is None:
                continue
            if transfer.stage in ("asked", "returning") and transfer.seat_owner == peer:
                self._not_there(contact, "peer-unreachable")
            else:
                self.consult.peer_down(contact, peer)

    def partners(self, contact: str, leg: int) -> list[int]:
        """Return the legs that hear an agent's *leg* now; none where the contact is not ours."""
        found = self._book.get(contact)
        return partners(found, leg) if found else []

    # -- inside --------------------------------------------------------------------------------

    @staticmethod
    def _set_stage(contact: Contact, stage: str) -> None:
        if contact.transfer is not None:
            contact.transfer.stage = stage  # type: ignore[assignment]

    def _arm(self, contact: Contact, seconds: float) -> None:
        due = self._clock.monotonic_s() + seconds
        self._timers.arm(_timer(contact), due, lambda: self._lapsed(contact.contact))

    def _lapsed(self, name: str) -> None:
        contact = self._book.get(name)
        if contact is not None and contact.transfer is not None:
            self._not_there(contact, "timeout")


def _holds(contact: Contact, offer: Offer) -> bool:
    """Tell whether the contact has this reservation already."""
    second = contact.transfer.booking if contact.transfer else None
    held = (contact.booking, second)
    return any(one is not None and one.reservation == offer.reservation for one in held)


def _asks_for(transfer: Transfer, owner: str, seat: str) -> bool:
    """Tell whether the transfer waits for that owner's word on that seat."""
    waits = transfer.stage in ("asked", "returning")
    return waits and (transfer.seat, transfer.seat_owner) == (seat, owner)


def _seeks(transfer: Transfer) -> bool:
    """Tell whether it is not yet known which seat to ask for."""
    return transfer.stage == "asked" and not transfer.seat


def _by(contact: Contact) -> str:
    return f"agent:{contact.transfer.by}" if contact.transfer else ""


def _timer(contact: Contact) -> str:
    return f"transfer/{contact.contact}"
