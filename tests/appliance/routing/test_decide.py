"""The decision: against a slow and simple one, whatever the floor; then rule by rule."""

import os
import random
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.plan.model import Plan, Queue, ServiceClass
from appliance.routing.decide import TRACE_CANDIDATES, decide
from appliance.routing.floor import Floor
from appliance.routing.model import Candidate, ContactRow, Failure, Proposal
from appliance.routing.planindex import PlanIndex
from tests.appliance.routing.oracle import Decided, eligible, slowly
from tests.appliance.routing.rows import (
    NOW_MS,
    PLAN,
    World,
    contact,
    floor_of,
    seat,
    seeded_world,
    worlds,
)

INDEX = PlanIndex(PLAN)


def pairs(proposals: list[Proposal]) -> list[tuple[str, str]]:
    return [(proposal.contact, proposal.seat) for proposal in proposals]


def told(proposals: list[Proposal]) -> list[Decided]:
    return [(p.contact, p.seat, [c.seat for c in p.trace.candidates]) for p in proposals]


@given(worlds())
def test_agrees_with_the_slow_decision(world: World) -> None:
    floor = world.floor()
    assert told(decide(INDEX, floor, NOW_MS)) == slowly(floor)


@given(worlds(), st.randoms(use_true_random=False))
def test_the_order_in_which_rows_came_does_not_matter(world: World, order: random.Random) -> None:
    first = decide(INDEX, world.floor(), NOW_MS)
    again = decide(PlanIndex(PLAN), world.floor(order), NOW_MS)
    assert msgspec.msgpack.encode(first) == msgspec.msgpack.encode(again)


@given(worlds())
def test_deciding_changes_nothing(world: World) -> None:
    floor = world.floor()
    assert decide(INDEX, floor, NOW_MS) == decide(INDEX, floor, NOW_MS)


@given(worlds())
def test_only_ready_seats_with_the_skills_and_each_once(world: World) -> None:
    floor = world.floor()
    proposals = decide(INDEX, floor, NOW_MS)
    for proposal in proposals:
        waiting, ready = floor.contact(proposal.contact), floor.seat(proposal.seat)
        assert waiting is not None
        assert ready is not None
        assert waiting.state == "waiting"
        assert eligible(waiting, ready, floor.seats(), floor.joined)
        assert not floor.against(waiting, ready, NOW_MS)
    assert len({proposal.seat for proposal in proposals}) == len(proposals)
    assert len({proposal.contact for proposal in proposals}) == len(proposals)


@given(worlds())
def test_nobody_is_left_who_could_be_served(world: World) -> None:
    """No pair remains; so one possible pair is enough for at least one proposal."""
    floor = world.floor()
    proposals = decide(INDEX, floor, NOW_MS)
    served = {proposal.contact for proposal in proposals}
    taken = {proposal.seat for proposal in proposals}
    for waiting in floor.contacts():
        for ready in floor.seats():
            assert not (
                waiting.state == "waiting"
                and waiting.contact not in served
                and ready.seat not in taken
                and eligible(waiting, ready, floor.seats(), floor.joined)
                and not floor.against(waiting, ready, NOW_MS)
            )


