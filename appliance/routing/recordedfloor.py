"""The floor of a recorded day: one observer tells all, in order, so no row is ever stale. Pure.

It is the floor and the index of production, without what guards a matchmaker against owners that
restart, send twice or contradict each other; a day of 100,000 calls is decided in seconds.
"""

from collections.abc import Iterable, Iterator

import msgspec

from appliance.plan.model import Plan
from appliance.routing.decide import decide
from appliance.routing.floor import Floor
from appliance.routing.levels import Held, ServiceLevels
from appliance.routing.model import (
    ContactRow,
    Failure,
    Proposal,
    QueueView,
    SeatRow,
    SeatState,
    SiteView,
)
from appliance.routing.planindex import PlanIndex
from appliance.routing.views import count_queues, count_sites


class RecordedFloor:
    """Contacts that wait and seats, under one plan."""

    def __init__(self, plan: Plan, owners: Iterable[str]) -> None:
        self._plan = PlanIndex(plan)
        self._floor = Floor()
        for owner in owners:
            self._floor.replace(owner, 1, (), (), now_ms=0)
        self._index = self._floor.index(self._plan)
        self._seats: dict[str, SeatRow] = {}
        self._now_ms = 0
        self._levels = ServiceLevels(self._plan)
        #: it matters who is answered in time; asked at each of a million moments
        self.counts = bool(self._levels)

    # -- what happens --------------------------------------------------------------------------

    def waits(self, row: ContactRow, since_ms: int) -> None:
        """Let a contact wait; it has waited since then."""
        self._floor.stirred |= self._index.put_contact(row, since_ms)

    def leaves(self, contact: str) -> None:
        """Let a contact wait no more."""
        self._index.drop_contact(contact)

    def answered(self, row: ContactRow, waited_ms: int) -> None:
        """Count a contact that talks now among those that were answered, in time or not."""
        if self.counts:
            talks = msgspec.structs.replace(row, state="talking", age_ms=waited_ms)
            self._levels.hear(talks, None, self._now_ms)

    def reserve_joined(self, queue: str) -> None:
        """Let agents in reserve serve a queue, as they did on the day."""
        if self.counts and queue not in self._floor.joined:
            self._levels.follow(queue)
            self._floor.set_joined(self._levels.joined(self, self._now_ms))

    def gave_up(self, row: ContactRow, since_ms: int) -> None:
        """Count a contact that has left while it waited."""
        if self.counts:
            ended = msgspec.structs.replace(row, state="ended")
            self._levels.hear(ended, (row, since_ms), self._now_ms)

    def sits(self, seat: SeatRow, state: SeatState, since_ms: int) -> None:
        """Let a seat be in a state; if it is ready, it has been without work since then."""
        if seat.state != state:
            seat = SeatRow(
                seat=seat.seat,
                owner=seat.owner,
                incarnation=1,
                epoch=1,
                site=seat.site,
                state=state,
                fence=seat.fence,
            )
        self._seats[seat.seat] = seat
        self._floor.stirred |= self._index.put_seat(seat, since_ms)

    def fails(self, failure: Failure) -> None:
        """Leave a pair or a path out for a while."""
        self._floor.change(failure.owner, 1, failures=(failure,), now_ms=self._now_ms)

    def refuse(self, contact: ContactRow, seat: str, until_ms: int) -> None:
        """Leave a pair out until then or until one of its rows changes, as after an owner's no."""
        self._floor.refuse(contact, self._seats[seat], "seat-busy", until_ms)

    # -- what is asked -------------------------------------------------------------------------

    def decide(self, now_ms: int) -> list[Proposal]:
        """Return what is proposed now, if anything has come about since it was asked last."""
        floor, self._now_ms = self._floor, now_ms
        floor.tick(now_ms)
        if self.counts and now_ms >= self._levels.due_ms:
            floor.set_joined(self._levels.joined(self, now_ms))
        if not floor.stirred:
            return []
        proposals = decide(self._plan, floor, now_ms)
        floor.stirred = False
        return proposals

    @property
    def next_stage_ms(self) -> int | None:
        """When the next contact begins to ask for less, or agents in reserve may join, if any."""
        stage_ms = self._index.next_stage_ms
        if not self.counts or not self._index.waiting:
            return stage_ms
        due_ms = int(self._levels.due_ms)
        return due_ms if stage_ms is None else min(stage_ms, due_ms)

    def waiting(self) -> Iterator[Held]:
        """Yield each contact that waits, and since when [ms]."""
        for waiting in self._index.waiting.values():
            yield waiting.row, waiting.since_ms

    def seat(self, name: str) -> SeatRow | None:
        """Return the seat as it is."""
        return self._seats.get(name)

    def views(self) -> dict[str, QueueView]:
        """Return each queue at a glance; costs queues times profiles."""
        waiting = (waiting.row for waiting in self._index.waiting.values())
        views = count_queues(self._plan.plan, self._plan, waiting, self._seats.values())
        return {view.queue: view for view in views}

    def site_views(self) -> dict[str, list[SiteView]]:
        """Return the sites of each queue that gives by expected wait; costs all seats."""
        waiting = (waiting.row for waiting in self._index.waiting.values())
        return count_sites(self._plan, waiting, self._seats.values())
