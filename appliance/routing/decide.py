"""The decision: which waiting contact is proposed to which ready seat. `docs/routing.md`.

Pure and deterministic: the same plan, rows and time give the same proposals, in the same order,
whatever the order in which the rows came in.

*Contacts.* Within a class by place, over all queues; between classes by the score of each
class's first: head start + slope × time waited. Ages decide only between classes, so that a
difference of milliseconds in transit never makes equals overtake each other.

*Seats.* Of those that meet the contact's need in the area where it looks by now, and are not left
out by a failure or a path that is down: in the order that its queue names. By default the highest
sum of levels; then one at the contact's own branch; then the longest idle; then by name.
"""

import heapq
from collections.abc import Iterator

from appliance.routing.areas import WIDE, site_area
from appliance.routing.floor import Floor
from appliance.routing.index import Index, Waiting
from appliance.routing.model import Candidate, ContactRow, Proposal, SeatRow, Trace
from appliance.routing.planindex import PlanIndex
from appliance.routing.pool import Group, LineEntry, PoolEntry, ReadySeat

#: seats told in a trace
TRACE_CANDIDATES = 5
#: so many seats are looked through for those of one branch; of more a list is kept
FEW_SEATS = 16
#: first of a line, number of its group, where in the line
Head = tuple[LineEntry, int, int]
#: score, negative, and place: smaller is more urgent
Urgency = tuple[float, LineEntry]


def decide(plan: PlanIndex, floor: Floor, now_ms: int, most: int = 0) -> list[Proposal]:
    """Return proposals for all contacts that can be served now, the most urgent first.

    Not more than *most*, unless that is 0: who asks again once these are held gets the others.
    """
    index = floor.index(plan)
    index.advance(now_ms)
    groups = index.contested()
    if not groups:
        return []
    decision = _Decision(plan, floor, index, groups, now_ms)
    proposals = decision.run(most)
    index.let_in(decision.taken)
    return proposals


class _Class:
    """The lines of one class over all groups, merged by place."""

    __slots__ = ("heads", "name", "urgency")

    def __init__(self, name: str, heads: list[Head]) -> None:
        self.name = name
        heapq.heapify(heads)
        self.heads = heads
        #: how urgent its first is; smaller is more
        self.urgency: Urgency

    def pop(self, groups: list[Group]) -> str:
        """Take the first contact; the next of its line comes forward."""
        entry, number, i = self.heads[0]
        line = groups[number].lines[self.name]
        if i + 1 < len(line):
            heapq.heapreplace(self.heads, (line[i + 1], number, i + 1))
        else:
            heapq.heappop(self.heads)
        return entry[3]

    def drop(self) -> None:
        """Let the first line go: there is no seat left for it."""
        heapq.heappop(self.heads)


