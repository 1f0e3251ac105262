"""Transfers between branches: room for the target, and whose room a transfer takes."""

from pathlib import Path

import pytest

from appliance.link.messages import LinkMessage, ProposalRefused, Release, SeatWanted
from appliance.plan.model import Site
from tests.appliance.brainkit import World
from tests.appliance.daemon.budgetkit import BOTH_ENDS, Late, Pair


@BOTH_ENDS
def test_a_transfer_at_once_takes_the_room_of_the_agent_who_asks(
    world: World, tmp_path: Path, end: str
) -> None:
    pair = Pair(world, tmp_path, Site(name=end, link_calls=1))
    pair.log_in("bob", "bea")
    (leg,) = pair.call_in(1)
    (first,) = pair.listeners("a", leg)
    target = "*724#" if first == "bob" else "*723#"
    pair.press(first, target)
    world.run(3)
    assert pair.listeners("a", leg) == {"bob", "bea"} - {first}
    assert pair.used() == pair.between() == [1, 1]


@BOTH_ENDS
@pytest.mark.parametrize("code", ["*7", "*8"], ids=["blind", "consult"])
def test_a_target_for_whom_there_is_no_room_is_refused(
    world: World, tmp_path: Path, end: str, code: str
) -> None:
    """ann and bea talk already; another call to b finds no room, and ann keeps the caller."""
    pair = Pair(world, tmp_path, Site(name=end, link_calls=1))
    pair.log_in("bea")
    pair.call_in(1)
    pair.log_in("ann", "bob")
    (leg,) = pair.call_in(1)
    assert pair.listeners("a", leg) == {"ann"}
    pair.press("ann", f"{code}23#")
    world.run(5)
    assert pair.listeners("a", leg) == {"ann"}
    steps = pair["a"].journal.entries(limit=1000)
    told = [entry.as_dict() for entry in steps if entry.kind == "transfer-stepped"]
    assert told[-1]["reason"] == "link-full"
    assert pair.used() == pair.between() == [1, 1]
    assert pair["b"].seat("bob").state == "ready"


@BOTH_ENDS
def test_a_consultation_takes_room_beside_the_talk(world: World, tmp_path: Path, end: str) -> None:
    pair = Pair(world, tmp_path, Site(name=end, link_calls=2))
    pair.log_in("bob", "bea")
    (leg,) = pair.call_in(1)
    (first,) = pair.listeners("a", leg)
    pair.press(first, "*824#" if first == "bob" else "*823#")
    world.run(3)
    assert pair.used() == pair.between() == [2, 2]
    assert pair["a"].brain.budget.is_full() == (end == "a")
    pair.press(first, "*7#")
    world.run(3)
    assert pair.used() == pair.between() == [1, 1]
    assert pair.listeners("a", leg) == {"bob", "bea"} - {first}


@pytest.mark.parametrize("end_it", ["*0", "", "gone"], ids=["back", "hangs up", "caller gone"])
def test_a_consultation_that_is_over_gives_its_room_back(
    world: World, tmp_path: Path, end_it: str
) -> None:
    pair = Pair(world, tmp_path, Site(name="a", link_calls=1))
    pair.log_in("ann", "bob")
    (leg,) = pair.call_in(1)
    pair.press("ann", "*823#")
    world.run(3)
    assert pair.used() == pair.between() == [1, 1]
    if end_it == "gone":
        pair["a"].legs.down(leg)
    elif end_it:
        pair.press("ann", end_it)
    else:
        pair["b"].legs.down(pair.phone("bob"))
    world.run(3)
    assert pair.used() == pair.between() == [0, 0]


def test_a_seat_asked_for_by_name_is_refused_where_its_link_is_full(
    world: World, tmp_path: Path
) -> None:
    pair = Late(world, tmp_path, Site(name="b", link_calls=1))
    pair.log_in("bea")
    pair.call_in(1)
    pair.log_in("ann", "bob")
    (leg,) = pair.call_in(1)
    before = len(pair.refusals(ProposalRefused))
    assert pair.listeners("a", leg) == {"ann"}
    pair.press("ann", "*723#")
    world.run(5)
    assert len(pair.refusals(ProposalRefused)) == before + 1
    assert pair.listeners("a", leg) == {"ann"}
    assert pair.used() == pair.between() == [1, 1]


def test_room_that_is_lost_while_the_seat_is_asked_for(world: World, tmp_path: Path) -> None:
    """The seat is offered, the link has been filled meanwhile: the seat is free again."""
    pair = Pair(world, tmp_path, Site(name="a", link_calls=1))
    pair.log_in("ann", "bob")
    (leg,) = pair.call_in(1)
    assert pair.listeners("a", leg) == {"ann"}
    said: list[LinkMessage] = []
    post = pair["a"].post

    def fills(peer: str, message: LinkMessage) -> bool:
        if isinstance(message, SeatWanted):
            pair["a"].brain.budget.take("another", "b")
        said.append(message)
        return post(peer, message)

    pair["a"].post = fills
    pair.press("ann", "*823#")
    world.run(3)
    released = [message for message in said if isinstance(message, Release)]
    assert [message.reason for message in released] == ["link-full"]
    assert pair.listeners("a", leg) == {"ann"}
    assert pair["b"].seat("bob").state == "ready"
    assert pair["a"].brain.budget.used == 1
