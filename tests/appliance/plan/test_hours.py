"""Opening hours: the wall clock counts, over midnight, on holidays, and when clocks change."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.base.errors import ConfigError
from appliance.plan.hours import Calendar, Holiday, Opening, Span, is_open, next_change

BERLIN = ZoneInfo("Europe/Berlin")
OFFICE = Calendar(
    name="office",
    time_zone="Europe/Berlin",
    week=(
        Opening(days=("mon", "tue", "wed", "thu", "fri"), start="09:00", end="12:30"),
        Opening(days=("mon", "tue", "wed", "thu"), start="13:00", end="18:00"),
        Opening(days=("fri",), start="22:00", end="02:00"),
    ),
    holidays=(
        Holiday(date="12-25"),
        Holiday(
            date="2026-12-24", title="Christmas Eve", open=(Span(start="10:00", end="13:00"),)
        ),
        Holiday(date="2027-12-25", open=(Span(start="00:00", end="24:00"),)),
    ),
)


def wall(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN)


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ("2026-11-23T08:59:59", False),  # a Monday
        ("2026-11-23T09:00:00", True),
        ("2026-11-23T12:29:59", True),
        ("2026-11-23T12:30:00", False),
        ("2026-11-23T17:59:59", True),
        ("2026-11-27T23:00:00", True),  # Friday night …
        ("2026-11-28T01:59:59", True),  # … until Saturday, two in the morning
        ("2026-11-28T02:00:00", False),
        ("2026-11-29T01:00:00", False),
        ("2026-12-24T09:30:00", False),
        ("2026-12-24T12:59:00", True),
        ("2026-12-24T13:30:00", False),
        ("2026-12-25T10:00:00", False),  # a Friday, closed each year
        ("2027-12-25T23:59:59", True),  # but for this one
        ("2027-12-26T00:00:00", False),
    ],
)
def test_the_clock_on_the_wall_counts(at: str, expected: bool) -> None:
    assert is_open(OFFICE, wall(at)) is expected
    assert is_open(OFFICE, wall(at).astimezone(UTC)) is expected


def test_summer_time_needs_no_rule() -> None:
    """09:00 on the wall is 08:00 UTC in winter and 07:00 in summer."""
    assert not is_open(OFFICE, datetime(2026, 3, 27, 7, 30, tzinfo=UTC))
    assert is_open(OFFICE, datetime(2026, 3, 30, 7, 30, tzinfo=UTC))


def night(start: str, end: str) -> Calendar:
    opening = Opening(days=("sat", "sun"), start=start, end=end)
    return Calendar(name="n", time_zone="Europe/Berlin", week=(opening,))


def minutes_open(calendar: Calendar, day: str) -> int:
    begin = wall(f"{day}T00:00:00").astimezone(UTC)
    end = wall(f"{day}T23:59:59").astimezone(UTC)
    return sum(
        is_open(calendar, begin + timedelta(minutes=minute))
        for minute in range(int((end - begin).total_seconds()) // 60 + 1)
    )


@pytest.mark.parametrize(
    ("day", "hours"), [("2026-03-28", 2), ("2026-03-29", 1), ("2026-10-25", 3)]
)
def test_an_hour_that_is_skipped_does_not_come_and_one_that_comes_twice_is_open_twice(
    day: str, hours: int
) -> None:
    assert minutes_open(night("01:00", "03:00"), day) == 60 * hours


def test_the_next_change() -> None:
    assert next_change(OFFICE, wall("2026-11-23T12:00:00")) == wall("2026-11-23T12:30:00")
    assert next_change(OFFICE, wall("2026-11-27T12:30:00")) == wall("2026-11-27T22:00:00")
    assert next_change(OFFICE, wall("2026-11-28T03:00:00")) == wall("2026-11-30T09:00:00")
    assert next_change(OFFICE, wall("2026-12-24T13:00:00")) == wall("2026-12-28T09:00:00")
    assert next_change(Calendar(name="never"), wall("2026-11-23T12:00:00")) is None
    always = Opening(
        days=("mon", "tue", "wed", "thu", "fri", "sat", "sun"), start="00:00", end="24:00"
    )
    assert (
        next_change(Calendar(name="always", week=(always,)), wall("2026-11-23T12:00:00")) is None
    )


@given(st.integers(0, 2 * 365 * 86_400))
def test_nothing_changes_before_the_next_change(seconds: int) -> None:
    at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    change = next_change(OFFICE, at)
    assert change is not None
    assert change > at
    assert is_open(OFFICE, change) != is_open(OFFICE, at)
    for part in range(1, 20):
        between = at + (change - at) * part / 20
        if between < change:
            assert is_open(OFFICE, between) == is_open(OFFICE, at)


def test_an_unknown_zone_is_told() -> None:
    for name in ("Europe/Atlantis", "", "/etc/passwd", "../../etc/passwd"):
        with pytest.raises(ConfigError, match="time zone"):
            is_open(msgspec.structs.replace(OFFICE, time_zone=name), wall("2026-11-23T09:00:00"))
