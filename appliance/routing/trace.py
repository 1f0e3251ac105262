"""Why this agent: a proposal's trace told in words, and computed again."""

from collections.abc import Iterable

from appliance.plan.model import Plan
from appliance.routing.index import PlanIndex
from appliance.routing.model import Candidate, Proposal


def preference(candidate: Candidate) -> tuple[float, bool, int, str]:
    """Return the order in which `decide` prefers seats; smaller is better."""
    return (-candidate.score, not candidate.local, -candidate.idle_ms, candidate.seat)


def seat_of(candidates: Iterable[Candidate]) -> str:
    """Return the seat that follows from *candidates*, or nothing."""
    free = [candidate for candidate in candidates if not candidate.against]
    return min(free, key=preference).seat if free else ""


def recompute(plan: Plan, proposal: Proposal) -> list[str]:
    """Compute a decision again from its trace; return what differs, nothing if all agrees."""
    trace = proposal.trace
    if trace.plan_serial != plan.serial:
        return [f"decided by plan {trace.plan_serial}, not {plan.serial}"]
    differences = []
    score = PlanIndex(plan).score(trace.klass, trace.waited_ms)
    if score != trace.contact_score:
        differences.append(f"score {trace.contact_score}, computed {score}")
    seat = seat_of(trace.candidates)
    if seat != proposal.seat:
        differences.append(f"seat {proposal.seat!r}, computed {seat!r}")
    ordered = sorted(trace.candidates, key=preference)
    if list(trace.candidates) != ordered:
        differences.append("candidates are not in order of preference")
    return differences


def explain(proposal: Proposal) -> list[str]:
    """Return the decision in sentences for people, the contact's first."""
    trace = proposal.trace
    lines = [
        f"{proposal.contact} ({trace.klass}) waited {trace.waited_ms / 1000:.1f} s, "
        f"score {trace.contact_score:.1f}, plan {trace.plan_serial}"
    ]
    for candidate in trace.candidates:
        if candidate.seat == proposal.seat:
            verdict = "chosen"
        elif candidate.against:
            verdict = f"left out: {candidate.against}"
        else:
            verdict = "next best"
        where = "same branch" if candidate.local else "another branch"
        lines.append(
            f"{candidate.seat}: levels {candidate.score:g}, {where}, "
            f"ready for {candidate.idle_ms / 1000:.1f} s: {verdict}"
        )
    return lines
