"""Who proposes for which pair: always somebody, and nobody twice."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.routing.reach import HUB_NAME, Reach

BOXES = ("a", "b", "c", "d", "e")
NAMES = (*BOXES, HUB_NAME)
PAIRS = tuple(itertools.combinations(NAMES, 2))

ways = st.sets(st.sampled_from(PAIRS))


def words_of(name: str, there: set[tuple[str, str]]) -> list[str]:
    """Return whom *name* reaches."""
    return [name, *(a if b == name else b for a, b in there if name in (a, b))]


def seen_by(name: str, there: set[tuple[str, str]]) -> Reach:
    """Return what the matchmaker at *name* knows: the words of those it reaches."""
    reach = Reach("" if name == HUB_NAME else name)
    for box in BOXES:
        if box in words_of(name, there):
            reach.say(box, words_of(box, there))
    return reach


@given(ways)
def test_each_pair_that_can_talk_has_one_proposer(there: set[tuple[str, str]]) -> None:
    makers = {name: seen_by(name, there) for name in NAMES}
    for a, b in itertools.combinations_with_replacement(BOXES, 2):
        proposers = [name for name, reach in makers.items() if not reach.against(a, b)]
        if a == b or (a, b) in there:
            assert len(proposers) == 1
            assert set(proposers) <= set(words_of(a, there)) & set(words_of(b, there))
        else:
            assert proposers == []


@given(ways)
def test_a_hub_that_reaches_both_comes_first(there: set[tuple[str, str]]) -> None:
    for name in BOXES:
        reach = seen_by(name, there)
        for a, b in itertools.product(words_of(HUB_NAME, there)[1:], repeat=2):
            assert reach.against(a, b)


@given(ways)
def test_an_owner_knows_who_proposes_for_its_seats(there: set[tuple[str, str]]) -> None:
    makers = {name: seen_by(name, there) for name in NAMES}
    for seat_owner in BOXES:
        claim = {
            name
            for name, reach in makers.items()
            for other in BOXES
            if not reach.against(other, seat_owner)
        }
        assert makers[seat_owner].claimants(seat_owner) == claim


@given(ways)
def test_who_proposes_for_nobody_is_not_active(there: set[tuple[str, str]]) -> None:
    for name in BOXES:
        reach = seen_by(name, there)
        own = [(a, b) for a in BOXES for b in BOXES if not reach.against(a, b)]
        assert reach.active == bool(own)


def whole(*names: str) -> Reach:
    """Return what *b* sees where all of *names* reach each other."""
    reach = Reach("b")
    for name in set(names) - {HUB_NAME}:
        reach.say(name, names)
    return reach


def test_with_a_hub_no_appliance_proposes() -> None:
    reach = whole("a", "b", "c", HUB_NAME)
    assert not reach.active
    assert reach.proposer("a", "c") == HUB_NAME
    assert reach.against("b", "b") == "other-matchmaker"


def test_without_a_hub_the_least_name_proposes_for_all() -> None:
    reach = whole("a", "b", "c")
    assert {reach.proposer(x, y) for x in "abc" for y in "abc"} == {"a"}


def test_hub_sees_both_but_they_do_not_reach_each_other() -> None:
    reach = Reach()
    reach.say("a", ["hub"])
    reach.say("b", ["hub"])
    assert reach.against("a", "b") == "peer-unreachable"
    assert reach.against("a", "a") == ""


def test_one_that_lost_the_hub_stays_in_the_queue_of_its_peers() -> None:
    reach = Reach("b")
    reach.say("b", ["c"])
    reach.say("c", ["b", "hub"])
    assert reach.against("b", "c") == ""
    assert reach.against("c", "c") == "other-matchmaker"
    assert reach.claimants("c") == {"b", "hub"}


@pytest.mark.parametrize("change", ["say", "forget"])
def test_what_was_worked_out_is_forgotten_when_somebody_speaks(change: str) -> None:
    reach = whole("a", "b")
    assert reach.against("b", "b") == "other-matchmaker"
    assert reach.claimants("b") == {"a"}
    assert not reach.active
    if change == "forget":
        reach.forget("a")
    reach.say("b", [])
    assert reach.against("b", "b") == ""
    assert reach.claimants("b") == {"b"}
    assert reach.active


def test_saying_the_same_again_is_nothing_new() -> None:
    reach = Reach("a")
    assert reach.say("a", ["b", "a"])
    assert not reach.say("a", ["b"])
    assert reach.say("c", None)
    assert not reach.say("c", None)
    assert not reach.connected("a", "c")
    assert reach.say("a", ["c"])
    assert reach.connected("a", "c")
