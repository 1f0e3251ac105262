"""Clocks: the real ones go on, the held one only when told; stamps read as RFC 3339."""

import re
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.base.clock import HeldClock, SystemClock, rfc3339


def test_the_system_clock_never_goes_back() -> None:
    clock = SystemClock()
    times = [clock.monotonic_s() for _ in range(1000)]
    assert times == sorted(times)
    assert clock.wall_us() > 1_767_225_600_000_000, "microseconds, and after 2026 began"


def test_a_held_clock_moves_only_when_told() -> None:
    clock = HeldClock(monotonic_s=5.0, wall_us=1_000_000)
    assert (clock.monotonic_s(), clock.wall_us()) == (5.0, 1_000_000)
    clock.advance(1.25)
    assert (clock.monotonic_s(), clock.wall_us()) == (6.25, 2_250_000)


@pytest.mark.parametrize(
    ("wall_us", "text"),
    [
        (0, "1970-01-01T00:00:00.000000Z"),
        (7, "1970-01-01T00:00:00.000007Z"),
        (1_800_000_000_123_456, "2027-01-15T08:00:00.123456Z"),
    ],
)
def test_stamps(wall_us: int, text: str) -> None:
    assert rfc3339(wall_us) == text


@given(st.integers(0, 4_000_000_000_000_000))
def test_a_stamp_can_be_read_back_to_the_microsecond(wall_us: int) -> None:
    text = rfc3339(wall_us)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", text)
    read = datetime.fromisoformat(text)
    whole = int(read.replace(microsecond=0).timestamp()) * 1_000_000
    assert whole + read.microsecond == wall_us
