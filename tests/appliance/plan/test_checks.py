"""Checks: sound plans are clean, and each kind of damage is found at its place."""

import itertools
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.plan.actions import FlowState
from appliance.plan.callback import CallBack
from appliance.plan.checks import Finding, check, parse_plan
from appliance.plan.hours import Calendar, Holiday
from appliance.plan.lookup import Lookup, TakeAgent, TakeClass, TakeSkill
from appliance.plan.model import (
    Agent,
    Collect,
    Divide,
    Enqueue,
    Flow,
    HangUp,
    Hours,
    Menu,
    Number,
    Outside,
    Overflow,
    Plan,
    Queue,
    Relax,
    Say,
    ServiceClass,
    Site,
    Step,
    TakeFax,
)
from appliance.plan.steps import begin, on_hours, on_prompts_done, on_timeout
from appliance.plan.transfers import Transfers
from appliance.plan.voicemail import Voicemail
from tests.appliance.plan.plans import FULL, SMALL, SOUND

replace = msgspec.structs.replace
Damage = Callable[[Plan], Plan]


@pytest.mark.parametrize("plan", SOUND)
def test_a_sound_plan_is_clean(plan: Plan) -> None:
    assert check(plan) == []


def steps(changes: dict[str, Step], *, start: str = "hello", drop: str = "") -> Damage:
    """Return the damage of changed, added or dropped steps in the flow `main`."""

    def damage(plan: Plan) -> Plan:
        main = plan.flows[0]
        changed = {**main.steps, **changes}
        changed.pop(drop, None)
        return replace(plan, flows=(replace(main, start=start, steps=changed), *plan.flows[1:]))

    return damage


def numbers(*more: Number) -> Damage:
    return lambda plan: replace(plan, numbers=(*plan.numbers, *more))


def transfers(**rules: Any) -> Damage:
    return lambda plan: replace(plan, transfers=Transfers(**rules))


def relaxed(*relax: Relax, prefer: dict[str, int] | None = None) -> Damage:
    law = Queue(name="law", skills={"law": 8}, relax=relax, prefer=prefer or {})
    return lambda plan: replace(plan, queues=(*plan.queues, law))


def queue(**fields: Any) -> Damage:
    made = Queue(name="law", **fields)
    return lambda plan: replace(plan, queues=(*plan.queues, made))


def agent(**fields: Any) -> Damage:
    made = Agent(name="cyd", site="a", account="p9", **fields)
    return lambda plan: replace(plan, agents=(*plan.agents, made))


def say(target: str) -> Say:
    return Say(prompts=("p",), next=target)


def menu(otherwise: str, **choices: str) -> Menu:
    named = {key.removeprefix("key"): step for key, step in choices.items()}
    return Menu(prompts=("p",), choices=named, otherwise=otherwise)


def hours(open_to: str, closed_to: str, calendar: str = "shop") -> Hours:
    return Hours(calendar=calendar, open=open_to, closed=closed_to)


def collect(target: str, otherwise: str, min_digits: int = 1) -> Collect:
    return Collect(
        prompts=("p",),
        name="id",
        next=target,
        otherwise=otherwise,
        min_digits=min_digits,
        max_digits=4,
    )


