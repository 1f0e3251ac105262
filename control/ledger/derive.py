"""From a contact's entries, whichever boxes wrote them, to its one row. Pure."""

import heapq
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from appliance.ledger.books import recount
from appliance.ledger.entry import Entry
from appliance.ledger.promises import promise_of
from appliance.ledger.records import (
    ContactArrived,
    ContactConnected,
    ContactEnded,
    ContactQueued,
    SeatOffered,
)
from appliance.ledger.windows import window_of

#: what a 64-bit column takes
_MOST = (1 << 63) - 1


def in_order(entries: Iterable[Entry]) -> Iterator[Entry]:
    """Yield entries of several boxes as they happened, as far as that can be known.

    Each box's stay in their order: a clock that was set back does not turn them round.
    """
    boxes: dict[str, dict[str, list[Entry]]] = defaultdict(lambda: defaultdict(list))
    for entry in entries:
        boxes[entry.appliance][entry.chain].append(entry)
    ways = [_one_box(chains.values()) for _, chains in sorted(boxes.items())]
    for _, entry in heapq.merge(*ways, key=lambda step: step[0]):
        yield entry


def _one_box(chains: Iterable[list[Entry]]) -> Iterator[tuple[int, Entry]]:
    """Yield a box's entries in their order, each with a time that never goes back."""
    at = 0
    for chain in sorted(chains, key=lambda found: min(one.wall_us for one in found)):
        for entry in sorted(chain, key=lambda one: one.number):
            at = max(at, entry.wall_us)
            yield at, entry


def contact_row(
    contact: str, entries: Sequence[Entry], sites: Mapping[str, str]
) -> dict[str, Any]:
    """Return the columns of the contact's row; *sites* tells where each box stands."""
    steps = list(in_order(entries))
    row = _blank(contact, steps, sites)
    arrived = False
    for entry in steps:
        fact = entry.fact()
        if isinstance(fact, ContactArrived) and not arrived:
            arrived = True
            _arrive(row, entry, fact, sites)
        elif isinstance(fact, ContactQueued):
            row["queue"], row["klass"] = _text(fact.queue, 63), _text(fact.klass, 63)
            row["queued"] += 1
        elif isinstance(fact, SeatOffered):
            row["offers"] += 1
        elif isinstance(fact, ContactConnected):
            row["agent"] = _text(fact.seat, 63)
            row["agent_box"] = _text(fact.owner, 63)
        elif isinstance(fact, ContactEnded) and row["ended_at"] is None:
            row["ended_at"] = _moment(entry)
            row["outcome"], row["reason"] = fact.outcome, _text(fact.reason, 64)
            row["waited_ms"], row["talked_ms"] = _whole(fact.waited_ms), _whole(fact.talked_ms)
    row |= _promised(steps) | _window(steps)
    wrong = recount(steps).imbalances
    row["fault"] = wrong[0].fault if wrong else ""
    return row


def _blank(contact: str, steps: Sequence[Entry], sites: Mapping[str, str]) -> dict[str, Any]:
    """Return the row of a contact of which nothing is known but that it was named."""
    first = steps[0]
    texts = ("channel", "via", "caller", "called", "queue", "klass", "agent", "agent_box")
    return {
        "contact": contact,
        "appliance": first.appliance,
        "site": sites.get(first.appliance, ""),
        "boxes": " ".join(sorted({entry.appliance for entry in steps})),
        **dict.fromkeys(texts, ""),
        "private": False,
        "arrival": 0,
        "arrived_at": _moment(first),
        "ended_at": None,
        "queued": 0,
        "offers": 0,
        "waited_ms": 0,
        "talked_ms": 0,
        "outcome": "open",
        "reason": "",
    }


def _arrive(
    row: dict[str, Any], entry: Entry, fact: ContactArrived, sites: Mapping[str, str]
) -> None:
    """Take where and when the contact came in."""
    row["appliance"], row["site"] = entry.appliance, sites.get(entry.appliance, "")
    row["arrived_at"], row["arrival"] = _moment(entry), _whole(fact.arrival)
    row["channel"], row["via"] = _text(fact.channel, 32), _text(fact.via, 120)
    row["caller"], row["called"] = _text(fact.caller, 120), _text(fact.called, 120)
    row["private"] = fact.private


def _promised(steps: Sequence[Entry]) -> dict[str, Any]:
    """Return what the caller was told of the wait, and what came true."""
    found = promise_of(steps)
    return {
        "promise": found.verdict if found else "",
        "promise_queue": _text(found.queue, 63) if found else "",
        "promise_low_ms": found.low_ms if found else 0,
        "promise_high_ms": found.high_ms if found else 0,
        "promise_came_ms": found.came_ms if found else 0,
    }


def _window(steps: Sequence[Entry]) -> dict[str, Any]:
    """Return when the caller was promised to be called back, and when that was."""
    found = window_of(steps)
    return {
        "window": found.verdict if found else "",
        "window_queue": _text(found.queue, 63) if found else "",
        "window_klass": _text(found.klass, 63) if found else "",
        "window_low_ms": found.low_ms if found else 0,
        "window_high_ms": found.high_ms if found else 0,
        "window_came_ms": min(found.came_ms, _MOST) if found else 0,
        "window_off_ms": min(found.off_ms, _MOST) if found else 0,
    }


def _moment(entry: Entry) -> datetime:
    return datetime.fromtimestamp(entry.wall_us / 1e6, UTC)


def _whole(value: int) -> int:
    """Return a number as a column takes it."""
    return max(0, min(value, _MOST))


def _text(value: str, longest: int) -> str:
    """Return a text as a column takes it: PostgreSQL's knows no NUL, and no half characters."""
    return "".join(c if c.isprintable() else "\ufffd" for c in value)[:longest]
