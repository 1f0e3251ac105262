"""Flows run step by step: every turn, barge-in, tries, restarts and changed plans."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.plan.actions import (
    MAX_KEYS,
    Action,
    AskSource,
    CallOut,
    FlowState,
    JoinQueue,
    LookAtClock,
    PlayPrompts,
    Release,
    StartFax,
    StartTimer,
    StopPrompts,
    StopTimer,
)
from appliance.plan.lookup import Lookup
from appliance.plan.model import Collect, Enqueue, Flow, HangUp, Hours, Menu, Outside, Say, TakeFax
from appliance.plan.steps import (
    begin,
    on_answer,
    on_digit,
    on_hours,
    on_outside_failed,
    on_prompts_done,
    on_timeout,
    resume,
)

FLOW = Flow(
    name="main",
    start="hello",
    steps={
        "hello": Say(prompts=("welcome",), next="menu"),
        "menu": Menu(
            prompts=("for-sales", "for-service"),
            choices={"1": "sales", "2": "service", "*": "hello"},
            timeout_s=4.0,
            tries=2,
            wrong=("invalid",),
            otherwise="bye",
        ),
        "sales": Enqueue(queue="sales", skills={"german": 3}, klass="gold"),
        "service": Enqueue(queue="service"),
        "bye": HangUp(prompts=("goodbye",)),
    },
)


def at_menu() -> FlowState:
    state, _ = begin(FLOW)
    return on_prompts_done(FLOW, state)[0]


def test_from_the_greeting_to_a_queue() -> None:
    state, actions = begin(FLOW)
    assert actions == [PlayPrompts(("welcome",))]
    state, actions = on_prompts_done(FLOW, state)
    assert actions == [PlayPrompts(("for-sales", "for-service"))]
    state, actions = on_prompts_done(FLOW, state)
    assert actions == [StartTimer(4.0)]
    state, actions = on_digit(FLOW, state, "1")
    assert actions == [StopTimer(), JoinQueue("sales", {"german": 3}, "gold")]
    assert state == FlowState(flow="main", step="sales", phase="done", keys=(("menu", "1"),))


def test_a_key_cuts_the_menu_short() -> None:
    state, actions = on_digit(FLOW, at_menu(), "2")
    assert actions == [StopPrompts(), JoinQueue("service", {}, "")]
    assert state.phase == "done"


def test_a_greeting_is_heard_to_its_end() -> None:
    state, _ = begin(FLOW)
    assert on_digit(FLOW, state, "1") == (state, [])


def test_a_wrong_key_is_said_and_counts_a_try() -> None:
    state, actions = on_digit(FLOW, at_menu(), "9")
    assert actions == [StopPrompts(), PlayPrompts(("invalid", "for-sales", "for-service"))]
    assert state.tries_left == 1
    state, _ = on_prompts_done(FLOW, state)
    state, actions = on_digit(FLOW, state, "9")
    assert actions == [StopTimer(), PlayPrompts(("goodbye",))]
    assert state.step == "bye"


def test_silence_counts_a_try_and_the_last_leads_otherwise() -> None:
    state, _ = on_prompts_done(FLOW, at_menu())
    state, actions = on_timeout(FLOW, state)
    assert actions == [PlayPrompts(("for-sales", "for-service"))]
    assert state.tries_left == 1
    state, _ = on_prompts_done(FLOW, state)
    state, actions = on_timeout(FLOW, state)
    assert actions == [PlayPrompts(("goodbye",))]
    state, actions = on_prompts_done(FLOW, state)
    assert actions == [Release("normal")]
    assert state.phase == "done"


def test_coming_back_to_a_menu_gives_all_tries_again() -> None:
    state, _ = on_digit(FLOW, at_menu(), "9")
    state, actions = on_digit(FLOW, state, "*")
    assert actions == [StopPrompts(), PlayPrompts(("welcome",))]
    state, _ = on_prompts_done(FLOW, state)
    assert (state.step, state.tries_left) == ("menu", 2)


def test_late_events_change_nothing() -> None:
    menu = at_menu()
    assert on_timeout(FLOW, menu) == (menu, [])
    awaiting, _ = on_prompts_done(FLOW, menu)
    assert on_prompts_done(FLOW, awaiting) == (awaiting, [])
    done, _ = on_digit(FLOW, menu, "1")
    assert on_digit(FLOW, done, "1") == (done, [])
    assert on_prompts_done(FLOW, done) == (done, [])
    assert on_timeout(FLOW, done) == (done, [])


@pytest.mark.parametrize("phase", ["prompts", "digit"])
def test_resume_plays_the_menu_again_and_loses_no_try(phase: str) -> None:
    state, _ = on_digit(FLOW, at_menu(), "9")
    if phase == "digit":
        state, _ = on_prompts_done(FLOW, state)
    again, actions = resume(FLOW, state)
    assert actions == [PlayPrompts(("for-sales", "for-service"))]
    assert (again.step, again.phase, again.tries_left) == ("menu", "prompts", 1)


def test_resume_repeats_the_last_action() -> None:
    done, _ = on_digit(FLOW, at_menu(), "1")
    assert resume(FLOW, done) == (done, [JoinQueue("sales", {"german": 3}, "gold")])
    state, _ = begin(FLOW)
    assert resume(FLOW, state) == (state, [PlayPrompts(("welcome",))])
    bye = FlowState(flow="main", step="bye", phase="done")
    assert resume(FLOW, bye) == (bye, [Release("normal")])
    playing = FlowState(flow="main", step="bye", phase="prompts")
    assert resume(FLOW, playing) == (playing, [PlayPrompts(("goodbye",))])


def test_a_flow_that_changed_under_the_caller_begins_again() -> None:
    gone = FlowState(flow="main", step="old-step", phase="digit", tries_left=1)
    other = FlowState(flow="other", step="menu", phase="digit", tries_left=1)
    for state in (gone, other):
        for turn in (
            resume(FLOW, state),
            on_digit(FLOW, state, "1"),
            on_prompts_done(FLOW, state),
            on_timeout(FLOW, state),
        ):
            assert turn == begin(FLOW)


def test_steps_with_nothing_to_play_are_passed() -> None:
    flow = Flow(
        name="quick",
        start="a",
        steps={
            "a": Say(prompts=(), next="b"),
            "b": Menu(prompts=(), choices={"1": "c"}, wrong=(), otherwise="c"),
            "c": HangUp(),
        },
    )
    state, actions = begin(flow)
    assert (state.step, state.phase, actions) == ("b", "digit", [StartTimer(5.0)])
    assert on_digit(flow, state, "5")[1] == [StopTimer(), StartTimer(5.0)]
    assert on_digit(flow, state, "1")[1] == [StopTimer(), Release("normal")]


def test_a_fax_ends_the_flow_after_its_prompts() -> None:
    flow = Flow(
        name="f",
        start="a",
        steps={"a": Say(prompts=(), next="b"), "b": TakeFax(prompts=("beep",))},
    )
    state, actions = begin(flow)
    assert actions == [PlayPrompts(("beep",))]
    state, actions = on_prompts_done(flow, state)
    assert (state.phase, actions) == ("done", [StartFax()])
    assert resume(flow, state) == (state, [StartFax()])
    silent = Flow(name="g", start="a", steps={"a": TakeFax()})
    assert begin(silent)[1] == [StartFax()]


SHOP = Flow(
    name="shop",
    start="greet",
    steps={
        "greet": Say(prompts=(), next="day"),
        "day": Hours(calendar="week", open="queue", closed="night"),
        "night": Hours(calendar="standby", open="hello", closed="bye"),
        "hello": Say(prompts=("night-service",), next="queue"),
        "queue": Enqueue(queue="sales"),
        "bye": HangUp(prompts=("goodbye",)),
    },
)


def test_the_clock_is_asked_and_each_answer_has_its_way() -> None:
    asked, actions = begin(SHOP)
    assert (asked.step, asked.phase, actions) == ("day", "clock", [LookAtClock("week")])
    assert on_hours(SHOP, asked, is_open=True)[1] == [JoinQueue("sales", {}, "")]
    asked, actions = on_hours(SHOP, asked, is_open=False)
    assert actions == [LookAtClock("standby")]
    assert on_hours(SHOP, asked, is_open=True)[1] == [PlayPrompts(("night-service",))]
    bye, actions = on_hours(SHOP, asked, is_open=False)
    assert (bye.phase, actions) == ("prompts", [PlayPrompts(("goodbye",))])
    assert on_hours(SHOP, bye, is_open=True) == (bye, [])
    assert resume(SHOP, asked) == begin(msgspec.structs.replace(SHOP, start="night"))
    for late in (
        on_digit(SHOP, asked, "1"),
        on_prompts_done(SHOP, asked),
        on_timeout(SHOP, asked),
    ):
        assert late == (asked, [])


ASK = Flow(
    name="ask",
    start="id",
    steps={
        "id": Collect(
            prompts=("your-number",),
            name="customer",
            min_digits=3,
            max_digits=5,
            timeout_s=4.0,
            tries=2,
            next="in",
            otherwise="bye",
        ),
        "in": Enqueue(queue="sales"),
        "bye": HangUp(),
    },
)


def keyed(flow: Flow, digits: str) -> tuple[FlowState, list[Action]]:
    """Return the turn after a caller has pressed *digits* from the beginning."""
    state, actions = begin(flow)
    for digit in digits:
        state, actions = on_digit(flow, state, digit)
    return state, actions


@pytest.mark.parametrize("digits", ["12345", "123#", "1*2A3#"])
def test_a_number_is_collected(digits: str) -> None:
    state, actions = keyed(ASK, digits)
    assert actions == [StopTimer(), JoinQueue("sales", {}, "")]
    number = "12345" if digits == "12345" else "123"
    assert state == FlowState(flow="ask", step="in", phase="done", keys=(("customer", number),))


def test_the_first_digit_cuts_the_prompts_and_each_has_its_time() -> None:
    state, actions = keyed(ASK, "1")
    assert actions == [StopPrompts(), StartTimer(4.0)]
    state, actions = on_digit(ASK, state, "2")
    assert actions == [StopTimer(), StartTimer(4.0)]
    state, actions = on_digit(ASK, state, "3")
    assert state.digits == "123"
    assert on_timeout(ASK, state)[1] == [JoinQueue("sales", {}, "")]


@pytest.mark.parametrize("event", ["#", "timeout"])
def test_a_number_that_is_too_short_is_one_try(event: str) -> None:
    state, _ = keyed(ASK, "12")
    state, actions = on_timeout(ASK, state) if event == "timeout" else on_digit(ASK, state, "#")
    assert actions[-1] == PlayPrompts(("invalid", "your-number"))
    assert (state.digits, state.tries_left) == ("", 1)
    state, _ = on_prompts_done(ASK, state)
    state, actions = on_timeout(ASK, state)
    assert actions == [Release("normal")]


def test_resume_asks_for_the_whole_number_again() -> None:
    state, _ = keyed(ASK, "12#1")
    again, actions = resume(ASK, state)
    assert actions == [PlayPrompts(("your-number",))]
    assert (again.digits, again.tries_left) == ("", 1)


def test_a_call_to_the_outside_goes_on_only_where_it_fails() -> None:
    flow = Flow(
        name="out",
        start="call",
        steps={
            "call": Outside(number="+49301", trunk="provider", ring_s=9.0, otherwise="in"),
            "in": Enqueue(queue="sales"),
        },
    )
    state, actions = begin(flow)
    assert (state.phase, actions) == ("outside", [CallOut("+49301", "provider", 9.0)])
    for late in (
        on_digit(flow, state, "1"),
        on_prompts_done(flow, state),
        on_timeout(flow, state),
    ):
        assert late == (state, [])
    assert resume(flow, state) == (state, actions)
    after, actions = on_outside_failed(flow, state)
    assert actions == [JoinQueue("sales", {}, "")]
    assert on_outside_failed(flow, after) == (after, [])


ASKS = Flow(
    name="asks",
    start="who",
    steps={
        "who": Lookup(url="http://db/{caller}", found="in", missing="bye", failed="again"),
        "again": Lookup(
            url="http://db/", method="POST", music=(), found="in", missing="bye", failed="bye"
        ),
        "in": Enqueue(queue="sales"),
        "bye": HangUp(),
    },
)


def asks(name: str) -> AskSource:
    step = ASKS.steps[name]
    assert isinstance(step, Lookup)
    return AskSource(step)


def test_a_data_source_is_asked_and_each_answer_has_its_way() -> None:
    state, actions = begin(ASKS)
    assert (state.phase, actions) == ("lookup", [asks("who")])
    for late in (
        on_digit(ASKS, state, "1"),
        on_prompts_done(ASKS, state),
        on_timeout(ASKS, state),
    ):
        assert late == (state, [])
    assert on_answer(ASKS, state, known=True)[1] == [StopPrompts(), JoinQueue("sales", {}, "")]
    assert on_answer(ASKS, state, known=False)[1] == [StopPrompts(), Release("normal")]
    failed, actions = on_answer(ASKS, state, known=None)
    assert actions == [StopPrompts(), asks("again")]
    after, actions = on_answer(ASKS, failed, known=True)
    assert actions == [JoinQueue("sales", {}, "")]
    assert on_answer(ASKS, after, known=True) == (after, [])


def test_after_a_restart_a_get_is_asked_again_and_a_post_is_not() -> None:
    state, actions = begin(ASKS)
    assert resume(ASKS, state) == (state, actions)
    failed, _ = on_answer(ASKS, state, known=None)
    assert resume(ASKS, failed)[1] == [Release("normal")]


def test_questions_in_a_circle_release_the_caller() -> None:
    ask = Lookup(url="http://db/", found="a", missing="a", failed="a")
    circle = Flow(name="f", start="a", steps={"a": ask})
    state, actions = begin(circle)
    for _ in range(10):
        state, actions = on_answer(circle, state, known=None) if actions else (state, [])
    assert state.phase == "done"


def test_calendars_in_a_circle_release_the_caller() -> None:
    round_and_round = Flow(
        name="f",
        start="a",
        steps={
            "a": Hours(calendar="x", open="b", closed="b"),
            "b": Say(prompts=(), next="a"),
        },
    )
    state, actions = begin(round_and_round)
    for _ in range(10):
        if state.phase == "clock":
            state, actions = on_hours(round_and_round, state, is_open=True)
    assert (state.phase, actions) == ("done", [Release("bad-plan")])


def test_a_plan_that_leads_nowhere_releases_the_caller() -> None:
    circle = Flow(
        name="f", start="a", steps={"a": Say(prompts=(), next="b"), "b": Say(prompts=(), next="a")}
    )
    nowhere = Flow(name="f", start="a", steps={})
    for flow in (circle, nowhere):
        state, actions = begin(flow)
        assert (state.phase, actions) == ("done", [Release("bad-plan")])


def test_keys_stay_bounded_and_keep_the_last() -> None:
    state = at_menu()
    for _ in range(MAX_KEYS + 5):
        state, _ = on_digit(FLOW, state, "*")
        state, _ = on_prompts_done(FLOW, state)
    state, _ = on_digit(FLOW, state, "2")
    assert len(state.keys) == MAX_KEYS
    assert state.keys[-1] == ("menu", "2")


@given(st.lists(st.sampled_from(["done", "timeout", "resume", "1", "2", "9", "*", "#", "", "x"])))
def test_any_events_keep_the_state_sound(events: list[str]) -> None:
    """After whatever happened the state survives the ledger, and something is under way."""
    state, actions = begin(FLOW)
    running = actions
    for event in events:
        ended = state.phase == "done"
        state, actions = _feed(state, event)
        if event != "resume":
            assert not (ended and actions)
        running = actions or running
        assert msgspec.json.decode(msgspec.json.encode(state), type=FlowState) == state
        kind = {
            "prompts": PlayPrompts,
            "digit": StartTimer,
            "done": JoinQueue | Release,
        }[state.phase]
        assert isinstance(running[-1], kind)
        assert 0 <= state.tries_left <= 2


def _feed(state: FlowState, event: str) -> tuple[FlowState, list[Action]]:
    if event == "done":
        return on_prompts_done(FLOW, state)
    if event == "timeout":
        return on_timeout(FLOW, state)
    if event == "resume":
        return resume(FLOW, state)
    return on_digit(FLOW, state, event)