def test_another_hash_seed_decides_the_same() -> None:
    """Sets and dicts of another process come in another order; the bytes are the same."""
    code = (
        "import hashlib, msgspec\n"
        "from appliance.routing.decide import decide\n"
        "from appliance.routing.planindex import PlanIndex\n"
        "from tests.appliance.routing.rows import NOW_MS, seeded_world\n"
        "plan, world = seeded_world(5)\n"
        "proposals = decide(PlanIndex(plan), world.floor(), NOW_MS)\n"
        "body = msgspec.msgpack.encode(proposals)\n"
        "print(len(proposals), hashlib.sha256(body).hexdigest())\n"
    )
    answers = {
        subprocess.run(
            [sys.executable, "-c", code],
            cwd=Path(__file__).parents[3],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for hash_seed in ("1", "2")
    }
    assert len(answers) == 1
    assert int(answers.pop().split()[0]) > 10


# -- who is first ------------------------------------------------------------------------------


def test_within_a_class_the_place_decides_over_all_queues() -> None:
    """Not the age: it differs by the time in transit."""
    floor = floor_of(
        contact("second", arrival=2, age_ms=9_050),
        contact("first", arrival=1, age_ms=9_000, queue="any", owner="box-b"),
        seat("ann"),
    )
    assert pairs(decide(INDEX, floor, NOW_MS)) == [("first", "ann")]


def test_between_classes_the_score_decides() -> None:
    """gold: 20 + 1.5 × waited; bronze: waited."""
    floor = floor_of(
        contact("bronze", arrival=1, age_ms=49_000),
        contact("gold", arrival=2, klass="gold", age_ms=20_000),
        seat("ann"),
    )
    assert pairs(decide(INDEX, floor, NOW_MS)) == [("gold", "ann")]
    floor = floor_of(
        contact("bronze", arrival=1, age_ms=51_000),
        contact("gold", arrival=2, klass="gold", age_ms=20_000),
        seat("ann"),
    )
    assert pairs(decide(INDEX, floor, NOW_MS)) == [("bronze", "ann")]


def test_equal_scores_are_ordered_by_place() -> None:
    for arrivals in ((1, 2), (2, 1)):
        floor = floor_of(
            contact("bronze", arrival=arrivals[0], age_ms=50_000),
            contact("gold", arrival=arrivals[1], klass="gold", age_ms=20_000),
            seat("ann"),
        )
        winner = "bronze" if arrivals == (1, 2) else "gold"
        assert pairs(decide(INDEX, floor, NOW_MS)) == [(winner, "ann")]


def test_an_unknown_class_is_the_default_class() -> None:
    floor = floor_of(contact("c", klass="diamond", age_ms=5_000), seat("ann"))
    (proposal,) = decide(INDEX, floor, NOW_MS)
    assert (proposal.trace.klass, proposal.trace.contact_score) == ("bronze", 5.0)


def test_bronze_never_starves() -> None:
    """One seat, each second a new platinum caller and one free seat: bronze has its turn.

    Where platinum waits a second at most its score is at most 60 + 2 × 1, so bronze is
    first as soon as it has waited 62 s.
    """
    plan = Plan(
        agents=PLAN.agents[:1],
        queues=(Queue(name="any"),),
        classes=(
            ServiceClass(name="platinum", head_start_s=60.0, slope=2.0),
            ServiceClass(name="bronze"),
        ),
    )
    index, floor = PlanIndex(plan), Floor()
    floor.replace("box-a", 1, [contact("bronze", queue="any")], [seat("ann")], now_ms=0)
    for second in range(1, 100):
        now_ms = second * 1000
        fresh = contact(f"p{second}", queue="any", klass="platinum", arrival=second)
        floor.change("box-a", 1, [fresh], now_ms=now_ms)
        (proposal,) = decide(index, floor, now_ms)
        if proposal.contact == "bronze":
            assert 60 <= second <= 63
            return
        floor.change(
            "box-a", 1, [contact(proposal.contact, state="ended", fence=1)], now_ms=now_ms
        )
    pytest.fail("bronze was never served")


# -- which seat --------------------------------------------------------------------------------


def test_the_highest_levels_over_the_required_skills_win() -> None:
    """fay has sales 9; ann's german does not count where nobody asks for it."""
    floor = floor_of(contact("c"), seat("ann", idle_ms=90_000), seat("fay", owner="box-b"))
    assert pairs(decide(INDEX, floor, NOW_MS)) == [("c", "fay")]
    floor = floor_of(contact("c", skills={"german": 3}), seat("ann"), seat("fay", idle_ms=90_000))
    assert pairs(decide(INDEX, floor, NOW_MS)) == [("c", "ann")]


def test_at_equal_levels_the_own_branch_comes_before_the_longest_idle() -> None:
    floor = floor_of(
        contact("c", owner="box-b"),
        seat("ann", owner="box-a", idle_ms=90_000),
        seat("ben", owner="box-b"),
    )
    assert pairs(decide(INDEX, floor, NOW_MS)) == [("c", "ben")]


def test_at_equal_levels_in_one_branch_the_longest_idle_wins_then_the_name() -> None:
    floor = floor_of(contact("c"), seat("ann", idle_ms=1_000), seat("ben", idle_ms=2_000))
    assert pairs(decide(INDEX, floor, NOW_MS)) == [("c", "ben")]
    floor = floor_of(contact("c"), seat("ben", idle_ms=1_000), seat("ann", idle_ms=1_000))
    assert pairs(decide(INDEX, floor, NOW_MS)) == [("c", "ann")]


def test_a_level_too_low_or_an_unknown_agent_is_not_asked() -> None:
    floor = floor_of(contact("c"), seat("eve"), seat("zed"), seat("dov"))
    assert decide(INDEX, floor, NOW_MS) == []


def test_the_higher_of_queue_level_and_own_level_is_required() -> None:
    floor = floor_of(contact("c", skills={"sales": 6}), seat("ann"), seat("cyd"))
    assert decide(INDEX, floor, NOW_MS) == []


def test_an_unknown_queue_waits() -> None:
    floor = floor_of(contact("c", queue="nowhere"), seat("ann"))
    assert decide(INDEX, floor, NOW_MS) == []


def test_appliances_must_both_reach_each_other() -> None:
    rows = (contact("c", owner="box-a"), seat("ann", owner="box-b"))
    one_way = floor_of(*rows, reaches={"box-a": ["box-b"], "box-b": []})
    assert decide(INDEX, one_way, NOW_MS) == []
    both_ways = floor_of(*rows, reaches={"box-a": ["box-b"], "box-b": ["box-a"]})
    assert pairs(decide(INDEX, both_ways, NOW_MS)) == [("c", "ann")]


def test_one_cut_off_branch_does_not_hide_what_others_reach() -> None:
    floor = floor_of(
        contact("a1", arrival=1, owner="box-a"),
        contact("a2", arrival=2, owner="box-a"),
        contact("c1", arrival=3, owner="box-c"),
        seat("ann", owner="box-b"),
        reaches={"box-a": ["box-c"], "box-b": ["box-c"], "box-c": ["box-a", "box-b"]},
    )
    assert pairs(decide(INDEX, floor, NOW_MS)) == [("c1", "ann")]


def test_a_failed_pair_is_left_out_until_its_time_is_over() -> None:
    failed = Failure(owner="box-a", contact="c", seat="ann", reason="no-answer", for_ms=5_000)
    floor = floor_of(
        contact("c", arrival=1),
        contact("later", arrival=2),
        seat("ann", idle_ms=9_000),
        seat("ben"),
        failed,
    )
    assert pairs(decide(INDEX, floor, NOW_MS)) == [("c", "ben"), ("later", "ann")]
    assert pairs(decide(INDEX, floor, NOW_MS + 4_999))[0] == ("c", "ben")
    assert pairs(decide(INDEX, floor, NOW_MS + 5_000))[0] == ("c", "ann")


def test_a_seat_taken_in_another_pool_is_not_taken_again() -> None:
    """cyd goes to the first; for the second ann is left out, and ben, not cyd, is next."""
    floor = floor_of(
        contact("first", arrival=1, queue="service"),
        contact("second", arrival=2),
        seat("ann", idle_ms=9_000),
        seat("cyd"),
        seat("fay"),
        Failure(owner="box-a", contact="second", seat="fay", reason="declined", for_ms=1_000),
        Failure(owner="box-a", contact="second", seat="ann", reason="declined", for_ms=1_000),
    )
    assert pairs(decide(INDEX, floor, NOW_MS)) == [("first", "cyd")]
    floor.change("box-a", 1, seats=[seat("ben")], now_ms=NOW_MS)
    assert pairs(decide(INDEX, floor, NOW_MS)) == [("first", "cyd"), ("second", "ben")]


# -- the trace ---------------------------------------------------------------------------------


def test_the_trace_shows_who_was_left_out_and_who_was_next() -> None:
    failed = Failure(owner="box-a", seat="fay", reason="declined", for_ms=5_000)
    floor = floor_of(
        contact("c", age_ms=4_000, klass="gold"),
        seat("fay"),
        seat("ann", idle_ms=3_000),
        seat("cyd", owner="box-b", idle_ms=8_000),
        failed,
    )
    (proposal,) = decide(INDEX, floor, NOW_MS + 1_000)
    assert proposal.trace.plan_serial == 7
    assert proposal.trace.waited_ms == 5_000
    assert proposal.trace.contact_score == 20.0 + 1.5 * 5.0
    assert proposal.trace.candidates == (
        Candidate("fay", 9.0, "declined", True, 1_000),
        Candidate("ann", 5.0, "", True, 4_000),
        Candidate("cyd", 3.0, "", False, 9_000),
    )


def test_the_trace_is_bounded_and_always_holds_the_chosen_seat() -> None:
    plan, world = seeded_world(3, contacts=1, seats=60)
    waiting = next(row for row in world.rows if isinstance(row, ContactRow))
    index = PlanIndex(plan)
    for left_out in range(20):
        (proposal,) = decide(index, world.floor(), NOW_MS)
        told = proposal.trace.candidates
        assert len(told) <= TRACE_CANDIDATES
        assert next(c.seat for c in told if not c.against) == proposal.seat
        assert sum(1 for c in told if c.against) == min(left_out, TRACE_CANDIDATES - 1)
        world.rows.append(
            Failure(
                owner=waiting.owner,
                contact=waiting.contact,
                seat=proposal.seat,
                reason="declined",
                for_ms=1_000,
            )
        )
        if len(told) == 1:
            return
