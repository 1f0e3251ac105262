"""When to dial a peer again: back-off with jitter. Pure: clock and chance are handed in."""

from collections.abc import Sequence
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
#: a peer that could be dialled, but cannot be reached, is dialled through relays after this [s]
DETOUR_AFTER_S = 3.0
#: while it is reached through one, it is dialled directly this often [s]
DIRECT_AGAIN_S = 15.0
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

    def hasten(self) -> None:
        """Note that the peer is elsewhere by now: what was known of the way is not of this one."""
        self.due_s = -1e9
        self._limit_s = None

    def later(self, now_s: float) -> None:
        """Note that the peer is reached otherwise: there is no hurry."""
        self.due_s = max(self.due_s, now_s + DIRECT_AGAIN_S)


class Detour:
    """The attempts to reach one peer through relays: one after the other, then all over again."""

    def __init__(self, now_s: float, chance: Random) -> None:
        self._chance = chance
        #: since when the peer is away
        self._since_s = now_s
        self._due_s = now_s
        self._tried: set[str] = set()
        self._rounds = 0

    def due(self, now_s: float, wait_s: float) -> bool:
        """Tell whether it is time for an attempt; the first is made *wait_s* after the loss."""
        return now_s >= max(self._due_s, self._since_s + wait_s)

    def next(self, relays: Sequence[str], now_s: float) -> str:
        """Return the first of *relays* that was not tried yet; empty: not now."""
        for relay in relays:
            if relay not in self._tried:
                self._tried.add(relay)
                return relay
        if self._tried:
            self._tried.clear()
            wait_s = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2 ** min(self._rounds, 10))
            self._rounds += 1
            self._due_s = now_s + wait_s * self._chance.uniform(0.5, 1.0)
        return ""

    @property
    def limit_s(self) -> float:
        """Return how long an attempt may take: in one round of three, as long as by satellite."""
        return ATTEMPT_S if self._rounds % 3 == 2 else SHORT_ATTEMPT_S

    def lost(self, relay: str, now_s: float, delay_s: float = 0.0) -> None:
        """Note that the session through *relay* is over, or the direct one: go round it."""
        self._tried = {relay} if relay else set()
        self._rounds = 0
        self._since_s = -1e9 if relay else now_s
        self._due_s = now_s + delay_s
