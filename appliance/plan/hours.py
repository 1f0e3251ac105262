"""Opening hours: a week, its exceptions, and the branch's own time zone. Pure.

What counts is what the clock on the branch's wall shows, so summer time needs no rule of its own:
an hour that the clocks skip does not come, one that comes twice is open twice.
"""

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from appliance.base.errors import ConfigError
from appliance.plan.parts import Part, Slug, Title

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
#: on the wall, `24:00` is the end of the day
Wall = Annotated[str, msgspec.Meta(pattern=r"^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$(?!\n)")]
Day = Annotated[str, msgspec.Meta(pattern=r"^([0-9]{4}-)?[0-9]{2}-[0-9]{2}$(?!\n)")]

WEEKDAYS: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
#: how far `next_change` looks ahead [days]
MAX_AHEAD_DAYS = 400

_MINUTES_A_DAY = 24 * 60


class Span(Part, frozen=True, kw_only=True):
    """Open from *start* to before *end*; over midnight where *end* is not later."""

    start: Wall
    end: Wall


class Opening(Span, frozen=True, kw_only=True):
    """A span on some days of the week; over midnight it belongs to the day it begins on."""

    days: Annotated[tuple[Weekday, ...], msgspec.Meta(min_length=1)]


class Holiday(Part, frozen=True, kw_only=True):
    """A day on which the week does not count: closed, or open at other times."""

    #: `2026-12-24`, or `12-25` for each year
    date: Day
    title: Title = ""
    open: tuple[Span, ...] = ()


class Calendar(Part, frozen=True, kw_only=True):
    """When a number, a queue or a step of a flow is open."""

    name: Slug
    title: Title = ""
    #: as in the IANA data base: `Europe/Berlin`
    time_zone: Annotated[str, msgspec.Meta(max_length=64)] = "UTC"
    week: tuple[Opening, ...] = ()
    holidays: tuple[Holiday, ...] = ()


def zone(name: str) -> ZoneInfo:
    """Return the time zone called *name*; raise ConfigError `bad-plan`."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ConfigError("bad-plan", f"there is no time zone {name!r}") from error


def is_date(text: str) -> bool:
    """Tell whether the date of a holiday exists; 02-29 does, in some years."""
    try:
        date.fromisoformat(text if len(text) > len("12-25") else f"2024-{text}")
    except ValueError:
        return False
    return True


def is_open(calendar: Calendar, at: datetime) -> bool:
    """Tell whether *calendar* is open at *at*, which names its time zone."""
    wall = at.astimezone(zone(calendar.time_zone))
    minute = wall.hour * 60 + wall.minute
    today, yesterday = wall.date(), wall.date() - timedelta(days=1)
    return any(start <= minute < end for start, end in _spans(calendar, today)) or any(
        minute < end - _MINUTES_A_DAY for _, end in _spans(calendar, yesterday)
    )


def next_change(calendar: Calendar, at: datetime) -> datetime | None:
    """Return when *calendar* opens or closes next, after *at*; None where it never does."""
    now = is_open(calendar, at)
    wall = at.astimezone(zone(calendar.time_zone))
    for ahead in range(MAX_AHEAD_DAYS):
        for moment in _edges(calendar, wall.date() + timedelta(days=ahead)):
            if moment > at and is_open(calendar, moment) != now:
                return moment
    return None


def _edges(calendar: Calendar, day: date) -> list[datetime]:
    """Return the moments of *day* at which something may change, in order."""
    minutes = {0}
    minutes |= {minute for span in _spans(calendar, day) for minute in span}
    minutes |= {end - _MINUTES_A_DAY for _, end in _spans(calendar, day - timedelta(days=1))}
    where = zone(calendar.time_zone)
    moments = set()
    for minute in minutes:
        if 0 <= minute < _MINUTES_A_DAY:
            naive = datetime.combine(day, time(minute // 60, minute % 60))
            # an hour that comes twice has two of each edge
            moments |= {naive.replace(tzinfo=where, fold=fold).astimezone(UTC) for fold in (0, 1)}
    return sorted(moments)


@lru_cache(maxsize=4096)
def _spans(calendar: Calendar, day: date) -> tuple[tuple[int, int], ...]:
    """Return the spans that begin on *day* as minutes from its midnight."""
    holiday = _holiday(calendar, day)
    if holiday is not None:
        return tuple(_minutes(span) for span in holiday.open)
    weekday = WEEKDAYS[day.weekday()]
    return tuple(_minutes(span) for span in calendar.week if weekday in span.days)


def _holiday(calendar: Calendar, day: date) -> Holiday | None:
    """Return the holiday on *day*; one with its year counts before one of each year."""
    exact, yearly = day.isoformat(), day.isoformat()[5:]
    for wanted in (exact, yearly):
        for holiday in calendar.holidays:
            if holiday.date == wanted:
                return holiday
    return None


def _minutes(span: Span) -> tuple[int, int]:
    start, end = (int(wall[:2]) * 60 + int(wall[3:]) for wall in (span.start, span.end))
    return (start, end if end > start else end + _MINUTES_A_DAY)
