"""A flow run step by step: a pure machine whose whole state is one small record.

The runner commits the state to the ledger, then carries out the actions; after a restart it calls
`resume` with the state it finds there. It passes on only what belongs to the last actions: the
end of the prompts played last, the timer started last.

A plan may change under a caller: where the step is gone, the flow begins again.
"""

import msgspec

from appliance.plan import offering, voicemail
from appliance.plan.actions import (
    MAX_KEYS,
    Action,
    AskSource,
    CallOut,
    FlowState,
    JoinQueue,
    Keys,
    LookAtClock,
    Onward,
    PlayPrompts,
    Release,
    StartFax,
    StartTimer,
    StopPrompts,
    StopTimer,
    Turn,
)
from appliance.plan.callback import CallBack
from appliance.plan.lookup import Lookup
from appliance.plan.model import (
    Collect,
    Enqueue,
    Flow,
    HangUp,
    Hours,
    Menu,
    Outside,
    Say,
    Step,
    TakeFax,
)
from appliance.plan.voicemail import Voicemail

_DIGITS = frozenset("0123456789")


def begin(flow: Flow, keys: Keys = ()) -> Turn:
    """Return the state at the flow's start, and what to do first; *keys* were taken before."""
    return _enter(flow, flow.start, keys)


def resume(flow: Flow, state: FlowState) -> Turn:
    """Return what to do after a restart: the step is played again, and no try is lost.

    The last action of a flow that has ended is repeated: it was perhaps never carried out.
    """
    step = _step(flow, state)
    if step is None:
        return begin(flow)
    if isinstance(step, Menu | Collect):
        tries_left = min(max(state.tries_left, 1), step.tries)
        again = msgspec.structs.replace(state, tries_left=tries_left, digits="")
        return _ask(again, step, ())
    if isinstance(step, Voicemail):
        return voicemail.resume(state, step)
    if isinstance(step, CallBack):
        return offering.resume(state, step)
    if isinstance(step, Lookup) and state.phase == "lookup" and step.method == "POST":
        return _enter(flow, step.failed, state.keys)  # it may have been sent: not twice
    if state.phase == "done":
        return state, [_last_action(step)]
    return _enter(flow, state.step, state.keys)


def on_prompts_done(flow: Flow, state: FlowState) -> Turn:
    """Go on after the last prompt."""
    step = _step(flow, state)
    if step is None:
        return begin(flow)
    if isinstance(step, Voicemail):
        return voicemail.on_prompts_done(state, step)
    if isinstance(step, CallBack):
        return _go_on(flow, state, offering.on_prompts_done(state, step))
    if state.phase != "prompts":
        return state, []
    if isinstance(step, Menu | Collect):
        return _await_digit(state, step)
    if isinstance(step, Say):
        return _enter(flow, step.next, state.keys)
    if isinstance(step, Hours | Outside | Lookup):
        return _enter(flow, state.step, state.keys)
    return msgspec.structs.replace(state, phase="done"), [_last_action(step)]


def on_digit(flow: Flow, state: FlowState, digit: str) -> Turn:
    """Take a key. Only what asks listens: what is merely said is heard to its end."""
    step = _step(flow, state)
    if step is None:
        return begin(flow)
    if isinstance(step, Voicemail):
        return voicemail.on_digit(state, step, digit)
    if isinstance(step, CallBack):
        return _go_on(flow, state, offering.on_digit(state, step, digit))
    if not isinstance(step, Menu | Collect) or state.phase == "done":
        return state, []
    if isinstance(step, Collect) and not (digit == step.end or digit in _DIGITS):
        return state, []
    hush: list[Action] = [StopPrompts() if state.phase == "prompts" else StopTimer()]
    if isinstance(step, Collect):
        after, actions = _collect(flow, state, step, digit)
    elif target := step.choices.get(digit):
        after, actions = _enter(flow, target, _with(state.keys, state.step, digit))
    else:
        after, actions = _next_try(flow, state, step, step.wrong)
    return after, hush + actions


def on_timeout(flow: Flow, state: FlowState) -> Turn:
    """No key came in time: that was one try, or the end of a number."""
    step = _step(flow, state)
    if step is None:
        return begin(flow)
    if isinstance(step, Voicemail):
        return voicemail.on_timeout(state, step)
    if isinstance(step, CallBack):
        return _go_on(flow, state, offering.on_timeout(state, step))
    if not isinstance(step, Menu | Collect) or state.phase != "digit":
        return state, []
    if isinstance(step, Collect) and state.digits:
        return _collected(flow, state, step)
    return _next_try(flow, state, step, ())


def on_hours(flow: Flow, state: FlowState, *, is_open: bool) -> Turn:
    """Go on after a look at the clock."""
    step = _step(flow, state)
    if step is None:
        return begin(flow)
    if not isinstance(step, Hours) or state.phase != "clock":
        return state, []
    target = step.open if is_open else step.closed
    return _enter(flow, target, state.keys, state.looks)


def on_outside_failed(flow: Flow, state: FlowState) -> Turn:
    """Go on where nobody outside could be reached."""
    step = _step(flow, state)
    if step is None:
        return begin(flow)
    if not isinstance(step, Outside) or state.phase != "outside":
        return state, []
    return _enter(flow, step.otherwise, state.keys)


