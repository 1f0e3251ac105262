"""Budgets of access links over the real link: the hub knows, an island knows, a new hub too."""

from collections.abc import AsyncIterator
from pathlib import Path
from random import Random

import msgspec
import pytest

from appliance.plan.model import Agent, LinkCodec, Number, Plan, Queue, Site
from appliance.wire.commands import Dial
from tests.appliance.daemon.islandkit import IslandFleet

NAMES = ["box-a", "box-b", "box-c"]
OPUS: tuple[LinkCodec, ...] = ("OPUS", "PCMA")
PLAN = Plan(
    serial=1,
    numbers=(Number(number="200", queue="all"),),
    queues=(Queue(name="all", wrap_up_s=0.0, announce_s=0),),
    agents=tuple(
        Agent(name=f"{box}-{n}", site=box, account=f"{box}-{n}") for box in NAMES for n in (1, 2)
    ),
    sites=(Site(name="box-a", link_calls=2, codecs=OPUS), Site(name="box-b", link_calls=9)),
)


@pytest.fixture
async def fleet(tmp_path: Path) -> AsyncIterator[IslandFleet]:
    made = IslandFleet(tmp_path, PLAN, NAMES, Random(4), talk_s=10_000.0)
    made.run(3)
    yield made
    made.close()


def call_in(fleet: IslandFleet, box: str) -> int:
    """Let a caller come in; return its leg after a while."""
    leg = fleet.boxes[box].legs.call_in("200")
    fleet.run(3)
    return leg


def phase(fleet: IslandFleet, box: str, leg: int) -> str:
    return fleet.boxes[box].contact(leg).phase


def used(fleet: IslandFleet) -> list[int]:
    return [box.brain.budget.used for box in fleet.boxes.values()]


def between(fleet: IslandFleet) -> list[int]:
    """Return how many legs to other branches live at each box."""
    found = []
    for box in fleet.boxes.values():
        rows = box.legs.rows.values()
        found.append(sum(row.kind == "peer" and row.state != "down" for row in rows))
    return found


def hub_says(fleet: IslandFleet, a: str, b: str) -> str:
    """Return what the hub has against a call between two boxes."""
    return fleet.hub.hub.floor.matchmaker.floor.links.against(a, b)


async def test_the_hub_leaves_a_full_branch_to_itself_and_no_other(fleet: IslandFleet) -> None:
    legs = [call_in(fleet, "box-a") for _ in range(5)]
    assert [phase(fleet, "box-a", leg) for leg in legs] == ["talking"] * 4 + ["waiting"]
    assert used(fleet)[0] == 2
    assert used(fleet) == between(fleet)
    assert hub_says(fleet, "box-a", "box-b") == hub_says(fleet, "box-c", "box-a") == "link-full"
    assert hub_says(fleet, "box-b", "box-c") == ""
    other = call_in(fleet, "box-b")
    assert phase(fleet, "box-b", other) == "talking"
    fleet.boxes["box-a"].legs.down(legs[2])
    fleet.run(1)
    assert phase(fleet, "box-a", legs[4]) == "talking"
    for leg in legs:
        fleet.boxes["box-a"].legs.down(leg)
    fleet.boxes["box-b"].legs.down(other)
    fleet.run(3)
    assert hub_says(fleet, "box-a", "box-b") == ""
    assert used(fleet) == between(fleet) == [0, 0, 0]


async def test_an_island_and_a_new_hub_know_too(fleet: IslandFleet) -> None:
    for _ in range(4):
        call_in(fleet, "box-a")
    fleet.hub.die("power")
    fleet.run(3)
    waiting = call_in(fleet, "box-a")
    assert phase(fleet, "box-a", waiting) == "waiting"
    fleet.hub.start()
    fleet.run(5)
    assert phase(fleet, "box-a", waiting) == "waiting"
    assert hub_says(fleet, "box-a", "box-b") == "link-full"
    assert used(fleet) == between(fleet)


async def test_the_codecs_follow_from_the_directory_and_the_plan(fleet: IslandFleet) -> None:
    for _ in range(3):
        call_in(fleet, "box-a")
    dials = [one for one in fleet.boxes["box-a"].legs.of(Dial) if one.kind == "peer"]
    assert [dial.codecs for dial in dials] == [OPUS]
    other = msgspec.structs.replace(PLAN.sites[1], link_kbit_s=400, codecs=("PCMA", "OPUS"))
    plan = msgspec.structs.replace(PLAN, serial=2, sites=(PLAN.sites[0], other))
    for box in fleet.boxes.values():
        box.brain.take_plan(plan)
    assert fleet.boxes["box-a"].brain.budget.codecs("box-b") == ("PCMA", "OPUS")
    assert fleet.boxes["box-b"].brain.budget.codecs("box-a") == ("PCMA", "OPUS")
    assert fleet.boxes["box-c"].brain.budget.codecs("box-a") == OPUS
    assert fleet.boxes["box-a"].brain.budget.codecs("box-a") == ()
