"""What the owners of contacts and seats wrote down: the judge of a bench over many of them.

It reads what the brains journal, and the rows they publish, when they do.
"""

import time
from collections import Counter
from typing import Any

import msgspec

from appliance.ledger.records import (
    ContactConnected,
    ContactEnded,
    ContactQueued,
    OfferEnded,
    SeatOffered,
)
from appliance.plan.model import Plan
from appliance.routing.model import ContactRow, Failure, Place, SeatRow


class Story(msgspec.Struct):
    """One contact."""

    owner: str
    arrival: int
    queue: str = ""
    #: waits since then [monotonic s]
    waits_s: float = 0.0
    #: the seat that was reserved for it, and since when it could have been: the contact waited
    #: and an eligible seat was free [monotonic s]
    seat: str = ""
    could_s: float = 0.0
    #: offers that its owner took
    offers: int = 0
    #: of the offers that were taken, those that came to nothing
    missed: int = 0
    connected: int = 0
    ended: int = 0
    outcome: str = ""
    place: Place | None = None


class Free:
    """How many seats are free for each queue, and since when there is one."""

    def __init__(self, plan: Plan) -> None:
        kinds: dict[tuple[tuple[str, int], ...], tuple[str, ...]] = {}
        self._queues: dict[str, tuple[str, ...]] = {}
        for agent in plan.agents:
            kind = tuple(sorted(agent.skills.items()))
            if kind not in kinds:
                kinds[kind] = tuple(
                    queue.name
                    for queue in plan.queues
                    if all(agent.skills.get(s, 0) >= level for s, level in queue.skills.items())
                )
            self._queues[agent.name] = kinds[kind]
        self._count: Counter[str] = Counter()
        self.since_s: dict[str, float] = {queue.name: 0.0 for queue in plan.queues}
        self.seats: set[str] = set()

    def add(self, seat: str, now_s: float) -> None:
        """A seat is free."""
        if seat in self.seats:
            return
        self.seats.add(seat)
        for queue in self._queues[seat]:
            if not self._count[queue]:
                self.since_s[queue] = now_s
            self._count[queue] += 1

    def remove(self, seat: str) -> None:
        """A seat is not free any more."""
        if seat in self.seats:
            self.seats.remove(seat)
            for queue in self._queues[seat]:
                self._count[queue] -= 1


class Books:
    """All stories, and what must not be. It is also a `FloorWriter`."""

    def __init__(self, plan: Plan) -> None:
        self.stories: dict[str, Story] = {}
        self.free = Free(plan)
        #: contacts that wait
        self.waiting: set[str] = set()
        self.counts: Counter[str] = Counter()
        #: from the moment an offer could be made until it came [s]; from the beginning of the wait
        self.latencies_s: list[float] = []
        self.waits_s: list[float] = []
        #: when offers came [monotonic s]
        self.offers_s: list[float] = []
        #: seat -> contact that talks there
        self.talks: dict[str, str] = {}
        #: contacts that have not ended
        self.open = 0

    def forget_times(self) -> None:
        """Measure from now on."""
        for times in (self.latencies_s, self.waits_s, self.offers_s):
            times.clear()

    # -- facts ---------------------------------------------------------------------------------

    def fact(self, owner: str, kind: str, contact: str, facts: Any) -> None:
        """Take what an owner journals."""
        if kind == "contact-arrived":
            self.stories[contact] = Story(owner, facts.arrival)
            self.open += 1
            return
        story = self.stories.get(contact)
        if story is None:
            return
        match facts:
            case ContactQueued():
                story.queue, story.waits_s = facts.queue, time.monotonic()
                self.waiting.add(contact)
            case SeatOffered():
                story.offers += 1
                self.waiting.discard(contact)
                if story.offers - story.missed > 1:
                    self.counts["double offers"] += 1
            case OfferEnded():
                self.counts[f"offers that ended: {facts.reason}"] += 1
                story.missed += 1
                story.waits_s = time.monotonic()
                self.waiting.add(contact)
            case ContactConnected():
                self._connected(contact, story, facts.seat)
            case ContactEnded():
                self._ended(contact, story, facts.outcome)

    def offered(self, contact: str) -> None:
        """An offer has come to the contact's owner."""
        story = self.stories[contact]
        if contact not in self.waiting:
            self.counts["offers refused"] += 1
            return
        now_s = time.monotonic()
        self.offers_s.append(now_s)
        self.latencies_s.append(now_s - story.could_s)
        self.waits_s.append(now_s - story.waits_s)

    def _connected(self, contact: str, story: Story, seat: str) -> None:
        story.connected += 1
        other = self.talks.get(seat)
        if story.connected > 1 or other is not None:
            self.counts["doubled"] += 1
        self.talks[seat] = contact
        story.seat = seat
        self.counts["connected"] += 1

    def _ended(self, contact: str, story: Story, outcome: str) -> None:
        story.ended += 1
        story.outcome = outcome
        self.open -= 1
        if story.ended > 1:
            self.counts["doubled"] += 1
        if outcome != "served":
            self.counts["lost"] += 1
        self.counts[f"ended: {outcome}"] += 1
        self.waiting.discard(contact)
        if self.talks.get(story.seat) == contact:
            del self.talks[story.seat]

    # -- rows (FloorWriter) --------------------------------------------------------------------

    def set_contact(self, row: ContactRow) -> None:
        """See a contact's row: its place must stay what it was."""
        story = self.stories[row.contact]
        if story.place is None:
            story.place = row.place
        elif story.place != row.place:
            self.counts["places changed"] += 1

    def drop_contact(self, contact: str) -> None:
        """See a contact's end."""

    def set_seat(self, row: SeatRow) -> None:
        """See what a seat does."""
        if row.state == "ready":
            self.free.add(row.seat, time.monotonic())
            return
        if row.state == "reserved":
            story = self.stories[row.contact]
            story.could_s = max(story.waits_s, self.free.since_s[story.queue])
        self.free.remove(row.seat)

    def drop_seat(self, seat: str) -> None:
        """See a seat's end."""
        self.free.remove(seat)

    def set_failure(self, failure: Failure) -> None:
        """See a pair that failed."""
        self.counts[f"failures: {failure.reason}"] += 1


class Page:
    """The ledger of one owner, which keeps nothing."""

    def __init__(self, books: Books, owner: str) -> None:
        self._books = books
        self._owner = owner

    def add(self, kind: str, contact: str, facts: msgspec.Struct) -> None:
        """Take one entry."""
        if contact:
            self._books.fact(self._owner, kind, contact, facts)

    def keep(self, key: str, state: bytes) -> None:
        """Take a state."""

    def forget(self, key: str) -> None:
        """Take the end of a state."""

    def commit(self) -> int:
        """Write nothing."""
        return 0