class _Decision:
    def __init__(
        self,
        plan: PlanIndex,
        floor: Floor,
        index: Index,
        groups: dict[Group, list[PoolEntry]],
        now_ms: int,
    ) -> None:
        self._plan = plan
        self._floor = floor
        self._index = index
        self._joined = floor.joined
        self._now_ms = now_ms
        #: seats that are proposed
        self.taken: set[str] = set()
        self._groups = list(groups)
        #: the seats of each group, best first, and how many taken ones are at its head
        self._seats = list(groups.values())
        self._begin = [0] * len(groups)
        #: (group, branch) -> the seats there, and how many taken ones are at its head
        self._near: dict[tuple[int, str], tuple[list[PoolEntry], int]] = {}
        #: groups that may have a free seat left
        self._open = list(range(len(groups)))
        #: owners whose contacts reach no seat of a group, so that each line is tried once only
        self._cut_off: set[tuple[int, str]] = set()

    def run(self, most: int) -> list[Proposal]:
        """Return the proposals, *most* at most, if it is not 0."""
        if self._index.alone:
            proposal = self._serve_first()
            if proposal is not None:
                return [proposal]  # as below, where the only seat is taken at once
        classes = self._classes()
        proposals = []
        while classes:
            first = classes[0] if len(classes) == 1 else min(classes, key=_urgency)
            number = first.heads[0][1]
            if self._empty(number):
                first.drop()
            else:
                contact = first.pop(self._groups)
                proposal = self._serve(self._index.waiting[contact], number)
                if proposal is not None:
                    proposals.append(proposal)
                    if len(proposals) == most:
                        break
                    while self._open and self._empty(self._open[-1]):
                        self._open.pop()
                    if not self._open:
                        break
            if first.heads:
                self._weigh(first)
            else:
                classes.remove(first)
        return proposals

    def _empty(self, number: int) -> bool:
        """Tell whether all seats of a group are taken."""
        seats = self._seats[number]
        begin = self._begin[number] = self._skip(seats, self._begin[number])
        return begin >= len(seats)

    def _skip(self, seats: list[PoolEntry], i: int) -> int:
        while i < len(seats) and seats[i][-1] in self.taken:
            i += 1
        return i

    def _free(self, number: int, home: str) -> Iterator[ReadySeat]:
        """Yield a group's free seats as a contact of the branch *home* prefers them."""
        seats, i, ready = self._seats[number], self._begin[number], self._index.ready
        near_at = self._groups[number].pool.need.near_at
        near, j = self._near_seats(number, home) if home and near_at >= 0 else ([], 0)
        while i < len(seats):
            if j < len(near) and near[j][:near_at] <= seats[i][:near_at]:
                entry = near[j]
                j += 1
            else:
                entry = seats[i]
                i += 1
                if near and ready[str(entry[-1])].row.site == home:
                    continue
            if entry[-1] not in self.taken:
                yield ready[str(entry[-1])]

    def _near_seats(self, number: int, home: str) -> tuple[list[PoolEntry], int]:
        """Return a group's seats at *home*, and how many taken ones are at its head."""
        group, seats = self._groups[number], self._seats[number]
        if len(seats) - self._begin[number] == 1 or not group.area.startswith(WIDE):
            return [], 0  # there is nothing to choose
        known = self._near.get((number, home))
        if known is not None:
            near, j = known
        elif len(seats) > FEW_SEATS and seats is group.seats:
            area = site_area(home)
            near, j = group.pool.seats_of(area, self._index.there(area)), 0
        else:
            ready = self._index.ready
            near, j = [entry for entry in seats if ready[str(entry[-1])].row.site == home], 0
        self._near[number, home] = near, self._skip(near, j)
        return self._near[number, home]

    def _serve_first(self) -> Proposal | None:
        """Serve the most urgent contact, if it may be."""
        firsts: dict[str, tuple[LineEntry, int]] = {}
        for number, group in enumerate(self._groups):
            for name, line in group.lines.items():
                if name not in firsts or line[0] < firsts[name][0]:
                    firsts[name] = (line[0], number)
        entry, number = min(
            firsts.items(), key=lambda first: self._urgency(first[0], first[1][0])
        )[1]
        return self._serve(self._index.waiting[entry[3]], number)

    def _classes(self) -> list[_Class]:
        """Return the classes in which somebody waits for whom there are seats."""
        heads: dict[str, list[Head]] = {}
        for number, group in enumerate(self._groups):
            for name, line in group.lines.items():
                if name in heads:
                    heads[name].append((line[0], number, 0))
                else:
                    heads[name] = [(line[0], number, 0)]
        classes = [_Class(name, firsts) for name, firsts in heads.items()]
        for klass in classes:
            self._weigh(klass)
        return classes

    def _weigh(self, klass: _Class) -> None:
        klass.urgency = self._urgency(klass.name, klass.heads[0][0])

    def _urgency(self, klass: str, entry: LineEntry) -> Urgency:
        """Return how urgent the first of a class is; smaller is more."""
        since_ms = self._index.waiting[entry[3]].since_ms
        return (-self._plan.score(klass, self._waited_ms(since_ms)), entry)

    def _waited_ms(self, since_ms: int) -> int:
        return max(0, self._now_ms - since_ms)

    def _serve(self, waiting: Waiting, number: int) -> Proposal | None:
        row = waiting.row
        if (number, row.owner) in self._cut_off:
            return None
        looked_at, chosen = self._choose(row, number)
        if chosen is None:
            return None
        self.taken.add(chosen.seat)
        waited_ms = self._waited_ms(waiting.since_ms)
        trace = Trace(
            plan_serial=self._plan.serial,
            contact_score=self._plan.score(waiting.klass, waited_ms),
            waited_ms=waited_ms,
            candidates=tuple(looked_at),
            klass=waiting.klass,
            queue=row.queue,
            area=self._groups[number].area,
            given=row.given,
            joined=self._joined.get(row.queue, -1.0),
        )
        return _proposal(row, chosen, trace)

    def _choose(self, row: ContactRow, number: int) -> tuple[list[Candidate], SeatRow | None]:
        """Return the seats that were looked at, and the one that is chosen."""
        looked_at: list[Candidate] = []
        chosen: SeatRow | None = None
        reaches_any = False
        levels = self._groups[number].pool.levels
        for ready in self._free(number, row.home):
            seat = ready.row
            against = self._floor.against(row, seat, self._now_ms)
            if not reaches_any:
                reaches_any = not (against and self._floor.apart(row, seat))
            if chosen is None and not against:
                chosen = seat
            elif chosen is None and len(looked_at) == TRACE_CANDIDATES - 1:
                continue  # the last line of the trace is for the one that is chosen
            score = float(levels[ready.profile])
            looked_at.append(self._candidate(ready, score, against, row.home))
            if chosen is not None and len(looked_at) == TRACE_CANDIDATES:
                break
        if not reaches_any:
            self._cut_off.add((number, row.owner))
        return looked_at, chosen

    def _candidate(self, ready: ReadySeat, score: float, against: str, home: str) -> Candidate:
        seat = ready.row
        idle_ms = max(0, self._now_ms - ready.since_ms)
        local = bool(home) and seat.site == home
        return Candidate(seat.seat, score, against, local, idle_ms, ready.cost, seat.busy)


def _urgency(klass: _Class) -> Urgency:
    return klass.urgency


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
        place=contact.place,
        channel=contact.channel,
    )
