"""When callers were promised to be called back, and when that was."""

import pytest

from appliance.ledger.entry import Entry
from appliance.ledger.records import (
    CallBackMade,
    CallBackPromised,
    CallBackScored,
    ContactArrived,
    ContactConnected,
    ContactEnded,
    ContactLeft,
    ContactQueued,
    Fact,
)
from appliance.ledger.windows import Window, Windows, window_of
from tests.appliance.ledger.onecontact import entry


def promised(at_s: float, low_s: float = 60, high_s: float = 600, klass: str = "") -> Entry:
    fact = CallBackPromised(
        number="+493012345", queue="sales", low_s=low_s, high_s=high_s, klass=klass
    )
    return entry(at_s, fact)


def scored(at_s: float, after_s: float, reason: str = "") -> Entry:
    fact = CallBackScored(kept=not reason, after_s=after_s, low_s=60, high_s=600, reason=reason)
    return entry(at_s, fact)


LEFT = [
    entry(0, ContactArrived(arrival=1)),
    promised(10),
    entry(11, ContactLeft()),
    entry(11, ContactQueued(queue="sales", klass="gold")),
]


@pytest.mark.parametrize(
    ("after_s", "verdict", "off_ms"),
    [
        (59, "early", -1000),
        (60, "kept", 0),
        (300, "kept", 0),
        (600, "kept", 0),
        (612.5, "late", 12_500),
    ],
)
def test_the_first_call_scores_the_window(after_s: float, verdict: str, off_ms: int) -> None:
    # by the wall clock it came an hour later: the owner's own clock counts
    found = window_of([*LEFT, scored(3600, after_s), entry(3600, CallBackMade(number="1"))])
    assert found == Window(
        queue="sales",
        klass="gold",
        at_us=10_000_000,
        low_ms=60_000,
        high_ms=600_000,
        came_ms=round(after_s * 1000),
        verdict=verdict,  # type: ignore[arg-type]
    )
    assert found.off_ms == off_ms
    made = window_of([*LEFT, entry(10 + after_s, CallBackMade(number="1"))])
    assert made == found


@pytest.mark.parametrize(
    ("fact", "verdict"),
    [
        (ContactEnded(outcome="released", reason="cancelled"), "given-up"),
        (ContactEnded(outcome="released", reason="merged"), "moot"),
        (ContactConnected(seat="ann", owner="a"), "moot"),
    ],
)
def test_nobody_was_called(fact: Fact, verdict: str) -> None:
    found = window_of([*LEFT, entry(40, fact), scored(41, 31)])
    assert found is not None
    assert (found.verdict, found.came_ms, found.off_ms) == (verdict, 30_000, 0)


def test_given_up_by_the_box_s_own_word() -> None:
    found = window_of([*LEFT, scored(700, 690, "cancelled")])
    assert found is not None
    assert (found.verdict, found.came_ms) == ("given-up", 690_000)


def test_a_later_promise_takes_the_place_of_an_open_one() -> None:
    found = window_of([*LEFT, promised(500, 5, 50, "silver"), scored(530, 30)])
    assert found is not None
    assert (found.at_us, found.high_ms, found.klass) == (500_000_000, 50_000, "silver")
    assert found.verdict == "kept"
    kept = window_of([*LEFT, scored(400, 390), promised(500)])
    assert kept is not None
    assert (kept.at_us, kept.verdict) == (10_000_000, "kept")


def test_nothing_promised_and_nothing_known() -> None:
    assert window_of([entry(0, ContactArrived(arrival=1)), scored(5, 5)]) is None
    found = window_of(LEFT)
    assert found is not None
    assert found.verdict == "open"


@pytest.mark.parametrize("nonsense", [-1.0, float("nan"), float("inf"), 1e300])
def test_what_cannot_be_is_nought(nonsense: float) -> None:
    found = window_of([promised(10, nonsense, nonsense), scored(11, nonsense)])
    assert found is not None
    assert (found.low_ms, found.high_ms, found.came_ms, found.verdict) == (0, 0, 0, "kept")


def test_sums() -> None:
    windows = Windows(kept=6, given_up=1, moot=4, open=2)
    windows.add("late", 2, off_ms=8000, latest_ms=5000)
    windows.add("early", off_ms=-3000, latest_ms=-3000)
    assert (windows.promised, windows.known, windows.hit_rate) == (16, 10, 0.6)
    assert (windows.mean_late_ms, windows.latest_ms, windows.mean_early_ms) == (4000, 5000, 3000)
    other = Windows()
    other.add("late", off_ms=7000, latest_ms=7000)
    windows.merge(other)
    assert (windows.late, windows.mean_late_ms, windows.latest_ms) == (3, 5000, 7000)
    assert windows.plain()["given_up"] == 1
    assert windows.cells()[0] == "17"
    assert Windows(moot=3).hit_rate is None
