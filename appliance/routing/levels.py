"""How many contacts were answered in time lately, and whether agents in reserve join for it.

A matchmaker counts it from the rows that it is told anyway, for queues that ask for it. What
`decide` reads is the outcome alone, a part of its snapshot: queue -> part answered in time.
"""

import math
from collections import deque
from collections.abc import Iterator
from typing import Protocol

from appliance.plan.model import Queue
from appliance.routing.model import ContactRow
from appliance.routing.planindex import PlanIndex

#: what counts as lately [ms]: long enough for a few calls an hour to make a part, short enough
#: that reserve agents leave soon after the rush
WINDOW_MS = 300_000
#: fewer than this say nothing
MIN_SEEN = 5
#: contacts remembered of one queue; more push out the oldest, so that no peer fills the memory
MAX_SEEN = 10_000
#: how often it is worked out [ms]
EVERY_MS = 1_000

#: a contact's row, and since when it waits [ms]
Held = tuple[ContactRow, int]


class WaitingRows(Protocol):
    """The floor, as far as it matters here."""

    def waiting(self) -> Iterator[Held]:
        """Yield each contact that waits, and since when [ms]."""


class _Lately:
    """The contacts of one queue whose waiting ended within the window."""

    def __init__(self) -> None:
        #: (when [ms], contact, answered in time)
        self._ends: deque[tuple[int, str, bool]] = deque()
        self._known: set[str] = set()
        self._in_time = 0

    def add(self, now_ms: int, contact: str, *, in_time: bool) -> None:
        if contact not in self._known:
            if len(self._ends) >= MAX_SEEN:
                self._forget()
            self._ends.append((now_ms, contact, in_time))
            self._known.add(contact)
            self._in_time += in_time

    def part(self, now_ms: int, late: int) -> float:
        """Return the part answered in time; *late*: contacts that wait too long already."""
        while self._ends and self._ends[0][0] <= now_ms - WINDOW_MS:
            self._forget()
        seen = len(self._ends) + late
        return self._in_time / seen if seen >= MIN_SEEN else 1.0

    def _forget(self) -> None:
        _, contact, in_time = self._ends.popleft()
        self._known.discard(contact)
        self._in_time -= in_time


class ServiceLevels:
    """The queues that ask for their reserve by service level, and how they fare."""

    def __init__(self, plan: PlanIndex) -> None:
        self._lately: dict[str, _Lately] = {}
        self._joined: set[str] = set()
        self.set_plan(plan)

    def set_plan(self, plan: PlanIndex) -> None:
        """Go on by another plan."""
        self._plan = plan
        self._queues = {queue.name: queue for queue in plan.plan.queues if queue.reserve_below}
        self._lately = {name: self._lately.get(name, _Lately()) for name in self._queues}
        self._joined &= self._queues.keys()
        #: when to look again [ms]; never, where no queue asks
        self.due_ms: float = 0 if self._queues else math.inf

    def __bool__(self) -> bool:
        """Tell whether any queue asks for it."""
        return bool(self._queues)

    def hear(self, row: ContactRow, old: Held | None, now_ms: int) -> None:
        """Count a contact that is answered, or gives up late; to give up soon says nothing."""
        lately = self._lately.get(row.queue)
        if lately is None:
            return
        target_ms = self._plan.target_ms(row.queue, row.klass)
        gave_up = row.state == "ended" and old is not None and old[0].state == "waiting"
        if row.state == "talking":
            lately.add(now_ms, row.contact, in_time=row.age_ms <= target_ms)
        elif gave_up and old is not None and now_ms - old[1] > target_ms:
            lately.add(now_ms, row.contact, in_time=False)

    def follow(self, queue: str) -> None:
        """Take it that agents in reserve serve a queue already, until it fares well enough."""
        if queue in self._queues:
            self._joined.add(queue)

    def joined(self, floor: WaitingRows, now_ms: int) -> dict[str, float]:
        """Return the queues that reserve agents serve now, with the part answered in time."""
        self.due_ms = now_ms + EVERY_MS
        late = dict.fromkeys(self._queues, 0)
        for row, since_ms in floor.waiting():
            if row.queue in late:
                late[row.queue] += now_ms - since_ms > self._plan.target_ms(row.queue, row.klass)
        parts = {
            name: self._lately[name].part(now_ms, late[name]) for name in sorted(self._queues)
        }
        self._joined = {
            name for name, part in parts.items() if self._asks(self._queues[name], part)
        }
        return {name: part for name, part in parts.items() if name in self._joined}

    def _asks(self, queue: Queue, part: float) -> bool:
        return part < (queue.reserve_above if queue.name in self._joined else queue.reserve_below)
