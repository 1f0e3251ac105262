"""The floor as `decide` wants it: groups of waiting contacts and pools of seats.

Seats that take nothing and contacts that do not wait are in neither, so they cost nothing. A
change of a contact touches one line. A seat for which nobody waits goes into the pools that its
agent's profile belongs to. One for which somebody waits stands at the *door* until the next
decision: it is known to the groups that may take it, and in no pool, since nearly always it is
taken at once. Whoever decides looks only at groups with both contacts and seats (`contested`).
"""

import heapq
from bisect import bisect_left, insort
from collections.abc import Container, Iterable, Mapping
from types import MappingProxyType

from appliance.base.hlc import moved
from appliance.plan.model import Channel
from appliance.routing.areas import ALL, agent_area, agent_of, is_agent, site_area
from appliance.routing.model import ContactRow, SeatRow
from appliance.routing.needs import Need, Stage
from appliance.routing.planindex import PlanIndex, Profile
from appliance.routing.pool import Group, LineEntry, Pool, PoolEntry, ReadySeat

#: pools kept that no contact waits for; a contact may name any skills, so there is a bound
MAX_IDLE_POOLS = 1024
#: seats at the door; each group that is looked at is merged with each of them
MAX_DOOR = 4

#: seats in these states take nothing, whatever they say
_CLOSED = frozenset({"paused", "away"})
_VOICE: tuple[Channel, ...] = ("voice",)


class Waiting:
    """A contact that waits, and where it stands."""

    __slots__ = ("entry", "gone", "group", "klass", "row", "since_ms", "stages")

    def __init__(
        self,
        row: ContactRow,
        since_ms: int,
        stages: tuple[Stage, ...],
        klass: str,
        off_ms: int = 0,
    ) -> None:
        self.row = row
        self.since_ms = since_ms
        self.stages = stages
        self.klass = klass
        #: it waits no more
        self.gone = False
        place = row.place
        arrival = moved(place.arrival, -off_ms) if off_ms else place.arrival
        self.entry: LineEntry = (arrival, place.appliance, place.contact, row.contact)
        self.group: Group


