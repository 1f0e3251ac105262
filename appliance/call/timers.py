"""Named deadlines on the monotonic clock, one handle of the event loop for all of them."""

import heapq
from collections.abc import Callable
from typing import Protocol

from appliance.base.clock import Clock


class Cancellable(Protocol):
    """What scheduling a callback returns."""

    def cancel(self) -> None:
        """Do not call."""


class Timers:
    """Arm a deadline under a name; arming the same name again replaces it."""

    def __init__(
        self, clock: Clock, later: Callable[[float, Callable[[], None]], Cancellable]
    ) -> None:
        self._clock = clock
        self._later = later
        self._due: dict[str, tuple[float, Callable[[], None]]] = {}
        self._heap: list[tuple[float, str]] = []
        self._handle: Cancellable | None = None
        self._handle_due = 0.0

    def arm(self, name: str, due_s: float, action: Callable[[], None]) -> None:
        """Call *action* when the monotonic clock reaches *due_s*."""
        self._due[name] = (due_s, action)
        heapq.heappush(self._heap, (due_s, name))
        self._schedule()

    def cancel(self, name: str) -> None:
        """Forget the deadline called *name*, if there is one."""
        self._due.pop(name, None)

    def run(self) -> None:
        """Call what is due; also called by tests that hold the clock."""
        self._handle = None
        now = self._clock.monotonic_s()
        while self._heap and self._heap[0][0] <= now:
            due, name = heapq.heappop(self._heap)
            entry = self._due.get(name)
            if entry is None or entry[0] != due:
                continue
            del self._due[name]
            entry[1]()
        self._schedule()

    def _schedule(self) -> None:
        """Keep one handle armed, for the earliest deadline."""
        while self._heap:
            due, name = self._heap[0]
            entry = self._due.get(name)
            if entry is not None and entry[0] == due:
                break
            heapq.heappop(self._heap)
        if not self._heap:
            return
        due = self._heap[0][0]
        if self._handle is not None:
            if self._handle_due <= due:
                return
            self._handle.cancel()
        self._handle_due = due
        self._handle = self._later(max(0.0, due - self._clock.monotonic_s()), self.run)
