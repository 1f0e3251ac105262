"""What a contact asks of a seat, and how that changes while it waits. Pure.

A *need* is channel, required and preferred skills, order of preference, and whether reserve agents
count. A queue's contacts pass through *stages*: each begins after a time waited and has a need and
a radius (own branch, region, everywhere). Stages only ever ask for less or look farther.
"""

from collections.abc import Iterable, Mapping
from typing import Literal

import msgspec

from appliance.plan.model import Agent, Channel, Criterion, Queue

#: `given`: the site that the contact was given to, if any
Radius = Literal["site", "region", "all", "given"]
#: (skill, lowest level) in order of the skill's name
Levels = tuple[tuple[str, int], ...]


class Need:
    """What a contact asks of a seat. Equal ones are one object within a plan."""

    __slots__ = ("channel", "near_at", "order", "preferred", "required", "reserve")

    def __init__(
        self,
        channel: Channel,
        required: Levels,
        preferred: Levels,
        order: tuple[Criterion, ...],
        *,
        reserve: bool,
    ) -> None:
        self.channel = channel
        self.required = required
        self.preferred = preferred
        #: criteria but `near`; ends with `idle`, so that it is never left to the name
        self.order = tuple(c for c in (*order, "idle") if c != "near")
        self.order = tuple(dict.fromkeys(self.order))
        #: how many of them come before being near; -1: it does not count
        self.near_at = _parts_before_near(order)
        self.reserve = reserve

    def levels(self, skills: Mapping[str, int]) -> int | None:
        """Return the levels that count, added up; None where one is too low."""
        total = 0
        for skill, lowest in self.required:
            level = skills.get(skill, 0)
            if level < lowest:
                return None
            total += level
        for skill, lowest in self.preferred:
            level = skills.get(skill, 0)
            if level >= lowest:
                total += level
        return total


class Stage(msgspec.Struct, frozen=True):
    """From when on a contact has this need, and how far away it may be met."""

    #: [ms of waiting]
    after_ms: int
    need: Need
    radius: Radius


class NeedBook:
    """The stages of a plan's queues, made when first asked for."""

    #: stages kept of contacts that bring skills of their own
    MAX_OWN = 4096

    def __init__(self, queues: Iterable[Queue], agents: Iterable[Agent]) -> None:
        self._queues = {queue.name: queue for queue in queues}
        self._reserves = any(agent.reserve for agent in agents)
        self._needs: dict[tuple[object, ...], Need] = {}
        self._plain: dict[tuple[str, Channel], tuple[Stage, ...]] = {}
        self._own: dict[tuple[str, Channel, Levels], tuple[Stage, ...]] = {}
        self._joined: dict[tuple[str, Channel, Levels], tuple[Stage, ...]] = {}

    def queue(self, name: str) -> Queue | None:
        """Return the queue called *name*."""
        return self._queues.get(name)

    def stages(
        self, queue: str, channel: Channel, skills: Mapping[str, int]
    ) -> tuple[Stage, ...] | None:
        """Return the stages of such a contact, the first at 0 ms; None for an unknown queue."""
        if not skills:
            known = self._plain.get((queue, channel))
            if known is None and queue in self._queues:
                known = self._plain[queue, channel] = self._made(queue, channel, skills)
            return known
        key = (queue, channel, tuple(sorted(skills.items())))
        known = self._own.get(key)
        if known is None and queue in self._queues:
            if len(self._own) >= self.MAX_OWN:
                self._own.clear()
                self._joined.clear()
                self._needs.clear()
            known = self._own[key] = self._made(queue, channel, skills)
        return known

    def joined(
        self, queue: str, channel: Channel, skills: Mapping[str, int]
    ) -> tuple[Stage, ...] | None:
        """Return the same while reserve agents serve the queue from the first."""
        if queue not in self._queues:
            return None
        key = (queue, channel, tuple(sorted(skills.items())))
        known = self._joined.get(key)
        if known is None:
            if len(self._joined) >= self.MAX_OWN:
                self._joined.clear()
            known = self._joined[key] = self._made(queue, channel, skills, joined=True)
        return known

    def _made(
        self, name: str, channel: Channel, skills: Mapping[str, int], *, joined: bool = False
    ) -> tuple[Stage, ...]:
        queue = self._queues[name]
        reserve_ms = _reserve_ms(queue) if self._reserves and not joined else 0
        times = {0, *_ends_ms(queue), *(_ms(step.after_s) for step in queue.relax)}
        if reserve_ms is not None:
            times.add(reserve_ms)
        stages: list[Stage] = []
        for after_ms in sorted(times):
            reserve = reserve_ms is not None and after_ms >= reserve_ms
            need = self._need(queue, channel, skills, after_ms, reserve=reserve)
            radius = _radius(queue, after_ms)
            if not stages or (need, radius) != (stages[-1].need, stages[-1].radius):
                stages.append(Stage(after_ms, need, radius))
        return tuple(stages)

    def _need(
        self,
        queue: Queue,
        channel: Channel,
        skills: Mapping[str, int],
        after_ms: int,
        *,
        reserve: bool,
    ) -> Need:
        required: dict[str, int] = dict(queue.skills)
        for skill, level in skills.items():
            required[skill] = max(level, required.get(skill, level))
        preferred: dict[str, int] = dict(queue.prefer)
        for step in sorted(queue.relax, key=lambda step: step.after_s):
            if _ms(step.after_s) > after_ms:
                break
            for skill, level in step.skills.items():
                if skill in required:
                    required[skill] = min(level, required[skill])
        for skill in [skill for skill, level in required.items() if level == 0]:
            del required[skill]
            preferred.setdefault(skill, 1)
        for skill in required:
            preferred.pop(skill, None)  # it counts already
        wanted = (tuple(sorted(required.items())), tuple(sorted(preferred.items())))
        key = (channel, *wanted, queue.order, reserve)
        need = self._needs.get(key)
        if need is None:
            need = self._needs[key] = Need(channel, *wanted, queue.order, reserve=reserve)
        return need


def _parts_before_near(order: tuple[Criterion, ...]) -> int:
    """`idle` takes two parts of a pool's entries, each other criterion one."""
    if "near" not in order:
        return -1
    return sum(2 if criterion == "idle" else 1 for criterion in order[: order.index("near")])


def _reserve_ms(queue: Queue) -> int | None:
    """Return from when on reserve agents count [ms]; None: time alone does not call them."""
    return None if queue.reserve_below and not queue.reserve_s else _ms(queue.reserve_s)


def _ends_ms(queue: Queue) -> tuple[int, ...]:
    """Return when a contact begins to look farther [ms]."""
    if queue.divide is not None:
        return (_ms(queue.divide.for_s),)
    return (_ms(queue.own_s), _ms(queue.own_s + queue.region_s))


def _radius(queue: Queue, after_ms: int) -> Radius:
    if queue.divide is not None:
        return "given" if after_ms < _ms(queue.divide.for_s) else "all"
    near_ms, region_ms = _ends_ms(queue)
    if after_ms < near_ms:
        return "site"
    return "region" if after_ms < region_ms else "all"


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
