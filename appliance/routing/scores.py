"""Service levels by queue and class, of a day as it was and as it would have been. Pure."""

from collections.abc import Iterable

import msgspec

from appliance.plan.model import Plan
from appliance.routing.day import Fate, Visit
from appliance.routing.planindex import PlanIndex

#: who waits this much longer is worse off [µs]
WORSE_US = 1_000_000


class Score(msgspec.Struct):
    """How the visits of one queue and class fared."""

    offered: int = 0
    served: int = 0
    abandoned: int = 0
    #: by a flow, or by us
    released: int = 0
    #: served within the queue's target
    in_time: int = 0
    #: of those who were served [µs]
    waited_us: int = 0
    longest_us: int = 0

    @property
    def service_level(self) -> float:
        """Served in time, of all offered; 1 where nobody came."""
        return self.in_time / self.offered if self.offered else 1.0

    @property
    def mean_wait_s(self) -> float:
        """Mean wait of those who were served [s]."""
        return self.waited_us / self.served / 1e6 if self.served else 0.0


class Loss(msgspec.Struct, frozen=True):
    """A visit that would be worse off."""

    contact: str
    queue: str
    klass: str
    was: Fate
    becomes: Fate

    @property
    def weight(self) -> tuple[bool, int]:
        """What it loses: an agent, or so many microseconds."""
        lost = self.was.outcome == "served" and self.becomes.outcome != "served"
        return (lost, self.becomes.waited_us - self.was.waited_us)


def scores(
    plan: Plan, visits: Iterable[Visit], fates: Iterable[Fate]
) -> dict[tuple[str, str], Score]:
    """Return the score of each (queue, class)."""
    index = PlanIndex(plan)
    found: dict[tuple[str, str], Score] = {}
    for visit, fate in zip(visits, fates, strict=True):
        key = (visit.stay.queue, index.klass(visit.stay.klass).name)
        score = found.setdefault(key, Score())
        score.offered += 1
        score.longest_us = max(score.longest_us, fate.waited_us)
        if fate.outcome == "served":
            score.served += 1
            score.waited_us += fate.waited_us
            target_ms = index.target_ms(visit.stay.queue, visit.stay.klass)
            score.in_time += fate.waited_us <= 1000 * target_ms
        elif fate.outcome == "abandoned":
            score.abandoned += 1
        elif fate.outcome == "released":
            score.released += 1
    return dict(sorted(found.items()))


def worse_off(visits: Iterable[Visit], was: Iterable[Fate], becomes: Iterable[Fate]) -> list[Loss]:
    """Return the visits that lose, the greatest loss first."""
    losses = [
        Loss(visit.contact, visit.stay.queue, visit.stay.klass, before, after)
        for visit, before, after in zip(visits, was, becomes, strict=True)
        if before.outcome not in ("open", "failed")  # what became of it is not its plan's doing
    ]
    losing = [loss for loss in losses if loss.weight > (False, WORSE_US)]
    return sorted(losing, key=lambda loss: (loss.weight, loss.contact), reverse=True)


def same_share(was: Iterable[Fate], becomes: Iterable[Fate]) -> float:
    """Return how many of the served met the same agent again, 0 to 1."""
    pairs = [(a, b) for a, b in zip(was, becomes, strict=True) if a.outcome == "served"]
    return sum(a.seat == b.seat for a, b in pairs) / len(pairs) if pairs else 1.0
