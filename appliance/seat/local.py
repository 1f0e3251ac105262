"""The matchmaker in this box: the same `decide()` over what this appliance itself sees.

It proposes only while no hub does, and is kept up to date always, so that it takes over within
one turn.
"""

import msgspec

from appliance.base.clock import Clock
from appliance.call.book import FloorWriter
from appliance.call.turn import Turn
from appliance.link.messages import ProposalRefused, Propose, Snapshot
from appliance.plan.model import Plan
from appliance.routing.matchmaker import Matchmaker
from appliance.routing.model import ContactRow, Failure, QueueView, SeatRow
from appliance.routing.views import queue_views


class _Changes(msgspec.Struct):
    """What changed since the matchmaker was told last."""

    incarnation: int
    contacts: dict[str, ContactRow] = {}
    seats: dict[str, SeatRow] = {}
    failures: list[Failure] = []
    gone: set[str] = set()


class LocalFloor:
    """Takes this owner's rows, hands them on to the link, and to the matchmaker in the box."""

    def __init__(self, name: str, incarnation: int, turn: Turn, clock: Clock, plan: Plan) -> None:
        self._name = name
        self._incarnation = incarnation
        self._turn = turn
        self._clock = clock
        self.matchmaker = Matchmaker(plan)
        self.matchmaker.floor.replace(name, incarnation, (), (), now_ms=self._now_ms())
        self._contacts: dict[str, ContactRow] = {}
        self._seats: dict[str, SeatRow] = {}
        #: (until [ms], failure)
        self._failures: list[tuple[int, Failure]] = []
        self._changes = _Changes(incarnation)
        self._changed = False
        #: whether this matchmaker proposes: no hub does
        self.active = True
        #: others who get the rows: the link's publisher
        self.onward: list[FloorWriter] = []
        turn.before_commit.append(self.propose)

    # -- the owner's rows ----------------------------------------------------------------------

    def set_contact(self, row: ContactRow) -> None:
        """Take a contact."""
        self._contacts[row.contact] = self._changes.contacts[row.contact] = row
        self._changed = True
        for writer in self.onward:
            writer.set_contact(row)

    def drop_contact(self, contact: str) -> None:
        """Take the end of a contact."""
        row = self._contacts.pop(contact, None)
        if row is not None:
            ended = msgspec.structs.replace(row, state="ended", fence=row.fence + 1)
            self._changes.contacts[contact] = ended
            self._changed = True
        for writer in self.onward:
            writer.drop_contact(contact)

    def set_seat(self, row: SeatRow) -> None:
        """Take a seat."""
        self._changes.gone.discard(row.seat)
        self._seats[row.seat] = self._changes.seats[row.seat] = row
        self._changed = True
        for writer in self.onward:
            writer.set_seat(row)

    def drop_seat(self, seat: str) -> None:
        """Take the end of a seat."""
        self._seats.pop(seat, None)
        self._changes.seats.pop(seat, None)
        self._changes.gone.add(seat)
        self._changed = True
        for writer in self.onward:
            writer.drop_seat(seat)

    def set_failure(self, failure: Failure) -> None:
        """Take a pair to be left out."""
        until_ms = self._now_ms() + failure.for_ms
        self._failures = [(end, old) for end, old in self._failures if end > self._now_ms()]
        self._failures.append((until_ms, failure))
        self._changes.failures.append(failure)
        self._changed = True
        for writer in self.onward:
            writer.set_failure(failure)

    def rows(self) -> Snapshot:
        """Return all that is open and that failed, for one who has none of them yet."""
        now_ms = self._now_ms()
        return Snapshot(
            incarnation=self._incarnation,
            number=0,
            contacts=list(self._contacts.values()),
            seats=list(self._seats.values()),
            failures=[
                msgspec.structs.replace(failure, for_ms=end - now_ms)
                for end, failure in self._failures
                if end > now_ms
            ],
        )

    def views(self) -> list[QueueView]:
        """Return each queue as this box alone sees it."""
        matchmaker = self.matchmaker
        return queue_views(matchmaker.plan.plan, matchmaker.plan, matchmaker.floor)

    # -- proposing -----------------------------------------------------------------------------

    def propose(self) -> bool:
        """Tell the matchmaker what changed, say its proposals; return whether there were any."""
        now_ms = self._now_ms()
        if self._changed:
            self._apply(now_ms)
        if not self.active:
            return False
        proposals = self.matchmaker.propose(now_ms)
        for proposal in proposals:
            self._turn.message(proposal.seat_owner, Propose(proposal))
        return bool(proposals)

    def _apply(self, now_ms: int) -> None:
        changes, self._changes = self._changes, _Changes(self._incarnation)
        self._changed = False
        self.matchmaker.floor.change(
            self._name,
            self._incarnation,
            changes.contacts.values(),
            changes.seats.values(),
            changes.failures,
            gone=changes.gone,
            now_ms=now_ms,
        )

    def refused(self, message: ProposalRefused) -> None:
        """Hear that a proposal of ours came to nothing."""
        now_ms = self._now_ms()
        self.matchmaker.refused(message.contact, message.seat, message.reason, now_ms)

    def _now_ms(self) -> int:
        return round(self._clock.monotonic_s() * 1000)
