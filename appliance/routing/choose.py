"""Which free seat a contact is handed to that was meant for an agent, a site or a queue. Pure.

`decide` pairs contacts that wait; here one that talks is offered to somebody by name, by whoever
owns the contact. The seat's owner disposes, as always.
"""

from collections.abc import Collection, Iterable, Mapping

from appliance.plan.transfers import Target, parse_target
from appliance.routing.floor import Floor
from appliance.routing.links import REASON as LINK_FULL
from appliance.routing.model import ContactRow, SeatRow
from appliance.routing.planindex import PlanIndex

#: seat state -> the reason word against it
_NOT_FREE = {"paused": "seat-paused", "away": "seat-gone"}


def choose(
    plan: PlanIndex,
    floor: Floor,
    contact: ContactRow,
    target: Target,
    tried: Collection[str],
    now_ms: int,
    *,
    link_full: bool = False,
) -> SeatRow | str:
    """Return the best seat of *target* for *contact*, or a reason word why there is none.

    An agent is taken as named, able or not; for a site or a queue the seat must have the skills.
    *link_full*: the contact's owner has no room for a call with another branch.
    """
    if target.kind == "agent":
        return _named(floor, contact, target.name, link_full=link_full)
    queue = target.name if target.kind == "queue" else contact.queue
    skills: Mapping[str, int] = contact.skills if queue == contact.queue else {}
    stages = plan.stages(queue, contact.channel, skills)
    if stages is None:
        return "not-found"
    able = plan.able(stages[-1].need)
    found = [
        (-able[plan.agents[seat.seat]], seat.site != contact.home, seat.seat, seat)
        for seat in _ready(floor.seats(), contact, tried)
        if (target.kind != "site" or seat.site == target.name)
        and plan.agents.get(seat.seat) in able
        and not floor.failed(contact, seat, now_ms)
        and not _closed(floor, contact, seat, link_full=link_full)
    ]
    return min(found)[-1] if found else "unavailable"


def seek(
    plan: PlanIndex,
    floor: Floor,
    owner: str,
    contact: str,
    target: str,
    tried: Collection[str],
    now_ms: int,
    *,
    link_full: bool = False,
) -> SeatRow | str:
    """Return the same for the owner of a contact, who asks another and sees too little itself."""
    row, wanted = floor.contact(contact), parse_target(target)
    if row is None or row.owner != owner:
        return "contact-gone"
    if wanted is None or wanted.kind == "outside":
        return "not-found"
    return choose(plan, floor, row, wanted, tried, now_ms, link_full=link_full)


def _ready(
    seats: Iterable[SeatRow], contact: ContactRow, tried: Collection[str]
) -> Iterable[SeatRow]:
    return (
        seat
        for seat in seats
        if seat.state == "ready" and seat.seat not in tried and seat.seat != contact.seat
    )


def _named(floor: Floor, contact: ContactRow, name: str, *, link_full: bool) -> SeatRow | str:
    seat = floor.seat(name)
    if seat is None:
        return "seat-gone"
    if seat.state != "ready":
        return _NOT_FREE.get(seat.state, "seat-busy")
    if not floor.connected(contact.owner, seat.owner):
        return "peer-unreachable"
    return LINK_FULL if _closed(floor, contact, seat, link_full=link_full) else seat


def _closed(floor: Floor, contact: ContactRow, seat: SeatRow, *, link_full: bool) -> bool:
    """Tell whether one of the two links has no room for the call.

    What the contact's owner published of its own link does not count: it knows what it gives up
    for this call. The seat's owner does so where the agent is its own who has the contact now.
    """
    if link_full and not floor.links.near(contact.owner, seat.owner):
        return True
    held = floor.seat(contact.seat) if contact.seat else None
    same = held is not None and held.owner == seat.owner
    return not same and floor.links.closed(seat.owner, contact.owner)
