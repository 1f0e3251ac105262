"""Checks of flows: steps that lead nowhere, that nothing leads to, and that go round."""

import itertools

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from appliance.plan.actions import FlowState
from appliance.plan.callback import CallBack
from appliance.plan.checks import check
from appliance.plan.lookup import Lookup, TakeAgent, TakeClass, TakeSkill
from appliance.plan.model import (
    Enqueue,
    Flow,
    HangUp,
    Hours,
    Number,
    Outside,
    Step,
    TakeFax,
)
from appliance.plan.steps import begin, on_hours, on_prompts_done, on_timeout
from appliance.plan.voicemail import Voicemail
from tests.appliance.plan.damages import (
    Damage,
    Mutant,
    collect,
    each,
    hours,
    is_found,
    menu,
    say,
    steps,
)
from tests.appliance.plan.plans import FULL, SMALL

replace = msgspec.structs.replace

MUTANTS: list[Mutant] = [
    (
        "flow twice",
        lambda plan: replace(plan, flows=(*plan.flows, plan.flows[1])),
        {("flows[service]", "duplicate")},
    ),
    (
        "step of no class",
        steps({"sales": Enqueue(queue="sales", klass="gone")}),
        {("flows[main].steps[sales].klass", "unknown-class")},
    ),
    (
        "step to no queue",
        steps({"sales": Enqueue(queue="gone")}),
        {("flows[main].steps[sales].queue", "unknown-queue")},
    ),
    ("no start", steps({}, start="gone"), {("flows[main].start", "unknown-step")}),
    (
        "say to no step",
        steps({"hello": say("gone")}),
        {("flows[main].steps[hello].next", "unknown-step")},
    ),
    (
        "key to no step",
        steps({}, drop="german"),
        {("flows[main].steps[more].choices[1]", "unknown-step")},
    ),
    (
        "otherwise to no step",
        steps({}, drop="bye"),
        {("flows[main].steps[more].otherwise", "unknown-step")},
    ),
    (
        "step that nothing leads to",
        steps({"island": HangUp()}),
        {("flows[main].steps[island]", "unreachable")},
    ),
    (
        "say to itself",
        steps({"bye": say("bye")}),
        {("flows[main].steps[bye]", "loop")},
    ),
    (
        "menu that leads otherwise to itself",
        steps({"more": menu("more", key1="german", key2="bye")}),
        {("flows[main].steps[more]", "loop")},
    ),
    (
        "silence leads round through two steps",
        steps(
            {"more": menu("hello", key1="german", key2="bye"), "menu": menu("more", key1="sales")}
        ),
        {
            ("flows[main].steps[hello]", "loop"),
            ("flows[main].steps[menu]", "loop"),
            ("flows[main].steps[more]", "loop"),
        },
    ),
    (
        "menu without a choice",
        steps({"x": menu("bye"), "hello": menu("menu", key1="x")}),
        {("flows[main].steps[x].choices", "no-choice")},
    ),
    (
        "skills that nobody has together",
        steps({"sales": Enqueue(queue="sales", skills={"german": 1})}),
        {("flows[main].steps[sales].skills", "no-agent")},
    ),
    (
        "a step with a calendar that is not there",
        steps({"hello": hours("menu", "bye", "gone")}),
        {("flows[main].steps[hello].calendar", "unknown-calendar")},
    ),
    (
        "a step with both ways to nowhere",
        steps({"hello": hours("gone", "lost"), "menu": say("bye")}),
        {
            ("flows[main].steps[hello].open", "unknown-step"),
            ("flows[main].steps[hello].closed", "unknown-step"),
        },
    ),
    (
        "a way round that is taken only while closed",
        steps({"hello": hours("menu", "later"), "later": say("hello")}),
        {("flows[main].steps[hello]", "loop"), ("flows[main].steps[later]", "loop")},
    ),
    (
        "a number that would be longer than it may be",
        steps({"hello": collect("menu", "bye", 5)}),
        {("flows[main].steps[hello].min_digits", "bad-range")},
    ),
    (
        "a number that leads nowhere",
        steps({"hello": collect("gone", "lost")}),
        {
            ("flows[main].steps[hello].next", "unknown-step"),
            ("flows[main].steps[hello].otherwise", "unknown-step"),
        },
    ),
    (
        "a question to nobody, about nothing, with ways to nowhere",
        steps(
            {
                "hello": Lookup(
                    url="http://{caller}/{digits.gone}",
                    body={"a": "b"},
                    found="menu",
                    missing="lost",
                    failed="bye",
                )
            }
        ),
        {
            ("flows[main].steps[hello].url", "bad-lookup"),
            ("flows[main].steps[hello].body", "bad-lookup"),
            ("flows[main].steps[hello].missing", "unknown-step"),
        },
    ),
    (
        "answers that stand for what the plan has not",
        steps(
            {
                "hello": Lookup(
                    url="http://db/{digits.menu}",
                    take=(
                        TakeClass(field="/a", values={"A": "gold", "B": "tin"}),
                        TakeSkill(field="/b", values={"x": "sales", "y": "knitting"}),
                        TakeAgent(field="/c", values={"1": "ann", "2": "nobody"}),
                    ),
                    found="menu",
                    missing="menu",
                    failed="menu",
                )
            }
        ),
        {
            ("flows[main].steps[hello].take[0].values[B]", "unknown-class"),
            ("flows[main].steps[hello].take[1].values[y]", "no-agent"),
            ("flows[main].steps[hello].take[2].values[2]", "unknown-agent"),
        },
    ),
    (
        "a question that is asked for ever when it fails",
        steps({"hello": Lookup(url="http://db/", found="menu", missing="menu", failed="hello")}),
        {("flows[main].steps[hello]", "loop")},
    ),
    (
        "a message that leads back to itself, and one that leads nowhere",
        steps({"hello": Voicemail(otherwise="hello"), "menu": Voicemail(otherwise="lost")}),
        {
            ("flows[main].steps[hello]", "loop"),
            ("flows[main].steps[menu].otherwise", "unknown-step"),
            ("flows[main].steps[menu]", "unreachable"),
            ("flows[main].steps[more]", "unreachable"),
            ("flows[main].steps[sales]", "unreachable"),
            ("flows[main].steps[german]", "unreachable"),
            ("flows[main].steps[bye]", "unreachable"),
        },
    ),
    (
        "a call to the outside that leads back to itself, and one to nowhere",
        steps(
            {
                "hello": Outside(number="0", trunk="t", otherwise="hello"),
                "menu": Outside(number="0", trunk="t", otherwise="gone"),
            }
        ),
        {
            ("flows[main].steps[hello]", "loop"),
            ("flows[main].steps[menu].otherwise", "unknown-step"),
        },
    ),
    (
        "a call-back that cannot be: no queue, no country, one key for two answers",
        steps(
            {
                "hello": CallBack(
                    prompts=("offer",),
                    queue="gone",
                    trunk="t",
                    country="ZZ",
                    also=("QQ",),
                    other="1",
                    next="bye",
                    otherwise="hello",
                )
            }
        ),
        {
            ("flows[main].steps[hello].queue", "unknown-queue"),
            ("flows[main].steps[hello].country", "unknown-country"),
            ("flows[main].steps[hello].other", "one-key"),
            ("flows[main].steps[hello]", "loop"),
        },
    ),
    (
        "a call-back into skills and a class that nobody has",
        steps(
            {
                "sales": CallBack(
                    prompts=(),
                    queue="sales",
                    skills={"french": 9},
                    klass="gone",
                    trunk="t",
                    country="DE",
                    next="bye",
                    otherwise="lost",
                )
            }
        ),
        {
            ("flows[main].steps[sales].skills", "no-agent"),
            ("flows[main].steps[sales].klass", "unknown-class"),
            ("flows[main].steps[sales].otherwise", "unknown-step"),
        },
    ),
    (
        "a step for an agent who is not there",
        steps({"sales": Enqueue(queue="sales", agent="gone")}),
        {("flows[main].steps[sales].agent", "unknown-agent")},
    ),
]


