"""The expected wait made true: corrected by how the waits before it came out. Pure.

The model of `expected.py` takes all agents with the skills for this queue's alone, and callers for
served in turn. Where agents serve other queues too, or a higher class overtakes, waits are longer
and more scattered than it says. So each promise that has come true corrects the next ones:

- *pace*: the mean wait over the mean wait that was expected, over the last promises;
- *reach*: where the ends of the interval are, as normal scores of the corrected model. Each end
  moves out when a wait fell beyond it, and in when it did not, nine times as little: it comes to
  rest where one of ten waits is beyond (Robbins and Monro, Ann. Math. Stat. 22, 1951).
"""

import math

import msgspec

from appliance.routing.expected import Z_90, Outlook, gamma

#: weight of the newest promise in the pace; it follows a change within about 30 promises
PACE_WEIGHT = 0.04
#: step of an end of the interval when a wait fell beyond it, as a normal score
REACH_STEP = 0.2
#: how far the pace may go; beyond, the model is of another centre
PACE_MOST = 20.0
#: how far an end may go, as a normal score
_REACH_MOST = 6.0
#: share of waits beyond each end
_BEYOND = 0.1


class Calibration(msgspec.Struct, frozen=True):
    """What the promises of one queue taught so far."""

    #: moving means of what was expected and of what came, of the same promises [s]
    expected_s: float = 0.0
    came_s: float = 0.0
    #: ends of the interval, as normal scores
    low: float = -Z_90
    high: float = Z_90
    #: promises seen
    seen: int = 0

    @property
    def pace(self) -> float:
        """How much longer waits are than the model says."""
        if not self.expected_s or not self.came_s:
            return 1.0
        return min(max(self.came_s / self.expected_s, 1 / PACE_MOST), PACE_MOST)

    def interval(self, outlook: Outlook) -> tuple[float, float]:
        """Return the wait as (low, high) [s]."""
        if outlook.turns <= 0:
            return (0.0, 0.0)
        scale_s = outlook.scale_s * self.pace
        low_s = scale_s * gamma(outlook.turns, self.low)
        return (low_s, max(low_s, scale_s * gamma(outlook.turns, self.high)))

    def learn(self, outlook: Outlook, came_s: float, *, left: bool = False) -> "Calibration":
        """Return what is known after a promise has come true.

        *outlook* is what it was made of. *left*: the caller left after this wait; where that was
        before the end of the interval, it says nothing.
        """
        if outlook.turns <= 0 or not 0 <= came_s < math.inf:
            return self
        low_s, high_s = self.interval(outlook)
        if left and came_s <= high_s:
            return self
        mean_s = outlook.turns * outlook.scale_s
        # the first promises count for more, beside one that came true to the second
        weight = max(PACE_WEIGHT, 1 / (self.seen + 2))
        before = (self.expected_s, self.came_s) if self.seen else (mean_s, mean_s)
        pace_s = min(came_s, mean_s * PACE_MOST)
        return Calibration(
            expected_s=before[0] + weight * (mean_s - before[0]),
            came_s=before[1] + weight * (pace_s - before[1]),
            low=_moved(self.low, _BEYOND - (came_s < low_s)),
            high=_moved(self.high, (came_s > high_s) - _BEYOND),
            seen=self.seen + 1,
        )


def _moved(end: float, by: float) -> float:
    return min(max(end + REACH_STEP * by, -_REACH_MOST), _REACH_MOST)
