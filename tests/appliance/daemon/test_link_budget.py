"""Calls between branches are no more than the access link of either end carries."""

from collections.abc import Callable
from pathlib import Path

import pytest

from appliance.link.messages import LinkMessage, Offer, ProposalRefused, Release
from appliance.plan.model import Site
from appliance.routing.matchmaker import REFUSED_MS
from appliance.wire import commands as wire
from tests.appliance.brainkit import World
from tests.appliance.daemon.budgetkit import BOTH_ENDS, NORTH, SOUTH, Late, Pair, plan_of


@pytest.mark.parametrize(
    "site",
    [Site(name="a", link_calls=2), Site(name="b", link_calls=2), Site(name="a", link_kbit_s=200)],
    ids=["contact's end", "seat's end", "by kbit/s"],
)
def test_over_budget_own_agents_serve_and_others_wait(
    world: World, tmp_path: Path, site: Site
) -> None:
    pair = Pair(world, tmp_path, site)
    pair.log_in(*SOUTH)
    legs = pair.call_in(4)
    assert pair.used() == pair.between() == [2, 2]
    assert pair.phases(*legs) == ["talking", "talking", "waiting", "waiting"]
    pair.log_in("ann")
    world.run(3)
    assert pair.listeners("a", legs[2]) == {"ann"}
    assert pair.used() == [2, 2]
    pair["a"].legs.down(legs[0])
    world.run(2)
    assert pair.phases(legs[3]) == ["talking"]
    assert pair.used() == pair.between() == [2, 2]
    for leg in legs[1:]:
        pair["a"].legs.down(leg)
    world.run(2)
    assert pair.used() == pair.between() == [0, 0]


def test_callers_of_both_branches_share_the_link(world: World, tmp_path: Path) -> None:
    pair = Pair(world, tmp_path, Site(name="a", link_calls=1))
    pair.log_in("ann")
    here, there = pair.call_in(1, "b"), pair.call_in(1)
    pair.log_in("bob")
    world.run(3)
    assert pair.listeners("b", here[0]) == {"ann"}
    assert pair.phases(*there) == ["waiting"]
    pair["b"].legs.down(here[0])
    world.run(3)
    assert pair.phases(*there) == ["talking"]


def test_the_earliest_is_first_when_there_is_room_again(world: World, tmp_path: Path) -> None:
    pair = Pair(world, tmp_path, Site(name="b", link_calls=1))
    pair.log_in("bob", "bea")
    first, second, third = pair.call_in(3)
    assert pair.phases(first, second, third) == ["talking", "waiting", "waiting"]
    pair["a"].legs.down(first)
    world.run(3)
    assert pair.phases(second, third) == ["talking", "waiting"]


def test_without_a_limit_nothing_is_refused(world: World, tmp_path: Path) -> None:
    pair = Pair(world, tmp_path)
    pair.log_in(*SOUTH)
    assert pair.phases(*pair.call_in(4)) == ["talking"] * 4
    assert pair.used() == [4, 4]


@BOTH_ENDS
def test_an_end_that_is_full_refuses_while_the_others_row_is_late(
    world: World, tmp_path: Path, end: str
) -> None:
    pair = Late(world, tmp_path, Site(name=end, link_calls=1))
    pair.log_in("bob", "bea")
    legs = pair.call_in(2)
    assert pair.phases(*legs) == ["talking", "waiting"]
    assert pair.used() == pair.between() == [1, 1]
    # the contact's owner says no by `Release`, the seat's by a refused proposal
    refusals = pair.refusals(Release if end == "a" else ProposalRefused)
    assert set(refusals) == {end}
    assert len(refusals) <= 3_000 / REFUSED_MS * 2 + 1  # two pairs, each left out for a while
    assert {seat.state for seat in pair["b"].brain.board} == {"talking", "ready"}
    assert pair["a"].contact(legs[1]).attempts == 0
    pair.log_in("ann")
    world.run(5)
    assert pair.listeners("a", legs[1]) == {"ann"}


def test_what_is_known_is_not_proposed(world: World, tmp_path: Path) -> None:
    pair = Pair(world, tmp_path, Site(name="a", link_calls=1))
    pair.log_in(*SOUTH)
    pair.call_in(2)
    said: list[LinkMessage] = []

    def told(_peer: str, message: LinkMessage) -> bool:
        said.append(message)
        return True

    pair["a"].post = told
    world.run(20)
    assert said == []


def test_a_call_outside_needs_no_room(world: World, tmp_path: Path) -> None:
    """Nor does help: numbers are called by trunks and lines."""
    pair = Pair(world, tmp_path, Site(name="a", link_calls=1))
    pair.log_in("bob", "bea")
    (talking,) = pair.call_in(1)
    assert pair["a"].brain.budget.is_full()
    leg = pair["a"].legs.call_in("500")
    world.run(3)
    assert pair["a"].legs.rows[leg].bridge
    assert pair["a"].legs.of(wire.Dial)[-1].to == "112"
    (agent,) = pair.listeners("a", talking)
    pair.press(agent, "*74930#")
    world.run(3)
    assert pair.listeners("a", talking) == {"outside"}
    assert pair.used() == [0, 0]


# -- ways out ----------------------------------------------------------------------------------


def _link_gone(pair: Pair, _leg: int) -> None:
    pair["a"].brain.switchboard.peer_down("b")
    pair["b"].brain.switchboard.peer_down("a")


def _killed(pair: Pair, _leg: int) -> None:
    """The phone is gone when the next brain looks."""
    phone = pair.phone("bob")
    pair["b"].kill()
    pair["b"].legs.down(phone)
    pair["b"].start()
    pair.wire_up("b")


