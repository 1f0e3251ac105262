"""Numbers the events of one epoch and passes them to the brain while one is attached."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from appliance.base.clock import Clock
from appliance.wire.events import LegsRecord

#: closed files a brain that is away is told of later
MAX_UNTOLD = 1000


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


class LastingEvents:
    """Events that no snapshot can show: told to each brain until one has acknowledged them."""

    def __init__(self, events: LegEvents, kind: Callable[..., LegsRecord]) -> None:
        self._events = events
        self._kind = kind
        self._untold: OrderedDict[int, tuple[object, ...]] = OrderedDict()

    def tell(self, *fields: object) -> None:
        """Tell an event of this kind, and keep it."""
        self._untold[self._events.emit(self._kind, *fields)] = fields
        if len(self._untold) > MAX_UNTOLD:
            self._untold.popitem(last=False)

    def ack(self, seq: int) -> None:
        """Forget what the brain has written down."""
        while self._untold and next(iter(self._untold)) <= seq:
            self._untold.popitem(last=False)

    def tell_again(self) -> None:
        """Tell again, with new numbers, what has not been acknowledged."""
        untold, self._untold = self._untold, OrderedDict()
        for fields in untold.values():
            self.tell(*fields)
