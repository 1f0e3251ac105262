"""Queues counted row by row: the same as counting the whole floor."""

from random import Random

import pytest

from appliance.base.clock import HeldClock
from appliance.link.messages import Delta, Snapshot
from appliance.routing.views import queue_views
from control.hub.floor import HubFloor
from tests.appliance.link.rig import contact, seat
from tests.appliance.routing.rows import PLAN

STATES = ("waiting", "reserved", "talking", "ended")
SEATS = ("ready", "reserved", "talking", "paused", "away")


@pytest.mark.parametrize("seed", range(20))
def test_as_if_the_whole_floor_were_counted(seed: int) -> None:
    floor = HubFloor(HeldClock(), lambda *_: True, soon=lambda _: None)
    chance = Random(seed)
    agents = [agent.name for agent in PLAN.agents]
    for owner in ("a", "b"):
        floor.replace(owner, Snapshot(1, 0, [], []))
    for fence in range(1, 200):
        owner = chance.choice("ab")
        queue = chance.choice([queue.name for queue in PLAN.queues] + ["unknown"])
        name = f"{owner}{chance.randrange(8)}"
        row = contact(name, owner, fence=fence, queue=queue, state=chance.choice(STATES))
        chair = seat(chance.choice(agents), owner, fence=fence, state=chance.choice(SEATS))
        step = chance.random()
        if step < 0.05:
            floor.lose(owner)
            floor.replace(owner, Snapshot(1, 0, [row], [chair]))
        elif step < 0.2:
            floor.change(owner, Delta(1, 0, gone=[chair.seat]))
        else:
            floor.change(owner, Delta(1, 0, contacts=[row], seats=[chair]))
        if fence == 50:
            floor.set_plan(PLAN)
        if fence > 50 and chance.random() < 0.3:
            floor.live.settle()
            plan = floor.matchmaker.plan
            counted = queue_views(plan.plan, plan, floor.matchmaker.floor)
            assert floor.live.queues.views() == counted
    floor.lose("a")
    floor.lose("b")
    floor.live.settle()
    assert {(view.waiting, view.serving) for view in floor.live.queues.views()} == {(0, 0)}
    assert floor.live.queues.all(0.0) == []
