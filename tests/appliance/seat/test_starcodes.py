"""Star codes as they are typed, digit by digit."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.plan.transfers import Transfers
from appliance.seat.starcodes import MAX_TARGET, Asked, read

RULES = Transfers()


@pytest.mark.parametrize(
    ("typed", "read_as"),
    [
        ("*", True),
        ("*7", True),
        ("*721", True),
        ("*721#", Asked("blind", "21")),
        ("*8300#", Asked("consult", "300")),
        ("*7#", Asked("complete")),
        ("*8#", Asked("complete")),
        ("*0", Asked("back")),
        ("*9", Asked("conference")),
        ("*5", False),
        ("5", False),
        ("#", False),
        ("**", False),
        ("*7*", False),
        ("*7A", False),
        ("*7" + "1" * MAX_TARGET, True),
        ("*7" + "1" * (MAX_TARGET + 1), False),
    ],
)
def test_what_is_typed(typed: str, read_as: Asked | bool) -> None:
    assert read(RULES, typed) == read_as


def test_the_plan_says_which_codes() -> None:
    rules = Transfers(blind="*41", consult="*42", back="*43", conference="*44")
    assert read(rules, "*4") is True
    assert read(rules, "*41" + "5#") == Asked("blind", "5")
    assert read(rules, "*43") == Asked("back")
    assert read(rules, "*7") is False


@given(st.text("0123456789*#ABCD", min_size=1, max_size=60))
def test_a_phone_cannot_type_for_ever(typed: str) -> None:
    """Digit by digit: each code is over before it is longer than the longest one."""
    held = ""
    for digit in typed:
        held += digit
        if read(RULES, held) is not True:
            held = ""
        assert len(held) <= len(RULES.blind) + MAX_TARGET
