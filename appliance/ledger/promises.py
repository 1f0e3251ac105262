"""What callers were told of their wait, and what came true. Pure.

Callers hear an interval when they join, and again while they wait. The first one is scored: it is
what they decided upon. It counts from the moment it was told.

| word | what became of it |
|---|---|
| `kept` | an agent talked with them within the interval |
| `early` | sooner than its low end |
| `late` | after its high end, or they still waited then and left |
| `left` | they left before its high end: nobody can know |
| `open` | they wait still, or the end is not recorded yet |
"""

from collections.abc import Iterable
from typing import Literal

import msgspec

from appliance.ledger.entry import Entry
from appliance.ledger.records import (
    ContactConnected,
    ContactEnded,
    ContactQueued,
    WaitAnnounced,
)

Verdict = Literal["kept", "early", "late", "left", "open"]
#: share of promises that are to be kept: the interval is the 10th to 90th percentile
NOMINAL = 0.8
#: longest interval that is taken for one [s]: a week; what is beyond is nonsense
_MOST_S = 7 * 86_400.0


class Promise(msgspec.Struct, frozen=True, kw_only=True):
    """The first interval that a caller was told, and what came true."""

    #: queue they waited in then
    queue: str
    #: wall time when it was told [µs]
    at_us: int
    low_ms: int
    high_ms: int
    #: from then to the talk, or to the end of the wait
    came_ms: int = 0
    verdict: Verdict = "open"


class Promises(msgspec.Struct):
    """Promises of one queue and day, by what became of them."""

    kept: int = 0
    early: int = 0
    late: int = 0
    left: int = 0
    open: int = 0

    def add(self, verdict: Verdict, count: int = 1) -> None:
        """Count *count* more."""
        setattr(self, verdict, getattr(self, verdict) + count)

    @property
    def told(self) -> int:
        """All of them."""
        return self.known + self.left + self.open

    @property
    def known(self) -> int:
        """Those of which it is known whether they came true."""
        return self.kept + self.early + self.late

    @property
    def hit_rate(self) -> float | None:
        """Kept, of those of which it is known; None where nothing is."""
        return self.kept / self.known if self.known else None


class PromiseWatch:
    """Follows one contact's entries, in order, to its first promise and what came true."""

    def __init__(self) -> None:
        self._queue = ""
        self.promise: Promise | None = None

    def take(self, entry: Entry) -> None:
        """Take one more entry."""
        if self.promise is not None and self.promise.verdict != "open":
            return
        fact = entry.fact()
        if self.promise is None:
            if isinstance(fact, ContactQueued):
                self._queue = fact.queue
            elif isinstance(fact, WaitAnnounced):
                low_ms, high_ms = span_ms(fact.low_s), span_ms(fact.high_s)
                self.promise = Promise(
                    queue=self._queue, at_us=entry.wall_us, low_ms=low_ms, high_ms=high_ms
                )
        elif isinstance(fact, ContactConnected):
            self.promise = _came_true(self.promise, entry)
        elif isinstance(fact, ContactEnded):
            self.promise = _left(self.promise, entry)


def promise_of(entries: Iterable[Entry]) -> Promise | None:
    """Return the first promise in one contact's *entries*, which are in order; None: none."""
    watch = PromiseWatch()
    for entry in entries:
        watch.take(entry)
    return watch.promise


def _came_true(promise: Promise, entry: Entry) -> Promise:
    came_ms = _since(promise, entry)
    verdict: Verdict = "kept"
    if came_ms < promise.low_ms:
        verdict = "early"
    elif came_ms > promise.high_ms:
        verdict = "late"
    return msgspec.structs.replace(promise, came_ms=came_ms, verdict=verdict)


def _left(promise: Promise, entry: Entry) -> Promise:
    came_ms = _since(promise, entry)
    verdict: Verdict = "late" if came_ms > promise.high_ms else "left"
    return msgspec.structs.replace(promise, came_ms=came_ms, verdict=verdict)


def _since(promise: Promise, entry: Entry) -> int:
    return max(0, entry.wall_us - promise.at_us) // 1000


def span_ms(seconds: float) -> int:
    """Return a duration that a box told as whole milliseconds; it may have sent anything."""
    return round(seconds * 1000) if 0 <= seconds <= _MOST_S else 0
