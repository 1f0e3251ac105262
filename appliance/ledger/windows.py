"""When callers who left a number were promised a call, and when it came. Pure.

The window counts from the moment it was promised; the first call back scores it. A later promise
to the same caller, as to one who called in again, takes the place of one that is still open.

| word | what became of it |
|---|---|
| `kept` | the first call came within the window |
| `early` | before its low end |
| `late` | after its high end |
| `given-up` | the contact was over before anybody had called |
| `moot` | no call was due: they were served on the line, or are called for another contact |
| `open` | they wait still, or the end is not recorded yet |
"""

from collections.abc import Iterable
from typing import Any, Literal, get_args

import msgspec

from appliance.ledger.entry import Entry
from appliance.ledger.promises import span_ms
from appliance.ledger.records import (
    CallBackMade,
    CallBackPromised,
    CallBackScored,
    ContactConnected,
    ContactEnded,
    ContactQueued,
)

WindowVerdict = Literal["kept", "early", "late", "given-up", "moot", "open"]
#: columns of a table for people: `Windows.cells`
WINDOW_HEADS = (
    "promised",
    *get_args(WindowVerdict),
    "early by",
    "late by",
    "at most",
    "hit rate",
)
#: what bears on a window; all other entries need not be read
_KINDS = frozenset(
    fact.kind()
    for fact in (
        CallBackMade,
        CallBackPromised,
        CallBackScored,
        ContactConnected,
        ContactEnded,
        ContactQueued,
    )
)


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """When a caller was promised to be called, and when that was."""

    queue: str
    klass: str
    #: wall time when it was promised [µs]
    at_us: int
    low_ms: int
    high_ms: int
    #: from then to the first call, or to the end of the contact
    came_ms: int = 0
    verdict: WindowVerdict = "open"

    @property
    def off_ms(self) -> int:
        """By how much the call missed the window: below nought too early, above it too late."""
        if self.verdict == "early":
            return self.came_ms - self.low_ms
        return self.came_ms - self.high_ms if self.verdict == "late" else 0


class Windows(msgspec.Struct):
    """Windows of one queue, class and day, by what became of them."""

    kept: int = 0
    early: int = 0
    late: int = 0
    given_up: int = 0
    moot: int = 0
    open: int = 0
    #: by how much: all that were early together, all that were late, and the latest of them
    early_ms: int = 0
    late_ms: int = 0
    latest_ms: int = 0

    def add(
        self, verdict: WindowVerdict, count: int = 1, *, off_ms: int = 0, latest_ms: int = 0
    ) -> None:
        """Count *count* more, which were off by *off_ms* together, the latest by *latest_ms*."""
        name = verdict.replace("-", "_")
        setattr(self, name, getattr(self, name) + count)
        if verdict == "early":
            self.early_ms -= off_ms
        elif verdict == "late":
            self.late_ms += off_ms
            self.latest_ms = max(self.latest_ms, latest_ms)

    def count(self, verdict: WindowVerdict) -> int:
        """Return how many of them came out so."""
        found: int = getattr(self, verdict.replace("-", "_"))
        return found

    def merge(self, other: "Windows") -> None:
        """Count those of *other* too."""
        latest_ms = max(self.latest_ms, other.latest_ms)
        for name in self.__struct_fields__:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.latest_ms = latest_ms

    @property
    def promised(self) -> int:
        """All of them."""
        return self.known + self.moot + self.open

    @property
    def known(self) -> int:
        """Those of which it is known whether they came true; nobody called is not kept."""
        return self.kept + self.early + self.late + self.given_up

    @property
    def hit_rate(self) -> float | None:
        """Kept, of those of which it is known; None where nothing is."""
        return self.kept / self.known if self.known else None

    @property
    def mean_early_ms(self) -> int:
        """By how much the early ones came too early, in the mean."""
        return self.early_ms // self.early if self.early else 0

    @property
    def mean_late_ms(self) -> int:
        """By how much the late ones came too late, in the mean."""
        return self.late_ms // self.late if self.late else 0

    def plain(self) -> dict[str, Any]:
        """Return them as JSON can say them."""
        counts = {word: self.count(word) for word in get_args(WindowVerdict)}
        return {
            "promised": self.promised,
            **{word.replace("-", "_"): count for word, count in counts.items()},
            "mean_early_ms": self.mean_early_ms,
            "mean_late_ms": self.mean_late_ms,
            "latest_ms": self.latest_ms,
            "hit_rate": self.hit_rate,
        }

    def cells(self) -> tuple[str, ...]:
        """Return them for a table of people, below `WINDOW_HEADS`."""
        counts = (str(self.count(word)) for word in get_args(WindowVerdict))
        off_by = (self.mean_early_ms, self.mean_late_ms, self.latest_ms)
        times = (f"{off_ms / 1000:.0f} s" if off_ms else "–" for off_ms in off_by)
        rate = "–" if self.hit_rate is None else f"{self.hit_rate:.1%}"
        return (str(self.promised), *counts, *times, rate)


class WindowWatch:
    """Follows one contact's entries, in order, to what it was promised and what came true."""

    def __init__(self) -> None:
        self._klass = ""
        self.window: Window | None = None

    def take(self, entry: Entry) -> None:
        """Take one more entry."""
        if entry.kind not in _KINDS or (self.window and self.window.verdict != "open"):
            return
        fact = entry.fact()
        if isinstance(fact, CallBackPromised):
            self.window = Window(
                queue=fact.queue,
                klass=fact.klass or self._klass,
                at_us=entry.wall_us,
                low_ms=span_ms(fact.low_s),
                high_ms=span_ms(fact.high_s),
            )
        elif isinstance(fact, ContactQueued):
            self._klass = fact.klass
            if self.window is not None and not self.window.klass:
                self.window = msgspec.structs.replace(self.window, klass=fact.klass)
        elif self.window is not None:
            self.window = _became(self.window, entry, fact)


def window_of(entries: Iterable[Entry]) -> Window | None:
    """Return the window in one contact's *entries*, which are in order; None: none promised."""
    watch = WindowWatch()
    for entry in entries:
        watch.take(entry)
    return watch.window


def _became(window: Window, entry: Entry, fact: object) -> Window:
    came_ms = max(0, entry.wall_us - window.at_us) // 1000
    verdict: WindowVerdict
    if isinstance(fact, CallBackScored):
        # counted on the owner's own clock, and right also where a peer's differs
        came_ms = span_ms(fact.after_s)
        verdict = _in_time(window, came_ms) if not fact.reason else "given-up"
    elif isinstance(fact, CallBackMade):
        verdict = _in_time(window, came_ms)
    elif isinstance(fact, ContactEnded) and fact.reason != "merged":
        verdict = "given-up"
    else:
        verdict = "moot"
    return msgspec.structs.replace(window, came_ms=came_ms, verdict=verdict)


def _in_time(window: Window, came_ms: int) -> WindowVerdict:
    if came_ms < window.low_ms:
        return "early"
    return "late" if came_ms > window.high_ms else "kept"
