"""The step `voicemail`: greeting, beep, message; the caller may hear it and say it again. Pure.

The machine of one step: `appliance/plan/steps.py` goes into it and goes on where it says.
"""

from typing import Annotated

import msgspec

from appliance.plan.actions import (
    Action,
    DropMessage,
    FlowState,
    KeepMessage,
    Onward,
    PlayMessage,
    PlayPrompts,
    Release,
    StartMessage,
    StartTimer,
    StopMessage,
    StopPrompts,
    StopTimer,
    Turn,
)
from appliance.plan.parts import Part, Slug

#: a shorter message is a noise or somebody who thought better of it [ms]
SHORTEST_MS = 2000
#: heard before each message
BEEP = "beep"
#: what a caller may press after a message
KEEP, LISTEN, AGAIN = "1", "2", "3"
#: how long a caller may think about a message [s], and how often it is asked
REVIEW_S = 5.0
REVIEWS = 3
#: a recording is open, or is being closed
RECORDING = frozenset({"message", "closing", "quiet"})

replace = msgspec.structs.replace


class Voicemail(Part, frozen=True, kw_only=True, tag_field="do", tag="voicemail"):
    """Play prompts and take a message, then release the caller."""

    #: greeting, before the beep; cut short by `end`
    prompts: tuple[str, ...] = ("vm-intro",)
    #: where the message is kept at the branch
    mailbox: Slug = "general"
    #: longest message [s]
    longest_s: Annotated[float, msgspec.Meta(ge=5, le=900)] = 180.0
    #: silence that ends a message [s]
    silence_s: Annotated[float, msgspec.Meta(ge=2, le=60)] = 6.0
    #: key that ends a message; empty: only silence and hanging up do
    end: Annotated[str, msgspec.Meta(pattern=r"^[0-9*#A-D]?$(?!\n)")] = "#"
    #: prompts after the message: 1 keeps it, 2 plays it, 3 records it again; none: it is kept
    review: tuple[str, ...] = ()
    #: prompts once it is kept
    thanks: tuple[str, ...] = ("vm-msgsaved",)
    #: step where nothing was said, or nothing can be recorded
    otherwise: str
    #: its agents are offered the message as a task; empty: it is only kept
    queue: str = ""


def enter(state: FlowState, step: Voicemail) -> Turn:
    """Greet; also after a restart that came before the message."""
    fresh = replace(state, phase="prompts", tries_left=REVIEWS)
    return fresh, [PlayPrompts((*step.prompts, BEEP))]


def resume(state: FlowState, step: Voicemail) -> Turn:
    """Go on after a restart; a recording that is open is found again by who records."""
    if state.phase in RECORDING:
        return state, []
    if state.phase in ("review", "digit"):
        return _review(state, step)
    if state.phase == "thanks":
        return state, [PlayPrompts(step.thanks)]
    if state.phase == "done":
        return state, [Release("normal")]
    return enter(state, step)


def on_prompts_done(state: FlowState, step: Voicemail) -> Turn:
    """After the beep the message begins; after the question comes time to think."""
    if state.phase == "prompts":
        record = StartMessage(step.mailbox, step.longest_s)
        return replace(state, phase="message"), [record, StartTimer(step.silence_s)]
    if state.phase == "review":
        return replace(state, phase="digit"), [StartTimer(REVIEW_S)]
    if state.phase == "thanks":
        return replace(state, phase="done"), [Release("normal")]
    return state, []


def on_digit(state: FlowState, step: Voicemail, digit: str) -> Turn:
    """End the greeting or the message, or judge the message."""
    if state.phase in ("prompts", "message") and digit == step.end:
        if state.phase == "prompts":
            return state, [StopPrompts(), PlayPrompts((BEEP,))]
        return replace(state, phase="closing"), [StopTimer(), StopMessage()]
    if state.phase not in ("review", "digit"):
        return state, []
    hush: Action = StopPrompts() if state.phase == "review" else StopTimer()
    if digit == LISTEN:
        return replace(state, phase="review"), [hush, PlayMessage()]
    if digit == AGAIN:
        fresh = replace(state, phase="prompts", tries_left=REVIEWS)
        return fresh, [hush, DropMessage(), PlayPrompts((BEEP,))]
    after, actions = _keep(state, step) if digit == KEEP else _again(state, step)
    return after, [hush, *actions]


def on_timeout(state: FlowState, step: Voicemail) -> Turn:
    """Silence: the message is over, or the caller does not say what to do with it."""
    if state.phase == "message":
        return replace(state, phase="quiet"), [StopMessage()]
    if state.phase == "digit":
        return _again(state, step)
    return state, []


def on_talking(state: FlowState, step: Voicemail, *, on: bool) -> Turn:
    """Count the silence of a message from when the caller stops to talk."""
    if state.phase != "message":
        return state, []
    return state, [StopTimer() if on else StartTimer(step.silence_s)]


def on_recorded(state: FlowState, step: Voicemail, length_ms: int) -> Turn | Onward:
    """Go on after a message; one that is too short is thrown away."""
    if state.phase not in RECORDING:
        return state, []
    if spoken_ms(state, step, length_ms) < SHORTEST_MS:
        return Onward(step.otherwise, [StopTimer(), DropMessage()])
    asked, actions = _review(state, step)
    return asked, [StopTimer(), *actions]


def spoken_ms(state: FlowState, step: Voicemail, length_ms: int) -> int:
    """Return the length of a message without the silence that ended it [ms]."""
    return length_ms - round(step.silence_s * 1000) * (state.phase == "quiet")


def _review(state: FlowState, step: Voicemail) -> Turn:
    if not step.review:
        return _keep(state, step)
    return replace(state, phase="review"), [PlayPrompts(step.review)]


def _again(state: FlowState, step: Voicemail) -> Turn:
    """Ask once more what to do; who never says wants it kept."""
    if state.tries_left <= 1:
        return _keep(state, step)
    return _review(replace(state, tries_left=state.tries_left - 1), step)


def _keep(state: FlowState, step: Voicemail) -> Turn:
    if step.thanks:
        return replace(state, phase="thanks"), [KeepMessage(), PlayPrompts(step.thanks)]
    return replace(state, phase="done"), [KeepMessage(), Release("normal")]
