"""Pools of a plan: queues and agents that have nothing to do with those of any other. Pure.

A pool is a connected part of the graph of queues and the agents who may ever serve them: by the
skills a queue asks for at the least, any channel, reserve agents too, wherever they sit. What a
contact asks beside its queue (skills, an agent by name, a site at first) only narrows that. So no
matchmaker ever pairs across pools, and several hubs may share the pools among them (`reach.py`).
"""

from collections.abc import Iterable

from appliance.plan.model import Agent, Queue


class Pools:
    """Which pool each queue and agent of a plan belongs to; it is called by its least queue."""

    def __init__(self, queues: Iterable[Queue], agents: Iterable[Agent]) -> None:
        queues = list(queues)
        self._parent = {queue.name: queue.name for queue in queues}
        least = {queue.name: least_skills(queue) for queue in queues}
        #: skills -> a queue that agents of these skills may serve; nothing: they serve none
        served: dict[tuple[tuple[str, int], ...], str] = {}
        of_agent: dict[str, str] = {}
        for agent in agents:
            key = tuple(sorted(agent.skills.items()))
            if key not in served:
                served[key] = self._join(
                    name
                    for name, skills in least.items()
                    if all(agent.skills.get(skill, 0) >= level for skill, level in skills.items())
                )
            of_agent[agent.name] = served[key]
        #: queue -> pool
        self.of_queue = {name: self._find(name) for name in self._parent}
        #: agent -> pool; empty: serves no queue
        self.of_agent = {
            name: self._find(queue) if queue else "" for name, queue in of_agent.items()
        }
        #: all of them
        self.names = sorted(set(self.of_queue.values()))

    def queue(self, queue: str) -> str:
        """Return the pool of *queue*; nothing where the plan does not know it."""
        return self.of_queue.get(queue, "")

    def agent(self, agent: str) -> str:
        """Return the pool of *agent*; nothing where it serves no queue."""
        return self.of_agent.get(agent, "")

    def _join(self, queues: Iterable[str]) -> str:
        """Make one pool of these queues; return one of them."""
        first = ""
        for queue in queues:
            root = self._find(queue)
            if not first:
                first = root
            elif root != first:
                less, more = sorted((first, root))
                self._parent[more] = first = less
        return first

    def _find(self, queue: str) -> str:
        """Return the least queue of its pool so far."""
        while (parent := self._parent[queue]) != queue:
            self._parent[queue] = queue = self._parent[parent]
        return queue


def least_skills(queue: Queue) -> dict[str, int]:
    """Return what *queue* asks for when it has relaxed as far as it ever does."""
    least = dict(queue.skills)
    for step in queue.relax:
        for skill, level in step.skills.items():
            if skill in least:
                least[skill] = min(least[skill], level)
    return {skill: level for skill, level in least.items() if level > 0}
