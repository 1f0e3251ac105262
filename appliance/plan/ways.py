"""Which steps of a flow lead where, and which a caller who presses nothing comes to."""

from collections.abc import Iterator

from appliance.plan.callback import CallBack
from appliance.plan.lookup import Lookup
from appliance.plan.model import Collect, Flow, Hours, Menu, Outside, Say, Step
from appliance.plan.voicemail import Voicemail


def collected(flow: Flow) -> Iterator[str]:
    """Yield the names under which a flow keeps what callers press."""
    for name, step in flow.steps.items():
        if isinstance(step, Menu):
            yield name
        elif isinstance(step, Collect):
            yield step.name


def targets(step: Step) -> list[tuple[str, str]]:
    """Return the fields that name a step, and the steps they name."""
    if isinstance(step, Say):
        return [("next", step.next)]
    if isinstance(step, Menu):
        choices = [(f"choices[{digit}]", target) for digit, target in step.choices.items()]
        return [*choices, ("otherwise", step.otherwise)]
    if isinstance(step, Collect | CallBack):
        return [("next", step.next), ("otherwise", step.otherwise)]
    if isinstance(step, Outside | Voicemail):
        return [("otherwise", step.otherwise)]
    if isinstance(step, Lookup):
        return [("found", step.found), ("missing", step.missing), ("failed", step.failed)]
    if isinstance(step, Hours):
        return [("open", step.open), ("closed", step.closed)]
    return []


def reached(flow: Flow) -> set[str]:
    """Return the steps that something leads to."""
    found: set[str] = set()
    ahead = [flow.start]
    while ahead:
        name = ahead.pop()
        if name in flow.steps and name not in found:
            found.add(name)
            ahead += [target for _, target in targets(flow.steps[name])]
    return found


def circles(flow: Flow, name: str) -> bool:
    """Follow a caller who presses nothing, on each way; tell whether one leads back to *name*."""
    ahead = unasked(flow.steps[name])
    seen: set[str] = set()
    while ahead:
        here = ahead.pop()
        if here == name:
            return True
        if here in flow.steps and here not in seen:
            seen.add(here)
            ahead += unasked(flow.steps[here])
    return False


def unasked(step: Step) -> list[str]:
    """Return the steps that a caller may come to next who presses nothing."""
    if isinstance(step, Menu | Collect | CallBack):
        return [step.otherwise]
    return [target for _, target in targets(step)]
