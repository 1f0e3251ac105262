"""The rules of a decision, read plainly: slow, simple, and without any index."""

from appliance.plan.model import Channel, Queue, ServiceClass
from appliance.routing.decide import TRACE_CANDIDATES
from appliance.routing.floor import Floor
from appliance.routing.model import ContactRow, SeatRow
from appliance.routing.planindex import OVERDUE
from tests.appliance.routing.rows import NOW_MS, PLAN

AGENTS = {agent.name: agent for agent in PLAN.agents}
QUEUES = {queue.name: queue for queue in PLAN.queues}
REGIONS = {site.name: site.region for site in PLAN.sites}


def wanted(waiting: ContactRow, after_s: float) -> tuple[dict[str, int], dict[str, int]]:
    """Return the levels required and preferred after a wait: the rules, read plainly."""
    queue = QUEUES[waiting.queue]
    needed = dict(queue.skills)
    for skill, level in waiting.skills.items():
        needed[skill] = max(level, needed.get(skill, 0))
    for step in queue.relax:
        if step.after_s <= after_s:
            for skill in needed.keys() & step.skills.keys():
                needed[skill] = min(needed[skill], step.skills[skill])
    preferred = {skill: 1 for skill, level in needed.items() if not level}
    preferred |= queue.prefer
    needed = {skill: level for skill, level in needed.items() if level}
    return needed, {s: level for s, level in preferred.items() if s not in needed}


def takes(offered: SeatRow, channel: Channel) -> bool:
    if offered.state in ("paused", "away") or channel not in AGENTS[offered.seat].slots:
        return False
    return offered.state == "ready" if channel == "voice" else channel in offered.also


def last_stage_s(queue: Queue) -> float:
    steps = [step.after_s for step in queue.relax]
    if queue.divide:
        steps.append(queue.divide.for_s)
    return max([queue.own_s + queue.region_s, queue.reserve_s, *steps])


def kept_for(waiting: ContactRow, seats: list[SeatRow]) -> str:
    """Return the agent whom the contact is kept for."""
    there = any(s.seat == waiting.agent and s.state not in ("paused", "away") for s in seats)
    named = waiting.age_ms / 1000 < QUEUES[waiting.queue].named_s
    return waiting.agent if named and there and waiting.agent in AGENTS else ""


def in_reserve(waiting: ContactRow, after_s: float, joined: dict[str, float]) -> bool:
    """Tell whether agents in reserve do not serve the contact yet."""
    queue = QUEUES[waiting.queue]
    by_time = after_s >= queue.reserve_s and (queue.reserve_s or not queue.reserve_below)
    return waiting.queue not in joined and not by_time


def within_reach(waiting: ContactRow, ready: SeatRow, after_s: float, named: str) -> bool:
    """Tell whether the contact looks at the seat's site by now."""
    queue = QUEUES[waiting.queue]
    if queue.divide and waiting.given and after_s < queue.divide.for_s and not named:
        return ready.site == waiting.given.site
    region = REGIONS.get(waiting.home, "")
    near = ready.site == waiting.home or not waiting.home or bool(named)
    if after_s < queue.own_s and not near:
        return False
    within = after_s < queue.own_s + queue.region_s
    return not within or near or bool(region and REGIONS.get(ready.site) == region)


def eligible(
    waiting: ContactRow, ready: SeatRow, seats: list[SeatRow], joined: dict[str, float]
) -> bool:
    if waiting.queue not in QUEUES or ready.seat not in AGENTS:
        return False
    queue, agent = QUEUES[waiting.queue], AGENTS[ready.seat]
    named = kept_for(waiting, seats)
    after_s = last_stage_s(queue) if named else waiting.age_ms / 1000
    if named and ready.seat != named:
        return False
    needed, _ = wanted(waiting, after_s)
    if agent.reserve and in_reserve(waiting, after_s, joined):
        return False
    if not takes(ready, waiting.channel) or not within_reach(waiting, ready, after_s, named):
        return False
    return all(agent.skills.get(skill, 0) >= level for skill, level in needed.items())


def preference(waiting: ContactRow, offered: SeatRow, named: str) -> tuple[object, ...]:
    queue, agent = QUEUES[waiting.queue], AGENTS[offered.seat]
    after_s = last_stage_s(queue) if named else waiting.age_ms / 1000
    needed, preferred = wanted(waiting, after_s)
    levels = sum(agent.skills[skill] for skill in needed)
    levels += sum(
        agent.skills[skill]
        for skill, level in preferred.items()
        if agent.skills.get(skill, 0) >= level
    )
    by: dict[str, object] = {
        "level": -levels,
        "cost": agent.cost,
        "near": not (waiting.home and offered.site == waiting.home),
        "idle": (offered.busy, -offered.idle_ms),
    }
    return (*(by[criterion] for criterion in (*queue.order, "idle")), offered.seat)


#: contact, seat, the seats of the trace
Decided = tuple[str, str, list[str]]


def klass(row: ContactRow) -> ServiceClass:
    known = {service.name: service for service in PLAN.classes}
    return known.get(row.klass, known[PLAN.default_class])


def urgency(row: ContactRow) -> tuple[float, object, str]:
    service = klass(row)
    score = service.head_start_s + service.slope * (row.age_ms / 1000)
    if row.age_ms / 1000 >= service.longest_s:
        score = OVERDUE + row.age_ms / 1000
    return (-score, row.place, row.contact)


def slowly(floor: Floor) -> list[Decided]:
    """Decide by looking at everything again each time: the rules and nothing else."""
    waiting = [row for row in floor.contacts() if row.state == "waiting"]
    seats = floor.seats()
    taken: set[str] = set()

    def can(row: ContactRow, offered: SeatRow) -> bool:
        return eligible(row, offered, seats, floor.joined)

    decided: list[Decided] = []
    while True:
        free = [row for row in seats if row.seat not in taken]
        servable = [row for row in waiting if any(can(row, s) for s in free)]
        heads: dict[str, ContactRow] = {}
        for row in servable:  # by place already
            heads.setdefault(klass(row).name, row)
        if not heads:
            return decided
        first = min(heads.values(), key=urgency)
        waiting.remove(first)
        named = kept_for(first, seats)
        ordered = sorted(
            (offered for offered in free if can(first, offered)),
            key=lambda offered: preference(first, offered, named),
        )
        able = [offered for offered in ordered if not floor.against(first, offered, NOW_MS)]
        if able:
            taken.add(able[0].seat)
            at = ordered.index(able[0])
            shown = [*ordered[:at][: TRACE_CANDIDATES - 1], *ordered[at:]][:TRACE_CANDIDATES]
            decided.append((first.contact, able[0].seat, [offered.seat for offered in shown]))
