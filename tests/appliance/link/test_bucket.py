"""How much may pass: a burst at once, and no more than the rate for as long as one likes."""

from hypothesis import given
from hypothesis import strategies as st

from appliance.link.bucket import Bucket


@given(st.lists(st.tuples(st.integers(0, 300), st.floats(-1, 2)), max_size=60))
def test_never_more_than_burst_and_rate(asked: list[tuple[int, float]]) -> None:
    bucket, now_s, latest_s, passed = Bucket(100, 250, 0.0), 0.0, 0.0, 0.0
    for amount, later_s in asked:
        now_s += later_s
        latest_s = max(latest_s, now_s)
        if bucket.take(amount, now_s):
            passed += amount
    gone_s = sum(max(0.0, later_s) for _, later_s in asked)
    assert passed <= 250 + 100 * gone_s + 1e-6


def test_who_was_long_idle_has_a_burst_and_no_more() -> None:
    bucket = Bucket(100, 250, 0.0)
    assert not bucket.take(251, 1000.0)
    assert bucket.take(250, 1000.0)
    assert not bucket.take(1, 1000.0)


def test_what_is_owed_is_waited_for() -> None:
    bucket = Bucket(100, 50, 0.0)
    assert bucket.owe(50, 0.0) == 0
    assert bucket.owe(100, 0.0) == 1
    assert bucket.owe(100, 1.0) == 1
    assert not bucket.take(1, 2.0)
    assert bucket.take(50, 2.5)
