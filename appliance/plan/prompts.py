"""Which prompts a plan plays."""

from collections.abc import Iterator

from appliance.plan.model import Plan
from appliance.plan.voicemail import BEEP, Voicemail

#: fields of steps that name prompts
_FIELDS = ("prompts", "wrong", "music", "review", "thanks")


def prompts_of(plan: Plan) -> dict[str, str]:
    """Return each prompt that *plan* names, and the place of the first that names it."""
    found: dict[str, str] = {}
    for place, name in _named(plan):
        found.setdefault(name, place)
    return found


def _named(plan: Plan) -> Iterator[tuple[str, str]]:
    for flow in plan.flows:
        for step_name, step in flow.steps.items():
            place = f"flows[{flow.name}].steps[{step_name}]"
            for field in _FIELDS:
                for name in getattr(step, field, ()):
                    yield f"{place}.{field}", name
            if isinstance(step, Voicemail):
                yield place, BEEP
    for queue in plan.queues:
        for name in queue.music:
            yield f"queues[{queue.name}].music", name
