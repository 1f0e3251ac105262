"""When to dial a peer again: back-off with jitter. Pure: clock and chance are handed in."""

from random import Random

#: first and longest time from one attempt to the next [s]: whoever comes back is reached by all
#: within 2 s
FIRST_WAIT_S = 0.1
LONGEST_WAIT_S = 1.0
#: an attempt that has not led to a Hello by then is given up [s]: opening a session takes some six
#: round trips (TCP, ZMTP, CURVE, Hello), 3 s by satellite
ATTEMPT_S = 3.0
#: the least that it is given, and what it gets in most cases [s]: what was lost in a cut is not
#: waited for
SHORT_ATTEMPT_S = 1.0
_ROUND_TRIPS = 6


class Redial:
    """The attempts to reach one peer; *delay_s* is added where the other end goes first."""

    def __init__(self, now_s: float, chance: Random, *, delay_s: float = 0.0) -> None:
        self._chance = chance
        self._failures = 0
        self._delay_s = delay_s
        #: when the next attempt is due
        self.due_s = now_s + delay_s
        #: round trip when the peer was up last [s]; None: it never was
        self._round_trip_s: float | None = None

    def attempt_s(self) -> float:
        """Return how long an attempt may take; one in three of the unknown is far away."""
        if self._round_trip_s is not None:
            return min(ATTEMPT_S, max(SHORT_ATTEMPT_S, _ROUND_TRIPS * self._round_trip_s))
        return ATTEMPT_S if self._failures % 3 == 2 else SHORT_ATTEMPT_S

    def failed(self, now_s: float, began_s: float | None = None) -> None:
        """Note that a session ended, or an attempt that *began_s* failed."""
        wait_s = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2 ** min(self._failures, 10))
        self._failures += 1
        # from half to the whole: boxes that lost one hub do not come back in step
        wait_s = self._delay_s + wait_s * self._chance.uniform(0.5, 1.0)
        self.due_s = max(now_s, (now_s if began_s is None else began_s) + wait_s)

    def succeeded(self) -> None:
        """Note that the peer is up."""
        self._failures = 0

    def measured(self, round_trip_s: float) -> None:
        """Note how far away the peer is."""
        self._round_trip_s = round_trip_s
