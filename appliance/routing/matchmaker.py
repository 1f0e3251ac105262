"""The matchmaker: keeps a floor, and proposes. It holds no truth; the owners dispose.

Several may run at once, any may die, and a new one is complete as soon as each owner's snapshot
has come.
"""

from collections import deque
from collections.abc import Iterable
from typing import Protocol

from appliance.plan.model import Plan
from appliance.routing.decide import decide
from appliance.routing.floor import Floor
from appliance.routing.levels import ServiceLevels
from appliance.routing.model import ContactRow, Failure, Proposal, SeatRow
from appliance.routing.planindex import PlanIndex
from appliance.routing.spots import Hold, stamp

#: a proposal that led to nothing is forgotten after this [ms]: longer than an owner waits for a
#: confirmation (2,000 ms), so that an answer on its way is not overtaken
PROPOSAL_TTL_MS = 2_500
#: a pair that was refused, or of which nothing was heard, is left out for this [ms], unless one
#: of its rows changes before
REFUSED_MS = 2_500


class SnapshotRecord(Protocol):
    """What a snapshot on the link holds."""

    @property
    def incarnation(self) -> int:
        """The sender's life."""

    @property
    def contacts(self) -> Iterable[ContactRow]:
        """All open contacts."""

    @property
    def seats(self) -> Iterable[SeatRow]:
        """All seats."""

    @property
    def failures(self) -> Iterable[Failure]:
        """Pairs that failed."""

    @property
    def reaches(self) -> Iterable[str] | None:
        """Peers it reaches; None: it does not say."""

    @property
    def site(self) -> str:
        """Its branch; empty: it does not say."""

    @property
    def link_full(self) -> bool:
        """Its access link takes no more calls with other branches."""


class DeltaRecord(Protocol):
    """What a delta on the link holds."""

    @property
    def incarnation(self) -> int:
        """The sender's life."""

    @property
    def contacts(self) -> Iterable[ContactRow]:
        """Contacts that changed."""

    @property
    def seats(self) -> Iterable[SeatRow]:
        """Seats that changed."""

    @property
    def failures(self) -> Iterable[Failure]:
        """Pairs that failed since."""

    @property
    def reaches(self) -> Iterable[str] | None:
        """Peers it reaches, where that changed."""

    @property
    def link_full(self) -> bool | None:
        """Its access link takes no more calls, or does again, where that changed."""

    @property
    def gone(self) -> Iterable[str]:
        """Seats that are gone."""


