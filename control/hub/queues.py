"""Each queue's contacts and seats, kept up row by row: nobody counts a whole floor.

Told what the pages show of a contact or seat before and after each change.
"""

from collections import Counter

from appliance.routing.model import QueueView
from appliance.routing.planindex import PlanIndex, Profile
from appliance.routing.views import NOT_SERVING
from control.hub.rows import LiveContact, LiveQueue, LiveSeat


class QueueCounts:
    """Contacts of each queue by state, and seats that may serve it."""

    def __init__(self) -> None:
        self._plan: PlanIndex | None = None
        #: profile -> queues whose calls it may serve, sooner or later
        self._queues_of: dict[Profile, tuple[str, ...]] = {}
        #: queue -> waiting contact -> since when [monotonic s]
        self._waiting: dict[str, dict[str, float]] = {}
        self._offered: Counter[str] = Counter()
        self._talking: Counter[str] = Counter()
        self._serving: Counter[str] = Counter()
        self._ready: Counter[str] = Counter()
        #: queues whose contacts have changed since they were taken
        self._changed: set[str] = set()

    # -- what changes --------------------------------------------------------------------------

    def set_plan(self, plan: PlanIndex, seats: dict[str, LiveSeat]) -> None:
        """Count *seats* by another plan from now on."""
        self._plan = plan
        able: dict[Profile, dict[str, None]] = {}
        for queue in plan.plan.queues:
            for stage in plan.stages(queue.name, "voice", {}) or ():
                for profile in plan.able(stage.need):
                    able.setdefault(profile, {})[queue.name] = None
        self._queues_of = {profile: tuple(queues) for profile, queues in able.items()}
        self._serving.clear()
        self._ready.clear()
        for seat in seats.values():
            self.seat(None, seat)

    def contact(
        self, before: LiveContact | None, after: LiveContact | None, since_s: float
    ) -> None:
        """Take a contact that was, is, or both; *since_s*: when it began to wait."""
        if before is not None:
            self._changed.add(before.queue)
            if before.state == "waiting":
                waiting = self._waiting[before.queue]
                del waiting[before.contact]
                if not waiting:
                    del self._waiting[before.queue]
            else:
                served = self._served(before)
                served[before.queue] -= 1
                if not served[before.queue]:
                    del served[before.queue]
        if after is not None:
            self._changed.add(after.queue)
            if after.state == "waiting":
                self._waiting.setdefault(after.queue, {})[after.contact] = since_s
            else:
                self._served(after)[after.queue] += 1

    def seat(self, before: LiveSeat | None, after: LiveSeat | None) -> None:
        """Take a seat that was, is, or both."""
        row = after or before
        profile = self._plan.agents.get(row.seat) if self._plan and row else None
        if profile is None:
            return
        serving, ready = _serves(after) - _serves(before), _is_ready(after) - _is_ready(before)
        if serving:
            for queue in self._queues_of.get(profile, ()):
                self._serving[queue] += serving
        if ready:
            for queue in self._queues_of.get(profile, ()):
                self._ready[queue] += ready

    # -- what is known -------------------------------------------------------------------------

    def views(self) -> list[QueueView]:
        """Return each queue of the plan as boxes are told of it."""
        if self._plan is None:
            return []
        return [
            QueueView(
                queue.name,
                len(self._waiting.get(queue.name, ())),
                self._serving[queue.name],
                self._ready[queue.name],
            )
            for queue in self._plan.plan.queues
        ]

    def take_changed(self) -> set[str]:
        """Return the queues whose contacts have changed since the last call."""
        changed, self._changed = self._changed, set()
        return changed

    def all(self, now_s: float) -> list[LiveQueue]:
        """Return each queue that has contacts."""
        names = {*self._waiting, *self._offered, *self._talking}
        return [row for name in names if (row := self.queue(name, now_s)) is not None]

    def queue(self, name: str, now_s: float) -> LiveQueue | None:
        """Return a queue as it is now; None where it has no contacts."""
        waiting = self._waiting.get(name, {})
        offered, talking = self._offered[name], self._talking[name]
        if not (waiting or offered or talking):
            return None
        longest_s = max(0.0, now_s - min(waiting.values())) if waiting else 0.0
        return LiveQueue(
            queue=name,
            waiting=len(waiting),
            offered=offered,
            talking=talking,
            longest_ms=round(longest_s * 1000),
        )

    def _served(self, row: LiveContact) -> Counter[str]:
        return self._talking if row.state == "talking" else self._offered


def _serves(row: LiveSeat | None) -> bool:
    return row is not None and row.state not in NOT_SERVING


def _is_ready(row: LiveSeat | None) -> bool:
    return row is not None and row.state == "ready"
