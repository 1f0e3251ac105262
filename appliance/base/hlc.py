"""Hybrid logical clock: 48 bits of milliseconds and a 16-bit counter in one integer.

A receiver clamps its own clock against stamps more than 500 ms ahead and says so; it never
alters a stamp it received (Kulkarni et al., "Logical Physical Clocks", 2014).
"""

from appliance.base.clock import Clock

#: how far ahead a received stamp may be before it is not followed [ms]
MAX_DRIFT_MS = 500
_COUNTER_BITS = 16


class HybridClock:
    """Mints stamps that grow, stay near wall time and follow what was received."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last = 0

    def now(self) -> int:
        """Return a stamp greater than every stamp minted or followed before."""
        wall = (self._clock.wall_us() // 1000) << _COUNTER_BITS
        self._last = max(wall, self._last + 1)
        return self._last

    def receive(self, stamp: int) -> bool:
        """Follow *stamp*; return False, and follow nothing, where it is too far ahead."""
        wall_ms = self._clock.wall_us() // 1000
        if stamp_ms(stamp) > wall_ms + MAX_DRIFT_MS:
            return False
        self._last = max(self._last, stamp)
        return True


def stamp_ms(stamp: int) -> int:
    """Return the wall part of *stamp* in milliseconds since 1970."""
    return stamp >> _COUNTER_BITS
