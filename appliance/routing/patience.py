"""How long callers stay, estimated from a day on which most were served before they gave up. Pure.

Who gave up told their patience. Who was served told only that it is longer than they waited: a
censored wait. The estimator of Kaplan and Meier (JASA 53, 1958) takes both: S(t), the share that
is still there after the wait t, falls at each wait after which somebody gave up, by the share of
those who were still there then.

A visit that left unserved on that day has the patience it showed. Of any other it is certain that
it stayed for c; how much longer is drawn from S(t) / S(c). The draw is made from the contact's
name, so that a day comes out the same each time.

Beyond the longest wait after which somebody gave up nothing is known: who gets there stays.
"""

import hashlib
from bisect import bisect_left
from collections.abc import Iterable, Sequence

import msgspec

from appliance.routing.day import Visit

#: with fewer who gave up a queue has no curve of its own, and that of all queues is taken
OWN_CURVE_LEAST = 20


class Curve:
    """Who is still there after how long a wait."""

    def __init__(self, waits: Iterable[tuple[int, bool]]) -> None:
        """*waits*: how long [µs], and whether the caller gave up then."""
        #: waits after which somebody gave up [µs], and the share that is gone by then
        self.at_us: list[int] = []
        self.gone: list[float] = []
        self.given_up = 0
        ordered = sorted(waits)
        staying, share, i = len(ordered), 1.0, 0
        while i < len(ordered):
            at_us, j, lost = ordered[i][0], i, 0
            while j < len(ordered) and ordered[j][0] == at_us:
                lost += ordered[j][1]
                j += 1
            if lost:
                share *= 1 - lost / staying
                self.at_us.append(at_us)
                self.gone.append(1 - share)
                self.given_up += lost
            staying -= j - i
            i = j

    def staying(self, wait_us: int) -> float:
        """Return the share of callers who are still there after *wait_us*."""
        i = bisect_left(self.at_us, wait_us + 1)
        return 1 - self.gone[i - 1] if i else 1.0

    def draw(self, stayed_us: int, chance: float) -> int:
        """Return the patience [µs] of one who stayed so long; *chance* is in [0, 1); -1: for ever.

        It is longer than *stayed_us*.
        """
        staying = self.staying(stayed_us)
        i = bisect_left(self.gone, 1 - staying * (1 - chance))
        i = max(i, bisect_left(self.at_us, stayed_us + 1))
        return self.at_us[i] if i < len(self.at_us) else -1


def with_patience(visits: Sequence[Visit]) -> list[Visit]:
    """Return *visits*, each with a patience; -1 is left where nobody ever waited as long."""
    waits: dict[str, list[tuple[int, bool]]] = {}
    for visit in visits:
        if (wait := _wait(visit)) is not None:
            waits.setdefault(visit.stay.queue, []).append(wait)
    curves = {queue: Curve(own) for queue, own in waits.items()}
    of_all = Curve(wait for own in waits.values() for wait in own)
    found = []
    for visit in visits:
        curve = curves.get(visit.stay.queue, of_all)
        if curve.given_up < OWN_CURVE_LEAST:
            curve = of_all
        if visit.patience_us < 0 and curve.at_us:
            stayed_us = max(visit.waited_us, visit.let_go_us, 0)
            patience_us = curve.draw(stayed_us, _chance(visit.contact))
            visit = msgspec.structs.replace(visit, patience_us=patience_us)
        found.append(visit)
    return found


def _wait(visit: Visit) -> tuple[int, bool] | None:
    """Return how long a visit waited, and whether it gave up; None: it is not known."""
    if visit.seat:
        return visit.waited_us, False
    if visit.patience_us >= 0:
        return visit.patience_us, visit.parting == "abandoned"
    if visit.let_go_us >= 0:
        return visit.let_go_us, False
    return None


def _chance(contact: str) -> float:
    """Return a number in [0, 1) that belongs to this contact."""
    digest = hashlib.blake2b(contact.encode(), digest_size=8).digest()
    return int.from_bytes(digest) / 2**64
