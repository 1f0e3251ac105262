"""Whatever is cut, healed, killed and called, in whatever order: nobody is lost or doubled."""

import asyncio
import tempfile
from collections.abc import Callable
from pathlib import Path
from random import Random

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from appliance.plan.model import Agent, Number, Plan, Queue
from tests.appliance.daemon.islandaudit import Auditor
from tests.appliance.daemon.islandkit import HUB, Death, IslandFleet

BOXES = ["box-a", "box-b", "box-c"]
PLAN = Plan(
    serial=1,
    numbers=(Number(number="200", queue="all"),),
    queues=(Queue(name="all", wrap_up_s=0.0, announce_s=0),),
    agents=tuple(Agent(name=f"{box}-1", site=box, account=f"{box}-1") for box in BOXES),
)
#: longer than anything that can be under way: SIP that is sent again, a ring, a talk
QUIET_S = 120

boxes = st.sampled_from(BOXES)
deaths = st.sampled_from(["kill", "power"])


class Islands(RuleBasedStateMachine):
    """Three branches and a hub."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.Runner()
        self.folder = tempfile.TemporaryDirectory()
        self.audit = Auditor()
        self.at_work(self.begin)

    def begin(self) -> None:
        folder = Path(self.folder.name)
        self.fleet = IslandFleet(folder, PLAN, BOXES, Random(1), self.audit.witness, talk_s=2.0)
        self.audit.start(self.fleet)
        self.audit.changed(whole=False)
        self.fleet.run(3)

    def at_work(self, action: Callable[[], None]) -> None:
        """Act within an event loop: the hub writes notes beside it."""

        async def act() -> None:
            action()
            await asyncio.sleep(0)

        self.loop.run(act())

    @rule(box=boxes, number=st.integers(1, 2))
    def call(self, box: str, number: int) -> None:
        for _ in range(number):
            branch = self.fleet.boxes[box]
            leg = branch.legs.call_in("200")
            self.audit.called(branch, leg)
        self.at_work(lambda: self.fleet.run(0.05))

    @rule(a=boxes, b=st.sampled_from([*BOXES, HUB]), one_way=st.booleans(), back=st.booleans())
    def cut(self, a: str, b: str, one_way: bool, back: bool) -> None:
        if a != b:
            self.fleet.cuts.cut(*((b, a) if back else (a, b)), one_way=one_way)

    @rule()
    def heal(self) -> None:
        self.fleet.cuts.heal()

    @rule(death=deaths)
    def kill_hub(self, death: Death) -> None:
        self.fleet.hub.die(death)

    @rule(box=boxes, death=deaths)
    def kill_brain(self, box: str, death: Death) -> None:
        self.fleet.boxes[box].die(death)

    @rule()
    def rise(self) -> None:
        self.at_work(self._rise)

    @rule(seconds=st.sampled_from([0.01, 0.3, 1.7, 5.0]))
    def wait(self, seconds: float) -> None:
        self.at_work(lambda: self.fleet.run(seconds))

    def _rise(self) -> None:
        if not self.fleet.hub.alive:
            self.fleet.hub.start()
        for box in self.fleet.boxes.values():
            if not box.alive:
                box.start()

    def _end(self) -> None:
        self.fleet.cuts.heal()
        self._rise()
        self.audit.changed(whole=True)
        self.fleet.run(QUIET_S)
        self.audit.close()
        self.fleet.close()

    def teardown(self) -> None:
        """Let all of them through, and look at what is left."""
        self.at_work(self._end)
        self.loop.close()
        self.folder.cleanup()
        audit = self.audit
        assert not [name for name in audit.MUST_NOT_BE if audit.counts[name]], audit.notes


TestIslands = Islands.TestCase
TestIslands.settings = settings(
    max_examples=6,
    phases=[Phase.generate],
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
