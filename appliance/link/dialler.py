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
#: attempts at once, where nobody knows how far away the peer is: a long one, and short ones beside
MOST_ATTEMPTS = 2
#: an attempt gets this much more time than the last good one took
_MORE = 2


class Redial:
    """The attempts to reach one peer; *delay_s* is added where the other end goes first."""

    def __init__(self, now_s: float, chance: Random, *, delay_s: float = 0.0) -> None:
        self._chance = chance
        self._failures = 0
        #: attempts since the peer was up last
        self._attempts = 0
        self._delay_s = delay_s
        #: when the next attempt is due
        self.due_s = now_s + delay_s
        #: what an attempt gets since one has led to a session [s]; None: none has
        self._limit_s: float | None = None

    def begin(self) -> float:
        """Begin an attempt; return how long it may take: one in three of the unknown is far."""
        self._attempts += 1
        if self._limit_s is not None:
            return self._limit_s
        return ATTEMPT_S if self._attempts % 3 == 0 else SHORT_ATTEMPT_S

    def beside(self, opened_s: list[float], now_s: float) -> bool:
        """Tell whether an attempt may begin beside those under way since *opened_s*.

        A cut that has healed must not be waited out by a long attempt made in vain. Where the
        distance is known there is one attempt at a time: two by a long way would only meet.
        """
        if self._limit_s is not None or len(opened_s) >= MOST_ATTEMPTS:
            return not opened_s
        return all(now_s - began_s >= SHORT_ATTEMPT_S for began_s in opened_s)

    def failed(self, now_s: float, began_s: float | None = None) -> None:
        """Note that a session ended, or an attempt that *began_s* failed."""
        wait_s = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2 ** min(self._failures, 10))
        self._failures += 1
        # from half to the whole: boxes that lost one hub do not come back in step
        wait_s = self._delay_s + wait_s * self._chance.uniform(0.5, 1.0)
        self.due_s = max(now_s, (now_s if began_s is None else began_s) + wait_s)

    def succeeded(self, took_s: float | None = None) -> None:
        """Note that the peer is up, and how long an attempt of ours took for it."""
        self._failures = self._attempts = 0
        if took_s is not None:
            self._limit_s = min(ATTEMPT_S, max(SHORT_ATTEMPT_S, _MORE * took_s))
