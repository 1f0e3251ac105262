"""The table of this appliance's own contacts: found by id or leg, kept, journalled, published."""

from collections.abc import Callable, Iterator
from typing import Protocol

from appliance.base.clock import Clock
from appliance.call.contact import Booking, Contact, row_of, waited_s
from appliance.call.linkbudget import LinkBudget
from appliance.call.turn import Turn
from appliance.ledger.records import ContactEnded, Outcome
from appliance.routing.model import ContactRow, Failure, SeatRow

#: what a contact's kept state is filed under
CONTACT_KEY = "contact/"


class FloorWriter(Protocol):
    """Where an owner's rows go: to the link, and to the matchmaker in this box."""

    def set_contact(self, row: ContactRow) -> None:
        """Publish a contact."""

    def drop_contact(self, contact: str) -> None:
        """Publish the end of a contact."""

    def set_seat(self, row: SeatRow) -> None:
        """Publish a seat."""

    def drop_seat(self, seat: str) -> None:
        """Publish the end of a seat."""

    def set_failure(self, failure: Failure) -> None:
        """Publish a pair to be left out for a while."""


class ContactBook:
    """All contacts whose caller's leg stands here."""

    def __init__(
        self,
        name: str,
        site: str,
        incarnation: int,
        turn: Turn,
        floor: FloorWriter,
        clock: Clock,
        budget: LinkBudget,
    ) -> None:
        self.budget = budget
        self.name = name
        self.site = site
        self.incarnation = incarnation
        self._turn = turn
        self._floor = floor
        self._clock = clock
        self._contacts: dict[str, Contact] = {}
        self._by_leg: dict[int, Contact] = {}
        self._by_agent_leg: dict[int, Contact] = {}
        self._by_reservation: dict[str, Contact] = {}
        #: those that left a number
        self._left: dict[str, Contact] = {}
        self._published: dict[str, ContactRow] = {}
        #: told of a contact that has just ended, its outcome and reason, before it is forgotten
        self.on_ended: list[Callable[[Contact, Outcome, str], None]] = []

    def __iter__(self) -> Iterator[Contact]:
        return iter(list(self._contacts.values()))

    def __len__(self) -> int:
        return len(self._contacts)

    def clear(self) -> None:
        """Forget the table, not what is kept; every contact is about to be adopted anew."""
        for table in (self._contacts, self._by_leg, self._by_agent_leg, self._by_reservation):
            table.clear()
        self._left.clear()

    def get(self, contact: str) -> Contact | None:
        """Return the contact with this id."""
        return self._contacts.get(contact)

    def left(self) -> list[Contact]:
        """Return the contacts that left a number, whether their callers are still there or not."""
        return list(self._left.values())

    def by_leg(self, leg: int) -> Contact | None:
        """Return the contact whose caller is on *leg*."""
        return self._by_leg.get(leg)

    def by_agent_leg(self, leg: int) -> Contact | None:
        """Return the contact whose agent is on *leg*."""
        return self._by_agent_leg.get(leg)

    def by_reservation(self, reservation: str) -> Contact | None:
        """Return the contact that holds *reservation*."""
        return self._by_reservation.get(reservation)

    def add(self, contact: Contact) -> None:
        """Take a contact in, new or adopted."""
        self._contacts[contact.contact] = contact
        if contact.leg:
            self._by_leg[contact.leg] = contact
        if contact.booking is not None:
            self.set_booking(contact, contact.booking)
        self.changed(contact)

    def set_leg(self, contact: Contact, leg: int, epoch: str) -> None:
        """Note which leg the caller is on now; 0: on none."""
        self._by_leg.pop(contact.leg, None)
        contact.leg, contact.epoch = leg, epoch
        if leg:
            self._by_leg[leg] = contact
        self._turn.keep(CONTACT_KEY + contact.contact, contact)

    def set_booking(self, contact: Contact, booking: Booking) -> None:
        """Note the reservation that the contact holds."""
        contact.booking = booking
        self._by_reservation[booking.reservation] = contact
        if contact.channel == "voice":
            self.budget.take(booking.reservation, booking.seat_owner)
        if booking.leg:
            self._by_agent_leg[booking.leg] = contact

    def set_agent_leg(self, contact: Contact, leg: int) -> None:
        """Note which leg leads to the agent."""
        if contact.booking is not None:
            contact.booking.leg = leg
            self._by_agent_leg[leg] = contact
            self._turn.keep(CONTACT_KEY + contact.contact, contact)

    def drop_booking(self, contact: Contact) -> None:
        """Forget the reservation and its leg."""
        if contact.booking is not None:
            self._by_agent_leg.pop(contact.booking.leg, None)
            self._by_reservation.pop(contact.booking.reservation, None)
            self.budget.free(contact.booking.reservation)
        contact.booking = None

    def changed(self, contact: Contact) -> None:
        """Keep the contact, and publish it where routing sees a difference."""
        if contact.contact not in self._contacts:
            return  # it has just ended
        if contact.callback is not None:
            self._left[contact.contact] = contact
        now = self._clock.monotonic_s()
        before = self._published.get(contact.contact)
        row = row_of(contact, self.name, self.incarnation, self.site, now)
        if row is not None and (before is None or _differs(before, row)):
            contact.fence += 1
            row = row_of(contact, self.name, self.incarnation, self.site, now)
            assert row is not None  # noqa: S101 - the phase has not changed since
            self._published[contact.contact] = row
            self._floor.set_contact(row)
        elif row is None and before is not None:
            self._unpublish(contact.contact)
        self._turn.keep(CONTACT_KEY + contact.contact, contact)

    def end(self, contact: Contact, outcome: Outcome, reason: str) -> None:
        """Close the contact's journal with its one end, and forget it."""
        if self._contacts.pop(contact.contact, None) is None:
            return
        self._left.pop(contact.contact, None)
        self._by_leg.pop(contact.leg, None)
        for told in self.on_ended:
            told(contact, outcome, reason)
        self.drop_booking(contact)
        now = self._clock.monotonic_s()
        talked = contact.talked_s + (now - contact.t_talk if contact.t_talk else 0.0)
        self._turn.note(
            contact.contact,
            ContactEnded(
                outcome=outcome,
                reason=reason,
                waited_ms=round((waited_s(contact, now) + contact.waited_before_s) * 1000),
                talked_ms=round(talked * 1000),
            ),
        )
        self._unpublish(contact.contact)
        self._turn.forget(CONTACT_KEY + contact.contact)

    def give_up(self, contact: Contact) -> None:
        """Forget a contact that lives on in another appliance; its journal has no end here."""
        if self._contacts.pop(contact.contact, None) is None:
            return
        self._left.pop(contact.contact, None)
        self._by_leg.pop(contact.leg, None)
        self.drop_booking(contact)
        self._unpublish(contact.contact)
        self._turn.forget(CONTACT_KEY + contact.contact)

    def _unpublish(self, contact: str) -> None:
        if self._published.pop(contact, None) is not None:
            self._floor.drop_contact(contact)


def _differs(before: ContactRow, after: ContactRow) -> bool:
    """Tell whether routing would see a difference; age alone is none."""
    return _compared(before) != _compared(after)


def _compared(row: ContactRow) -> tuple[object, ...]:
    return (
        *(row.state, row.queue, row.klass, row.skills, row.agent, row.seat),
        *(row.place, row.home, row.given),
    )
