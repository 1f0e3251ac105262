"""How the promises of a wait, or of a call back, came out, by day and queue."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any, cast, get_args

import msgspec
from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from appliance.ledger.promises import Promises, Verdict
from appliance.ledger.windows import Windows, WindowVerdict
from control.models.ledger import Contact

_VERDICTS = frozenset(get_args(Verdict))
_WINDOW_VERDICTS = frozenset(get_args(WindowVerdict))


class PromisesOfDay(msgspec.Struct, frozen=True):
    """The promises of one queue to callers who arrived on one day, UTC."""

    day: date
    queue: str
    promises: Promises


class WindowsOfDay(msgspec.Struct, frozen=True):
    """The calls promised to callers of one queue and class who arrived on one day, UTC."""

    day: date
    queue: str
    klass: str
    windows: Windows


def by_day(session: Session, last: date, days: int, queue: str = "") -> list[PromisesOfDay]:
    """Return the promises of *days* days up to *last*, the newest day first, by queue."""
    found = []
    for back in range(days):
        day = last - timedelta(days=back)
        query = (
            select(Contact.promise_queue, Contact.promise, func.count())
            .where(Contact.promise != "", *_on(day))
            .group_by(Contact.promise_queue, Contact.promise)
        )
        if queue:
            query = query.where(Contact.promise_queue == queue)
        queues: dict[str, Promises] = {}
        for name, verdict, count in session.execute(query):
            if verdict in _VERDICTS:
                queues.setdefault(name, Promises()).add(cast(Verdict, verdict), count)
        found += [PromisesOfDay(day, name, queues[name]) for name in sorted(queues)]
    return found


def windows_by_day(session: Session, last: date, days: int, queue: str = "") -> list[WindowsOfDay]:
    """Return the windows of *days* days up to *last*, the newest day first, by queue and class."""
    found = []
    keys = (Contact.window_queue, Contact.window_klass, Contact.window)
    sums = (func.sum(Contact.window_off_ms), func.max(Contact.window_off_ms))
    for back in range(days):
        day = last - timedelta(days=back)
        query = (
            select(*keys, func.count(), *sums)
            .where(Contact.window != "", *_on(day))
            .group_by(*keys)
        )
        if queue:
            query = query.where(Contact.window_queue == queue)
        rows: dict[tuple[str, str], Windows] = {}
        for name, klass, verdict, count, off_ms, latest_ms in session.execute(query):
            if verdict in _WINDOW_VERDICTS:
                one = rows.setdefault((name, klass), Windows())
                word = cast(WindowVerdict, verdict)
                one.add(word, count, off_ms=int(off_ms), latest_ms=latest_ms)
        found += [WindowsOfDay(day, *key, rows[key]) for key in sorted(rows)]
    return found


def windows_total(rows: Iterable[WindowsOfDay]) -> Windows:
    """Return the sum."""
    found = Windows()
    for row in rows:
        found.merge(row.windows)
    return found


def _on(day: date) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """Return what contacts that arrived on *day*, UTC, fulfil."""
    start = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return (Contact.arrived_at >= start, Contact.arrived_at < start + timedelta(days=1))


def total(rows: Iterable[PromisesOfDay]) -> Promises:
    """Return the sum."""
    found = Promises()
    for row in rows:
        for verdict in get_args(Verdict):
            found.add(verdict, getattr(row.promises, verdict))
    return found


def plain(promises: Promises) -> dict[str, Any]:
    """Return promises as JSON can say them."""
    counts: dict[str, Any] = msgspec.to_builtins(promises)
    return {"told": promises.told, **counts, "hit_rate": promises.hit_rate}
