"""The floor as `decide` wants it: groups of waiting contacts and pools of seats.

Seats that take nothing and contacts that do not wait are in neither, so they cost nothing. A
change of a seat touches the pools that its agent's profile belongs to, a change of a contact one
line; whoever decides looks only at groups that have both contacts and seats (`live`).
"""

import heapq
from bisect import bisect_left, insort

from appliance.plan.model import Channel
from appliance.routing.model import ContactRow, SeatRow
from appliance.routing.needs import Need, Stage
from appliance.routing.planindex import PlanIndex, Profile
from appliance.routing.pool import ALL, Group, LineEntry, Pool, ReadySeat

#: pools kept that no contact waits for; a contact may name any skills, so there is a bound
MAX_IDLE_POOLS = 1024

#: seats in these states take nothing, whatever they say
_CLOSED = frozenset({"paused", "away"})


class Waiting:
    """A contact that waits, and where it stands."""

    __slots__ = ("entry", "group", "klass", "number", "row", "since_ms", "stages")

    def __init__(
        self, row: ContactRow, since_ms: int, stages: tuple[Stage, ...], klass: str, number: int
    ) -> None:
        self.row = row
        self.since_ms = since_ms
        self.stages = stages
        self.klass = klass
        #: tells it from others that waited by the same name
        self.number = number
        place = row.place
        self.entry: LineEntry = (place.arrival, place.appliance, place.contact, row.contact)
        self.group: Group


