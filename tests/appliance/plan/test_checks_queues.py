"""Checks of queues, classes and agents: whom a queue asks for, and who is there."""

import msgspec

from appliance.plan.model import (
    Agent,
    Divide,
    Overflow,
    Queue,
    Relax,
    ServiceClass,
)
from tests.appliance.plan.damages import Damage, Mutant, agent, each, is_found, queue, relaxed

replace = msgspec.structs.replace

MUTANTS: list[Mutant] = [
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
        "queue twice",
        lambda plan: replace(plan, queues=(*plan.queues, plan.queues[0])),
        {("queues[sales]", "duplicate")},
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
        "default class gone",
        lambda plan: replace(plan, default_class="gone"),
        {("default_class", "unknown-class")},
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
]


@each(MUTANTS)
def test_each_damage_is_found_at_its_place(damage: Damage, expected: set[tuple[str, str]]) -> None:
    is_found(damage, expected)
