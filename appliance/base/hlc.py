"""Hybrid logical clock: 48 bits of milliseconds and a 16-bit counter in one integer.

A receiver clamps its own clock against stamps more than 500 ms ahead and says so; it never
alters a stamp it received (Kulkarni et al., "Logical Physical Clocks", 2014).
"""

from appliance.base.clock import Clock

#: how far ahead a received stamp may be before it is not followed, and how far wall and monotonic
#: clock may drift apart before the wall clock counts as set [ms]
MAX_DRIFT_MS = 500
_COUNTER_BITS = 16


class HybridClock:
    """Mints stamps that grow, stay near wall time and follow what was received.

    When the wall clock is set, the stamps go with it. Whoever keeps stamps of before tells by
    `era_ms` how far they are off now.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last = 0
        self._era_ms = self._measure()[1]

    @property
    def era_ms(self) -> int:
        """Wall time less monotonic time; another one after the wall clock was set."""
        self._look()
        return self._era_ms

    def now(self) -> int:
        """Return a stamp greater than every stamp minted or followed before."""
        self._last = max(self._look(), self._last + 1)
        return self._last

    def read(self) -> int:
        """Return what the clock shows, without minting."""
        return max(self._look(), self._last)

    def receive(self, stamp: int) -> bool:
        """Follow *stamp*; return False, and follow nothing, where it is too far ahead."""
        if stamp_ms(stamp) > stamp_ms(self._look()) + MAX_DRIFT_MS:
            return False
        self._last = max(self._last, stamp)
        return True

    def _look(self) -> int:
        """Return wall time as a stamp; go with the wall clock where it was set."""
        wall_ms, era_ms = self._measure()
        set_by_ms = era_ms - self._era_ms
        if abs(set_by_ms) > MAX_DRIFT_MS:
            self._last = moved(self._last, set_by_ms)
            self._era_ms = era_ms
        return wall_ms << _COUNTER_BITS

    def _measure(self) -> tuple[int, int]:
        wall_ms = self._clock.wall_us() // 1000
        return wall_ms, wall_ms - round(self._clock.monotonic_s() * 1000)


def stamp_ms(stamp: int) -> int:
    """Return the wall part of *stamp* in milliseconds since 1970."""
    return stamp >> _COUNTER_BITS


def moved(stamp: int, by_ms: int) -> int:
    """Return *stamp* as a clock would have minted it that is ahead by *by_ms*."""
    return stamp + (by_ms << _COUNTER_BITS)