MUTANTS: list[tuple[str, Damage, set[tuple[str, str]]]] = [
    (
        "class to no flow",
        lambda plan: replace(
            plan,
            classes=(*plan.classes, ServiceClass(name="x", overflow=(Overflow(flow="gone"),))),
        ),
        {
            ("classes[x].overflow[0].flow", "unknown-flow"),
            ("classes[x].overflow[0]", "one-condition"),
        },
    ),
    (
        "two calls at once",
        agent(slots={"voice": 2, "chat": 3}),
        {("agents[cyd].slots[voice]", "one-phone")},
    ),
    (
        "group of one",
        agent(slots={"chat": 3}, exclusive=(("chat", "voice"),)),
        {("agents[cyd].exclusive[0]", "no-group")},
    ),
    (
        "shares of 90",
        queue(divide=Divide(by="shares", shares={"a": 90.0})),
        {("queues[law].divide.shares", "bad-shares")},
    ),
    (
        "shares by wait",
        queue(divide=Divide(by="wait", shares={"a": 100.0})),
        {("queues[law].divide.shares", "bad-shares")},
    ),
    (
        "share of nobody",
        queue(divide=Divide(by="shares", shares={"a": 90.0, "mars": 10.0})),
        {("queues[law].divide.shares[mars]", "no-agent")},
    ),
    (
        "divided and near",
        queue(divide=Divide(by="wait"), own_s=5.0),
        {("queues[law].divide", "two-rules")},
    ),
    (
        "leaves before it joins",
        queue(reserve_below=0.8, reserve_above=0.7),
        {("queues[law].reserve_above", "bad-range")},
    ),
    (
        "leaves and never joins",
        queue(reserve_above=0.7),
        {("queues[law].reserve_above", "bad-range")},
    ),
    (
        "number twice",
        numbers(Number(number="200", queue="sales")),
        {("numbers[200]", "duplicate")},
    ),
    (
        "queue twice",
        lambda plan: replace(plan, queues=(*plan.queues, plan.queues[0])),
        {("queues[sales]", "duplicate")},
    ),
    (
        "flow twice",
        lambda plan: replace(plan, flows=(*plan.flows, plan.flows[1])),
        {("flows[service]", "duplicate")},
    ),
    (
        "class twice",
        lambda plan: replace(plan, classes=(*plan.classes, ServiceClass(name="gold"))),
        {("classes[gold]", "duplicate")},
    ),
    (
        "agent twice",
        lambda plan: replace(plan, agents=(*plan.agents, replace(plan.agents[0], account="p3"))),
        {("agents[ann]", "duplicate")},
    ),
    (
        "account twice",
        lambda plan: replace(plan, agents=(*plan.agents, Agent(name="c", site="a", account="p1"))),
        {("agents.account[p1]", "duplicate")},
    ),
    (
        "number to no flow",
        numbers(Number(number="9", flow="gone")),
        {("numbers[9].flow", "unknown-flow")},
    ),
    (
        "number to no queue",
        numbers(Number(number="9", queue="gone")),
        {("numbers[9].queue", "unknown-queue")},
    ),
    ("number to nothing", numbers(Number(number="9")), {("numbers[9]", "no-target")}),
    (
        "number to both",
        numbers(Number(number="9", flow="main", queue="sales")),
        {("numbers[9]", "two-targets")},
    ),
    (
        "number of no class",
        numbers(Number(number="9", queue="sales", klass="gone")),
        {("numbers[9].klass", "unknown-class")},
    ),
    (
        "default class gone",
        lambda plan: replace(plan, default_class="gone"),
        {("default_class", "unknown-class")},
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
        "queue nobody serves",
        lambda plan: replace(plan, queues=(*plan.queues, Queue(name="law", skills={"law": 1}))),
        {("queues[law].skills", "no-agent")},
    ),
    (
        "level nobody has",
        lambda plan: replace(
            plan, agents=(replace(plan.agents[0], skills={"sales": 1}), *plan.agents[1:])
        ),
        {("queues[sales].skills", "no-agent")},
    ),
    (
        "a level that nobody has even at last",
        relaxed(Relax(after_s=10, skills={"law": 7}), Relax(after_s=20, skills={"law": 6})),
        {("queues[law].skills", "no-agent")},
    ),
    (
        "steps that ask for more, or come too early",
        relaxed(Relax(after_s=10, skills={"law": 9}), Relax(after_s=5, skills={"law": 0})),
        {
            ("queues[law].relax[0].skills[law]", "not-weaker"),
            ("queues[law].relax[1]", "not-weaker"),
        },
    ),
    ("a level that everybody has at last", relaxed(Relax(after_s=5, skills={"law": 0})), set()),
    (
        "a preferred skill that nobody has",
        relaxed(Relax(after_s=5, skills={"law": 0}), prefer={"knitting": 2}),
        {("queues[law].prefer[knitting]", "unknown-skill")},
    ),
    (
        "a time zone and a day that are not there",
        lambda plan: replace(
            plan,
            calendars=(
                *plan.calendars,
                Calendar(
                    name="office",
                    time_zone="Europe/Atlantis",
                    holidays=(Holiday(date="02-29"), Holiday(date="2027-02-29")),
                ),
            ),
        ),
        {
            ("calendars[office].time_zone", "unknown-zone"),
            ("calendars[office].holidays[2027-02-29]", "bad-date"),
        },
    ),
    (
        "skills that nobody has together",
        steps({"sales": Enqueue(queue="sales", skills={"german": 1})}),
        {("flows[main].steps[sales].skills", "no-agent")},
    ),
    (
        "a number with hours and no answer when closed",
        numbers(Number(number="9", queue="sales", hours="shop")),
        {("numbers[9]", "both-or-neither")},
    ),
    (
        "a number with an answer when closed and no hours",
        numbers(Number(number="9", queue="sales", closed="service")),
        {("numbers[9]", "both-or-neither")},
    ),
    (
        "a number with a calendar and a flow that are not there",
        numbers(Number(number="9", queue="sales", hours="gone", closed="lost")),
        {("numbers[9].hours", "unknown-calendar"), ("numbers[9].closed", "unknown-flow")},
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
        "overflow to nowhere, and at no or two times",
        lambda plan: replace(
            plan,
            queues=(
                replace(
                    plan.queues[0],
                    overflow=(
                        Overflow(after_s=60, flow="lost"),
                        Overflow(flow="main"),
                        Overflow(after_s=60, expected_s=60, flow="main"),
                    ),
                ),
                *plan.queues[1:],
            ),
        ),
        {
            ("queues[sales].overflow[0].flow", "unknown-flow"),
            ("queues[sales].overflow[1]", "one-condition"),
            ("queues[sales].overflow[2]", "one-condition"),
        },
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
    (
        "an emergency number answered here",
        numbers(Number(number="110", queue="sales")),
        {("numbers[110]", "emergency-shadowed")},
    ),
    (
        "no emergency number",
        lambda plan: replace(plan, emergency_numbers=()),
        {("emergency_numbers", "no-emergency")},
    ),
    (
        "an emergency number that cannot be dialled",
        lambda plan: replace(plan, emergency_numbers=("112", "one-one-zero")),
        {("emergency_numbers[one-one-zero]", "bad-emergency")},
    ),
    (
        "transfers to nobody",
        transfers(
            targets={
                "1": "agent:gone",
                "2": "queue:gone",
                "3": "site:gone",
                "4": "fax:x",
                "5": "1",
            }
        ),
        {(f"transfers.targets[{digit}]", "bad-target") for digit in "1234"},
    ),
    (
        "transfers outside without a trunk, of a class that is not there",
        transfers(outside={"gone": ("1",)}),
        {("transfers.outside[gone]", "unknown-class"), ("transfers.trunk", "no-target")},
    ),
    (
        "two codes that cannot be told apart",
        transfers(back="*7", conference="*81"),
        {("transfers[*7]", "duplicate"), ("transfers[*8]", "duplicate")},
    ),
]


@pytest.mark.parametrize(
    ("damage", "expected"), [m[1:] for m in MUTANTS], ids=[m[0] for m in MUTANTS]
)
def test_each_damage_is_found_at_its_place(damage: Damage, expected: set[tuple[str, str]]) -> None:
    findings = check(damage(FULL))
    serious = {(f.place, f.reason) for f in findings if f.severity == "error"}
    warned = {(f.place, f.reason) for f in findings if f.severity == "warning"}
    assert expected <= serious | warned
    assert serious <= expected
    assert {reason for _, reason in warned} <= {"unreachable", "unknown-skill"}
    assert all(finding.message for finding in findings)


def test_a_plan_without_agents_serves_nobody() -> None:
    (finding,) = check(replace(SMALL, agents=()))
    assert (finding.place, finding.reason) == ("queues[all].skills", "no-agent")


def test_findings_come_in_order_of_place() -> None:
    findings = check(replace(FULL, agents=(), emergency_numbers=()))
    assert findings == sorted(findings)
    assert len(findings) > 3


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


def test_a_finding_says_whether_it_forbids_publication() -> None:
    assert Finding("p", "loop", "m").severity == "error"
    assert Finding("p", "unreachable", "m").severity == "warning"


def test_a_site_without_a_name_in_its_escrow_is_read_again() -> None:
    plan = replace(SMALL, sites=(Site(name="a", region="north"), Site(name="b", escrow="box-1")))
    assert parse_plan(msgspec.json.encode(plan)) == plan
