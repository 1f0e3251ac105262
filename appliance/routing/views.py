"""Each queue at a glance, over all owners that a matchmaker sees. Pure."""

from collections import Counter
from collections.abc import Iterable

from appliance.plan.model import Plan
from appliance.routing.floor import Floor
from appliance.routing.model import ContactRow, QueueView, SeatRow
from appliance.routing.planindex import PlanIndex, Profile

#: seats in these states serve nobody
NOT_SERVING = frozenset({"paused", "away"})


def queue_views(plan: Plan, index: PlanIndex, floor: Floor) -> list[QueueView]:
    """Return a view of each queue of *plan*; costs queues times profiles: ask once a second."""
    return count_queues(plan, index, floor.contacts(), floor.seats())


def count_queues(
    plan: Plan, index: PlanIndex, contacts: Iterable[ContactRow], seats: Iterable[SeatRow]
) -> list[QueueView]:
    """Return a view of each queue of *plan* over these rows."""
    waiting = Counter(row.queue for row in contacts if row.state == "waiting")
    serving: Counter[Profile] = Counter()
    ready: Counter[Profile] = Counter()
    for row in seats:
        profile = index.agents.get(row.seat)
        if profile is not None and row.state not in NOT_SERVING:
            serving[profile] += 1
            ready[profile] += row.state == "ready"
    views = []
    for queue in plan.queues:
        able = [profile for profile in serving if _serves(index, profile, queue.name)]
        views.append(
            QueueView(
                queue.name,
                waiting[queue.name],
                sum(serving[profile] for profile in able),
                sum(ready[profile] for profile in able),
            )
        )
    return views


def _serves(index: PlanIndex, profile: Profile, queue: str) -> bool:
    """Tell whether *profile* may serve a call of *queue*, sooner or later."""
    stages = index.stages(queue, "voice", {}) or ()
    return any(profile.levels(stage.need) is not None for stage in stages)
