"""What a real brain journals is enough to decide its day again."""

import random
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from appliance.cli.recordedday import KINDS, RecordedDay, sites_of
from appliance.ledger.records import SeatChanged
from appliance.ledger.store import LedgerReader
from appliance.plan.model import Agent, Divide, Enqueue, Flow, Overflow, Plan, Queue
from appliance.routing.day import recorded
from appliance.routing.judge import Judge
from appliance.routing.patience import with_patience
from appliance.routing.replay import Replay
from tests.appliance.brainkit import PLAN, Box, World

CALLS = 120
DAY = msgspec.structs.replace(
    PLAN,
    queues=(
        Queue(
            name="sales",
            skills={"sales": 1},
            wrap_up_s=5.0,
            ring_s=10.0,
            announce_s=0,
            overflow=(Overflow(after_s=40, flow="on"),),
        ),
        Queue(name="service", skills={"service": 1}, wrap_up_s=0.0, announce_s=0),
    ),
    flows=(
        *PLAN.flows,
        Flow(name="on", start="on", steps={"on": Enqueue(queue="service")}),
    ),
    agents=tuple(
        Agent(name=f"ag{n}", site="north", account=f"ag{n}", skills=skills)
        for n, skills in enumerate(
            ({"sales": 5}, {"sales": 3, "service": 2}, {"service": 5}, {"sales": 5, "service": 1})
        )
    ),
)


@pytest.fixture
def world() -> Iterator[World]:
    world = World()
    yield world
    world.close()


def live(world: World, box: Box, chance: random.Random) -> None:
    """Let callers come and go; phones are not answered now and then, agents pause and log out."""
    for agent in DAY.agents:
        box.legs.register(agent.account)
    world.run(3)
    for _ in range(CALLS):
        box.legs.answer_after = None if chance.random() < 0.1 else chance.uniform(0.5, 4)
        leg = box.legs.call_in(chance.choice(("200", "200", "400")))
        world.later(chance.uniform(5, 90), lambda leg=leg: box.legs.down(leg))  # type: ignore[misc]
        seat = box.brain.board.get(chance.choice(DAY.agents).name)
        if seat is not None and seat.state == "paused" and chance.random() < 0.7:
            box.brain.board.resume(seat)
        elif seat is not None and chance.random() < 0.1:
            box.brain.board.pause(seat, "agent")
        elif chance.random() < 0.05:
            box.legs.unregister(chance.choice(DAY.agents).account)
        else:
            box.legs.register(chance.choice(DAY.agents).account)
        world.run(chance.uniform(2, 14))
    world.run(120)


def numbered(plan: Plan) -> Plan:
    number = msgspec.structs.replace(plan.numbers[1], number="400", queue="service")
    return msgspec.structs.replace(plan, numbers=(*plan.numbers, number))


def read(tmp_path: Path) -> RecordedDay:
    day = RecordedDay()
    with closing(LedgerReader(tmp_path / "a.ledger")) as ledger:
        day.take(ledger.facts(KINDS))
    return day


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_brain_s_day_is_decided_again_as_it_was(world: World, tmp_path: Path, seed: int) -> None:
    plan = numbered(DAY)
    box = Box(world, tmp_path, "a", plan=plan)
    live(world, box, random.Random(seed))
    day = read(tmp_path)
    with closing(LedgerReader(tmp_path / "a.ledger")) as ledger:
        reasons = [
            msgspec.msgpack.decode(fact.facts, type=SeatChanged).reason
            for fact in ledger.facts([SeatChanged.kind()])
        ]
    assert {"agent", "no-answer"} < set(reasons)
    visits = day.visits(plan)
    judged = Judge(plan, visits, sites_of(plan)).run(day.moments)
    assert judged.offers > CALLS / 2
    assert judged.differences == []
    assert any(visit.failed for visit in visits)
    assert any(visit.detours for visit in visits)
    assert any(visit.patience_us >= 0 for visit in visits)
    fates = Replay(plan, with_patience(visits), day.presences(plan)).run()
    was = [recorded(visit) for visit in visits]
    assert [(a.seat, a.outcome) for a in was] == [(b.seat, b.outcome) for b in fates]


def shared(plan: Plan) -> Plan:
    """Return *plan* with sales divided between two sites, and an agent in reserve.

    Nobody is in the south: its contacts wait until all may serve them.
    """
    replace = msgspec.structs.replace
    sales, service = plan.queues
    divide = Divide(by="shares", shares={"north": 70.0, "south": 30.0}, for_s=15.0)
    sales = replace(sales, divide=divide)
    service = replace(service, target_s=5, reserve_below=0.7, reserve_above=0.9)
    agents = tuple(replace(agent, reserve=agent.name == "ag2") for agent in plan.agents)
    south = Agent(name="sue", site="south", account="sue", skills={"sales": 1})
    return replace(plan, queues=(sales, service), agents=(*agents, south))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_so_is_one_with_division_between_sites_and_agents_in_reserve(
    world: World, tmp_path: Path, seed: int
) -> None:
    plan = shared(numbered(DAY))
    box = Box(world, tmp_path, "a", plan=plan)
    live(world, box, random.Random(seed))
    day = read(tmp_path)
    visits = day.visits(plan)
    sites = {visit.stay.site for visit in visits if visit.stay.queue == "sales"}
    assert sites == {"north", "south"}
    assert any(visit.seat == "ag2" for visit in visits)
    judged = Judge(plan, visits, sites_of(plan)).run(day.moments)
    assert judged.offers > CALLS / 2
    assert judged.differences == []
    # where the plan divides nothing, or has no reserve, other decisions come of it
    assert Judge(DAY, visits, sites_of(DAY)).run(day.moments).differences
    runs = [Replay(plan, with_patience(visits), day.presences(plan)).run() for _ in range(2)]
    assert runs[0] == runs[1]
