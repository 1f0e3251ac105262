"""What callers were told of their wait, and what came true."""

import pytest

from appliance.ledger.promises import Promise, Promises, promise_of
from appliance.ledger.records import (
    ContactArrived,
    ContactConnected,
    ContactEnded,
    ContactMoved,
    ContactQueued,
    WaitAnnounced,
)
from tests.appliance.ledger.onecontact import entry

JOINED = [entry(0, ContactArrived(arrival=1)), entry(5, ContactQueued(queue="sales"))]
TOLD = entry(6, WaitAnnounced(low_s=10, high_s=60))
TALK = ContactConnected(seat="ann", owner="a")


@pytest.mark.parametrize(
    ("at_s", "verdict"),
    [(15.9, "early"), (16, "kept"), (40, "kept"), (66, "kept"), (66.1, "late")],
)
def test_it_counts_from_the_moment_it_was_told(at_s: float, verdict: str) -> None:
    found = promise_of([*JOINED, TOLD, entry(at_s, TALK)])
    assert found is not None
    assert (found.queue, found.low_ms, found.high_ms) == ("sales", 10_000, 60_000)
    assert (found.verdict, found.came_ms) == (verdict, round((at_s - 6) * 1000))


@pytest.mark.parametrize(("at_s", "verdict"), [(8, "left"), (60, "left"), (90, "late")])
def test_who_leaves_after_its_end_was_told_wrong(at_s: float, verdict: str) -> None:
    found = promise_of([*JOINED, TOLD, entry(at_s, ContactEnded(outcome="abandoned"))])
    assert found is not None
    assert found.verdict == verdict


def test_the_first_one_counts_and_goes_with_the_caller_to_another_queue() -> None:
    moved = [
        entry(20, ContactMoved(to="on", by="overflow")),
        entry(20, ContactQueued(queue="other")),
        entry(30, WaitAnnounced(low_s=1, high_s=2)),
    ]
    found = promise_of([*JOINED, TOLD, *moved, entry(50, TALK)])
    assert found == Promise(
        queue="sales",
        at_us=6_000_000,
        low_ms=10_000,
        high_ms=60_000,
        came_ms=44_000,
        verdict="kept",
    )


def test_nothing_told_and_nothing_known() -> None:
    assert promise_of([*JOINED, entry(50, TALK)]) is None
    found = promise_of([*JOINED, TOLD])
    assert found is not None
    assert found.verdict == "open"


@pytest.mark.parametrize("nonsense", [-1.0, float("nan"), float("inf"), 1e300])
def test_an_interval_that_cannot_be_is_nought(nonsense: float) -> None:
    told = entry(6, WaitAnnounced(low_s=nonsense, high_s=nonsense))
    found = promise_of([*JOINED, told, entry(7, TALK)])
    assert found is not None
    assert (found.low_ms, found.high_ms, found.verdict) == (0, 0, "late")


def test_the_hit_rate_leaves_out_what_nobody_can_know() -> None:
    promises = Promises(kept=8, early=1, late=1, left=5, open=2)
    assert (promises.told, promises.known, promises.hit_rate) == (17, 10, 0.8)
    assert Promises(left=3).hit_rate is None
