"""The brain in virtual time: what a plan says of hours, and of callers who wait too long."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from appliance.plan.hours import Calendar, Opening
from appliance.plan.model import Enqueue, Flow, HangUp, Hours, Number, Say
from appliance.wire.commands import Dial, Play
from tests.appliance.brainkit import PLAN, Box, World

replace = msgspec.structs.replace


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    yield made
    made.close()


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
