"""Whatever is cut, lost, doubled, late, set, killed and called, in whatever order.

Real brains and a real hub over the link's memory transport, in virtual time. At every step: a
contact is in exactly one place, and a seat serves one caller at most. Once the ways are whole
again: nobody waits beside an idle agent, nobody is lost, doubled or overtaken.
"""

import asyncio
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from appliance.plan.model import Agent, Number, Plan, Queue
from tests.appliance.daemon.islandaudit import Auditor
from tests.appliance.daemon.islandkit import HUB, Death, IslandFleet

BOXES = ["box-a", "box-b", "box-c"]
PLAN = Plan(
    serial=1,
    numbers=(Number(number="200", queue="all"),),
    queues=(Queue(name="all", wrap_up_s=0.0, announce_s=0),),
    # box-a has none, so that its callers are offered to the others
    agents=tuple(Agent(name=f"{box}-1", site=box, account=f"{box}-1") for box in BOXES[1:]),
)
#: after the last of it, everything is as if nothing had been within this [s]: what is late comes,
#: SIP is given up, phones stop ringing
CALM_S = 45.0
#: longer than any talk, and how many of these may pass until nobody is left
QUIET_S, QUIETS = 60.0, 20
HOUR_S, YEARS_S = 3_600.0, 10 * 365 * 86_400.0

boxes = st.sampled_from(BOXES)
machines = st.sampled_from([*BOXES, HUB])
#: how long who was killed stays away [s]
absences = st.sampled_from([0.2, 2.0, 8.0])
deaths = st.sampled_from(["kill", "power"])
shares = st.sampled_from([0.0, 0.1, 0.5])