def on_answer(flow: Flow, state: FlowState, *, known: bool | None) -> Turn:
    """Go on by what a data source knew of the caller; None: nothing that can be read in time."""
    step = _step(flow, state)
    if step is None:
        return begin(flow)
    if state.phase != "lookup":
        return state, []
    if not isinstance(step, Lookup):
        return _enter(flow, state.step, state.keys)
    target = step.failed if known is None else step.found if known else step.missing
    hush: list[Action] = [StopPrompts()] if step.music else []
    after, actions = _enter(flow, target, state.keys, state.looks)
    return after, hush + actions


def on_talking(flow: Flow, state: FlowState, *, on: bool) -> Turn:
    """Note that the caller begins or stops to talk."""
    step = _step(flow, state)
    if isinstance(step, Voicemail):
        return voicemail.on_talking(state, step, on=on)
    return state, []


def on_recorded(flow: Flow, state: FlowState, length_ms: int) -> Turn:
    """Go on after a recording of the caller was closed; 0: there is none."""
    step = _step(flow, state)
    if step is None:
        return begin(flow)
    if state.phase not in voicemail.RECORDING:
        return state, []
    if not isinstance(step, Voicemail):
        return _enter(flow, state.step, state.keys)
    return _go_on(flow, state, voicemail.on_recorded(state, step, length_ms))


def on_look(flow: Flow, state: FlowState, *, possible: bool, caller: str) -> Turn:
    """Go on where a call-back can be promised, or not; *caller* is the number shown, or empty."""
    step = _step(flow, state)
    if step is None:
        return begin(flow)
    if not isinstance(step, CallBack) or state.phase != "look":
        return state, []
    after = offering.on_look(state, step, possible=possible, caller=caller)
    return _go_on(flow, state, after)


def _go_on(flow: Flow, state: FlowState, after: Turn | Onward) -> Turn:
    """Go where a step's own machine says."""
    if not isinstance(after, Onward):
        return after
    moved, actions = _enter(flow, after.target, state.keys)
    return moved, after.actions + actions


def _step(flow: Flow, state: FlowState) -> Step | None:
    return flow.steps.get(state.step) if state.flow == flow.name else None


def _collect(flow: Flow, state: FlowState, step: Collect, digit: str) -> Turn:
    if digit == step.end:
        return _collected(flow, state, step)
    longer = msgspec.structs.replace(state, digits=state.digits + digit)
    if len(longer.digits) >= step.max_digits:
        return _collected(flow, longer, step)
    return _await_digit(longer, step)


def _collected(flow: Flow, state: FlowState, step: Collect) -> Turn:
    """Take the number if it is long enough."""
    if len(state.digits) < step.min_digits:
        return _next_try(flow, state, step, step.wrong)
    return _enter(flow, step.next, _with(state.keys, step.name, state.digits))


def _with(keys: Keys, name: str, digits: str) -> Keys:
    return (*keys, (name, digits))[-MAX_KEYS:]


def _enter(flow: Flow, name: str, keys: Keys, looks: int = 0) -> Turn:
    """Go to a step, and through steps that have nothing to play."""
    for _ in range(len(flow.steps) + 1):
        step = flow.steps.get(name)
        if step is None or (isinstance(step, Hours | Lookup) and looks > len(flow.steps)):
            break
        if not isinstance(step, Say) or step.prompts:
            state = FlowState(flow=flow.name, step=name, phase="prompts", keys=keys)
            return _at(state, step, looks)
        name = step.next
    # a step that is not there, or a circle with nothing heard: `checks` refuses such a plan
    lost = FlowState(flow=flow.name, step=name, phase="done", keys=keys)
    return lost, [Release("bad-plan")]


def _at(state: FlowState, step: Step, looks: int) -> Turn:
    """Do what *step* begins with."""
    replace = msgspec.structs.replace
    match step:
        case Menu() | Collect():
            return _ask(replace(state, tries_left=step.tries), step, ())
        case Hours():
            asked = replace(state, phase="clock", looks=looks + 1)
            return asked, [LookAtClock(step.calendar)]
        case Lookup():
            return replace(state, phase="lookup", looks=looks + 1), [AskSource(step)]
        case Outside():
            called = replace(state, phase="outside")
            return called, [CallOut(step.number, step.trunk, step.ring_s)]
        case Voicemail():
            return voicemail.enter(state, step)
        case CallBack():
            return offering.enter(state, step)
        case Say() | HangUp() | TakeFax() if step.prompts:
            return state, [PlayPrompts(step.prompts)]
    return replace(state, phase="done"), [_last_action(step)]


def _ask(state: FlowState, step: Menu | Collect, before: tuple[str, ...]) -> Turn:
    if prompts := before + step.prompts:
        return msgspec.structs.replace(state, phase="prompts"), [PlayPrompts(prompts)]
    return _await_digit(state, step)


def _await_digit(state: FlowState, step: Menu | Collect) -> Turn:
    return msgspec.structs.replace(state, phase="digit"), [StartTimer(step.timeout_s)]


def _next_try(flow: Flow, state: FlowState, step: Menu | Collect, before: tuple[str, ...]) -> Turn:
    if state.tries_left <= 1:
        return _enter(flow, step.otherwise, state.keys)
    left = msgspec.structs.replace(state, tries_left=state.tries_left - 1, digits="")
    return _ask(left, step, before)


def _last_action(step: Step) -> Action:
    if isinstance(step, Enqueue):
        return JoinQueue(step.queue, step.skills, step.klass, step.agent)
    if isinstance(step, TakeFax):
        return StartFax()
    return Release("normal")
