"""Checks of numbers, calendars, emergency numbers and the rules of transfers."""

import msgspec

from appliance.plan.hours import Calendar, Holiday
from appliance.plan.model import (
    Number,
)
from tests.appliance.plan.damages import Damage, Mutant, each, is_found, numbers, transfers

replace = msgspec.structs.replace

MUTANTS: list[Mutant] = [
    (
        "number twice",
        numbers(Number(number="200", queue="sales")),
        {("numbers[200]", "duplicate")},
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


@each(MUTANTS)
def test_each_damage_is_found_at_its_place(damage: Damage, expected: set[tuple[str, str]]) -> None:
    is_found(damage, expected)
