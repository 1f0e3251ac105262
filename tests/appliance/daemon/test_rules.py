"""The brain in virtual time: what a plan says of hours, and of callers who wait too long."""

from pathlib import Path

import msgspec
import pytest

from appliance.plan.hours import Calendar, Opening
from appliance.plan.model import (
    Agent,
    Collect,
    Enqueue,
    Flow,
    HangUp,
    Hours,
    Number,
    Outside,
    Overflow,
    Plan,
    Say,
    Step,
)
from appliance.wire.commands import Dial, Hang, Play
from appliance.wire.events import Refused
from tests.appliance.brainkit import PLAN, Box, World

replace = msgspec.structs.replace


#: the held clock begins on Friday at 08:00 UTC, a minute before the shop opens
SHOP = Calendar(name="shop", week=(Opening(days=("fri",), start="08:01", end="17:00"),))
HOURS = replace(
    PLAN,
    calendars=(SHOP,),
    numbers=(
        Number(number="200", queue="sales", hours="shop", closed="night"),
        Number(number="210", flow="look"),
    ),
    flows=(
        Flow(name="night", start="bye", steps={"bye": HangUp(prompts=("closed",))}),
        Flow(
            name="look",
            start="day",
            steps={
                "day": Hours(calendar="shop", open="in", closed="sorry"),
                "sorry": Say(prompts=("only-standby",), next="standby"),
                "standby": Enqueue(queue="service"),
                "in": Enqueue(queue="sales"),
            },
        ),
    ),
)


def played(box: Box, leg: int) -> list[list[str]]:
    return [play.items for play in box.legs.of(Play) if play.leg == leg]


def journal(box: Box, leg: int) -> list[tuple[str, dict[str, object]]]:
    """Return what was journalled of the contact on *leg*."""
    (contact,) = [
        entry.contact
        for entry in box.journal.entries(limit=100_000)
        if entry.kind == "contact-arrived" and entry.as_dict()["leg"] == leg
    ]
    return [(entry.kind, entry.as_dict()) for entry in box.journal.entries(contact=contact)]


def test_a_closed_number_is_answered_by_its_flow_until_it_opens(
    world: World, tmp_path: Path
) -> None:
    box = Box(world, tmp_path, plan=HOURS)
    box.legs.register("ann")
    early = box.legs.call_in("200")
    world.run(1)
    assert played(box, early) == [["closed"]]
    assert not box.legs.of(Dial)
    assert ("contact-moved", {"to": "night", "by": "hours"}) in journal(box, early)
    box.legs.prompts_end(early)
    world.run(60)
    assert box.outcomes() == ["released"]
    late = box.legs.call_in("200")
    world.run(3)
    assert box.legs.rows[late].bridge


def test_a_flow_looks_at_the_clock(world: World, tmp_path: Path) -> None:
    box = Box(world, tmp_path, plan=HOURS)
    early = box.legs.call_in("210")
    world.run(1)
    assert played(box, early) == [["only-standby"]]
    box.legs.prompts_end(early)
    world.run(60)
    late = box.legs.call_in("210")
    world.run(1)
    assert box.contact(early).queue == "service"
    assert box.contact(late).queue == "sales"
    steps = [fact for kind, fact in journal(box, late) if kind == "flow-stepped"]
    assert steps == [{"flow": "look", "step": "in"}]


def test_a_calendar_that_cannot_be_read_turns_nobody_away(world: World, tmp_path: Path) -> None:
    for calendars in ((), (replace(SHOP, time_zone="Europe/Atlantis"),)):
        folder = tmp_path / str(len(calendars))
        folder.mkdir()
        box = Box(world, folder, plan=replace(HOURS, calendars=calendars))
        leg = box.legs.call_in("200")
        world.run(1)
        assert box.contact(leg).queue == "sales"


def test_a_caller_found_again_at_a_closed_number_goes_on(world: World, tmp_path: Path) -> None:
    """The brain dies between the answer and the flow; meanwhile the number opens."""
    box = Box(world, tmp_path, plan=HOURS)
    leg = box.legs.call_in("200")
    world.settle()
    box.kill()
    box.legs.up(leg)
    world.run(60)
    box.start()
    world.run(1)
    assert played(box, leg) == [["closed"]]


def overflowing(*rules: Overflow, **steps: Step) -> Plan:
    """Return the plan whose sales callers come to the flow `long` of these steps."""
    sales, service = PLAN.queues
    start = next(iter(steps))
    return replace(
        PLAN,
        queues=(replace(sales, overflow=rules), service),
        flows=(*PLAN.flows, Flow(name="long", start=start, steps=dict(steps))),
    )


