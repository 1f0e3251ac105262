"""The plan and the floor as `decide` wants them: lines of waiting contacts, pools of ready seats.

A *requirement* is what a contact needs of a seat: the skills of its queue and its own, each with
the lowest level. Contacts with one requirement wait in one group; the ready seats that satisfy it
stand in one pool, best first. Seats that are not ready and contacts that do not wait are in
neither, so they cost nothing.
"""

from bisect import bisect_left, insort
from collections.abc import Mapping
from functools import cached_property

from appliance.plan.model import Plan, ServiceClass
from appliance.routing.model import ContactRow, SeatRow

#: (skill, lowest level) in order of the skill's name
Requirement = tuple[tuple[str, int], ...]
#: (arrival, appliance, contact of the place; contact): earlier is smaller, and never equal
LineEntry = tuple[int, str, str, str]
#: (- levels, ready since [ms], seat, owner): better is smaller, and never equal
PoolEntry = tuple[int, int, str, str]

#: pools kept that no contact waits for; a contact may name any skills, so there is a bound
MAX_IDLE_POOLS = 64


class PlanIndex:
    """A plan prepared for look-ups. It never changes."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.serial = plan.serial
        self._queues = {queue.name: dict(queue.skills) for queue in plan.queues}
        self._classes = {klass.name: klass for klass in plan.classes}
        self._agents = {agent.name: dict(agent.skills) for agent in plan.agents}

    @cached_property
    def _fallback(self) -> ServiceClass:
        return self._classes.get(self.plan.default_class) or ServiceClass(name="none")

    def klass(self, name: str) -> ServiceClass:
        """Return the class called *name*, or the default class."""
        return self._classes.get(name) or self._fallback

    def requirement(self, queue: str, skills: Mapping[str, int]) -> Requirement | None:
        """Return what *queue* and *skills* together require; None for an unknown queue."""
        required = self._queues.get(queue)
        if required is None:
            return None
        if skills:
            required = dict(required)
            for skill, level in skills.items():
                required[skill] = max(level, required.get(skill, level))
        return tuple(sorted(required.items()))

    def levels(self, agent: str, requirement: Requirement) -> int | None:
        """Return the agent's levels over the required skills, added up; None if one is short."""
        skills = self._agents.get(agent)
        if skills is None:
            return None
        total = 0
        for skill, lowest in requirement:
            level = skills.get(skill, 0)
            if level < lowest:
                return None
            total += level
        return total

    def score(self, klass: str, waited_ms: int) -> float:
        """Return a contact's score: the head start of its class and slope × time waited."""
        service = self.klass(klass)
        return service.head_start_s + service.slope * (waited_ms / 1000)


class Pool:
    """The ready seats that satisfy one requirement, best first; all, and by owner."""

    def __init__(self) -> None:
        self.best: list[PoolEntry] = []
        self.local: dict[str, list[PoolEntry]] = {}

    def add(self, entry: PoolEntry) -> None:
        """Let a seat in."""
        insort(self.best, entry)
        insort(self.local.setdefault(entry[3], []), entry)

    def remove(self, entry: PoolEntry) -> None:
        """Take a seat out."""
        del self.best[bisect_left(self.best, entry)]
        own = self.local[entry[3]]
        del own[bisect_left(own, entry)]
        if not own:
            del self.local[entry[3]]


class Index:
    """Lines and pools of one floor under one plan, kept up row by row."""

    def __init__(self, plan: PlanIndex) -> None:
        self.plan = plan
        #: requirement -> class -> who waits, by place
        self.lines: dict[Requirement, dict[str, list[LineEntry]]] = {}
        #: waiting contact -> (row, waiting since [ms])
        self.waiting: dict[str, tuple[ContactRow, int]] = {}
        #: ready seat -> (row, ready since [ms])
        self.ready: dict[str, tuple[SeatRow, int]] = {}
        self._where: dict[str, tuple[Requirement, str, LineEntry]] = {}
        self._pools: dict[Requirement, Pool] = {}
        self._idle_pools: dict[Requirement, None] = {}

    def pool(self, requirement: Requirement) -> Pool:
        """Return the pool of seats for *requirement*."""
        pool = self._pools.get(requirement)
        if pool is None:
            pool = self._pools[requirement] = Pool()
            for row, since_ms in self.ready.values():
                entry = self._entry(requirement, row, since_ms)
                if entry is not None:
                    pool.add(entry)
        return pool

    def put_contact(self, row: ContactRow, since_ms: int) -> bool:
        """Let a contact wait; tell whether a ready seat satisfies what it needs."""
        self.drop_contact(row.contact)
        requirement = self.plan.requirement(row.queue, row.skills)
        if requirement is None:
            return False
        klass = self.plan.klass(row.klass).name
        entry = (row.place.arrival, row.place.appliance, row.place.contact, row.contact)
        group = self.lines.get(requirement)
        if group is None:
            group = self.lines[requirement] = {}
            self._idle_pools.pop(requirement, None)
        insort(group.setdefault(klass, []), entry)
        self._where[row.contact] = (requirement, klass, entry)
        self.waiting[row.contact] = (row, since_ms)
        return bool(self.pool(requirement).best)

    def drop_contact(self, contact: str) -> None:
        """Take a contact out, if it waits here."""
        where = self._where.pop(contact, None)
        if where is None:
            return
        requirement, klass, entry = where
        del self.waiting[contact]
        group = self.lines[requirement]
        line = group[klass]
        del line[bisect_left(line, entry)]
        if not line:
            del group[klass]
            if not group:
                del self.lines[requirement]
                self._retire(requirement)

    def put_seat(self, row: SeatRow, since_ms: int) -> bool:
        """Let a seat be ready; tell whether somebody waits whom it could serve."""
        self.drop_seat(row.seat)
        self.ready[row.seat] = (row, since_ms)
        wanted = False
        for requirement, pool in self._pools.items():
            entry = self._entry(requirement, row, since_ms)
            if entry is not None:
                pool.add(entry)
                wanted = wanted or requirement in self.lines
        return wanted

    def drop_seat(self, seat: str) -> None:
        """Take a seat out, if it is ready."""
        held = self.ready.pop(seat, None)
        if held is None:
            return
        for requirement, pool in self._pools.items():
            entry = self._entry(requirement, *held)
            if entry is not None:
                pool.remove(entry)

    def _entry(self, requirement: Requirement, row: SeatRow, since_ms: int) -> PoolEntry | None:
        levels = self.plan.levels(row.seat, requirement)
        return None if levels is None else (-levels, since_ms, row.seat, row.owner)

    def _retire(self, requirement: Requirement) -> None:
        """Keep the pool for the next contact, but only so many of them."""
        if requirement in self._pools:
            self._idle_pools[requirement] = None
        while len(self._idle_pools) > MAX_IDLE_POOLS:
            oldest = next(iter(self._idle_pools))
            del self._idle_pools[oldest]
            del self._pools[oldest]
