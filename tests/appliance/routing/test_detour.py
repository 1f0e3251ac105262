"""Where a flow leads a contact that presses nothing."""

import pytest

from appliance.plan.hours import Calendar, Opening
from appliance.plan.lookup import Lookup
from appliance.plan.model import Enqueue, Flow, HangUp, Hours, Menu, Outside, Plan, Say
from appliance.plan.voicemail import Voicemail
from appliance.routing.day import Detour, Stay
from appliance.routing.detour import USUAL_PROMPTS_S, OverflowRules
from appliance.routing.recordedfloor import RecordedFloor

S = 1_000_000
#: 2026-11-23, a Monday, 12:00 UTC
NOON_US = 1_795_435_200 * S
FLOWS = (
    Flow(
        name="asks",
        start="sorry",
        steps={
            "sorry": Say(prompts=("sorry",), next="menu"),
            "menu": Menu(
                prompts=("choose",), choices={"1": "bye"}, timeout_s=5, tries=2, otherwise="on"
            ),
            "on": Enqueue(queue="other", klass="gold"),
            "bye": HangUp(),
        },
    ),
    Flow(
        name="by-day",
        start="hours",
        steps={
            "hours": Hours(calendar="week", open="on", closed="bye"),
            "on": Enqueue(queue="other"),
            "bye": HangUp(prompts=("closed",)),
        },
    ),
    Flow(
        name="calls",
        start="out",
        steps={
            "out": Outside(number="112", trunk="t", otherwise="on"),
            "on": Enqueue(queue="other"),
        },
    ),
    Flow(
        name="asks-who",
        start="who",
        steps={
            "who": Lookup(url="http://db/{caller}", found="bye", missing="on", failed="bye"),
            "on": Enqueue(queue="other"),
            "bye": HangUp(),
        },
    ),
    Flow(
        name="word",
        start="word",
        steps={"word": Voicemail(otherwise="on"), "on": Enqueue(queue="other")},
    ),
)
PLAN = Plan(
    flows=FLOWS,
    calendars=(Calendar(name="week", week=(Opening(days=("mon",), start="09:00", end="17:00"),)),),
)
RULES = OverflowRules(PLAN, RecordedFloor(PLAN, ()))


def test_prompts_and_silence_take_their_time() -> None:
    """Sorry, twice the question and 5 s for an answer, then the queue."""
    took_us = round((3 * USUAL_PROMPTS_S + 2 * 5) * S)
    stay = Stay(queue="other", klass="gold")
    expected = Detour(queue="sales", flow="asks", took_us=took_us, stay=stay)
    assert RULES.unheard("sales", "asks", NOON_US) == expected


@pytest.mark.parametrize(("later_h", "queue"), [(0, "other"), (6, None)])
def test_a_calendar_is_asked_for_that_moment(later_h: int, queue: str | None) -> None:
    stay = RULES.unheard("sales", "by-day", NOON_US + later_h * 3_600 * S).stay
    assert (stay.queue if stay else None) == queue


def test_a_data_source_knows_nothing() -> None:
    stay = RULES.unheard("sales", "asks-who", NOON_US).stay
    assert stay is not None
    assert stay.queue == "other"


def test_who_may_leave_a_message_leaves_one() -> None:
    assert RULES.unheard("sales", "word", NOON_US).stay is None


def test_who_is_called_outside_answers() -> None:
    assert RULES.unheard("sales", "calls", NOON_US).stay is None
