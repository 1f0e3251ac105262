"""Which of several matchmakers' proposals for one seat is taken. Pure."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from appliance.base.hlc import moved
from appliance.routing.model import Place, Proposal

_NO_PLACE = Place(0, "", "")


def best(
    proposals: Iterable[Proposal], clocks: Mapping[str, int] = MappingProxyType({})
) -> Proposal:
    """Return the proposal that one matchmaker, seeing all of it, would have made.

    *clocks* tells of appliances whose clock is off, how far [ms], as in the index.

    As in `decide`: within a class by place, so that ages which differ by their way here never let
    equals overtake each other; between the firsts of the classes by score.
    """
    firsts: dict[str, Proposal] = {}
    for proposal in proposals:
        klass = proposal.trace.klass
        held = firsts.get(klass)
        if held is None or _place(proposal, clocks) < _place(held, clocks):
            firsts[klass] = proposal
    return min(firsts.values(), key=lambda one: (-one.trace.contact_score, _place(one, clocks)))


def _place(proposal: Proposal, clocks: Mapping[str, int]) -> tuple[int, Place, str]:
    place = proposal.place or _NO_PLACE
    arrival = moved(place.arrival, -clocks.get(place.appliance, 0))
    return (arrival, place, proposal.contact)
