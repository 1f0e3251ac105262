"""Whatever happens in whatever order: no seat has more than its plan allows, nobody is lost.

Calls and written contacts come; agents accept, decline, end, pause and come back; phones go; the
brain is killed. After each step: as many contacts of a channel as there are slots, never two of
channels that exclude each other, and each reservation known to contact and seat alike.
"""

import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from appliance.plan.model import Agent, Channel, Number, Plan, Queue
from appliance.seat.state import Work
from tests.appliance.brainkit import Box, World

WRITTEN: tuple[Channel, ...] = ("chat", "task", "mail")
PLAN = Plan(
    serial=1,
    numbers=(Number(number="200", queue="any"),),
    queues=(Queue(name="any", wrap_up_s=5.0, ring_s=10.0, announce_s=0),),
    agents=(
        Agent(
            name="ann",
            site="north",
            account="ann",
            slots={"voice": 1, "chat": 3, "task": 1},
            exclusive=(("voice", "task"),),
        ),
        Agent(
            name="bob",
            site="north",
            account="bob",
            slots={"voice": 1, "chat": 1, "task": 1, "mail": 2},
            exclusive=(("voice", "chat", "task"),),
        ),
    ),
)
AGENTS = {agent.name: agent for agent in PLAN.agents}

Step = tuple[str, int]
#: what happens often stands there more than once
WORDS = (
    *("call", "hang up", "new", "new", "accept", "accept", "decline", "end", "close"),
    *("pause", "resume", "phone", "kill", "wait", "wait", "wait"),
)
STEPS = st.lists(st.tuples(st.sampled_from(WORDS), st.integers(0, 11)), max_size=30)


class Centre:
    """One branch with two agents, moved by random steps."""

    def __init__(self, folder: Path) -> None:
        self.world = World()
        self.box = Box(self.world, folder, plan=PLAN)
        self.calls: list[int] = []
        self.box.legs.register("ann")
        self.box.legs.register("bob")

    def step(self, what: str, number: int) -> None:
        box, name = self.box, ("ann", "bob")[number % 2]
        seat = box.brain.board.get(name)
        match what:
            case "call":
                self.calls.append(box.legs.call_in("200"))
            case "hang up" if self.calls:
                box.legs.down(self.calls[number % len(self.calls)])
            case "new":
                box.brain.rooms.written.new(WRITTEN[number % 3], "any")
            case "close":
                for contact in list(box.brain.book)[number : number + 1]:
                    if contact.channel != "voice":
                        box.brain.rooms.written.close(contact)
            case "accept" | "decline" | "end":
                self._act(what, number)
            case "pause" if seat is not None:
                box.brain.board.pause(seat, "agent")
            case "resume" if seat is not None:
                box.brain.board.resume(seat)
            case "phone":
                there = name in box.legs.registrations
                (box.legs.unregister if there else box.legs.register)(name)
            case "kill":
                box.kill()
                box.start()
            case "wait":
                self.world.run(number / 2)
        self.world.settle()

    def _act(self, what: str, number: int) -> None:
        offers = self.box.brain.offers.written
        shown = [(s, w) for s in self.box.brain.board for w in s.work.values()]
        if shown:
            seat, work = shown[number % len(shown)]
            if work.phase == "offered":
                return
            act = {"accept": offers.accept, "decline": offers.decline, "end": offers.done}[what]
            act(seat, work)

    def check(self) -> None:
        booked = {c.booking.reservation for c in self.box.brain.book if c.booking is not None}
        held = set()
        for seat in self.box.brain.board:
            agent, works = AGENTS[seat.seat], list(seat.work.values())
            for channel in WRITTEN:
                used = sum(work.channel == channel for work in works)
                assert used <= agent.slots.get(channel, 0)
            calls = seat.reservation is not None or seat.state == "wrap-up"
            answered = {work.channel for work in works if work.answered}
            busy = {*answered, *(("voice",) if calls else ())}
            assert all(len(busy & {*group}) <= 1 for group in agent.exclusive)
            held |= {work.reservation for work in works if work.phase != "wrap-up"}
            held |= {seat.reservation.reservation} if seat.reservation else set()
        assert booked == held

    def finish(self) -> None:
        """Let everybody come back; whoever waits is then served."""
        for name in AGENTS:
            self.box.legs.register(name)
        for _ in range(200):
            for seat in self.box.brain.board:
                if seat.state == "paused":
                    self.box.brain.board.resume(seat)
                for work in list(seat.work.values()):
                    self._finish(work)
            for leg in self.calls:
                if self.box.legs.rows[leg].bridge:
                    self.box.legs.down(leg)
            self.world.run(1)
            if not len(self.box.brain.book):
                break
        self.world.run(10)
        for seat in self.box.brain.board:
            self.box.brain.board.resume(seat)  # they had asked for a pause while they served
        self.world.run(1)
        assert not len(self.box.brain.book)
        assert {seat.state for seat in self.box.brain.board} == {"ready"}
        assert not [work for seat in self.box.brain.board for work in seat.work]
        assert len(self.box.outcomes()) == len(self._arrived())
        assert self.box.journal.verify().ok

    def _finish(self, work: Work) -> None:
        offers = self.box.brain.offers.written
        found = offers.find(work.contact)
        if found is not None:
            (offers.accept if work.phase == "shown" else offers.done)(*found)

    def _arrived(self) -> list[str]:
        entries = self.box.journal.entries(limit=100_000)
        return [entry.contact for entry in entries if entry.kind == "contact-arrived"]


@given(STEPS)
@settings(
    max_examples=40,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
def test_no_seat_has_more_than_its_plan_allows(steps: list[Step]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        centre = Centre(Path(folder))
        try:
            for what, number in steps:
                centre.step(what, number)
                centre.check()
            centre.finish()
        finally:
            centre.world.close()
