"""Whether anybody has the skills that are asked for."""

from collections.abc import Mapping

from appliance.plan.model import Agent, Queue


def both(queue: Queue, skills: Mapping[str, int]) -> dict[str, int]:
    """Return what the queue and the contact ask for together."""
    return {
        skill: max(queue.skills.get(skill, 0), skills.get(skill, 0))
        for skill in {*queue.skills, *skills}
    }


def at_last(queue: Queue, skills: Mapping[str, int]) -> dict[str, int]:
    """Return what is still required of an agent when all steps have been taken."""
    needed = dict(skills)
    for step in sorted(queue.relax, key=lambda step: step.after_s):
        for skill in needed.keys() & step.skills.keys():
            needed[skill] = min(needed[skill], step.skills[skill])
    return {skill: level for skill, level in needed.items() if level}


def serves(agent: Agent, skills: Mapping[str, int]) -> bool:
    """Tell whether *agent* has these skills at their levels."""
    return all(agent.skills.get(skill, 0) >= level for skill, level in skills.items())
