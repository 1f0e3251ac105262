"""The step `callback`, turn by turn."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.plan.actions import (
    Action,
    FlowState,
    JoinQueue,
    LookForCallBack,
    PlayPrompts,
    PromiseCallBack,
    Release,
    StartTimer,
    StopPrompts,
    StopTimer,
    Turn,
)
from appliance.plan.callback import CallBack
from appliance.plan.model import Enqueue, Flow, HangUp
from appliance.plan.steps import begin, on_digit, on_look, on_prompts_done, on_timeout, resume

OWN = "+49301234567"
STEP = CallBack(
    prompts=("offer",), queue="sales", trunk="t", country="DE", read=("we-call",),
    confirm=("right",), ask=("key-it",), wrong=("wrong",), promised=("thanks",), tries=2,
    timeout_s=4.0, next="bye", otherwise="wait",
)  # fmt: skip
FLOW = Flow(
    name="main",
    start="offer",
    steps={"offer": STEP, "bye": HangUp(), "wait": Enqueue(queue="sales")},
)
READ = PlayPrompts(("we-call", *(f"digits/{digit}" for digit in OWN[1:]), "right"))
WAIT = [JoinQueue("sales", {}, "")]


def offered(caller: str = OWN) -> Turn:
    state, actions = begin(FLOW)
    assert actions == [LookForCallBack("t")]
    return on_look(FLOW, state, possible=True, caller=caller)


def keys(state: FlowState, digits: str) -> Turn:
    actions: list[Action] = []
    for digit in digits:
        state, actions = on_digit(FLOW, state, digit)
    return state, actions


def test_where_it_cannot_be_promised_nothing_is_offered() -> None:
    state, _ = begin(FLOW)
    assert on_look(FLOW, state, possible=False, caller=OWN)[1] == WAIT


def test_offer_confirm_promise() -> None:
    state, actions = offered()
    assert actions == [PlayPrompts(("offer",))]
    state, actions = on_digit(FLOW, state, "1")
    assert actions == [StopPrompts(), READ]
    state, actions = on_prompts_done(FLOW, state)
    assert actions == [StartTimer(4.0)]
    state, actions = on_digit(FLOW, state, "1")
    assert actions == [StopTimer(), PromiseCallBack(OWN, STEP)]
    assert on_digit(FLOW, state, "1")[1] == []
    assert on_timeout(FLOW, state)[1] == []
    assert on_prompts_done(FLOW, state)[1] == [Release("normal")]


def test_another_number_is_keyed_and_read_back() -> None:
    state, actions = keys(offered()[0], "12")
    assert actions == [StopPrompts(), PlayPrompts(("key-it",))]
    state, actions = keys(state, "0301234567")
    assert actions == [StopTimer(), StartTimer(4.0)]
    state, actions = on_digit(FLOW, state, "*")
    assert state.digits == "0301234567"
    assert on_digit(FLOW, state, "#")[1] == [StopTimer(), READ]
    assert on_timeout(FLOW, state)[1] == [READ]


def test_a_number_that_may_not_be_called_is_one_try() -> None:
    state, actions = keys(offered("")[0], "109001234567#")
    assert actions == [StopTimer(), PlayPrompts(("wrong", "key-it"))]
    assert keys(state, "112#")[1] == [StopTimer(), *WAIT]


@pytest.mark.parametrize("digits", ["2", "9", "#"])
def test_any_other_key_declines(digits: str) -> None:
    assert keys(offered()[0], digits)[1] == [StopPrompts(), *WAIT]


def test_silence_is_a_try_each_and_the_last_declines() -> None:
    state, _ = on_prompts_done(FLOW, offered()[0])
    state, actions = on_timeout(FLOW, state)
    assert actions == [PlayPrompts(("offer",))]
    state, _ = on_prompts_done(FLOW, state)
    assert on_timeout(FLOW, state)[1] == WAIT


def test_after_a_restart_it_is_asked_again_where_it_stood() -> None:
    state, _ = keys(offered()[0], "1203")
    state, actions = resume(FLOW, state)
    assert (actions, state.digits) == ([PlayPrompts(("key-it",))], "")
    promised, _ = keys(offered()[0], "11")
    state, actions = resume(FLOW, promised)
    assert actions == [PlayPrompts(("thanks",))]
    looked, _ = begin(FLOW)
    assert resume(FLOW, looked)[1] == [LookForCallBack("t")]


@given(st.lists(st.sampled_from([*"0123456789#*", "end", "time", "restart"]), max_size=60))
def test_any_events_end_in_a_promise_once_or_none(events: list[str]) -> None:
    state, actions = offered()
    promises = 0
    for event in events:
        match event:
            case "end":
                state, actions = on_prompts_done(FLOW, state)
            case "time":
                state, actions = on_timeout(FLOW, state)
            case "restart":
                state, actions = resume(FLOW, state)
            case _:
                state, actions = on_digit(FLOW, state, event)
        promises += sum(isinstance(action, PromiseCallBack) for action in actions)
        assert msgspec.msgpack.decode(msgspec.msgpack.encode(state), type=FlowState) == state
        if state.step != "offer":
            return
    assert promises == (state.offer is not None and state.offer.stage == "promised")