class Islands(RuleBasedStateMachine):
    """Three branches with one agent each, and a hub."""

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

    # -- what may happen -----------------------------------------------------------------------

    @initialize(lost=shares, twice=shares, late=shares)
    def begin_in_bad_weather(self, lost: float, twice: float, late: float) -> None:
        self.weather(False, lost, twice, late)

    @rule(box=boxes, number=st.integers(1, 3))
    def call(self, box: str, number: int) -> None:
        branch = self.fleet.boxes[box]
        for _ in range(number if branch.powered else 0):
            leg = branch.legs.call_in("200")
            self.audit.called(branch, leg)
        self.at_work(lambda: self.fleet.run(0.05))

    @rule(box=boxes)
    def hang_up(self, box: str) -> None:
        """Somebody gives up, or has talked enough."""
        branch = self.fleet.boxes[box]
        legs = branch.legs
        there = [
            leg for leg, row in legs.rows.items() if row.kind == "trunk" and row.state == "up"
        ]
        if there and branch.powered:
            legs.down(there[0])
            self.at_work(lambda: self.fleet.run(0.01))

    @rule(a=boxes, b=machines, one_way=st.booleans(), back=st.booleans())
    def cut(self, a: str, b: str, one_way: bool, back: bool) -> None:
        if a != b:
            self.fleet.cuts.cut(*((b, a) if back else (a, b)), one_way=one_way)

    @rule()
    def heal(self) -> None:
        self.fleet.cuts.heal()

    @rule(of_frames=st.booleans(), lost=shares, twice=shares, late=shares)
    def weather(self, of_frames: bool, lost: float, twice: float, late: float) -> None:
        """Frames of the link, or records of the brains alone, are lost, doubled, reordered."""
        fleet = self.fleet
        weather = fleet.network.weather if of_frames else fleet.weather
        weather.lost, weather.twice, weather.late = lost, twice, late

    @rule(name=machines, off_s=st.sampled_from([0.0, 0.45, -HOUR_S, HOUR_S, -YEARS_S, YEARS_S]))
    def set_clock(self, name: str, off_s: float) -> None:
        self.fleet.clocks[name].set_wall(off_s)

    @rule(name=machines, death=deaths, for_s=absences)
    def kill(self, name: str, death: Death, for_s: float) -> None:
        """End a brain, or the hub; it is started again."""
        fleet = self.fleet
        victim = fleet.hub if name == HUB else fleet.boxes[name]
        if victim.alive:
            victim.die(death)
            fleet.world.later(for_s, self._rise)

    @rule(box=boxes, for_s=absences)
    def power_off(self, box: str, for_s: float) -> None:
        branch = self.fleet.boxes[box]
        if branch.powered:
            self.audit.power_cut(branch)
            branch.power_off()
            self.fleet.world.later(for_s, self._rise)

    @rule(seconds=st.sampled_from([0.01, 0.3, 1.7, 5.0]))
    def wait(self, seconds: float) -> None:
        self.at_work(lambda: self.fleet.run(seconds))

    @rule(seconds=st.sampled_from([0.5, 2.0, 4.0]))
    def be_busy(self, seconds: float) -> None:
        """Let callers come everywhere, and time pass."""
        for box in BOXES:
            self.call(box, 1)
        self.wait(seconds)

    # -- what must hold, whatever happened -----------------------------------------------------

    @invariant()
    def a_contact_is_in_exactly_one_place(self) -> None:
        alive = {name: box for name, box in self.fleet.boxes.items() if box.alive}
        books = Counter(one.contact for box in alive.values() for one in box.brain.book)
        assert not [name for name, number in books.items() if number > 1]
        for name, known in self.audit.open.items():
            if known.owner in alive:
                assert books[name] == 1, f"{name} of {known.owner} is in no book"
        talks = Counter(
            seat.reservation.contact
            for box in alive.values()
            for seat in box.brain.board
            if seat.reservation and seat.reservation.phase == "talking"
            and seat.reservation.contact_owner == box.name
        )  # fmt: skip
        assert not [name for name, number in talks.items() if number > 1]
        for box in alive.values():
            floor = box.brain.floor.matchmaker.floor
            for contact in box.brain.book:
                row = floor.contact(contact.contact)
                published = row.state if row is not None else "flow"
                assert published == contact.phase, f"{contact.contact} is {contact.phase}"

    @invariant()
    def a_seat_serves_one_caller_at_most(self) -> None:
        for name, box in self.fleet.boxes.items():
            phones = Counter(
                row.via for row in box.legs.rows.values()
                if row.kind == "phone" and row.out and row.state == "up"
            )  # fmt: skip
            assert all(number == 1 for number in phones.values()), f"{name}: {phones}"

    @invariant()
    def nobody_is_lost_or_doubled(self) -> None:
        bad = [name for name in self.audit.MUST_NOT_BE if self.audit.counts[name]]
        assert not bad, self.audit.notes

    # -- the end -------------------------------------------------------------------------------

    def _rise(self) -> None:
        if not self.fleet.hub.alive:
            self.fleet.hub.start()
        for box in self.fleet.boxes.values():
            if not box.powered:
                box.power_on()
            elif not box.alive:
                box.start()

    def _calm(self) -> None:
        self.fleet.cuts.heal()
        self.fleet.weather.clear()
        self.fleet.network.weather.clear()
        self._rise()
        self.fleet.run(CALM_S)
        self.audit.changed(whole=True)
        self.audit.forget_waits()

    def _end(self) -> None:
        for _ in range(QUIETS):
            self.fleet.run(QUIET_S)
            if not self.audit.open:
                break
        self.audit.close()
        self.fleet.close()

    def teardown(self) -> None:
        """Let all of them through, and look at what is left."""
        self.at_work(self._calm)
        for box in BOXES:
            self.call(box, 2)
        self.at_work(self._end)
        self.loop.close()
        self.folder.cleanup()
        self.nobody_is_lost_or_doubled()
        assert not self.audit.late(), self.audit.notes


def run(examples: int, steps: int) -> None:
    run_state_machine_as_test(
        Islands,
        settings=settings(
            max_examples=examples,
            phases=[Phase.generate],
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow],
        ),
    )


def test_whatever_happens_to_branches_nobody_is_lost() -> None:
    run(examples=8, steps=25)


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_whatever_happens_for_long() -> None:
    run(examples=300, steps=50)
