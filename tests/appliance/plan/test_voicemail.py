"""A message step by step: greeting, beep, message, review; and what comes late or twice."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.plan.actions import (
    Action,
    DropMessage,
    FlowState,
    KeepMessage,
    PlayMessage,
    PlayPrompts,
    Release,
    StartMessage,
    StartTimer,
    StopMessage,
    StopPrompts,
    StopTimer,
)
from appliance.plan.model import Flow, HangUp, Menu
from appliance.plan.steps import (
    begin,
    on_digit,
    on_prompts_done,
    on_recorded,
    on_talking,
    on_timeout,
    resume,
)
from appliance.plan.voicemail import RECORDING, REVIEW_S, Voicemail

STEP = Voicemail(
    prompts=("hello",), mailbox="m", longest_s=60, silence_s=5, thanks=(), otherwise="bye"
)
ASKS = msgspec.structs.replace(STEP, review=("review",), thanks=("thanks",))


def flow_of(step: Voicemail) -> Flow:
    return Flow(name="f", start="word", steps={"word": step, "bye": HangUp()})


FLOW, ASKING = flow_of(STEP), flow_of(ASKS)


def recording(flow: Flow = FLOW) -> FlowState:
    return on_prompts_done(flow, begin(flow)[0])[0]


def asked() -> FlowState:
    return on_recorded(ASKING, on_digit(ASKING, recording(ASKING), "#")[0], 4000)[0]


def test_from_the_greeting_to_the_end() -> None:
    state, actions = begin(FLOW)
    assert actions == [PlayPrompts(("hello", "beep"))]
    state, actions = on_prompts_done(FLOW, state)
    assert (state.phase, actions) == ("message", [StartMessage("m", 60), StartTimer(5)])
    assert on_talking(FLOW, state, on=True) == (state, [StopTimer()])
    assert on_talking(FLOW, state, on=False) == (state, [StartTimer(5)])
    assert on_digit(FLOW, state, "1") == (state, [])
    state, actions = on_digit(FLOW, state, "#")
    assert (state.phase, actions) == ("closing", [StopTimer(), StopMessage()])
    assert on_talking(FLOW, state, on=False) == (state, [])
    state, actions = on_recorded(FLOW, state, 2000)
    assert (state.phase, actions) == ("done", [StopTimer(), KeepMessage(), Release("normal")])


def test_the_greeting_may_be_cut_short() -> None:
    state, _ = begin(FLOW)
    assert on_digit(FLOW, state, "#") == (state, [StopPrompts(), PlayPrompts(("beep",))])
    assert on_digit(FLOW, state, "1") == (state, [])


@pytest.mark.parametrize(("length_ms", "kept"), [(6999, False), (7000, True)])
def test_the_silence_that_ends_a_message_is_not_counted(length_ms: int, kept: bool) -> None:
    state, actions = on_timeout(FLOW, recording())
    assert (state.phase, actions) == ("quiet", [StopMessage()])
    state, actions = on_recorded(FLOW, state, length_ms)
    assert (KeepMessage() in actions) == kept
    assert (DropMessage() in actions) != kept
    assert state.step == ("word" if kept else "bye")


def test_what_is_too_short_is_thrown_away() -> None:
    state, actions = on_recorded(FLOW, recording(), 1999)
    assert actions == [StopTimer(), DropMessage(), Release("normal")]
    assert (state.step, state.phase) == ("bye", "done")


def test_the_caller_judges_the_message() -> None:
    state = asked()
    assert state.phase == "review"
    heard, actions = on_digit(ASKING, state, "2")
    assert (heard.phase, actions) == ("review", [StopPrompts(), PlayMessage()])
    waits, actions = on_prompts_done(ASKING, heard)
    assert (waits.phase, actions) == ("digit", [StartTimer(REVIEW_S)])
    again, actions = on_digit(ASKING, waits, "3")
    assert actions == [StopTimer(), DropMessage(), PlayPrompts(("beep",))]
    assert on_prompts_done(ASKING, again)[0].phase == "message"
    kept, actions = on_digit(ASKING, waits, "1")
    assert actions == [StopTimer(), KeepMessage(), PlayPrompts(("thanks",))]
    assert on_prompts_done(ASKING, kept)[1] == [Release("normal")]


def test_who_says_nothing_wants_it_kept() -> None:
    state = asked()
    for _ in range(2):
        state = on_prompts_done(ASKING, state)[0]
        state, actions = on_timeout(ASKING, state)
        assert actions == [PlayPrompts(("review",))]
    state, actions = on_digit(ASKING, state, "9")
    assert actions == [StopPrompts(), KeepMessage(), PlayPrompts(("thanks",))]


def test_resume_goes_on_where_it_was() -> None:
    state = recording(ASKING)
    assert resume(ASKING, state) == (state, [])
    assert resume(ASKING, asked()) == (asked(), [PlayPrompts(("review",))])
    kept = on_digit(ASKING, asked(), "1")[0]
    assert resume(ASKING, kept) == (kept, [PlayPrompts(("thanks",))])
    done = on_prompts_done(ASKING, kept)[0]
    assert resume(ASKING, done) == (done, [Release("normal")])
    assert resume(ASKING, begin(ASKING)[0]) == begin(ASKING)


def test_a_plan_that_changed_meanwhile_begins_its_step() -> None:
    other = Flow(
        name="f",
        start="word",
        steps={
            "word": Menu(prompts=("p",), choices={"1": "bye"}, otherwise="bye"),
            "bye": HangUp(),
        },
    )
    assert on_recorded(other, recording(), 5000) == begin(other)


EVENTS = ["done", "timeout", "on", "off", "closed", "short", "resume", "1", "2", "3", "#", "9"]


@given(st.lists(st.sampled_from(EVENTS)), st.sampled_from([FLOW, ASKING]))
def test_any_events_leave_no_dead_end(events: list[str], flow: Flow) -> None:
    """Something always runs, a recording is closed once, and a kept message is not dropped."""
    state, actions = begin(flow)
    running, kept, opened = actions, 0, 0
    for event in events:
        ended = state.phase == "done"
        state, actions = _feed(flow, state, event)
        if event != "resume":
            assert not (ended and actions)
        opened += sum(isinstance(action, StartMessage) for action in actions)
        kept += sum(isinstance(action, KeepMessage) for action in actions)
        running = [a for a in actions if not isinstance(a, StopTimer)] or running
        assert msgspec.json.decode(msgspec.json.encode(state), type=FlowState) == state
        if state.phase in RECORDING:
            assert opened
        else:
            assert isinstance(running[-1], PlayPrompts | PlayMessage | StartTimer | Release)
    assert kept <= 1


def _feed(flow: Flow, state: FlowState, event: str) -> tuple[FlowState, list[Action]]:
    match event:
        case "done":
            return on_prompts_done(flow, state)
        case "timeout":
            return on_timeout(flow, state)
        case "on" | "off":
            return on_talking(flow, state, on=event == "on")
        case "closed":
            return on_recorded(flow, state, 9000)
        case "short":
            return on_recorded(flow, state, 100)
        case "resume":
            return resume(flow, state)
    return on_digit(flow, state, event)
