"""Two hubs share the pools of a plan; either may be lost: real brains, real hubs, held time."""

from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import pytest

from appliance.plan.model import Agent, Number, Plan, Queue
from appliance.routing.model import QueueView
from appliance.routing.reach import hub_of
from tests.appliance.daemon.islandkit import HUB, IslandFleet

SECOND = "hub-2"
HUBS = (HUB, SECOND)
NAMES = ["box-a", "box-b"]
#: two pools, one for each hub
QUEUES = {hub: next(f"q{n}" for n in range(99) if hub_of(f"q{n}", frozenset(HUBS)) == hub)
          for hub in HUBS}  # fmt: skip
PLAN = Plan(
    serial=1,
    numbers=tuple(Number(number=f"20{n}", queue=queue) for n, queue in enumerate(QUEUES.values())),
    queues=tuple(
        Queue(name=queue, skills={queue: 1}, wrap_up_s=0.0, announce_s=0)
        for queue in QUEUES.values()
    ),
    agents=tuple(
        Agent(name=f"{box}-{queue}", site=box, account=f"{box}-{queue}", skills={queue: 1})
        for box in NAMES
        for queue in QUEUES.values()
    ),
)
NUMBERS = {HUB: "200", SECOND: "201"}

MakeFleet = Callable[[], IslandFleet]


@pytest.fixture
def make_fleet(tmp_path: Path) -> Iterator[MakeFleet]:
    made: list[IslandFleet] = []

    def make() -> IslandFleet:
        fleet = IslandFleet(tmp_path, PLAN, NAMES, Random(1), talk_s=1e6, hubs=HUBS)
        made.append(fleet)
        fleet.run(3)
        return fleet

    yield make
    for fleet in made:
        fleet.close()


def floor_of(fleet: IslandFleet, hub: str) -> tuple[set[str], set[str]]:
    """Return queues of contacts and names of seats at a hub."""
    floor = fleet.hubs[hub].hub.floor.matchmaker.floor
    return {row.queue for row in floor.contacts()}, {row.seat for row in floor.seats()}


def call(fleet: IslandFleet, box: str, number: str) -> int:
    return fleet.boxes[box].legs.call_in(number)


def phase(fleet: IslandFleet, box: str, leg: int) -> str:
    return fleet.boxes[box].contact(leg).phase


async def test_each_hub_sees_and_serves_its_own_pools(make_fleet: MakeFleet) -> None:
    fleet = make_fleet()
    legs = [call(fleet, "box-a", number) for number in NUMBERS.values()]
    fleet.run(2)
    assert [phase(fleet, "box-a", leg) for leg in legs] == ["talking", "talking"]
    for hub, queue in QUEUES.items():
        assert floor_of(fleet, hub) == ({queue}, {f"{box}-{queue}" for box in NAMES})
        assert fleet.hubs[hub].hub.floor.outcomes["proposed"] == 1
    assert not any(
        box.brain.floor.contested(f"box-a-{QUEUES[HUB]}") for box in fleet.boxes.values()
    )
    expectation = fleet.boxes["box-b"].brain.expectation
    fleet.run(6)
    for queue in QUEUES.values():
        assert expectation._view(queue) == QueueView(queue, 0, 2, 1)


@pytest.mark.parametrize("death", ["kill", "power"])
@pytest.mark.parametrize("lost", HUBS)
async def test_the_pools_of_a_lost_hub_move_within_2_s(
    make_fleet: MakeFleet, lost: str, death: str
) -> None:
    fleet = make_fleet()
    queue, number = QUEUES[lost], NUMBERS[lost]
    for box in fleet.boxes.values():
        for agent in PLAN.agents:
            box.legs.unregister(agent.account)
    waiting = [call(fleet, "box-a", number), call(fleet, "box-b", number)]
    fleet.run(1)
    places = [fleet.boxes[b].contact(leg).place for b, leg in zip(NAMES, waiting, strict=True)]
    fleet.hubs[lost].die(death)  # type: ignore[arg-type]
    for name, box in fleet.boxes.items():
        box.legs.register(f"{name}-{queue}")
    fleet.run(2)
    phases = [phase(fleet, b, leg) for b, leg in zip(NAMES, waiting, strict=True)]
    assert "waiting" not in phases
    after = [fleet.boxes[b].contact(leg).place for b, leg in zip(NAMES, waiting, strict=True)]
    assert after == places
    fleet.run(2)
    kinds = [
        entry.kind for box in fleet.boxes.values() for entry in box.journal.entries(limit=999)
    ]
    assert kinds.count("seat-offered") == kinds.count("contact-connected") == 2
    other = next(hub for hub in HUBS if hub != lost)
    assert fleet.hubs[other].hub.floor.outcomes["proposed"] == 2
    assert not any(box.brain.floor.active for box in fleet.boxes.values())
    fleet.hubs[lost].start()
    fleet.run(3)
    assert floor_of(fleet, lost)[0] == {queue}
    assert floor_of(fleet, other)[0] == set()


async def test_with_both_hubs_gone_the_branches_go_on(make_fleet: MakeFleet) -> None:
    fleet = make_fleet()
    for hub in HUBS:
        fleet.hubs[hub].die("power")
    fleet.run(3)
    legs = [call(fleet, "box-b", number) for number in NUMBERS.values()]
    fleet.run(3)
    assert [phase(fleet, "box-b", leg) for leg in legs] == ["talking", "talking"]


async def test_a_branch_that_sees_one_hub_and_one_that_sees_the_other(
    make_fleet: MakeFleet,
) -> None:
    fleet = make_fleet()
    fleet.cuts.cut("box-a", HUB)
    fleet.cuts.cut("box-b", SECOND)
    fleet.run(3)  # the least name proposes what is between them
    legs = [call(fleet, "box-a", NUMBERS[HUB]) for _ in range(2)]
    fleet.run(3)
    assert [phase(fleet, "box-a", leg) for leg in legs] == ["talking", "talking"]


async def test_the_way_to_control_is_the_first_hub_that_is_up(make_fleet: MakeFleet) -> None:
    fleet = make_fleet()
    hubs = fleet.boxes["box-a"].federation.hubs
    told: list[tuple[str, int, str]] = []
    hubs.on_control = told.append
    assert (hubs.control, hubs.up) == (HUB, set(HUBS))
    fleet.hubs[HUB].die("kill")
    fleet.run(2)
    assert hubs.control == SECOND
    assert [address for address, _, _ in told] == [SECOND]
    fleet.hubs[HUB].start()
    fleet.run(3)
    assert hubs.control == HUB
    assert [address for address, _, _ in told] == [SECOND, HUB]
    for hub in HUBS:
        fleet.hubs[hub].die("kill")
    fleet.run(2)
    assert hubs.control == ""
