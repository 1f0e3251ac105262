"""The places of this box's contacts, when its own clock is set.

Nobody else alters a place. A place minted by a clock that was wrong is wrong by as much, so when
the clock is put right, its owner moves it as far: once for each time the clock is set.
"""

from appliance.base.hlc import MAX_DRIFT_MS, moved
from appliance.call.contact import Contact
from appliance.call.office import Office
from appliance.ledger.records import PlaceCorrected
from appliance.routing.model import Place


class PlaceKeeper:
    """Corrects places after the wall clock was set."""

    def __init__(self, office: Office) -> None:
        self._turn, self._book, self._hlc = office.turn, office.book, office.hlc
        self._era_ms = office.hlc.era_ms

    def look(self) -> None:
        """See whether the clock was set; costs next to nothing where it was not."""
        if self._hlc.era_ms != self._era_ms:
            self.check()

    def check(self) -> None:
        """Correct each place that is off; also after a restart, for the clock may be another."""
        self._era_ms = self._hlc.era_ms
        for contact in self._book:
            self._correct(contact)

    def _correct(self, contact: Contact) -> None:
        era_ms = contact.era_ms
        contact.era_ms = self._era_ms
        if contact.place.appliance != self._book.name:
            return  # we only stand in for its owner
        if era_ms is None or abs(self._era_ms - era_ms) <= MAX_DRIFT_MS:
            return
        set_by_ms = self._era_ms - era_ms
        old = contact.place
        contact.place = Place(moved(old.arrival, set_by_ms), old.appliance, old.contact)
        fact = PlaceCorrected(was=old.arrival, arrival=contact.place.arrival)
        self._turn.note(contact.contact, fact)
        self._book.changed(contact)
