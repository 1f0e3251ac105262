"""Finding a seat for the owner of a contact that is handed on: by whoever has the rows."""

from appliance.link.messages import SeatAsk, SeatTold
from appliance.routing.choose import seek
from appliance.routing.matchmaker import Matchmaker


def answer(matchmaker: Matchmaker, peer: str, ask: SeatAsk, now_ms: int) -> SeatTold:
    """Return what a matchmaker answers to *peer*."""
    plan, floor = matchmaker.plan, matchmaker.floor
    found = seek(
        *(plan, floor, peer, ask.contact, ask.target, ask.tried, now_ms), link_full=ask.link_full
    )
    told = SeatTold(ask.contact, ask.target)
    if isinstance(found, str):
        told.reason = found
    else:
        told.seat, told.owner = found.seat, found.owner
    return told
