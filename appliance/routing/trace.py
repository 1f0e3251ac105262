"""Why this agent: a proposal's trace packed for its journal, told in words, computed again."""

from collections.abc import Iterable

import msgspec

from appliance.plan.model import Criterion, Plan, Queue
from appliance.routing.areas import ALL, is_agent, site_area
from appliance.routing.model import Candidate, Given, Proposal, Trace
from appliance.routing.planindex import PlanIndex
from appliance.routing.sites import least_wait, share_site

#: the order of a queue that the plan does not know
_DEFAULT: tuple[Criterion, ...] = ("level", "near", "idle")

#: a trace on its way to the contact's journal is no longer than this [bytes]
PACKED_MOST = 300
_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder(Trace).decode


def pack(proposal: Proposal) -> bytes:
    """Return why this seat, in PACKED_MOST bytes at most; nothing where that cannot be.

    Where there is no room the seats that would have come last are left out, and what was expected
    at other sites; the chosen one stays, so that seat and score can still be computed.
    """
    trace, kept = proposal.trace, list(proposal.trace.candidates)
    while len(packed := _pack(trace)) > PACKED_MOST:
        others = [one for one in kept if one.seat != proposal.seat]
        if others:
            kept.remove(others[-1])
            trace = msgspec.structs.replace(trace, candidates=tuple(kept))
        elif trace.given is not None:
            trace = msgspec.structs.replace(trace, given=None)
        else:
            return b""
    return packed


def unpack(contact: str, owner: str, seat: str, seat_owner: str, packed: bytes) -> Proposal | None:
    """Return the decision that was packed, as far as it tells; None where it tells nothing."""
    try:
        trace = _unpack(packed)
    except (msgspec.MsgspecError, RecursionError, UnicodeError):
        return None
    return Proposal(
        contact=contact,
        contact_owner=owner,
        contact_incarnation=0,
        contact_fence=0,
        seat=seat,
        seat_owner=seat_owner,
        seat_incarnation=0,
        seat_epoch=0,
        seat_fence=0,
        trace=trace,
    )


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
    if queue is not None:
        differences += _site_differs(queue, index, proposal)
        differences += _reserve_differs(queue, index, proposal)
    return differences


def _site_differs(queue: Queue, index: PlanIndex, proposal: Proposal) -> list[str]:
    """Compute again to which site the contact was given, if by this plan."""
    trace, divide = proposal.trace, queue.divide
    given = trace.given
    if given is None or divide is None or given.plan_serial != trace.plan_serial:
        return []
    if given.by == "shares":
        owner = proposal.contact_owner
        site = share_site(divide.shares, owner, queue.name, given.number)
    else:
        site = least_wait(given.waits, given.before, divide.margin_s)
    if site != given.site:
        return [f"given to {given.site!r}, computed {site!r}"]
    early = trace.waited_ms < round(divide.for_s * 1000) and site in index.sites
    area = site_area(site) if early else ALL
    if trace.area != area and not is_agent(trace.area):
        return [f"looked for in {trace.area!r}, computed {area!r}"]
    return []


def _reserve_differs(queue: Queue, index: PlanIndex, proposal: Proposal) -> list[str]:
    """Tell of an agent in reserve who was chosen though nothing calls them."""
    trace, profile = proposal.trace, index.agents.get(proposal.seat)
    if profile is None or not profile.reserve or is_agent(trace.area):
        return []
    by_time = bool(queue.reserve_s) or not queue.reserve_below
    if by_time and trace.waited_ms >= round(queue.reserve_s * 1000):
        return []
    return [] if trace.joined >= 0 else [f"{proposal.seat!r} is in reserve"]


def explain(proposal: Proposal) -> list[str]:
    """Return the decision in sentences for people, the contact's first."""
    trace = proposal.trace
    where = "" if trace.area == "all" else f", looked for in {trace.area.replace(':', ' ', 1)}"
    lines = [
        f"{proposal.contact} ({trace.klass}) waited {trace.waited_ms / 1000:.1f} s, "
        f"score {trace.contact_score:.1f}, plan {trace.plan_serial}{where}"
    ]
    if trace.given is not None:
        lines.append(_given(trace.given))
    if trace.joined >= 0:
        lines.append(f"agents in reserve serve it: {trace.joined:.0%} answered in time lately")
    return lines + [_line(candidate, proposal.seat) for candidate in trace.candidates]


def _given(given: Given) -> str:
    if given.by == "shares":
        return f"given to {given.site} at first: number {given.number} in its shares"
    waits = ", ".join(f"{site} {wait_s:.0f} s" for site, wait_s in given.waits)
    before = f", before it {given.before}" if given.before else ""
    return f"given to {given.site} at first: expected waits {waits}{before}"


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
