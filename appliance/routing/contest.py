"""Which of several matchmakers' proposals for one seat is taken. Pure."""

from collections.abc import Iterable

from appliance.routing.model import Place, Proposal

_NO_PLACE = Place(0, "", "")


def best(proposals: Iterable[Proposal]) -> Proposal:
    """Return the proposal that one matchmaker, seeing all of it, would have made.

    As in `decide`: within a class by place, so that ages which differ by their way here never let
    equals overtake each other; between the firsts of the classes by score.
    """
    firsts: dict[str, Proposal] = {}
    for proposal in proposals:
        klass = proposal.trace.klass
        held = firsts.get(klass)
        if held is None or _place(proposal) < _place(held):
            firsts[klass] = proposal
    return min(firsts.values(), key=lambda one: (-one.trace.contact_score, _place(one)))


def _place(proposal: Proposal) -> tuple[Place, str]:
    return (proposal.place or _NO_PLACE, proposal.contact)