class Index:
    """Groups and pools of one floor under one plan, kept up row by row."""

    def __init__(self, plan: PlanIndex, now_ms: int = 0) -> None:
        self.plan = plan
        self.now_ms = now_ms
        #: contact -> where it stands
        self.waiting: dict[str, Waiting] = {}
        #: seat -> where it stands
        self.ready: dict[str, ReadySeat] = {}
        #: groups with both contacts and seats
        self.live: dict[Group, None] = {}
        self._pools: dict[Need, Pool] = {}
        self._idle_pools: dict[Pool, None] = {}
        #: (profile, channel) -> the pools it belongs to
        self._of_profile: dict[tuple[Profile, Channel], list[Pool]] = {}
        self._numbers = 0
        #: (when [ms], contact, its number): a stage begins
        self._due: list[tuple[int, str, int]] = []
        #: agent -> contacts that ask for them by name
        self._wanted: dict[str, dict[str, None]] = {}
        #: agents who are logged in and not paused
        self._present: set[str] = set()

    # -- contacts ------------------------------------------------------------------------------

    def put_contact(self, row: ContactRow, since_ms: int) -> bool:
        """Let a contact wait; tell whether there is a seat for it."""
        if row.contact in self.waiting:
            self.drop_contact(row.contact)
        stages = self.plan.stages(row.queue, row.channel, row.skills)
        if stages is None:
            return False
        klass = self.plan.klass(row.klass).name
        self._numbers += 1
        waiting = Waiting(row, since_ms, stages, klass, self._numbers)
        self.waiting[row.contact] = waiting
        if row.agent:
            self._wanted.setdefault(row.agent, {})[row.contact] = None
        return self._stand(waiting)

    def drop_contact(self, contact: str) -> None:
        """Take a contact out, if it waits here."""
        waiting = self.waiting.pop(contact, None)
        if waiting is None:
            return
        self._leave(waiting)
        agent = waiting.row.agent
        if agent:
            wanted = self._wanted[agent]
            del wanted[contact]
            if not wanted:
                del self._wanted[agent]

    def advance(self, now_ms: int) -> bool:
        """Let contacts go on to the stages that begin by now; tell whether there is a seat."""
        self.now_ms = max(self.now_ms, now_ms)
        found = False
        while self._due and self._due[0][0] <= now_ms:
            _, contact, number = heapq.heappop(self._due)
            waiting = self.waiting.get(contact)
            if waiting is not None and waiting.number == number:
                self._leave(waiting)
                found = self._stand(waiting) or found
        return found

    @property
    def next_stage_ms(self) -> int | None:
        """When the next stage begins; it may be of a contact that is gone."""
        return self._due[0][0] if self._due else None

    def _stand(self, waiting: Waiting) -> bool:
        """Put a contact into the group of its present stage; tell whether there is a seat."""
        row, stages = waiting.row, waiting.stages
        waited_ms = self.now_ms - waiting.since_ms
        number = 0
        due_ms = -1
        for later in range(1, len(stages)):
            if waited_ms < stages[later].after_ms:
                due_ms = stages[later].after_ms
                break
            number = later
        area = self._area(stages[number], row.home)
        if row.agent:
            named_ms = self.plan.named_ms(row.queue)
            if waited_ms < named_ms and row.agent in self._present:
                area = f"agent:{row.agent}"
                number, due_ms = len(stages) - 1, named_ms
        if due_ms >= 0:
            heapq.heappush(self._due, (waiting.since_ms + due_ms, row.contact, waiting.number))
        group = self._group(stages[number].need, area)
        waiting.group = group
        line = group.lines.get(waiting.klass)
        if line is None:
            group.lines[waiting.klass] = [waiting.entry]
        else:
            insort(line, waiting.entry)
        if group.seats:
            self.live[group] = None
            return True
        return False

    def _leave(self, waiting: Waiting) -> None:
        group = waiting.group
        line = group.lines[waiting.klass]
        if len(line) > 1:
            del line[bisect_left(line, waiting.entry)]
            return
        del group.lines[waiting.klass]
        if not group.lines:
            self.live.pop(group, None)
            self._retire(group)

    def _area(self, stage: Stage, home: str) -> str:
        if not home or stage.radius == "all":
            return ALL
        if stage.radius == "region":
            region = self.plan.region(home)
            if region:
                return f"region:{region}"
        return f"site:{home}"

    # -- seats ---------------------------------------------------------------------------------

    def put_seat(self, row: SeatRow, since_ms: int) -> bool:
        """Take a seat as it is now; tell whether somebody waits whom it could serve."""
        self._out(row.seat)
        profile = self.plan.agents.get(row.seat)
        if profile is None:
            return False
        wanted = self._note_presence(row.seat, present=row.state not in _CLOSED)
        channels = _open(row)
        if not channels:
            return wanted
        areas = self.plan.areas(row.site)
        seat = ReadySeat(row, since_ms, areas, profile, self.plan.costs[row.seat])
        self.ready[row.seat] = seat
        for channel in channels:
            for pool in self._of_profile.get((profile, channel), ()):
                wanted = self._join(pool, seat) or wanted
        return wanted

    def drop_seat(self, seat: str) -> bool:
        """Forget a seat; tell whether somebody waits who was kept for it."""
        self._out(seat)
        return self._note_presence(seat, present=False)

    def hold_seat(self, row: SeatRow) -> None:
        """Let a seat take nothing for a moment."""
        self._out(row.seat)

    def _join(self, pool: Pool, seat: ReadySeat) -> bool:
        entry = pool.entry(seat)
        pool.add(entry, seat.areas)
        seat.entries.append((pool, entry))
        if not pool.groups:
            return False
        found = False
        for group in self._groups_of(pool, seat):
            self.live[group] = None
            found = True
        return found

    def _out(self, name: str) -> None:
        seat = self.ready.pop(name, None)
        if seat is None:
            return
        for pool, entry in seat.entries:
            pool.remove(entry, seat.areas)
            if pool.groups:
                for group in self._groups_of(pool, seat):
                    if not group.seats:
                        self.live.pop(group, None)

    @staticmethod
    def _groups_of(pool: Pool, seat: ReadySeat) -> list[Group]:
        """Return the groups that *seat* may serve by where it is."""
        groups = pool.groups
        areas = (ALL, *seat.areas, f"agent:{seat.row.seat}")
        return [groups[area] for area in areas if area in groups]

    def _note_presence(self, agent: str, *, present: bool) -> bool:
        """Let those who ask for *agent* wait for nobody else, or for everybody again."""
        if (agent in self._present) == present:
            return False
        if present:
            self._present.add(agent)
        else:
            self._present.discard(agent)
        found = False
        for contact in tuple(self._wanted.get(agent, ())):
            waiting = self.waiting[contact]
            self._leave(waiting)
            found = self._stand(waiting) or found
        return found

    # -- pools ---------------------------------------------------------------------------------

    def _group(self, need: Need, area: str) -> Group:
        pool = self._pools.get(need)
        if pool is None:
            pool = self._pools[need] = self._made(need)
        group = pool.groups.get(area)
        if group is None:
            if not pool.groups:
                self._idle_pools.pop(pool, None)
            group = pool.groups[area] = Group(pool, area, pool.seats_of(area, self.ready))
        return group

    def _made(self, need: Need) -> Pool:
        pool = Pool(need, self.plan.able(need))
        for profile in pool.levels:
            self._of_profile.setdefault((profile, need.channel), []).append(pool)
        for seat in self.ready.values():
            if seat.profile in pool.levels and need.channel in _open(seat.row):
                self._join(pool, seat)
        return pool

    def _retire(self, group: Group) -> None:
        """Keep the pool for the next contact, but only so many of them."""
        pool = group.pool
        pool.drop(group)
        if pool.groups:
            return
        self._idle_pools[pool] = None
        while len(self._idle_pools) > MAX_IDLE_POOLS:
            oldest = next(iter(self._idle_pools))
            del self._idle_pools[oldest]
            self._forget(oldest)

    def _forget(self, pool: Pool) -> None:
        del self._pools[pool.need]
        for profile in pool.levels:
            self._of_profile[profile, pool.need.channel].remove(pool)
        for seat in self.ready.values():
            seat.entries = [(own, entry) for own, entry in seat.entries if own is not pool]


def _open(row: SeatRow) -> tuple[Channel, ...]:
    """Return the channels in which a seat takes one more contact."""
    if row.state in _CLOSED:
        return ()
    return ("voice", *row.also) if row.state == "ready" else row.also