@each(MUTANTS)
def test_each_damage_is_found_at_its_place(damage: Damage, expected: set[tuple[str, str]]) -> None:
    is_found(damage, expected)


@given(st.data())
def test_any_flow_lets_a_silent_caller_out_or_is_found(data: st.DataObject) -> None:
    """The check agrees with the machine that runs the flow."""
    names = ["a", "b", "c", "d"]
    target = st.sampled_from(names)
    step = st.one_of(
        st.builds(say, target),
        st.builds(lambda otherwise, key: menu(otherwise, key1=key), target, target),
        st.just(Enqueue(queue="all")),
        st.just(HangUp()),
        st.just(TakeFax()),
        st.builds(hours, target, target),
        st.builds(collect, target, target),
    )
    flow = Flow(name="f", start="a", steps={name: data.draw(step) for name in names})
    number = Number(number="100", flow="f")
    plan = replace(SMALL, flows=(flow,), numbers=(number,), calendars=FULL.calendars)
    findings = [finding for finding in check(plan) if finding.severity == "error"]
    assert {finding.reason for finding in findings} <= {"loop"}
    stuck = any(not _gets_out(flow, name) for name in names)
    assert bool(findings) == stuck


def _gets_out(flow: Flow, start: str) -> bool:
    """Tell whether a silent caller gets out, whatever the clock says at each step."""
    ways = itertools.product((True, False), repeat=len(flow.steps))
    return all(_gets_out_so(flow, start, dict(zip(flow.steps, way, strict=True))) for way in ways)


def _gets_out_so(flow: Flow, start: str, open_at: dict[str, bool]) -> bool:
    state: FlowState = begin(replace(flow, start=start))[0]
    for _ in range(100):
        if state.phase == "done":
            # released since it went round: that is not the plan's way out
            return not isinstance(flow.steps[state.step], Hours)
        if state.phase == "clock":
            state = on_hours(flow, state, is_open=open_at[state.step])[0]
        else:
            turn = on_prompts_done if state.phase == "prompts" else on_timeout
            state = turn(flow, state)[0]
    return False


def test_a_big_plan_is_checked() -> None:
    """500 steps in one flow, all reached."""
    chain: dict[str, Step] = {f"s{n}": menu(f"s{n + 1}", key1=f"s{n + 1}") for n in range(499)}
    chain["s499"] = Enqueue(queue="all")
    flow = Flow(name="f", start="s0", steps=chain)
    assert check(replace(SMALL, flows=(flow,))) == []
    looped = {**chain, "s499": say("s0")}
    findings = check(replace(SMALL, flows=(replace(flow, steps=looped),)))
    assert {finding.reason for finding in findings} == {"loop"}
    assert len(findings) == 500
