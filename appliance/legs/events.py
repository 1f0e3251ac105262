"""Numbers the events of one epoch and passes them to the brain while one is attached."""

from collections.abc import Callable
from typing import Any

from appliance.base.clock import Clock
from appliance.wire.events import LegsRecord


class LegEvents:
    """One numbering for all that legs report; without a brain only the number moves on."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.seq = 0
        #: where events go; None while no brain is attached
        self.send: Callable[[LegsRecord], None] | None = None

    def emit(self, kind: Callable[..., LegsRecord], *fields: Any, **more: Any) -> int:
        """Give an event of *kind* the next number and send it; `seq` and `t` come first in it."""
        self.seq += 1
        if self.send is not None:
            self.send(kind(self.seq, self._clock.monotonic_s(), *fields, **more))
        return self.seq

    def now_s(self) -> float:
        """Return the monotonic time that events carry."""
        return self._clock.monotonic_s()
