"""How long callers stay: the estimator of Kaplan and Meier, and what is drawn from it."""

import random

import pytest

from appliance.routing.day import Stay
from appliance.routing.patience import OWN_CURVE_LEAST, Curve, with_patience
from tests.appliance.routing.days import S, visit


def test_the_curve_of_a_textbook() -> None:
    """The 6-MP arm of Freireich et al. (1963), as in every textbook on survival; + is censored.

    6 6 6 6+ 7 9+ 10 10+ 11+ 13 16 17+ 19+ 20+ 22 23 25+ 32+ 32+ 34+ 35+
    """
    events = [6, 6, 6, 7, 10, 13, 16, 22, 23]
    censored = [6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35]
    curve = Curve([(t, True) for t in events] + [(t, False) for t in censored])
    expected = {6: 0.857, 7: 0.807, 10: 0.753, 13: 0.690, 16: 0.627, 22: 0.538, 23: 0.448}
    assert curve.at_us == list(expected)
    for at, share in expected.items():
        assert curve.staying(at) == pytest.approx(share, abs=0.0006)
    assert curve.staying(5) == 1
    assert curve.staying(1_000) == curve.staying(23)
    assert curve.given_up == 9


def test_where_all_were_patient_they_stay_for_ever() -> None:
    curve = Curve([(5, False), (9, False)])
    assert curve.draw(0, 0.5) == -1


def test_a_draw_is_longer_than_the_wait_that_is_certain() -> None:
    curve = Curve([(10, True), (20, True), (30, False)])
    for chance in (0.0, 0.3, 0.6, 0.99):
        for stayed in (0, 10, 15, 20):
            assert curve.draw(stayed, chance) == -1 or curve.draw(stayed, chance) > stayed


def test_draws_follow_the_curve() -> None:
    """Exponential patience of 100 s, seen only up to an offer at random."""
    chance = random.Random(7)
    waits = []
    for _ in range(20_000):
        patience, offer = chance.expovariate(1 / 100), chance.expovariate(1 / 80)
        waits.append((round(min(patience, offer) * S), patience < offer))
    curve = Curve(waits)
    assert curve.staying(100 * S) == pytest.approx(0.368, abs=0.02)
    drawn = [curve.draw(50 * S, chance.random()) for _ in range(5_000)]
    longer = sum(1 for one in drawn if one < 0 or one > 150 * S) / len(drawn)
    assert longer == pytest.approx(0.368, abs=0.03)


def test_who_gave_up_keeps_their_patience_and_the_others_get_one() -> None:
    gave_up = [visit(n, 0, patience_us=n * S) for n in range(1, OWN_CURVE_LEAST + 1)]
    served = [visit(n, 0, seat="ann", waited_us=3 * S) for n in range(100, 200)]
    found = with_patience([*gave_up, *served])
    assert found[: len(gave_up)] == gave_up
    drawn = [one.patience_us for one in found[len(gave_up) :]]
    assert all(patience < 0 or patience > 3 * S for patience in drawn)
    assert any(patience > 0 for patience in drawn)
    assert found == with_patience([*gave_up, *served])  # the same each time


def test_a_queue_with_few_who_gave_up_takes_the_curve_of_all() -> None:
    many = [visit(n, 0, patience_us=5 * S) for n in range(50)]
    few = [
        visit(n, 0, stay=Stay(queue="support"), seat="ann", waited_us=S) for n in range(100, 200)
    ]
    assert {one.patience_us for one in with_patience([*many, *few])[50:]} == {5 * S}


def test_where_nobody_gave_up_nothing_is_assumed() -> None:
    day = [visit(1, 0, seat="ann", waited_us=S), visit(2, 0)]
    assert with_patience(day) == day
