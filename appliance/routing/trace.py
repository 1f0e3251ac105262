"""Why this agent: a proposal's trace told in words, and computed again."""

from collections.abc import Iterable

from appliance.plan.model import Criterion, Plan
from appliance.routing.model import Candidate, Proposal
from appliance.routing.planindex import PlanIndex

#: the order of a queue that the plan does not know
_DEFAULT: tuple[Criterion, ...] = ("level", "near", "idle")


def preference(
    candidate: Candidate, order: Iterable[Criterion] = _DEFAULT
) -> tuple[float | str, ...]:
    """Return the order in which `decide` prefers seats; smaller is better."""
    parts: list[float | str] = []
    for criterion in dict.fromkeys((*order, "idle")):
        if criterion == "level":
            parts.append(-candidate.score)
        elif criterion == "cost":
            parts.append(candidate.cost)
        elif criterion == "near":
            parts.append(not candidate.local)
        else:
            parts += (candidate.busy, -candidate.idle_ms)
    return (*parts, candidate.seat)


def seat_of(candidates: Iterable[Candidate], order: Iterable[Criterion] = _DEFAULT) -> str:
    """Return the seat that follows from *candidates*, or nothing."""
    free = [candidate for candidate in candidates if not candidate.against]
    return min(free, key=lambda one: preference(one, order)).seat if free else ""


def recompute(plan: Plan, proposal: Proposal) -> list[str]:
    """Compute a decision again from its trace; return what differs, nothing if all agrees."""
    trace = proposal.trace
    if trace.plan_serial != plan.serial:
        return [f"decided by plan {trace.plan_serial}, not {plan.serial}"]
    differences = []
    index = PlanIndex(plan)
    score = index.score(trace.klass, trace.waited_ms)
    if score != trace.contact_score:
        differences.append(f"score {trace.contact_score}, computed {score}")
    queue = index.needs.queue(trace.queue)
    order = queue.order if queue else _DEFAULT
    seat = seat_of(trace.candidates, order)
    if seat != proposal.seat:
        differences.append(f"seat {proposal.seat!r}, computed {seat!r}")
    ordered = sorted(trace.candidates, key=lambda one: preference(one, order))
    if list(trace.candidates) != ordered:
        differences.append("candidates are not in order of preference")
    return differences


def explain(proposal: Proposal) -> list[str]:
    """Return the decision in sentences for people, the contact's first."""
    trace = proposal.trace
    where = "" if trace.area == "all" else f", looked for in {trace.area.replace(':', ' ', 1)}"
    lines = [
        f"{proposal.contact} ({trace.klass}) waited {trace.waited_ms / 1000:.1f} s, "
        f"score {trace.contact_score:.1f}, plan {trace.plan_serial}{where}"
    ]
    return lines + [_line(candidate, proposal.seat) for candidate in trace.candidates]


def _line(candidate: Candidate, chosen: str) -> str:
    if candidate.seat == chosen:
        verdict = "chosen"
    elif candidate.against:
        verdict = f"left out: {candidate.against}"
    else:
        verdict = "next best"
    where = "same branch" if candidate.local else "another branch"
    busy = f", serves {candidate.busy} already" if candidate.busy else ""
    cost = "" if candidate.cost == 1 else f", cost {candidate.cost:g}"
    return (
        f"{candidate.seat}: levels {candidate.score:g}{cost}, {where}{busy}, "
        f"ready for {candidate.idle_ms / 1000:.1f} s: {verdict}"
    )
