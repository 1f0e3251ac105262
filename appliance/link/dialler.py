"""When to dial a peer again: back-off with jitter. Pure: clock and chance are handed in."""

from random import Random

#: first and longest wait between attempts [s]: a hub that comes back has its fleet within 5 s
FIRST_WAIT_S = 0.1
LONGEST_WAIT_S = 2.0
#: an attempt that has not led to a Hello by then is given up [s]
ATTEMPT_S = 3.0


class Redial:
    """The attempts to reach one peer; *delay_s* is added where the other end goes first."""

    def __init__(self, now_s: float, chance: Random, *, delay_s: float = 0.0) -> None:
        self._chance = chance
        self._failures = 0
        self._delay_s = delay_s
        #: when the next attempt is due
        self.due_s = now_s + delay_s

    def failed(self, now_s: float) -> None:
        """Note that an attempt failed or a session ended."""
        wait_s = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2 ** min(self._failures, 10))
        self._failures += 1
        # from half to the whole: boxes that lost one hub do not come back in step
        self.due_s = now_s + self._delay_s + wait_s * self._chance.uniform(0.5, 1.0)

    def succeeded(self) -> None:
        """Note that the peer is up."""
        self._failures = 0
