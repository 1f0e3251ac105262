"""The step `callback` from the offer to a number that may be called. Pure.

The caller takes the offer by a key, hears the number that will be called and confirms it, or keys
another one. Silence and wrong keys are tries; after the last there is no call-back.
The machine of one step: `appliance/plan/steps.py` goes into it and goes on where it says.
"""

from typing import Literal

import msgspec

from appliance.plan.actions import (
    Action,
    FlowState,
    LookForCallBack,
    Onward,
    PlayPrompts,
    PromiseCallBack,
    StartTimer,
    StopPrompts,
    StopTimer,
    Turn,
)
from appliance.plan.callback import CallBack, Offering
from appliance.plan.diallable import normalised

#: ends a number that is keyed
END = "#"
_DIGITS = frozenset("0123456789")

replace = msgspec.structs.replace


def enter(state: FlowState, step: CallBack) -> Turn:
    """Ask first whether there is anything to offer."""
    return replace(state, phase="look"), [LookForCallBack(step.trunk)]


def resume(state: FlowState, step: CallBack) -> Turn:
    """Ask again where it stood; what was keyed of a number is lost, a promise is not."""
    if state.offer is None:
        return enter(state, step)
    return _ask(state, step, state.offer)


def on_look(state: FlowState, step: CallBack, *, possible: bool, caller: str) -> Turn | Onward:
    """Offer, where it can be promised; *caller* is the number the caller shows, or empty."""
    if not possible:
        return Onward(step.otherwise, [])
    number = normalised(caller, step.country, step.also)
    return _ask(replace(state, tries_left=step.tries), step, Offering(number=number))


def on_prompts_done(state: FlowState, step: CallBack) -> Turn | Onward:
    """Listen; after the promise go on."""
    if state.phase != "prompts":
        return state, []
    if state.offer is not None and state.offer.stage == "promised":
        return Onward(step.next, [])
    return _listen(state, step)


def on_digit(state: FlowState, step: CallBack, key: str) -> Turn | Onward:
    """Take a key."""
    offer = state.offer
    if offer is None or offer.stage == "promised" or state.phase not in ("prompts", "digit"):
        return state, []
    hush: list[Action] = [StopPrompts() if state.phase == "prompts" else StopTimer()]
    after = _key(state, step, offer, key)
    if isinstance(after, Onward):
        return Onward(after.target, hush + after.actions)
    heard, actions = after
    return heard, hush + actions


def on_timeout(state: FlowState, step: CallBack) -> Turn | Onward:
    """Silence ends a number, or is one try."""
    offer = state.offer
    if offer is None or state.phase != "digit":
        return state, []
    if offer.stage == "number":
        return _typed(state, step, offer)
    return _missed(state, step, offer)


def _key(state: FlowState, step: CallBack, offer: Offering, key: str) -> Turn | Onward:
    if offer.stage == "number":
        if key == END:
            return _typed(state, step, offer)
        more = key if key in _DIGITS else ""
        return _listen(replace(state, digits=state.digits + more), step)
    if key == step.key:
        if offer.stage == "confirm":
            return _agreed(state, step, offer)
        return _to(state, step, offer, "confirm" if offer.number else "number")
    if offer.stage == "confirm" and key == step.other:
        return _to(state, step, offer, "number")
    if offer.stage == "offer":
        return Onward(step.otherwise, [])
    return _missed(state, step, offer, step.wrong)


def _typed(state: FlowState, step: CallBack, offer: Offering) -> Turn | Onward:
    """Take the end of a number that was keyed."""
    number = normalised(state.digits, step.country, step.also)
    if not number:
        return _missed(state, step, offer, step.wrong if state.digits else ())
    return _to(state, step, replace(offer, number=number), "confirm")


def _missed(
    state: FlowState, step: CallBack, offer: Offering, before: tuple[str, ...] = ()
) -> Turn | Onward:
    """Count one try: silence, a key that says nothing, a number that cannot be called."""
    if state.tries_left <= 1:
        return Onward(step.otherwise, [])
    return _ask(replace(state, tries_left=state.tries_left - 1), step, offer, before)


def _agreed(state: FlowState, step: CallBack, offer: Offering) -> Turn:
    promised = replace(offer, stage="promised")
    return replace(state, phase="prompts", offer=promised), [PromiseCallBack(offer.number, step)]


def _to(
    state: FlowState, step: CallBack, offer: Offering, stage: Literal["number", "confirm"]
) -> Turn:
    fresh = replace(state, tries_left=step.tries)
    return _ask(fresh, step, replace(offer, stage=stage))


def _ask(state: FlowState, step: CallBack, offer: Offering, before: tuple[str, ...] = ()) -> Turn:
    """Say what belongs to where the offer stands, or listen at once."""
    standing = replace(state, offer=offer, digits="")
    prompts = before + _prompts(step, offer)
    if prompts or offer.stage == "promised":
        return replace(standing, phase="prompts"), [PlayPrompts(prompts)]
    return _listen(standing, step)


def _prompts(step: CallBack, offer: Offering) -> tuple[str, ...]:
    match offer.stage:
        case "offer":
            return step.prompts
        case "number":
            return step.ask
        case "confirm":
            spoken = tuple(f"digits/{digit}" for digit in offer.number.lstrip("+"))
            return (*step.read, *spoken, *step.confirm)
        case "promised":
            return step.promised


def _listen(state: FlowState, step: CallBack) -> Turn:
    return replace(state, phase="digit"), [StartTimer(step.timeout_s)]
