"""Damages to a sound plan, each found by the checks at its place."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from appliance.plan.checks import check
from appliance.plan.model import (
    Agent,
    Collect,
    Hours,
    Menu,
    Number,
    Plan,
    Queue,
    Relax,
    Say,
    Step,
)
from appliance.plan.transfers import Transfers
from tests.appliance.plan.plans import FULL

replace = msgspec.structs.replace

Damage = Callable[[Plan], Plan]
#: what is wrong, how it comes to be, and where and by which words it is found
Mutant = tuple[str, Damage, set[tuple[str, str]]]


def is_found(damage: Damage, expected: set[tuple[str, str]]) -> None:
    """Check that a damaged plan's findings are those expected, by place and reason word."""
    findings = check(damage(FULL))
    serious = {(f.place, f.reason) for f in findings if f.severity == "error"}
    warned = {(f.place, f.reason) for f in findings if f.severity == "warning"}
    assert expected <= serious | warned
    assert serious <= expected
    assert {reason for _, reason in warned} <= {"unreachable", "unknown-skill"}
    assert all(finding.message for finding in findings)


def each(mutants: list[Mutant]) -> pytest.MarkDecorator:
    """Return the mark that runs a test once for each damage, by its name."""
    cases = [pytest.param(damage, expected, id=name) for name, damage, expected in mutants]
    return pytest.mark.parametrize(("damage", "expected"), cases)


def steps(changes: dict[str, Step], *, start: str = "hello", drop: str = "") -> Damage:
    """Return the damage of changed, added or dropped steps in the flow `main`."""

    def damage(plan: Plan) -> Plan:
        main = plan.flows[0]
        changed = {**main.steps, **changes}
        changed.pop(drop, None)
        return replace(plan, flows=(replace(main, start=start, steps=changed), *plan.flows[1:]))

    return damage


def numbers(*more: Number) -> Damage:
    """Return the damage of more numbers."""
    return lambda plan: replace(plan, numbers=(*plan.numbers, *more))


def transfers(**rules: Any) -> Damage:
    """Return the damage of these rules of transfers."""
    return lambda plan: replace(plan, transfers=Transfers(**rules))


def relaxed(*relax: Relax, prefer: dict[str, int] | None = None) -> Damage:
    """Return the damage of a queue for law that asks for less with time."""
    law = Queue(name="law", skills={"law": 8}, relax=relax, prefer=prefer or {})
    return lambda plan: replace(plan, queues=(*plan.queues, law))


def queue(**fields: Any) -> Damage:
    """Return the damage of one more queue."""
    made = Queue(name="law", **fields)
    return lambda plan: replace(plan, queues=(*plan.queues, made))


def agent(**fields: Any) -> Damage:
    """Return the damage of one more agent."""
    made = Agent(name="cyd", site="a", account="p9", **fields)
    return lambda plan: replace(plan, agents=(*plan.agents, made))


def say(target: str) -> Say:
    """Return an announcement."""
    return Say(prompts=("p",), next=target)


def menu(otherwise: str, **choices: str) -> Menu:
    """Return a menu of named keys (`key1`)."""
    named = {key.removeprefix("key"): step for key, step in choices.items()}
    return Menu(prompts=("p",), choices=named, otherwise=otherwise)


def hours(open_to: str, closed_to: str, calendar: str = "shop") -> Hours:
    """Return a step that asks a calendar."""
    return Hours(calendar=calendar, open=open_to, closed=closed_to)


def collect(target: str, otherwise: str, min_digits: int = 1) -> Collect:
    """Return a step that collects a number."""
    return Collect(
        prompts=("p",),
        name="id",
        next=target,
        otherwise=otherwise,
        min_digits=min_digits,
        max_digits=4,
    )
