"""Two hubs and two branches as in production, over CURVE on loopback; a hub is killed."""

import asyncio
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from appliance.plan.model import Agent, Number, Plan, Queue
from appliance.routing.reach import HUB_NAME, hub_of
from control.fleet.hubclient import HubClient
from control.fleet.hubs import HubEntry, add_hub, settings_of
from tests.appliance.link.rig import until
from tests.bench.hubrig import BenchControl, ControlProcess, box_of, site_of
from tests.bench.timedlegs import Times
from tests.bench.wan import Branch
from tests.ports import free_port

SECOND = "hub-2"
HUBS = (HUB_NAME, SECOND)
QUEUES = {hub: next(f"q{n}" for n in range(99) if hub_of(f"q{n}", frozenset(HUBS)) == hub)
          for hub in HUBS}  # fmt: skip
NUMBERS = {HUB_NAME: "200", SECOND: "201"}
PLAN = Plan(
    serial=1,
    numbers=tuple(Number(number=NUMBERS[hub], queue=queue) for hub, queue in QUEUES.items()),
    queues=tuple(
        Queue(name=queue, skills={queue: 1}, wrap_up_s=0.0, announce_s=0)
        for queue in QUEUES.values()
    ),
    # nobody at the first box, so that its callers are offered to the other
    agents=tuple(
        Agent(name=f"{queue}-{n}", site=site_of(1), account=f"{queue}-{n}", skills={queue: 1})
        for queue in QUEUES.values()
        for n in range(4)
    ),
)
PATIENCE_S = 60.0


class Centre:
    """The hubs' processes, the intake's, and both branches."""

    def __init__(self, control: BenchControl, branches: list[Branch]) -> None:
        self.control = control
        self.branches = branches
        self.hubs = {
            name: ControlProcess(settings_of(control.settings, name), "hub") for name in HUBS
        }
        self.intake = ControlProcess(control.settings, "intake")

    def stop(self) -> None:
        for process in (*self.hubs.values(), self.intake):
            process.stop()

    async def call(self, number: str, calls: int = 2) -> None:
        """Let callers come in at the branch without agents; they talk, and it ends."""
        first = self.branches[0]
        before = first.ended.total()
        for _ in range(calls):
            first.legs.call_in(number)
        await until(lambda: first.ended.total() == before + calls, PATIENCE_S)
        assert set(first.ended) == {"served"}

    def uploaded(self) -> bool:
        return all(
            one.federation.uploader.acknowledged >= one.journal.head()[1] for one in self.branches
        )

    def reached(self, *hubs: str) -> bool:
        """Tell whether both branches reach each other and just these hubs."""
        names = {branch.name for branch in self.branches} | set(hubs)
        return all(one.federation.node.reached() | {one.name} == names for one in self.branches)


@pytest.fixture
def control(tmp_path: Path) -> Iterator[BenchControl]:
    made = BenchControl(tmp_path)
    ports = {"link_port": free_port(), "telemetry_in_port": free_port()}
    entry = HubEntry(name=SECOND, address="127.0.0.1", telemetry_out_port=free_port(), **ports)
    add_hub(made.settings, entry)
    made.publish(PLAN)
    yield made
    made.parts.close()


@pytest.fixture
async def centre(control: BenchControl, tmp_path: Path) -> AsyncIterator[Centre]:
    times = Times(random.Random(1), (0.05, 0.1), (0.05, 0.1))
    async with AsyncExitStack() as stack:
        branches = [Branch(n, tmp_path, control, times) for n in range(2)]
        by_name = {branch.name: branch for branch in branches}
        assert sorted(by_name) == [box_of(0), box_of(1)]
        control.approve([(b.name, b.site, b.key, b.link_port) for b in branches])
        made = Centre(control, branches)
        stack.callback(made.stop)
        for branch in branches:
            branch.legs.legs_of = lambda name: by_name[name].legs
            branch.open(PLAN)
            stack.callback(branch.close)
            task = asyncio.create_task(branch.run())
            stack.push_async_callback(_end, task)
        await until(lambda: made.reached(*HUBS), PATIENCE_S)
        yield made


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@pytest.mark.parametrize("lost", HUBS)
async def test_a_killed_hub_s_pools_are_served_by_the_other(centre: Centre, lost: str) -> None:
    for hub, queue in QUEUES.items():
        await centre.call(NUMBERS[hub])
        client = HubClient(centre.control.settings)
        settings = settings_of(centre.control.settings, hub)
        floor = await asyncio.to_thread(client.ask, {"do": "floor"}, hub=settings)
        assert {row["seat"].split("-")[0] for row in floor["seats"]} == {queue}
    whole = await asyncio.to_thread(HubClient(centre.control.settings).floor)
    assert len(whole["seats"]) == len(PLAN.agents)
    assert [row["up"] for row in whole["appliances"]] == [True, True]
    await until(centre.uploaded, PATIENCE_S)
    (other,) = set(HUBS) - {lost}
    centre.hubs[lost].kill()
    for number in NUMBERS.values():
        await centre.call(number)
    await until(lambda: centre.reached(other), PATIENCE_S)
    assert not any(branch.brain.floor.active for branch in centre.branches)
    # the ledgers go on by the other way
    await until(centre.uploaded, PATIENCE_S)
    whole = await asyncio.to_thread(HubClient(centre.control.settings).floor)
    assert len(whole["seats"]) == len(PLAN.agents)
