"""The decision: which waiting contact is proposed to which ready seat. `docs/routing.md`.

Pure and deterministic: the same plan, rows and time give the same proposals, in the same order,
whatever the order in which the rows came in.

*Contacts.* Within a class by place, over all queues; between classes by the score of each
class's first: head start + slope × time waited. Ages decide only between classes, so that a
difference of milliseconds in transit never makes equals overtake each other.

*Seats.* Of those that have every required skill at the required level and are not left out by a
failure or a path that is down: the highest sum of levels over the required skills; then one whose
owner is the contact's (the audio stays in the branch); then the longest idle; then by name.
"""

import heapq
from collections.abc import Iterator

from appliance.routing.floor import Floor
from appliance.routing.index import (
    Index,
    LineEntry,
    PlanIndex,
    Pool,
    PoolEntry,
    Requirement,
)
from appliance.routing.model import Candidate, ContactRow, Proposal, SeatRow, Trace

#: seats told in a trace
TRACE_CANDIDATES = 5


def decide(plan: PlanIndex, floor: Floor, now_ms: int) -> list[Proposal]:
    """Return proposals for all contacts that can be served now, the most urgent first."""
    return _Decision(plan, floor, now_ms).run()


class _Walk:
    """One decision's way through a pool: seats at its head that are taken are not met again."""

    def __init__(self, pool: Pool, taken: set[str]) -> None:
        self._pool = pool
        self._taken = taken
        self._best = 0
        self._local: dict[str, int] = {}

    def empty(self) -> bool:
        """Tell whether all seats are taken."""
        self._best = self._skip(self._pool.best, self._best)
        return self._best >= len(self._pool.best)

    def seats(self, owner: str) -> Iterator[PoolEntry]:
        """Yield the free seats as a contact of *owner* prefers them."""
        best, i = self._pool.best, self._best
        local = self._pool.local.get(owner, [])
        j = self._local[owner] = self._skip(local, self._local.get(owner, 0))
        while i < len(best):
            if j < len(local) and local[j][0] <= best[i][0]:
                entry = local[j]
                j += 1
            else:
                entry = best[i]
                i += 1
                if entry[3] == owner:
                    continue
            if entry[2] not in self._taken:
                yield entry

    def _skip(self, entries: list[PoolEntry], i: int) -> int:
        while i < len(entries) and entries[i][2] in self._taken:
            i += 1
        return i


class _Class:
    """The lines of one class over all requirements, merged by place."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.heads: list[tuple[LineEntry, Requirement, int]] = []

    def pop(self, index: Index) -> tuple[LineEntry, Requirement]:
        """Take the first; the next of its line comes forward."""
        entry, requirement, i = self.heads[0]
        line = index.lines[requirement][self.name]
        if i + 1 < len(line):
            heapq.heapreplace(self.heads, (line[i + 1], requirement, i + 1))
        else:
            heapq.heappop(self.heads)
        return entry, requirement

    def drop(self) -> None:
        """Let the first line go: there is no seat left for it."""
        heapq.heappop(self.heads)


class _Decision:
    def __init__(self, plan: PlanIndex, floor: Floor, now_ms: int) -> None:
        self._plan = plan
        self._floor = floor
        self._index = floor.index(plan)
        self._now_ms = now_ms
        self._taken: set[str] = set()
        self._walks: dict[Requirement, _Walk] = {}
        #: owners whose contacts reach no seat of a pool, so that each line is tried once only
        self._cut_off: set[tuple[Requirement, str]] = set()

    def run(self) -> list[Proposal]:
        classes = self._classes()
        proposals = []
        while classes:
            first = min(classes, key=self._urgency)
            requirement = first.heads[0][1]
            if self._walks[requirement].empty():
                first.drop()
            else:
                entry, _ = first.pop(self._index)
                proposal = self._serve(entry[3], requirement, first.name)
                if proposal is not None:
                    proposals.append(proposal)
            if not first.heads:
                classes.remove(first)
        return proposals

    def _classes(self) -> list[_Class]:
        """Return the classes in which somebody waits for whom there are ready seats."""
        classes: dict[str, _Class] = {}
        for requirement, lines in self._index.lines.items():
            pool = self._index.pool(requirement)
            if not pool.best:
                continue
            self._walks[requirement] = _Walk(pool, self._taken)
            for name, line in lines.items():
                klass = classes.setdefault(name, _Class(name))
                klass.heads.append((line[0], requirement, 0))
        for klass in classes.values():
            heapq.heapify(klass.heads)
        return list(classes.values())

    def _urgency(self, klass: _Class) -> tuple[float, LineEntry]:
        entry = klass.heads[0][0]
        _, since_ms = self._index.waiting[entry[3]]
        return (-self._plan.score(klass.name, self._waited_ms(since_ms)), entry)

    def _waited_ms(self, since_ms: int) -> int:
        return max(0, self._now_ms - since_ms)

    def _serve(self, contact: str, requirement: Requirement, klass: str) -> Proposal | None:
        row, since_ms = self._index.waiting[contact]
        if (requirement, row.owner) in self._cut_off:
            return None
        looked_at, chosen = self._choose(row, requirement)
        if chosen is None:
            return None
        self._taken.add(chosen.seat)
        waited_ms = self._waited_ms(since_ms)
        trace = Trace(
            plan_serial=self._plan.serial,
            contact_score=self._plan.score(klass, waited_ms),
            waited_ms=waited_ms,
            candidates=tuple(looked_at),
            klass=klass,
        )
        return _proposal(row, chosen, trace)

    def _choose(
        self, row: ContactRow, requirement: Requirement
    ) -> tuple[list[Candidate], SeatRow | None]:
        """Return the seats that were looked at, and the one that is chosen."""
        looked_at: list[Candidate] = []
        chosen: SeatRow | None = None
        reaches_any = False
        for entry in self._walks[requirement].seats(row.owner):
            seat, idle_since_ms = self._index.ready[entry[2]]
            against = self._floor.against(row, seat, self._now_ms)
            if not reaches_any and self._floor.connected(row.owner, seat.owner):
                reaches_any = True
            if chosen is None and not against:
                chosen = seat
            elif chosen is None and len(looked_at) == TRACE_CANDIDATES - 1:
                continue  # the last line of the trace is for the one that is chosen
            idle_ms = max(0, self._now_ms - idle_since_ms)
            local = seat.owner == row.owner
            looked_at.append(Candidate(seat.seat, float(-entry[0]), against, local, idle_ms))
            if chosen is not None and len(looked_at) == TRACE_CANDIDATES:
                break
        if not reaches_any:
            self._cut_off.add((requirement, row.owner))
        return looked_at, chosen


def _proposal(contact: ContactRow, seat: SeatRow, trace: Trace) -> Proposal:
    return Proposal(
        contact=contact.contact,
        contact_owner=contact.owner,
        contact_incarnation=contact.incarnation,
        contact_fence=contact.fence,
        seat=seat.seat,
        seat_owner=seat.owner,
        seat_incarnation=seat.incarnation,
        seat_epoch=seat.epoch,
        seat_fence=seat.fence,
        trace=trace,
    )
