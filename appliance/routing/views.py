"""Each queue at a glance, over all owners that a matchmaker sees. Pure."""

from collections import Counter
from collections.abc import Iterable

from appliance.plan.model import Plan
from appliance.routing.floor import Floor
from appliance.routing.model import ContactRow, QueueView, SeatRow, SiteView
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


def site_views(index: PlanIndex, floor: Floor) -> dict[str, list[SiteView]]:
    """Return, for each queue that gives contacts by expected wait, its sites by name.

    A site where nobody serves the queue is none. Costs all seats and contacts: ask once a second.
    """
    return count_sites(index, floor.contacts(), floor.seats())


def count_sites(
    index: PlanIndex, contacts: Iterable[ContactRow], seats: Iterable[SeatRow]
) -> dict[str, list[SiteView]]:
    """Return the same over these rows."""
    queues = [q.name for q in index.plan.queues if q.divide and q.divide.by == "wait"]
    if not queues:
        return {}
    waiting = Counter(
        (row.queue, row.given.site)
        for row in contacts
        if row.given is not None and row.state == "waiting"
    )
    counted = Counter(
        (index.agents[row.seat], row.site, row.state == "ready")
        for row in seats
        if row.seat in index.agents and row.state not in NOT_SERVING
    )
    return {queue: _sites(index, queue, waiting, counted) for queue in queues}


def _sites(
    index: PlanIndex,
    queue: str,
    waiting: Counter[tuple[str, str]],
    seats: Counter[tuple[Profile, str, bool]],
) -> list[SiteView]:
    serving: Counter[str] = Counter()
    ready: Counter[str] = Counter()
    for (profile, site, free), count in seats.items():
        if _serves(index, profile, queue):
            serving[site] += count
            ready[site] += count * free
    return [
        SiteView(site, waiting[queue, site], serving[site], ready[site])
        for site in sorted(serving)
    ]


def _serves(index: PlanIndex, profile: Profile, queue: str) -> bool:
    """Tell whether *profile* may serve a call of *queue*, sooner or later."""
    stages = index.stages(queue, "voice", {}) or ()
    return any(profile.levels(stage.need) is not None for stage in stages)