WAYS_OUT: dict[str, Callable[[Pair, int], object]] = {
    "no answer": lambda pair, _leg: pair.run(11),
    "declined": lambda pair, _leg: pair["b"].legs.down(pair.phone("bob"), "declined"),
    "caller gone": lambda pair, leg: pair["a"].legs.down(leg),
    "phone gone": lambda pair, _leg: pair["b"].legs.unregister("bob"),
    "link gone": _link_gone,
    "killed": _killed,
}


@pytest.mark.parametrize("way", WAYS_OUT)
def test_every_way_out_gives_the_room_back(world: World, tmp_path: Path, way: str) -> None:
    pair = Pair(world, tmp_path, Site(name="a", link_calls=1), Site(name="b", link_calls=1))
    pair.log_in("bob")
    pair["b"].legs.answer_after = None
    leg = pair["a"].legs.call_in("200")
    world.run(1)
    assert pair["b"].seat("bob").state == "ringing"
    assert pair.used() == pair.between() == [1, 1]
    WAYS_OUT[way](pair, leg)
    world.run(1)
    assert pair.used() == pair.between() == [0, 0]
    assert not any(box.brain.budget.is_full() for box in pair.boxes.values())


def test_an_offer_that_nobody_answers_gives_its_room_back(world: World, tmp_path: Path) -> None:
    pair = Pair(world, tmp_path, Site(name="b", link_calls=1))
    pair["b"].post = lambda _peer, _message: False
    pair.log_in("bob")
    pair["a"].legs.call_in("200")
    world.run(1)
    assert pair.used() == [0, 1]
    world.run(1.5)
    assert pair.used() == [0, 0]


def test_who_is_called_back_by_an_agent_of_another_branch_counts(
    world: World, tmp_path: Path
) -> None:
    """The call between the branches stands while the caller is called, who has no leg yet."""
    pair = Pair(world, tmp_path, Site(name="a", link_calls=1))
    leg = pair["a"].legs.call_in("600", "+493012345678")
    world.run(3)
    pair["a"].legs.prompts_end(leg)
    pair["a"].legs.press(leg, "1")
    for _ in range(4):
        world.run(1)
        pair["a"].legs.prompts_end(leg)
        pair["a"].legs.press(leg, "1")
    world.run(1)
    pair["a"].legs.down(leg)
    world.run(1)
    (contact,) = pair["a"].brain.book
    assert not contact.leg
    pair.log_in("bob")
    world.run(5)
    assert pair.phases(contact.leg) == ["talking"]
    assert pair.used() == pair.between() == [1, 1]
    pair["a"].legs.down(contact.leg)
    world.run(2)
    assert pair.used() == pair.between() == [0, 0]


# -- the plan ----------------------------------------------------------------------------------


def test_a_plan_with_less_ends_no_call(world: World, tmp_path: Path) -> None:
    pair = Pair(world, tmp_path)
    pair.log_in(*SOUTH)
    legs = pair.call_in(3)
    for box in pair.boxes.values():
        box.brain.take_plan(plan_of(Site(name="a", link_calls=2)))
    legs += pair.call_in(1)
    assert pair.phases(*legs) == ["talking"] * 3 + ["waiting"]
    pair["a"].legs.down(legs[0])
    world.run(3)
    assert pair.phases(*legs[1:]) == ["talking"] * 2 + ["waiting"]
    pair["a"].legs.down(legs[1])
    world.run(3)
    assert pair.phases(*legs[2:]) == ["talking"] * 2


def test_the_call_between_names_the_codecs_of_the_pair(world: World, tmp_path: Path) -> None:
    sites = (
        Site(name="a", codecs=("PCMU", "OPUS")),
        Site(name="b", link_kbit_s=500, codecs=("OPUS", "G722", "PCMU")),
    )
    pair = Pair(world, tmp_path, *sites)
    for box in pair.boxes.values():
        box.brain.budget.site_of = lambda peer: peer
    pair.log_in("bob")
    pair.call_in(1)
    (dial,) = [dial for dial in pair["a"].legs.of(wire.Dial) if dial.kind == "peer"]
    assert dial.codecs == ("OPUS", "PCMU")


def test_boxes_of_one_branch_do_not_count(world: World, tmp_path: Path) -> None:
    pair = Pair(world, tmp_path, Site(name="a", link_calls=1), Site(name="b", link_calls=1))
    for name, box in pair.boxes.items():
        box.brain.budget.site_of = lambda _peer, own=name: own  # type: ignore[misc]
    pair.log_in(*SOUTH)
    assert pair.phases(*pair.call_in(3)) == ["talking"] * 3
    assert pair.used() == [0, 0]


def test_an_offer_is_counted_before_it_is_confirmed(world: World, tmp_path: Path) -> None:
    """Both ends reserve: b from its offer on, a before it says yes."""
    pair = Pair(world, tmp_path, Site(name="b", link_calls=1))
    seen: list[list[int]] = []
    post = pair["b"].post

    def watched(peer: str, message: LinkMessage) -> bool:
        if isinstance(message, Offer):
            seen.append(pair.used())
        return post(peer, message)

    pair["b"].post = watched
    pair.log_in(*SOUTH)
    pair.call_in(1)
    assert seen == [[0, 1]]
    assert pair.used() == [1, 1]


def test_agents_of_the_own_branch_cost_nothing(world: World, tmp_path: Path) -> None:
    pair = Pair(world, tmp_path, Site(name="a", link_calls=1))
    pair.log_in(*NORTH)
    assert pair.phases(*pair.call_in(2)) == ["talking"] * 2
    assert pair.used() == [0, 0]
