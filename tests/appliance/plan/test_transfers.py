"""Targets as text and as digits, and who may be handed on to the outside."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.plan.transfers import Target, Transfers, parse_target, typed_target

RULES = Transfers(
    targets={"21": "agent:ann", "300": "queue:other"},
    outside={"gold": ("+49", "0"), "bronze": ()},
    trunk="city",
)
NUMBERS = {"200": "sales", "300": "service", "400": ""}


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("queue:sales", Target("queue", "sales")),
        ("agent:ann-2", Target("agent", "ann-2")),
        ("site:south", Target("site", "south")),
        ("+4930", Target("outside", "+4930")),
        ("110", Target("outside", "110")),
        ("", None),
        ("+", None),
        ("queue:", None),
        ("queue:Sales", None),
        ("trunk:x", None),
        ("agent:ann\n", None),
        ("12 34", None),
        ("1" * 33, None),
        ("\u0661", None),
    ],
)
def test_a_target_as_text(text: str, target: Target | None) -> None:
    assert parse_target(text) == target


@given(st.text(max_size=60))
def test_whatever_is_a_target_is_written_as_it_was_read(text: str) -> None:
    target = parse_target(text)
    assert target is None or str(target) == text


@pytest.mark.parametrize(
    ("digits", "target"),
    [
        ("21", Target("agent", "ann")),
        ("200", Target("queue", "sales")),
        ("300", Target("queue", "other")),
        ("400", Target("outside", "400")),
        ("queue:x", Target("queue", "x")),
        ("", None),
    ],
)
def test_what_an_agent_types(digits: str, target: Target | None) -> None:
    assert typed_target(RULES, NUMBERS, digits) == target


@pytest.mark.parametrize(
    ("klass", "number", "may"),
    [
        ("gold", "+4930", True),
        ("gold", "030", True),
        ("gold", "+1", False),
        ("bronze", "+4930", False),
        ("none", "+4930", False),
    ],
)
def test_the_class_of_service_says_who_may_go_outside(klass: str, number: str, may: bool) -> None:
    assert RULES.may_call(klass, number) == may


def test_without_a_trunk_nobody_goes_outside() -> None:
    assert not Transfers(outside={"gold": ("",)}).may_call("gold", "1")
    assert Transfers(outside={"gold": ("",)}, trunk="city").may_call("gold", "1")