class Index:
    """Groups and pools of one floor under one plan, kept up row by row."""

    def __init__(
        self, plan: PlanIndex, now_ms: int = 0, clocks: Mapping[str, int] = MappingProxyType({})
    ) -> None:
        self.plan = plan
        #: appliances whose clock is off, and how far [ms]: their contacts stand where they would
        #: by the clock here
        self._clocks = clocks
        self.now_ms = now_ms
        #: contact -> where it stands
        self.waiting: dict[str, Waiting] = {}
        #: seat -> where it stands
        self.ready: dict[str, ReadySeat] = {}
        #: groups with both contacts and seats in pools
        self.live: dict[Group, None] = {}
        #: area -> the ready seats there that are not at the door
        self._there: dict[str, dict[str, ReadySeat]] = {}
        #: seats that came since the last decision and that somebody waits for
        self._door: dict[str, ReadySeat] = {}
        self._pools: dict[Need, Pool] = {}
        self._idle_pools: dict[Pool, None] = {}
        #: (profile, channel) -> the pools it belongs to
        self._of_profile: dict[tuple[Profile, Channel], list[Pool]] = {}
        #: when stages begin [ms], and for whom
        self._due: list[int] = []
        self._due_then: dict[int, list[Waiting]] = {}
        #: agent -> contacts that ask for them by name
        self._wanted: dict[str, dict[str, None]] = {}
        #: agents who are logged in and not paused
        self._present: set[str] = set()
        self._joined: frozenset[str] = frozenset()

    # -- contacts ------------------------------------------------------------------------------

    def put_contact(self, row: ContactRow, since_ms: int) -> bool:
        """Let a contact wait; tell whether there is a seat for it."""
        if row.contact in self.waiting:
            self.drop_contact(row.contact)
        known = self.plan.joined if row.queue in self._joined else self.plan.stages
        stages = known(row.queue, row.channel, row.skills)
        if stages is None:
            return False
        klass = self.plan.klass(row.klass).name
        off_ms = self._clocks.get(row.place.appliance, 0) if self._clocks else 0
        waiting = Waiting(row, since_ms, stages, klass, off_ms)
        self.waiting[row.contact] = waiting
        if row.agent:
            self._wanted.setdefault(row.agent, {})[row.contact] = None
        return self._stand(waiting)

    def drop_contact(self, contact: str) -> None:
        """Take a contact out, if it waits here."""
        waiting = self.waiting.pop(contact, None)
        if waiting is None:
            return
        waiting.gone = True
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
        while self._due and self._due[0] <= now_ms:
            for waiting in self._due_then.pop(heapq.heappop(self._due)):
                if not waiting.gone:
                    self._leave(waiting)
                    found = self._stand(waiting) or found
        return found

    def set_joined(self, queues: frozenset[str]) -> bool:
        """Let reserve agents serve these queues and no others; tell whether there is a seat."""
        changed, self._joined = queues ^ self._joined, queues
        found = False
        for waiting in [one for one in self.waiting.values() if one.row.queue in changed]:
            found = self.put_contact(waiting.row, waiting.since_ms) or found
        return found

    @property
    def next_stage_ms(self) -> int | None:
        """When the next stage begins; it may be of a contact that is gone."""
        return self._due[0] if self._due else None

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
        area = self._area(stages[number], row)
        if row.agent:
            named_ms = self.plan.named_ms(row.queue)
            if waited_ms < named_ms and row.agent in self._present:
                area = agent_area(row.agent)
                number, due_ms = len(stages) - 1, named_ms
        if due_ms >= 0:
            self._wake(waiting, waiting.since_ms + due_ms)
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
        return any(group in seat.groups for seat in self._door.values())

    def _wake(self, waiting: Waiting, at_ms: int) -> None:
        """Let a contact go on to its next stage then."""
        others = self._due_then.get(at_ms)
        if others is None:
            self._due_then[at_ms] = [waiting]
            heapq.heappush(self._due, at_ms)
        else:
            others.append(waiting)

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

    def _area(self, stage: Stage, row: ContactRow) -> str:
        if stage.radius == "given":
            # a list is kept of each site that is asked for: none for what a peer makes up
            known = row.given is not None and row.given.site in self.plan.sites
            return site_area(row.given.site) if row.given and known else ALL
        home = row.home
        if not home or stage.radius == "all":
            return ALL
        areas = self.plan.areas(home)  # itself, and its region if it has one
        return areas[-1] if stage.radius == "region" else areas[0]

    # -- seats ---------------------------------------------------------------------------------

    def put_seat(self, row: SeatRow, since_ms: int) -> bool:
        """Take a seat as it is now; tell whether somebody waits whom it could serve."""
        name = row.seat
        if name in self.ready:
            self._out(name)
        wanted = self._note_presence(name, present=is_present(row))
        channels = open_channels(row)
        profile = self.plan.agents.get(name) if channels else None
        if profile is None:
            return wanted
        seat = ReadySeat(row, since_ms, self.plan.areas(row.site), profile, self.plan.costs[name])
        self.ready[name] = seat
        for channel in channels:
            for pool in self._of_profile.get((profile, channel), ()):
                if pool.groups:
                    seat.groups += pool.groups_of(seat)
        if not seat.groups:
            self._let_in(seat)
            return wanted
        self._door[name] = seat
        if len(self._door) > MAX_DOOR:
            self.let_in(())
        return True

    def drop_seat(self, seat: str) -> bool:
        """Forget a seat; tell whether somebody waits who was kept for it."""
        self._out(seat)
        return self._note_presence(seat, present=False)

    def hold_seat(self, row: SeatRow) -> bool:
        """Let a seat take nothing for a moment; tell whether somebody waits for nobody else."""
        self._out(row.seat)
        return self._note_presence(row.seat, present=is_present(row))

    @property
    def alone(self) -> bool:
        """Tell whether one seat, at the door, is all that anybody may take."""
        return len(self._door) == 1 and not self.live

    def let_in(self, taken: Container[str]) -> None:
        """Let the seats at the door into the pools, all but those that are *taken*."""
        for name in [name for name in self._door if name not in taken]:
            self._let_in(self._door.pop(name))

    def there(self, area: str) -> Iterable[ReadySeat]:
        """Return the ready seats in *area*, but for those at the door."""
        if is_agent(area):
            name = agent_of(area)
            return [self.ready[name]] if name in self.ready and name not in self._door else []
        return self._there.get(area, {}).values()

    def contested(self) -> dict[Group, list[PoolEntry]]:
        """Return the groups with both contacts and seats, and the seats of each, best first."""
        if self.alone:
            ((name, seat),) = self._door.items()
            alone: list[PoolEntry] = [(name,)]  # nothing is sorted, so the name will do
            return {group: alone for group in seat.groups if group.lines}
        found = {group: group.seats for group in self.live}
        for seat in self._door.values():
            for group in seat.groups:
                if group.lines:
                    entries = [*found.get(group, ())]
                    insort(entries, group.pool.entry(seat))
                    found[group] = entries
        return found

    def _let_in(self, seat: ReadySeat) -> None:
        """Put a seat into its pools."""
        seat.groups = []
        for area in seat.areas:
            self._there.setdefault(area, {})[seat.row.seat] = seat
        for channel in open_channels(seat.row):
            for pool in self._of_profile.get((seat.profile, channel), ()):
                self._join(pool, seat)

    def _join(self, pool: Pool, seat: ReadySeat) -> None:
        entry = pool.entry(seat)
        pool.add(entry, seat.areas)
        seat.entries.append((pool, entry))
        if pool.groups:
            for group in pool.groups_of(seat):
                self.live[group] = None

    def _out(self, name: str) -> None:
        seat = self.ready.pop(name, None)
        if seat is None or self._door.pop(name, None) is not None:
            return
        for area in seat.areas:
            there = self._there[area]
            del there[name]
            if not there:
                del self._there[area]
        for pool, entry in seat.entries:
            pool.remove(entry, seat.areas)
            if pool.groups:
                for group in pool.groups_of(seat):
                    if not group.seats:
                        self.live.pop(group, None)

    def _note_presence(self, agent: str, *, present: bool) -> bool:
        """Let those who ask for *agent* wait for nobody else, or for everybody again."""
        if (agent in self._present) == present or agent not in self.plan.agents:
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
            group = pool.groups[area] = Group(pool, area, pool.seats_of(area, self.there(area)))
            for seat in self._door.values():
                if _meets(seat, pool) and group in pool.groups_of(seat):
                    seat.groups.append(group)
        return group

    def _made(self, need: Need) -> Pool:
        pool = Pool(need, self.plan.able(need))
        for profile in pool.levels:
            self._of_profile.setdefault((profile, need.channel), []).append(pool)
        for seat in self.ready.values():
            if _meets(seat, pool) and seat.row.seat not in self._door:
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


def is_present(row: SeatRow) -> bool:
    """Tell whether the agent is there to serve, now or soon."""
    return row.state not in _CLOSED


def open_channels(row: SeatRow) -> tuple[Channel, ...]:
    """Return the channels in which a seat takes one more contact."""
    if row.state == "ready":
        return ("voice", *row.also) if row.also else _VOICE
    return () if row.state in _CLOSED else row.also


def _meets(seat: ReadySeat, pool: Pool) -> bool:
    return seat.profile in pool.levels and pool.need.channel in open_channels(seat.row)
