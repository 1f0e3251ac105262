"""Decisions of a day, one by one, on the floor as it was recorded."""

import msgspec
import pytest

from appliance.plan.model import Plan
from appliance.routing.day import (
    Gone,
    Moment,
    Offered,
    Returned,
    Sits,
    Stay,
    Use,
    Visit,
    Waits,
)
from appliance.routing.failures import PAIR_FAILURE_MS
from appliance.routing.judge import Judge, Judgement
from tests.appliance.routing.days import PLAN, SALES, S, visit

SITES = {"ann": "a", "ben": "a"}
VISITS = [visit(1, 10), visit(2, 20), visit(3, 30)]


def sits(at_s: float, seat: str, use: Use = "ready", *, idle_s: float = 0) -> Sits:
    return Sits(round(at_s * S), seat, "box-a", use, round(idle_s * S))


def waits(number: int, at_s: float, stay: Stay = SALES) -> Waits:
    return Waits(round(at_s * S), f"c{number}", stay)


def offered(number: int, at_s: float, seat: str) -> Offered:
    return Offered(round(at_s * S), f"c{number}", seat)


def back(number: int, at_s: float, reason: str = "no-answer") -> Returned:
    return Returned(round(at_s * S), f"c{number}", reason)


def gone(number: int, at_s: float) -> Gone:
    return Gone(round(at_s * S), f"c{number}")


def judged(*moments: Moment, visits: list[Visit] = VISITS, plan: Plan = PLAN) -> Judgement:
    return Judge(plan, visits, SITES).run(moments)


def test_the_best_seat_is_the_same_decision() -> None:
    """ann has the higher level; that it takes a moment until she is offered changes nothing."""
    told = judged(
        sits(0, "ann"),
        sits(0, "ben"),
        waits(1, 10),
        sits(10.02, "ann", "busy"),
        offered(1, 10.03, "ann"),
    )
    assert (told.offers, told.same, told.share) == (1, 1, 1.0)


def test_another_seat_is_another_decision_and_changes_nothing_after_it() -> None:
    """The first went to ben, though ann was better. The second goes to ann, as it did."""
    told = judged(
        sits(0, "ann"),
        sits(0, "ben"),
        waits(1, 10),
        offered(1, 10.03, "ben"),
        waits(2, 20),
        offered(2, 20.03, "ann"),
    )
    assert (told.offers, told.same, told.other, told.none) == (2, 1, 1, 0)
    (difference,) = told.differences
    assert (difference.contact, difference.seat) == ("c1", "ben")
    assert difference.instead is not None
    assert difference.instead.seat == "ann"


def test_an_offer_that_the_plan_would_not_make_yet() -> None:
    reserve = msgspec.structs.replace(PLAN.agents[1], reserve=True)
    queue = msgspec.structs.replace(PLAN.queues[0], reserve_s=20)
    plan = msgspec.structs.replace(PLAN, agents=(PLAN.agents[0], reserve), queues=(queue,))
    day = (sits(0, "ben"), waits(1, 10))
    told = judged(*day, offered(1, 20, "ben"), plan=plan)
    assert (told.same, told.none) == (0, 1)
    assert told.differences[0].instead is None
    later = judged(*day, offered(1, 30.01, "ben"), plan=plan)
    assert (later.same, later.none) == (1, 0)


def test_the_seat_given_to_another_is_refused_to_the_first() -> None:
    """One seat, two contacts: the younger got it, the older gets it next, as decided anew."""
    told = judged(
        waits(1, 10),
        waits(2, 20),
        sits(21, "ann"),
        sits(21.01, "ann", "busy"),
        offered(2, 21.02, "ann"),
        sits(25, "ann"),
        offered(1, 25.02, "ann"),
    )
    assert (told.same, told.none) == (1, 1)


def test_an_offer_that_came_to_nothing_is_left_out_then_made_again() -> None:
    """After no-answer ben is tried; ann again only when the failure's time is over."""
    first = (sits(0, "ann"), waits(1, 10), offered(1, 10.02, "ann"), back(1, 25), sits(25, "ann"))
    other = judged(*first, sits(26, "ben"), offered(1, 26.02, "ben"))
    assert (other.offers, other.same) == (2, 2)
    soon = judged(*first, offered(1, 27, "ann"))
    assert (soon.offers, soon.same, soon.none) == (2, 1, 1)
    late_s = 25 + PAIR_FAILURE_MS / 1000 + 1
    late = judged(*first, sits(late_s, "ben", "away"), offered(1, late_s + 0.02, "ann"))
    assert (late.offers, late.same) == (2, 2)


def test_idle_counts_from_before_an_offer_that_came_to_nothing() -> None:
    """Both are of one level; ben was offered meanwhile, but has been idle for longer."""
    equal = tuple(msgspec.structs.replace(a, skills={"sales": 3}) for a in PLAN.agents)
    plan = msgspec.structs.replace(PLAN, agents=equal)
    told = judged(
        sits(0, "ben"),
        waits(1, 10),
        offered(1, 10.02, "ben"),
        sits(12, "ann"),
        gone(1, 15),
        sits(15, "ben", idle_s=15),
        waits(2, 20),
        offered(2, 20.02, "ben"),
        plan=plan,
    )
    assert (told.offers, told.same) == (2, 2)


def test_what_nobody_followed_is_proposed_again() -> None:
    """Nothing was heard of the first proposal for 5 s; then the pair may be tried again."""
    told = judged(sits(0, "ann"), waits(1, 10), waits(2, 20), offered(1, 26, "ann"))
    assert (told.offers, told.same) == (1, 1)


def test_what_nobody_followed_leaves_the_seat_to_the_next() -> None:
    """For a moment the first is not proposed to ann again, as after an owner's no."""
    told = judged(sits(0, "ann"), waits(1, 10), waits(2, 12), offered(2, 13, "ann"))
    assert (told.offers, told.same) == (1, 1)


@pytest.mark.parametrize("end", [gone(1, 12), waits(1, 12, Stay(queue="nowhere"))])
def test_a_contact_that_left_is_offered_to_nobody(end: Moment) -> None:
    told = judged(waits(1, 10), end, waits(2, 20), sits(20.1, "ann"), offered(2, 20.2, "ann"))
    assert (told.offers, told.same) == (1, 1)


def test_who_was_offered_otherwise_waits_no_more() -> None:
    """The plan would not have asked ben yet; the contact went to him all the same."""
    reserve = msgspec.structs.replace(PLAN.agents[1], reserve=True)
    queue = msgspec.structs.replace(PLAN.queues[0], reserve_s=20)
    plan = msgspec.structs.replace(PLAN, agents=(PLAN.agents[0], reserve), queues=(queue,))
    told = judged(
        sits(0, "ben"),
        waits(1, 10),
        offered(1, 10.02, "ben"),
        waits(2, 20),
        sits(20.1, "ann"),
        offered(2, 20.2, "ann"),
        plan=plan,
    )
    assert (told.offers, told.same, told.none) == (2, 1, 1)


def test_a_seat_at_another_appliance_is_another_seat() -> None:
    moved = Sits(5 * S, "ann", "box-b", "ready")
    told = judged(sits(0, "ann"), moved, waits(1, 10), offered(1, 10.02, "ann"))
    assert (told.offers, told.same) == (1, 1)
