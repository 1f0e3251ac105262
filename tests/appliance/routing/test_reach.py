"""Who proposes for which pair: always somebody, and nobody twice."""

import itertools
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.routing.reach import HUB_NAME, Reach, hub_of, is_hub

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


# -- several hubs ------------------------------------------------------------------------------

HUBS = ("hub", "hub-2", "hub-3")
POOLS = tuple(f"queue-{number}" for number in range(300))
SOME_POOLS = POOLS[:3]
CENTRE = (*BOXES, *HUBS)

many_ways = st.sets(
    st.sampled_from([(a, b) for a, b in itertools.combinations(CENTRE, 2) if a not in HUBS])
)


@given(many_ways)
def test_each_pair_that_can_talk_has_one_proposer_in_each_pool(
    there: set[tuple[str, str]],
) -> None:
    makers = {}
    for name in CENTRE:
        reach = makers[name] = Reach(name)
        for box in BOXES:
            if box in words_of(name, there):
                reach.say(box, words_of(box, there))
    for a, b in itertools.combinations_with_replacement(BOXES, 2):
        for pool in SOME_POOLS:
            proposers = [name for name, reach in makers.items() if not reach.against(a, b, pool)]
            if a == b or (a, b) in there:
                assert len(proposers) == 1
                common = set(words_of(a, there)) & set(words_of(b, there))
                assert set(proposers) <= common
                assert is_hub(proposers[0]) == bool(common & set(HUBS))
                assert proposers[0] in makers[a].claimants(a, pool)
                assert proposers[0] in makers[a].all_claimants(a)
            else:
                assert proposers == []


def test_pools_are_spread_over_hubs() -> None:
    share = Counter(hub_of(pool, frozenset(HUBS)) for pool in POOLS)
    assert all(70 <= share[hub] <= 130 for hub in HUBS)


@pytest.mark.parametrize("lost", HUBS)
def test_only_the_pools_of_a_hub_that_comes_or_goes_move(lost: str) -> None:
    with_it, without = frozenset(HUBS), frozenset(HUBS) - {lost}
    for pool in POOLS:
        before, after = hub_of(pool, with_it), hub_of(pool, without)
        assert after == before or before == lost


def test_which_hub_has_a_pool_is_the_same_on_every_machine() -> None:
    """A box and a hub of different versions must agree: these never change."""
    hubs = frozenset({"hub", "hub-2"})
    assert [hub_of(pool, hubs) for pool in ("sales", "service", "billing", "")] == [
        "hub-2",
        "hub-2",
        "hub-2",
        "hub",
    ]


def test_a_hub_proposes_what_is_its_own_and_what_is_nobody_elses() -> None:
    reach = Reach("hub")
    reach.say("a", ["hub", "hub-2"])
    mine = [pool for pool in POOLS if not reach.against("a", "a", pool)]
    assert mine == [p for p in POOLS if hub_of(p, frozenset({"hub", "hub-2"})) == "hub"]
    assert reach.sharded
    reach.say("a", ["hub"])
    assert not reach.sharded
    assert not reach.against("a", "a", "anything")
    reach.say("a", [])  # it has not heard our beats come back yet, and nobody else has either
    assert not reach.against("a", "a", "anything")
    reach.say("a", ["hub-2"])
    assert reach.against("a", "a", "anything") == "other-matchmaker"
