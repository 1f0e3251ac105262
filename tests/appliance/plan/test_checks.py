"""Checks: sound plans are clean, and findings say what forbids publication."""

import msgspec
import pytest

from appliance.plan.checks import Finding, check, parse_plan
from appliance.plan.model import (
    Plan,
    Site,
)
from tests.appliance.plan.plans import FULL, SMALL, SOUND

replace = msgspec.structs.replace


@pytest.mark.parametrize("plan", SOUND)
def test_a_sound_plan_is_clean(plan: Plan) -> None:
    assert check(plan) == []


def test_a_plan_without_agents_serves_nobody() -> None:
    (finding,) = check(replace(SMALL, agents=()))
    assert (finding.place, finding.reason) == ("queues[all].skills", "no-agent")


def test_findings_come_in_order_of_place() -> None:
    findings = check(replace(FULL, agents=(), emergency_numbers=()))
    assert findings == sorted(findings)
    assert len(findings) > 3


def test_a_finding_says_whether_it_forbids_publication() -> None:
    assert Finding("p", "loop", "m").severity == "error"
    assert Finding("p", "unreachable", "m").severity == "warning"


def test_a_site_without_a_name_in_its_escrow_is_read_again() -> None:
    plan = replace(SMALL, sites=(Site(name="a", region="north"), Site(name="b", escrow="box-1")))
    assert parse_plan(msgspec.json.encode(plan)) == plan
