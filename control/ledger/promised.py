"""How the promises of a wait came out, by day and queue."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any, cast, get_args

import msgspec
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from appliance.ledger.promises import Promises, Verdict
from control.models.ledger import Contact

_VERDICTS = frozenset(get_args(Verdict))


class PromisesOfDay(msgspec.Struct, frozen=True):
    """The promises of one queue to callers who arrived on one day, UTC."""

    day: date
    queue: str
    promises: Promises


def by_day(session: Session, last: date, days: int, queue: str = "") -> list[PromisesOfDay]:
    """Return the promises of *days* days up to *last*, the newest day first, by queue."""
    found = []
    for back in range(days):
        day = last - timedelta(days=back)
        start = datetime(day.year, day.month, day.day, tzinfo=UTC)
        query = (
            select(Contact.promise_queue, Contact.promise, func.count())
            .where(Contact.promise != "")
            .where(Contact.arrived_at >= start, Contact.arrived_at < start + timedelta(days=1))
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