TO_SERVICE: dict[str, Step] = {
    "sorry": Say(prompts=("sorry",), next="other"),
    "other": Enqueue(queue="service"),
}
AFTER = Overflow(after_s=30.0, flow="long")


def test_who_waits_too_long_goes_on_at_their_place(world: World, tmp_path: Path) -> None:
    box = Box(world, tmp_path, plan=overflowing(AFTER, **TO_SERVICE))
    leg = box.legs.call_in("200")
    world.run(29)
    place = box.contact(leg).place
    assert played(box, leg) == [["moh"]]
    world.run(2)
    assert played(box, leg) == [["moh"], ["sorry"]]
    assert ("contact-moved", {"to": "long", "by": "overflow"}) in journal(box, leg)
    box.legs.register("ann")
    world.run(5)
    assert not box.legs.of(Dial)
    box.legs.prompts_end(leg)
    world.run(1)
    assert (box.contact(leg).queue, box.contact(leg).place) == ("service", place)
    box.legs.register("bob")
    world.run(3)
    assert box.legs.rows[leg].bridge
    connected = dict(journal(box, leg))["contact-connected"]
    assert connected["waited_ms"] in range(36_000, 41_000)


def test_a_flow_may_lead_back_and_nobody_circles(world: World, tmp_path: Path) -> None:
    steps: dict[str, Step] = {
        "still": Say(prompts=("still",), next="back"),
        "back": Enqueue(queue="sales"),
    }
    box = Box(world, tmp_path, plan=overflowing(AFTER, **steps))
    box.legs.prompt_s = 1.0
    first = box.legs.call_in("200")
    world.run(25)
    second = box.legs.call_in("200")
    world.run(90)
    assert [items for items in played(box, first) if items == ["still"]] == [["still"]]
    box.legs.register("ann")
    world.run(3)
    assert [bool(box.legs.rows[leg].bridge) for leg in (first, second)] == [True, False]


def test_silent_flows_in_a_circle_let_the_caller_wait_on(world: World, tmp_path: Path) -> None:
    box = Box(world, tmp_path, plan=overflowing(AFTER, back=Enqueue(queue="sales")))
    leg = box.legs.call_in("200")
    world.run(90)
    assert box.contact(leg).phase == "waiting"
    assert sum(kind == "contact-moved" for kind, _ in journal(box, leg)) == 1


def test_keys_of_the_first_flow_are_still_known(world: World, tmp_path: Path) -> None:
    box = Box(world, tmp_path, plan=overflowing(AFTER, **TO_SERVICE))
    leg = box.legs.call_in("100")
    world.run(1)
    box.legs.prompts_end(leg)
    world.settle()
    box.legs.press(leg, "1")
    world.run(31)
    assert box.contact(leg).keys == (("menu", "1"),)


def test_who_would_wait_too_long_goes_on_at_once(world: World, tmp_path: Path) -> None:
    rule = Overflow(expected_s=60.0, flow="long")
    box = Box(world, tmp_path, plan=overflowing(rule, **TO_SERVICE))
    nobody_there = box.legs.call_in("200")
    world.run(1)
    assert played(box, nobody_there) == [["sorry"]]
    box.legs.register("ann")
    world.run(3)
    soon = box.legs.call_in("200")
    world.run(3)
    assert box.legs.rows[soon].bridge
    later = box.legs.call_in("200")
    world.run(1)
    assert played(box, later) == [["sorry"]]
    assert "wait-announced" not in dict(journal(box, later))


def test_nobody_is_taken_from_a_phone_that_rings_or_talks(world: World, tmp_path: Path) -> None:
    box = Box(world, tmp_path, plan=overflowing(AFTER, **TO_SERVICE))
    box.legs.answer_after = None
    leg = box.legs.call_in("200")
    world.run(25)
    box.legs.register("ann")
    world.run(8)
    assert box.contact(leg).phase == "reserved"
    assert played(box, leg) == [["moh"]]
    world.run(4)
    assert box.seat("ann").state == "paused"
    assert played(box, leg) == [["moh"], ["sorry"]]


def test_a_talk_is_left_alone(world: World, tmp_path: Path) -> None:
    box = Box(world, tmp_path, plan=overflowing(AFTER, **TO_SERVICE))
    box.legs.register("ann")
    leg = box.legs.call_in("200")
    world.run(60)
    assert box.legs.rows[leg].bridge
    assert "contact-moved" not in dict(journal(box, leg))


