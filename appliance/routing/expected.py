"""The expected wait as an interval: what a caller is told, and what is scored afterwards.

Where N agents are busy and each talk lasts M on average, one of them comes free every M / N. The
contact with k ahead is served at the (k + 1)th of these moments, so its wait follows a gamma
distribution of shape k + 1 and scale M / N (exact for exponential handle times). The interval is
its 10th to 90th percentile, by the cube-root approximation of Wilson and Hilferty (PNAS 17, 1931).
"""

import math

import msgspec

#: handle time assumed before any talk was seen [s]
PRIOR_HANDLE_S = 180.0
#: weight of the newest talk; the mean follows a change within about 20 talks
EWMA_WEIGHT = 0.1
#: longest handle time that counts [s]: a forgotten call must not spoil a day's announcements
MAX_HANDLE_S = 7200.0
#: what may be said [min]: exact where it matters, coarse where nobody counts
SPOKEN_MINUTES = (1, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60)

#: 90th percentile of the normal distribution
Z_90 = 1.2815515655446004


class Outlook(msgspec.Struct, frozen=True):
    """What an expected wait is made of."""

    #: agents who must come free first; 0 or less: one is free now
    turns: int
    #: mean time between two of them [s]
    scale_s: float


class WaitModel(msgspec.Struct, frozen=True):
    """The mean handle time of one queue: talk and wrap-up, the newest counting most."""

    mean_handle_s: float = PRIOR_HANDLE_S
    #: talks seen
    seen: int = 0

    def observe(self, talk_s: float, wrap_up_s: float = 0.0) -> "WaitModel":
        """Return the model after one more finished talk; a nonsense duration changes nothing."""
        handle_s = talk_s + wrap_up_s
        if not 0 <= handle_s < math.inf:
            return self
        # the first talks count for more than EWMA_WEIGHT, so that the prior is soon forgotten
        weight = max(EWMA_WEIGHT, 1 / (self.seen + 2))
        mean_s = self.mean_handle_s + weight * (min(handle_s, MAX_HANDLE_S) - self.mean_handle_s)
        return WaitModel(mean_handle_s=mean_s, seen=self.seen + 1)

    def expect(self, *, ahead: int, serving: int, ready: int = 0) -> tuple[float, float] | None:
        """Return the wait as (low, high) [s] of 80 %, or None where nobody serves the queue.

        *ahead*: contacts served before this one. *serving*: agents logged in with the skills,
        *ready* of them free now.
        """
        outlook = self.outlook(ahead=ahead, serving=serving, ready=ready)
        if outlook is None:
            return None
        if outlook.turns <= 0:
            return (0.0, 0.0)
        turns, scale_s = outlook.turns, outlook.scale_s
        return (scale_s * gamma(turns, -Z_90), scale_s * gamma(turns, Z_90))

    def outlook(self, *, ahead: int, serving: int, ready: int = 0) -> Outlook | None:
        """Return what the wait is made of, or None where nobody serves the queue."""
        if serving <= 0:
            return None
        return Outlook(turns=ahead + 1 - ready, scale_s=self.mean_handle_s / serving)


def announced(low_s: float, high_s: float) -> int:
    """Return the minutes to say for an interval; 0: less than a minute.

    The middle is rounded up to what can be said: people forgive a shorter wait than announced.
    """
    middle_s = (low_s + high_s) / 2
    if middle_s < 60:
        return 0
    for minutes in SPOKEN_MINUTES:
        if middle_s <= minutes * 60:
            return minutes
    return SPOKEN_MINUTES[-1]


def gamma(shape: int, z: float) -> float:
    """Return the percentile of the gamma distribution (scale 1) at the normal score *z*."""
    ninth = 1 / (9 * shape)
    return shape * max(0.0, 1 - ninth + z * math.sqrt(ninth)) ** 3
