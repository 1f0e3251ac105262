"""Pools of seats and the groups of contacts that wait for them.

All contacts with one need share a pool: the seats that meet it now, best first. Beside the list of
all there are lists of parts of it, by *area*: a branch, a region, one agent; each is made when
first asked for. Contacts with one need and one area stand in one group.
"""

from bisect import bisect_left, insort
from collections.abc import Iterable

from appliance.routing.areas import ALL, agent_area, is_agent
from appliance.routing.model import SeatRow
from appliance.routing.needs import Need
from appliance.routing.planindex import Profile

#: the parts of a need's order, then the seat: smaller is better, and never equal
PoolEntry = tuple[float | str, ...]
#: (arrival, appliance, contact of the place; contact): earlier is smaller, and never equal
LineEntry = tuple[int, str, str, str]


class ReadySeat:
    """A seat that takes contacts now, and where it stands."""

    __slots__ = ("areas", "cost", "entries", "groups", "profile", "row", "since_ms")

    def __init__(
        self, row: SeatRow, since_ms: int, areas: tuple[str, ...], profile: Profile, cost: float
    ) -> None:
        self.row = row
        self.profile = profile
        self.since_ms = since_ms
        #: where contacts may look for it, beside `ALL` and for the agent by name
        self.areas = areas
        self.cost = cost
        #: where it stands in pools
        self.entries: list[tuple[Pool, PoolEntry]] = []
        #: who may take it while it stands at the door
        self.groups: list[Group] = []


class Group:
    """Contacts that ask the same of a seat and look for it in the same area."""

    __slots__ = ("area", "lines", "pool", "seats")

    def __init__(self, pool: "Pool", area: str, seats: list[PoolEntry]) -> None:
        self.pool = pool
        self.area = area
        #: the seats there, best first; the pool keeps it up
        self.seats = seats
        #: class -> who waits, by place
        self.lines: dict[str, list[LineEntry]] = {}


class Pool:
    """The seats that meet one need now."""

    __slots__ = ("_lists", "_names", "_plain", "all", "groups", "levels", "need")

    def __init__(self, need: Need, levels: dict[Profile, int]) -> None:
        self.need = need
        #: the profiles that meet the need, with their levels that count, added up
        self.levels = levels
        self._plain = need.order == ("level", "idle")
        #: all of them, best first
        self.all: list[PoolEntry] = []
        #: area -> those who are there, best first
        self._lists: dict[str, list[PoolEntry]] = {}
        #: how many of these lists are of one agent each
        self._names = 0
        #: area -> who waits for these seats
        self.groups: dict[str, Group] = {}

    def entry(self, seat: ReadySeat) -> PoolEntry:
        """Return what *seat* is sorted by."""
        row = seat.row
        levels = self.levels[seat.profile]
        if self._plain:
            return (-levels, row.busy, seat.since_ms, row.seat)
        parts: list[float | str] = []
        for criterion in self.need.order:
            if criterion == "level":
                parts.append(-levels)
            elif criterion == "cost":
                parts.append(seat.cost)
            else:
                parts += (row.busy, seat.since_ms)
        parts.append(row.seat)
        return tuple(parts)

    def add(self, entry: PoolEntry, areas: tuple[str, ...]) -> None:
        """Let a seat in."""
        insort(self.all, entry)
        if self._lists:
            for entries in self._parts(entry, areas):
                insort(entries, entry)

    def remove(self, entry: PoolEntry, areas: tuple[str, ...]) -> None:
        """Take a seat out."""
        del self.all[bisect_left(self.all, entry)]
        if self._lists:
            for entries in self._parts(entry, areas):
                del entries[bisect_left(entries, entry)]

    def groups_of(self, seat: ReadySeat) -> list[Group]:
        """Return the groups that *seat* may serve by where it is."""
        groups = self.groups
        found = []
        everywhere = groups.get(ALL)
        if everywhere is not None:
            if len(groups) == 1:
                return [everywhere]
            found.append(everywhere)
        for area in seat.areas:
            group = groups.get(area)
            if group is not None:
                found.append(group)
        if self._names:
            group = groups.get(agent_area(seat.row.seat))
            if group is not None:
                found.append(group)
        return found

    def _parts(self, entry: PoolEntry, areas: tuple[str, ...]) -> list[list[PoolEntry]]:
        """Return the lists of areas that a seat belongs to."""
        lists = self._lists
        parts = [lists[area] for area in areas if area in lists]
        if self._names:
            named = lists.get(agent_area(str(entry[-1])))
            if named is not None:
                parts.append(named)
        return parts

    def seats_of(self, area: str, there: Iterable[ReadySeat]) -> list[PoolEntry]:
        """Return the seats of *area*, best first; the list is kept up from now on.

        *there* are all seats in that area, of this pool or not.
        """
        if area == ALL:
            return self.all
        entries = self._lists.get(area)
        if entries is None:
            self._names += is_agent(area)
            entries = self._lists[area] = sorted(
                entry
                for seat in there
                if seat.profile in self.levels
                for pool, entry in seat.entries
                if pool is self
            )
        return entries

    def drop(self, group: Group) -> None:
        """Forget a group that nobody waits in; lists of one agent go with it."""
        del self.groups[group.area]
        if is_agent(group.area):
            del self._lists[group.area]
            self._names -= 1
