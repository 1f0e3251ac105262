"""A call comes in: it becomes a contact with its place, and is answered."""

from appliance.base.clock import rfc3339
from appliance.base.ids import new_id
from appliance.call.contact import Contact
from appliance.call.office import Office
from appliance.call.owner import ContactOwner
from appliance.ledger.records import ContactArrived, ContactMoved
from appliance.routing.model import Place
from appliance.wire.commands import Answer, Hang
from appliance.wire.rows import LegRow


class Arrivals:
    """Mints contacts."""

    def __init__(self, office: Office, owner: ContactOwner) -> None:
        self._turn, self._book, self._plans = office.turn, office.book, office.plans
        self._clock, self._hlc = office.clock, office.hlc
        self._owner = owner

    def take(self, row: LegRow, epoch: str) -> Contact:
        """Make the leg's caller a contact; one who called a number nobody has is let go."""
        contact = self._mint(row, epoch)
        number = self._plans.number(row.called)
        self._book.add(contact)
        if number is None:
            self._turn.command(Hang(row.leg, "not-found"))
            self._book.end(contact, "released", "unknown-number")
            return contact
        contact.klass = number.klass
        self._turn.command(Answer(row.leg))
        if not self._plans.is_open(number.hours, self._clock.wall_us()):
            self._turn.note(contact.contact, ContactMoved(to=number.closed, by="hours"))
            self._enter(contact, number.closed)
        elif number.queue:
            self._owner.enqueue(contact, number.queue, {}, number.klass)
        else:
            self._enter(contact, number.flow)
        return contact

    def _enter(self, contact: Contact, flow: str) -> None:
        """Have *flow* begun once the caller hears us."""
        contact.entry = flow
        self._book.changed(contact)

    def _mint(self, row: LegRow, epoch: str) -> Contact:
        name = new_id()
        place = Place(self._hlc.now(), self._book.name, name)
        contact = Contact(
            contact=name,
            place=place,
            epoch=epoch,
            leg=row.leg,
            kind=row.kind,
            via=row.via,
            caller=row.caller,
            caller_name=row.caller_name,
            private=row.private,
            called=row.called,
            arrived=rfc3339(self._clock.wall_us()),
            t_arrived=row.t_new or self._clock.monotonic_s(),
            up=row.state == "up",
            era_ms=self._hlc.era_ms,
        )
        fact = ContactArrived(
            arrival=place.arrival,
            leg=row.leg,
            epoch=epoch,
            via=row.via,
            caller=row.caller,
            caller_name=row.caller_name,
            called=row.called,
            private=row.private,
        )
        self._turn.note(name, fact)
        return contact
