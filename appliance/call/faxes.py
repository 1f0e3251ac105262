"""Faxes that contacts send: where each goes is the brain's, receiving it is legs'."""

from datetime import UTC, datetime

from appliance.call.contact import Contact
from appliance.call.office import Office
from appliance.ledger.records import FaxKept
from appliance.wire.commands import Hang, ReceiveFax
from appliance.wire.events import FaxDone, Refused


class FaxTaker:
    """Receives a contact's fax, one a contact, and releases the caller after it."""

    def __init__(self, office: Office) -> None:
        self._turn, self._book, self._clock = office.turn, office.book, office.clock

    def take(self, contact: Contact) -> None:
        """Receive a fax into the folder of the day on which its caller arrived."""
        day = datetime.fromtimestamp(self._clock.wall_us() // 1_000_000, UTC)
        path = f"{day:%Y/%m/%d}/{contact.contact}.tif"
        self._turn.command(ReceiveFax(contact.leg, contact.contact, path))

    def done(self, record: FaxDone) -> None:
        """Journal a fax that is over, also where its caller has gone already."""
        fact = FaxKept(
            pages=record.pages,
            path=record.path,
            pdf=record.pdf,
            station=record.station,
            reason=record.reason,
            leg=record.leg,
            t38=record.t38,
        )
        self._turn.note(record.fax, fact)
        self._release(self._book.get(record.fax), "normal")

    def refused(self, record: Refused) -> None:
        """Release a caller whose leg cannot receive a fax."""
        leg = int(record.about) if record.about.isdecimal() else 0
        self._release(self._book.by_leg(leg), record.reason)

    def _release(self, contact: Contact | None, reason: str) -> None:
        if contact is not None:
            self._turn.command(Hang(contact.leg, reason))
