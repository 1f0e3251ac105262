"""How far the peers' clocks are off ours, by the stamps that their beats carry. Pure.

Which of two clocks is wrong nobody can tell from two; so nothing is set by this. Places of such a
peer are compared as if its clock went like ours, and people are told.
"""

from collections.abc import Callable

from appliance.base.clock import Clock
from appliance.base.hlc import MAX_DRIFT_MS, HybridClock, stamp_ms

#: a peer's clock counts as right again only below this [ms], so that one at the limit stays put
CALM_MS = 400
#: measures that differ less are one: half a round trip that is not the same both ways [ms]
NOISE_MS = 100


class ClockWatch:
    """Measures the peers' clocks; *on_change*: peer, how far it is ahead [ms], 0 where right."""

    def __init__(
        self, clock: Clock, hlc: HybridClock, on_change: Callable[[str, int], None]
    ) -> None:
        self._clock = clock
        self._hlc = hlc
        self._on_change = on_change
        #: peers whose clock is off, and how far it is ahead [ms]
        self.off_ms: dict[str, int] = {}

    def take(self, peer: str, stamp: int, delay_ms: int) -> None:
        """Take what *peer*'s clock showed when it sent, half a round trip of *delay_ms* ago.

        Our own clock follows, but never more than `MAX_DRIFT_MS`.
        """
        if stamp <= 0:  # an older version says nothing
            return
        self._hlc.receive(stamp)
        ahead_ms = stamp_ms(stamp) + delay_ms // 2 - self._clock.wall_us() // 1000
        known_ms = self.off_ms.get(peer, 0)
        if abs(ahead_ms) <= (CALM_MS if known_ms else MAX_DRIFT_MS):
            ahead_ms = 0
        elif known_ms and abs(ahead_ms - known_ms) <= NOISE_MS:
            return
        if ahead_ms == known_ms:
            return
        if ahead_ms:
            self.off_ms[peer] = ahead_ms
        else:
            del self.off_ms[peer]
        self._on_change(peer, ahead_ms)
