"""The expected wait: the interval holds what it promises, and minutes are rounded for speech."""

import math
import random

import pytest

from appliance.routing.expected import (
    MAX_HANDLE_S,
    PRIOR_HANDLE_S,
    SPOKEN_MINUTES,
    WaitModel,
    announced,
)


def test_before_any_talk_the_prior_counts() -> None:
    assert WaitModel().mean_handle_s == PRIOR_HANDLE_S


def test_the_first_talk_counts_as_much_as_the_prior() -> None:
    model = WaitModel().observe(50.0, 10.0)
    assert model == WaitModel(mean_handle_s=(PRIOR_HANDLE_S + 60.0) / 2, seen=1)


def test_the_mean_follows_the_talks() -> None:
    model = WaitModel()
    for _ in range(60):
        model = model.observe(50.0, 10.0)
    assert model.mean_handle_s == pytest.approx(60.0, rel=0.01)
    assert model.seen == 60


@pytest.mark.parametrize("nonsense_s", [-1.0, math.nan, math.inf])
def test_a_nonsense_duration_changes_nothing(nonsense_s: float) -> None:
    assert WaitModel().observe(nonsense_s) == WaitModel()


def test_a_forgotten_call_does_not_spoil_the_day() -> None:
    assert WaitModel().observe(10**9) == WaitModel().observe(MAX_HANDLE_S)


def test_nobody_serves_then_nothing_is_promised() -> None:
    assert WaitModel().expect(ahead=0, serving=0) is None


def test_a_free_agent_means_no_wait() -> None:
    assert WaitModel().expect(ahead=1, serving=3, ready=2) == (0.0, 0.0)
    interval = WaitModel().expect(ahead=2, serving=3, ready=2)
    assert interval is not None
    assert interval[0] > 0


@pytest.mark.parametrize(
    ("shape", "low", "high"), [(1, 0.1054, 2.3026), (2, 0.5318, 3.8897), (10, 6.2213, 14.2060)]
)
def test_percentiles_of_the_gamma_distribution(shape: int, low: float, high: float) -> None:
    """Exact figures from the chi-squared tables (2 × shape degrees of freedom, halved)."""
    interval = WaitModel(mean_handle_s=1.0).expect(ahead=shape - 1, serving=1)
    assert interval is not None
    assert interval[0] == pytest.approx(low, abs=0.01)
    assert interval[1] == pytest.approx(high, rel=0.011)


@pytest.mark.parametrize(("ahead", "serving"), [(0, 1), (0, 8), (3, 4), (20, 10)])
def test_the_interval_holds_four_of_five_waits(ahead: int, serving: int) -> None:
    """Simulated with exponential handle times; 80 % within 75 to 85 %."""
    chance = random.Random(4)
    interval = WaitModel(mean_handle_s=200.0).expect(ahead=ahead, serving=serving)
    assert interval is not None
    waits = [
        sum(chance.expovariate(serving / 200.0) for _ in range(ahead + 1)) for _ in range(4_000)
    ]
    held = sum(1 for wait_s in waits if interval[0] <= wait_s <= interval[1])
    assert 0.75 <= held / len(waits) <= 0.85


@pytest.mark.parametrize(
    ("low_s", "high_s", "minutes"),
    [
        (0, 0, 0),
        (10, 100, 0),
        (30, 90, 1),
        (40, 100, 2),
        (100, 200, 3),
        (300, 500, 8),
        (600, 700, 15),
        (10_000, 20_000, 60),
    ],
)
def test_minutes_are_rounded_for_speech(low_s: float, high_s: float, minutes: int) -> None:
    assert announced(low_s, high_s) == minutes
    assert minutes in (0, *SPOKEN_MINUTES)