class Matchmaker:
    """Proposals from what the owners publish. All times are the receiver's, monotonic.

    *name* is the appliance it runs in: it proposes for the pairs that are its own by the rule of
    `reach.py`. A hub's has none, and proposes for all it sees.
    """

    def __init__(self, plan: Plan, name: str = "") -> None:
        self._plan = PlanIndex(plan)
        self.floor = Floor(name)
        self._levels = ServiceLevels(self._plan)
        self.floor.hear = self._levels.hear if self._levels else None
        #: contact -> the proposal of which nothing was heard
        self._pending: dict[str, Hold] = {}
        #: seat -> what was proposed for it last
        self._proposed_to: dict[str, Hold] = {}
        #: all proposals in order of time
        self._asked: deque[Hold] = deque()

    @property
    def plan(self) -> PlanIndex:
        """The plan in force."""
        return self._plan

    def set_plan(self, plan: Plan) -> None:
        """Decide by another plan from now on; the index is made now, not when it is needed."""
        self._plan = PlanIndex(plan)
        self._levels.set_plan(self._plan)
        self.floor.hear = self._levels.hear if self._levels else None
        if not self._levels:
            self.floor.set_joined({})
        self.floor.index(self._plan)
        self.floor.stirred = True

    def on_snapshot(self, owner: str, snapshot: SnapshotRecord, now_ms: int) -> bool:
        """Take an owner's snapshot; False: it is from an earlier life and was ignored."""
        taken = self.floor.replace(
            owner,
            snapshot.incarnation,
            snapshot.contacts,
            snapshot.seats,
            snapshot.failures,
            reaches=snapshot.reaches,
            site=snapshot.site,
            link_full=snapshot.link_full,
            now_ms=now_ms,
        )
        if taken:
            for row in snapshot.seats:
                if row.state == "ready":
                    self._came_to_nothing(row, now_ms)
        return taken

    def on_delta(self, owner: str, delta: DeltaRecord, now_ms: int) -> bool:
        """Take an owner's delta; False: there is no snapshot of this life for it to change."""
        taken = self.floor.change(
            owner,
            delta.incarnation,
            delta.contacts,
            delta.seats,
            delta.failures,
            gone=delta.gone,
            reaches=delta.reaches,
            link_full=delta.link_full,
            now_ms=now_ms,
        )
        if taken:
            for row in delta.seats:
                if row.state == "ready":
                    self._came_to_nothing(row, now_ms)
            for seat in delta.gone:
                self._seat_gone(seat)
        return taken

    def on_lost(self, owner: str) -> None:
        """Forget an owner that went out of reach, and what was proposed to it."""
        self.floor.lose(owner)
        for hold in tuple(self._pending.values()):
            if owner in (hold.contact.owner, hold.seat.owner):
                self._drop(hold)
                self.floor.free(hold)

    def refused(self, contact: str, seat: str, reason: str, now_ms: int) -> None:
        """Take an owner's no; both may be proposed again at once, but not to each other."""
        hold = self._pending.get(contact)
        if hold is None or hold.seat.seat != seat:
            return
        self._drop(hold)
        self.floor.refuse(hold.contact, hold.seat, reason, now_ms + REFUSED_MS)
        self.floor.free(hold)

    def propose(self, now_ms: int, most: int = 0) -> list[Proposal]:
        """Return what is to be proposed now. Costs next to nothing where nothing has changed.

        Where there may be more than *most* (0: all), the floor is stirred still.
        """
        if self._asked and self._asked[0].until_ms <= now_ms:
            self._forget_unanswered(now_ms)
        self.floor.tick(now_ms)
        if now_ms >= self._levels.due_ms:
            self.floor.set_joined(self._levels.joined(self.floor, now_ms))
        if not self.floor.stirred:
            return []
        proposals = decide(self._plan, self.floor, now_ms, most)
        self.floor.stirred = 0 < most <= len(proposals)
        for proposal in proposals:
            self._await_answer(proposal, now_ms + PROPOSAL_TTL_MS)
        return proposals

    def _await_answer(self, proposal: Proposal, until_ms: int) -> None:
        hold = self.floor.hold(proposal.contact, proposal.seat, until_ms)
        if hold is not None:
            before = self._pending.get(proposal.contact)
            if before is not None:
                self._drop(before)
            self._pending[proposal.contact] = hold
            self._proposed_to[proposal.seat] = hold
            self._asked.append(hold)

    def _forget_unanswered(self, now_ms: int) -> None:
        """Leave out pairs of which nothing was heard, so that others get their turn."""
        while self._asked and self._asked[0].until_ms <= now_ms:
            hold = self._asked.popleft()
            self._drop(hold)
            if hold.whole:  # or a row has changed since, and a refusal would say nothing
                self.floor.refuse(hold.contact, hold.seat, "timeout", now_ms + REFUSED_MS)
            self.floor.free(hold)

    def _came_to_nothing(self, row: SeatRow, now_ms: int) -> None:
        """Let a contact go whose seat is free again: its owner has no answer of the other's."""
        hold = self._proposed_to.get(row.seat)
        if hold is None or hold.contact.channel != "voice":
            return  # a seat may be ready for calls with a written contact on its way
        if row.owner == hold.seat.owner and stamp(row) > stamp(hold.seat):
            self._drop(hold)
            self.floor.refuse(hold.contact, row, "timeout", now_ms + REFUSED_MS)
            self.floor.free(hold)

    def _seat_gone(self, seat: str) -> None:
        """Let a contact go whose seat is no longer there: nobody will answer for it."""
        hold = self._proposed_to.get(seat)
        if hold is not None:
            self._drop(hold)
            self.floor.free(hold)

    def _drop(self, hold: Hold) -> None:
        """Wait for nothing about this proposal any more; a newer one of its contact goes on."""
        if self._pending.get(hold.contact.contact) is hold:
            del self._pending[hold.contact.contact]
        if self._proposed_to.get(hold.seat.seat) is hold:
            del self._proposed_to[hold.seat.seat]