@pytest.mark.parametrize("away_s", [1.0, 40.0])
def test_a_restart_changes_nothing_of_when(world: World, tmp_path: Path, away_s: float) -> None:
    """Nobody serves the queue that the new brain sees at first; that moves nobody either."""
    rules = (AFTER, Overflow(expected_s=400.0, flow="front-door"))
    box = Box(world, tmp_path, plan=overflowing(*rules, **TO_SERVICE))
    box.legs.register("ann")
    box.legs.call_in("200")
    world.run(3)
    leg = box.legs.call_in("200")
    world.run(10)
    box.kill()
    world.run(away_s)
    box.start()
    world.run(15)
    assert (played(box, leg)[-1] == ["sorry"]) == (away_s == 40.0)
    world.run(10)
    assert played(box, leg)[-1] == ["sorry"]
    box.kill()
    box.start()
    world.run(1)
    assert [play == ["sorry"] for play in played(box, leg)[-2:]] == [True, True]
    box.legs.prompts_end(leg)
    world.run(1)
    assert box.contact(leg).queue == "service"


@pytest.mark.parametrize(("hangs_up", "outcome"), [(True, "abandoned"), (False, "released")])
def test_who_gives_up_in_the_flow_is_told_from_who_is_let_go(
    world: World, tmp_path: Path, hangs_up: bool, outcome: str
) -> None:
    box = Box(world, tmp_path, plan=overflowing(AFTER, bye=HangUp(prompts=("bye",))))
    leg = box.legs.call_in("200")
    world.run(31)
    if hangs_up:
        box.legs.down(leg)
    else:
        box.legs.prompts_end(leg)
    world.run(1)
    assert box.outcomes() == [outcome]


def test_a_flow_that_a_new_plan_has_not_is_not_begun(world: World, tmp_path: Path) -> None:
    box = Box(world, tmp_path, plan=overflowing(AFTER, **TO_SERVICE))
    leg = box.legs.call_in("200")
    world.run(5)
    box.brain.take_plan(PLAN)
    world.run(60)
    assert box.contact(leg).phase == "waiting"


def test_a_caller_may_be_for_one_agent(world: World, tmp_path: Path) -> None:
    cat = Agent(name="cat", site="north", account="cat", skills={"sales": 1})
    named = Flow(name="named", start="in", steps={"in": Enqueue(queue="sales", agent="cat")})
    plan = replace(
        PLAN,
        agents=(*PLAN.agents, cat),
        flows=(*PLAN.flows, named),
        numbers=(Number(number="220", flow="named"),),
    )
    box = Box(world, tmp_path, plan=plan)
    box.legs.register("ann")
    box.legs.register("cat")
    box.legs.call_in("220")
    world.run(3)
    assert [dial.via for dial in box.legs.of(Dial)] == ["cat"]


def test_a_caller_who_is_handed_on_may_be_for_one_agent(world: World, tmp_path: Path) -> None:
    plan = overflowing(AFTER, back=Enqueue(queue="sales", agent="cat"))
    sales = replace(plan.queues[0], named_s=90.0)
    cat = Agent(name="cat", site="north", account="cat", skills={"sales": 1})
    plan = replace(plan, queues=(sales, plan.queues[1]), agents=(*plan.agents, cat))
    box = Box(world, tmp_path, plan=plan)
    box.legs.call_in("200")
    world.run(31)
    box.legs.register("ann")
    box.legs.register("cat")
    world.run(3)
    assert [dial.via for dial in box.legs.of(Dial)] == ["cat"]


def test_a_number_is_collected_journalled_and_shown(world: World, tmp_path: Path) -> None:
    ask = Collect(prompts=("id",), name="customer", next="in", otherwise="in", wrong=())
    flow = Flow(name="ask", start="ask", steps={"ask": ask, "in": Enqueue(queue="sales")})
    plan = replace(PLAN, flows=(flow,), numbers=(Number(number="230", flow="ask"),))
    box = Box(world, tmp_path, plan=plan)
    box.legs.register("ann")
    leg = box.legs.call_in("230")
    world.run(1)
    for digit in "4711":
        box.legs.press(leg, digit)
        world.run(2)
    assert box.contact(leg).phase == "flow"
    world.run(8)
    (dial,) = box.legs.of(Dial)
    assert "key 4711" in dial.caller_name
    steps = [fact for kind, fact in journal(box, leg) if kind == "flow-stepped"]
    assert steps == [{"flow": "ask", "step": "ask", "digit": "4711"}]


OUTSIDE = replace(
    PLAN,
    numbers=(Number(number="240", flow="out"),),
    flows=(
        Flow(
            name="out",
            start="call",
            steps={
                "call": Outside(number="4930", trunk="provider", ring_s=9.0, otherwise="in"),
                "in": Enqueue(queue="sales"),
            },
        ),
    ),
)


