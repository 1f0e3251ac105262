"""Each queue at a glance, over all owners that a matchmaker sees. Pure."""

from collections import Counter

from appliance.plan.model import Plan
from appliance.routing.floor import Floor
from appliance.routing.index import PlanIndex
from appliance.routing.model import QueueView

_NOT_SERVING = frozenset({"paused", "away"})


def queue_views(plan: Plan, index: PlanIndex, floor: Floor) -> list[QueueView]:
    """Return a view of each queue of *plan*; costs queues times seats, so ask once a second."""
    waiting = Counter(row.queue for row in floor.contacts() if row.state == "waiting")
    seats = [row for row in floor.seats() if row.state not in _NOT_SERVING]
    views = []
    for queue in plan.queues:
        requirement = index.requirement(queue.name, {})
        able = [
            row
            for row in seats
            if requirement is not None and index.levels(row.seat, requirement) is not None
        ]
        ready = sum(row.state == "ready" for row in able)
        views.append(QueueView(queue.name, waiting[queue.name], len(able), ready))
    return views