def far_leg(box: Box) -> int:
    (leg,) = [row.leg for row in box.legs.rows.values() if row.out and row.state != "down"]
    return leg


def test_a_call_to_the_outside_is_bridged(world: World, tmp_path: Path) -> None:
    box = Box(world, tmp_path, plan=OUTSIDE)
    leg = box.legs.call_in("240")
    world.run(0.5)
    (dial,) = box.legs.of(Dial)
    assert (dial.kind, dial.via, dial.to, dial.owner) == ("trunk", "provider", "4930", leg)
    assert (dial.caller, dial.ring_s) == ("+33123", 9.0)
    assert played(box, leg) == [["tone:ringback"]]
    world.run(2)
    assert box.legs.rows[leg].bridge == box.legs.rows[far_leg(box)].bridge != ""
    assert ("contact-moved", {"to": "4930", "by": "flow"}) in journal(box, leg)
    box.legs.down(far_leg(box))
    world.run(1)
    assert box.outcomes() == ["released"]
    assert box.legs.rows[leg].state == "down"


def test_who_cannot_be_reached_outside_waits_here(world: World, tmp_path: Path) -> None:
    box = Box(world, tmp_path, plan=OUTSIDE)
    box.legs.answer_after = None
    busy, unanswered = box.legs.call_in("240"), box.legs.call_in("240")
    world.run(1)
    legs = [row.leg for row in box.legs.rows.values() if row.out]
    box.legs.down(legs[0], "busy")
    world.run(1)
    assert box.contact(busy).queue == "sales"
    failed = {"flow": "out", "step": "call", "reason": "busy"}
    assert ("flow-stepped", failed) in journal(box, busy)
    assert box.contact(unanswered).phase == "flow"
    world.run(9)
    assert box.contact(unanswered).queue == "sales"


def test_a_trunk_that_is_not_there_is_refused_and_the_flow_goes_on(
    world: World, tmp_path: Path
) -> None:
    box = Box(world, tmp_path, plan=OUTSIDE)
    box.legs.answer_after = None
    leg = box.legs.call_in("240")
    world.run(1)
    tok = box.legs.of(Dial)[0].tok
    tag = Dial.__struct_config__.tag
    assert isinstance(tag, int)
    box.brain.event(Refused(box.legs.seq, 0.0, tag, tok, "unknown-trunk"))
    world.run(1)
    assert box.contact(leg).queue == "sales"


@pytest.mark.parametrize("answered", [False, True])
def test_a_call_to_the_outside_outlives_the_brain(
    world: World, tmp_path: Path, answered: bool
) -> None:
    box = Box(world, tmp_path, plan=OUTSIDE)
    if not answered:
        box.legs.answer_after = None
    leg = box.legs.call_in("240")
    world.run(3)
    box.kill()
    box.start()
    world.run(1)
    assert len({dial.tok for dial in box.legs.of(Dial)}) == 1
    assert not box.legs.of(Hang)
    box.legs.up(far_leg(box))
    world.run(1)
    assert box.legs.rows[leg].bridge
    box.legs.down(leg)
    world.run(1)
    assert box.outcomes() == ["released"]


@pytest.mark.parametrize("answered", [False, True])
def test_a_far_end_that_went_while_the_brain_was_away(
    world: World, tmp_path: Path, answered: bool
) -> None:
    box = Box(world, tmp_path, plan=OUTSIDE)
    box.legs.bridges = False
    if not answered:
        box.legs.answer_after = None
    leg = box.legs.call_in("240")
    world.run(3)
    far = far_leg(box)
    box.kill()
    box.legs.down(far, "busy")
    box.start()
    world.run(1)
    if answered:
        assert box.legs.rows[leg].state == "down"
    else:
        assert len(box.legs.of(Dial)) == 2


@pytest.mark.parametrize(("answered", "outcome"), [(False, "abandoned"), (True, "released")])
def test_overflow_to_the_outside_is_let_go_once_it_is_answered(
    world: World, tmp_path: Path, answered: bool, outcome: str
) -> None:
    call = Outside(number="4930", trunk="provider", otherwise="in")
    plan = overflowing(AFTER, call=call, **{"in": Enqueue(queue="sales")})
    box = Box(world, tmp_path, plan=plan)
    if not answered:
        box.legs.answer_after = None
    leg = box.legs.call_in("200")
    world.run(33)
    assert bool(box.legs.rows[leg].bridge) == answered
    box.legs.down(leg)
    world.run(1)
    assert box.outcomes() == [outcome]
