"""A brain in virtual time: a held clock, a real ledger, and legs that follow the wire's rules."""

import heapq
import itertools
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from appliance.base.clock import Clock, HeldClock
from appliance.base.reasons import LOST
from appliance.call.attach import Found
from appliance.call.contact import Contact
from appliance.call.turn import Journal
from appliance.daemon.brain import Brain, Surroundings
from appliance.flow.lookups import Ask, nobody
from appliance.ledger.journal import LedgerJournal
from appliance.link.messages import LinkMessage
from appliance.plan.model import (
    Agent,
    Enqueue,
    Flow,
    Menu,
    Number,
    Plan,
    Queue,
    Say,
    TakeFax,
)
from appliance.seat.state import Seat
from appliance.wire.commands import (
    Answer,
    BrainRecord,
    Bridge,
    Dial,
    Hang,
    Play,
    RecordLeg,
    StopRecord,
    Unbridge,
)
from appliance.wire.events import (
    Digit,
    LegDown,
    LegIn,
    LegOut,
    LegRinging,
    LegUp,
    PlayDone,
    RecordingDone,
    Refused,
    Registered,
    Talking,
    Unregistered,
)
from appliance.wire.rows import (
    DigitSource,
    LegKind,
    LegRow,
    Record,
    Registration,
    Rest,
    TrunkState,
)

R = TypeVar("R", bound=Record)

PLAN = Plan(
    serial=1,
    numbers=(
        Number(number="100", flow="front-door"),
        Number(number="200", queue="sales"),
        Number(number="300", flow="fax"),
    ),
    queues=(
        Queue(name="sales", skills={"sales": 1}, wrap_up_s=5.0, ring_s=10.0, announce_s=0),
        Queue(name="service", skills={"service": 1}, wrap_up_s=0.0, announce_s=0),
    ),
    flows=(
        Flow(
            name="front-door",
            start="hello",
            steps={
                "hello": Say(prompts=("welcome",), next="menu"),
                "menu": Menu(
                    prompts=("press",), choices={"1": "to-sales", "2": "to-service"},
                    timeout_s=5.0, tries=2, otherwise="to-sales",
                ),
                "to-sales": Enqueue(queue="sales"),
                "to-service": Enqueue(queue="service"),
            },
        ),
        Flow(name="fax", start="fax", steps={"fax": TakeFax()}),
    ),
    agents=(
        Agent(name="ann", title="Ann", site="north", account="ann", skills={"sales": 5}),
        Agent(name="bob", title="Bob", site="north", account="bob", skills={"service": 5}),
    ),
)  # fmt: skip


class _Handle:
    def __init__(self) -> None:
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class World:
    """Held time and a queue of callbacks, shared by all appliances of a test."""

    def __init__(self) -> None:
        self.clock = HeldClock()
        self._soon: list[Callable[[], None]] = []
        self._later: list[tuple[float, int, Callable[[], None], _Handle]] = []
        self._count = itertools.count()
        self.boxes: list[Box] = []

    def close(self) -> None:
        """Kill every box."""
        for box in self.boxes:
            if box.alive:
                box.kill()

    def soon(self, action: Callable[[], None]) -> None:
        self._soon.append(action)

    def later(self, delay_s: float, action: Callable[[], None]) -> _Handle:
        handle = _Handle()
        due = self.clock.monotonic_s() + delay_s
        heapq.heappush(self._later, (due, next(self._count), action, handle))
        return handle

    def settle(self) -> None:
        """Run all that is due now."""
        while self._soon:
            self._soon.pop(0)()

    def run(self, seconds: float) -> None:
        """Let time pass, stopping at each deadline."""
        self.settle()
        end = self.clock.monotonic_s() + seconds
        while self._later and self._later[0][0] <= end:
            due, _, action, handle = heapq.heappop(self._later)
            self.clock.advance(max(0.0, due - self.clock.monotonic_s()))
            if not handle.cancelled:
                action()
            self.settle()
        self.clock.advance(end - self.clock.monotonic_s())


class PretendLegs:
    """The legs process as the brain sees it: rows, events, the mechanical rules of the wire."""

    def __init__(self, world: World, epoch: str = "e1", clock: Clock | None = None) -> None:
        self.world = world
        self.clock = clock or world.clock
        self.epoch = epoch
        self.boot = "boot"
        self.rows: dict[int, LegRow] = {}
        self.registrations: dict[str, Registration] = {}
        self.commands: list[BrainRecord] = []
        self.seq = 0
        self._legs = itertools.count(1)
        self.brain: Brain | None = None
        #: bridge -> what becomes of those who are left
        self.rests: dict[str, Rest] = {}
        self.trunks = [TrunkState("provider", "trunk", True)]
        #: phones answer after this long [s]; None: never
        self.answer_after: float | None = 1.0
        #: prompts take this long [s]; None: until the test says so
        self.prompt_s: float | None = None
        #: messages are recorded; it takes this long to close a file [s]
        self.records = True
        self.close_s = 0.1
        #: recording -> its command and when it began; those that are closed
        self.recordings: dict[str, tuple[RecordLeg, float]] = {}
        self.closed: set[str] = set()
        #: legs gives a phone up that rings for too long; False: it hangs
        self.rings_out = True
        #: legs bridges; False: a leg has ended before the command came
        self.bridges = True
        #: follow dials to other appliances
        self.on_peer_dial: Callable[[int, Dial], None] = lambda _leg, _dial: None
        self.on_peer_answer: Callable[[int], None] = lambda _leg: None
        self.on_peer_down: Callable[[int, str], None] = lambda _leg, _reason: None

    # -- what happens outside ------------------------------------------------------------------

    def call_in(self, called: str, caller: str = "+33123", kind: LegKind = "trunk",
                via: str = "provider", **more: object) -> int:  # fmt: skip
        leg = next(self._legs)
        row = LegRow(leg=leg, out=False, kind=kind, via=via, state="new", caller=caller,
                     called=called, t_new=self.now)  # fmt: skip
        for name, value in more.items():
            setattr(row, name, value)
        self.rows[leg] = row
        self._emit(LegIn, row)
        return leg

    def register(self, account: str) -> None:
        registration = Registration(account, "sip:x", self.now + 60)
        self.registrations[account] = registration
        self._emit(Registered, registration)

    def unregister(self, account: str) -> None:
        self.registrations.pop(account, None)
        self._emit(Unregistered, account, "normal")

    def press(self, leg: int, digit: str, source: DigitSource = "inband") -> None:
        self._emit(Digit, leg, digit, source, 80)

    def prompts_end(self, leg: int) -> None:
        self._emit(PlayDone, leg, self.rows[leg].play, "end")

    def up(self, leg: int) -> None:
        row = self.rows.get(leg)
        if row is not None and row.state in ("new", "ringing"):
            row.state, row.t_up = "up", self.now
            self._emit(LegUp, leg)

    def down(self, leg: int, reason: str = "normal") -> None:
        row = self.rows.get(leg)
        if row is None or row.state == "down":
            return
        row.state, row.reason, row.t_down = "down", reason, self.now
        bridge, row.bridge = row.bridge, ""
        self.recorded(row.recording, "normal")
        self._emit(LegDown, leg, reason, 16)
        if row.kind == "peer":
            self.on_peer_down(leg, reason)
        left = [row for row in self.rows.values() if bridge and row.bridge == bridge]
        if len(left) == 1:
            self._alone(left[0], bridge, reason)
        for other in list(self.rows.values()):
            if other.owner == leg and other.out and not other.bridge:
                self.down(other.leg, "caller-gone")

    def _alone(self, row: LegRow, bridge: str, reason: str) -> None:
        """Do as the bridge says with the one who is left."""
        row.bridge = ""
        rest, lost = self.rests.pop(bridge, "end"), reason in LOST
        if rest == "end" or (rest == "stay-if-lost" and (not lost or row.out)):
            self.down(row.leg, reason if lost else "bridge-ended")

    # -- the wire ------------------------------------------------------------------------------

    @property
    def now(self) -> float:
        return self.clock.monotonic_s()

    def attach(self, brain: Brain) -> None:
        self.brain = brain
        rows = dict(self.rows)
        phones = list(self.registrations.values())
        brain.found(Found(self.epoch, self.boot, rows, phones, self.trunks))

    def take(self, record: BrainRecord) -> None:
        """Carry out a command, as the wire defines it."""
        self.commands.append(record)
        match record:
            case Answer():
                self.world.later(0.0, lambda: self._answer(record.leg))
            case Hang():
                self.down(record.leg, record.reason)
            case Dial():
                self._dial(record)
            case Play():
                self._play(record)
            case Bridge() if self.bridges:
                self._bridge(record)
            case RecordLeg(message=True) if self.records:
                self._record(record)
            case StopRecord():
                self.recorded(record.recording, "normal")
            case Unbridge():
                for row in self.rows.values():
                    row.bridge = "" if row.bridge == record.bridge else row.bridge

    def _bridge(self, record: Bridge) -> None:
        if any(self.rows[leg].state == "down" for leg in record.legs):
            return
        for row in self.rows.values():
            if row.bridge == record.bridge:
                row.bridge = ""
        for leg in record.legs:
            self.rows[leg].bridge = record.bridge
            self.rows[leg].play = 0
        self.rests[record.bridge] = record.rest

    def hears(self, leg: int) -> set[int]:
        """Return the legs that *leg* hears now."""
        bridge = self.rows[leg].bridge
        rows = self.rows.values()
        return {row.leg for row in rows if bridge and row.bridge == bridge} - {leg}

    def of(self, kind: type[R]) -> list[R]:
        return [record for record in self.commands if isinstance(record, kind)]

    def _record(self, record: RecordLeg) -> None:
        row = self.rows.get(record.leg)
        if row is not None and row.recording == record.recording:
            return
        if row is None or row.state == "down" or record.recording in self.recordings:
            self._emit(Refused, RecordLeg.__struct_config__.tag, str(record.leg), "gone")
            return
        row.recording = record.recording
        self.recordings[record.recording] = (record, self.now)
        if record.longest_ms:
            self.world.later(
                record.longest_ms / 1000, lambda: self.recorded(record.recording, "longest")
            )

    def recorded(self, recording: str, reason: str) -> None:
        """Close a recording, once, and tell."""
        record, since = self.recordings.get(recording, (None, 0.0))
        if record is None or recording in self.closed:
            return
        self.closed.add(recording)
        self.rows[record.leg].recording = ""
        ms = round((self.now - since) * 1000)
        self.world.later(
            self.close_s,
            lambda: self._emit(RecordingDone, record.leg, recording, record.path, ms, reason),
        )

    def talks(self, leg: int, *, on: bool) -> None:
        self.rows[leg].talks = on
        self._emit(Talking, leg, on)

    def _play(self, record: Play) -> None:
        row = self.rows.get(record.leg)
        if row is None or row.state == "down":
            return
        row.play = record.play
        if self.prompt_s is not None and not record.loop:
            self.world.later(self.prompt_s, lambda: self._played(row, record.play))

    def _played(self, row: LegRow, play: int) -> None:
        if row.play == play:
            row.play = 0
            self._emit(PlayDone, row.leg, play, "end")

    def _answer(self, leg: int) -> None:
        self.up(leg)
        if self.rows[leg].kind == "peer":
            self.on_peer_answer(leg)

    def _dial(self, dial: Dial) -> None:
        if any(row.tok == dial.tok for row in self.rows.values()):
            return
        gone = dial.owner not in self.rows or self.rows[dial.owner].state == "down"
        if dial.owner and gone:
            self._emit(Refused, Dial.__struct_config__.tag, dial.tok, "gone")
            return
        if dial.kind == "phone" and dial.via not in self.registrations:
            self._emit(Refused, Dial.__struct_config__.tag, dial.tok, "unreachable")
            return
        leg = next(self._legs)
        self.rows[leg] = LegRow(leg=leg, out=True, kind=dial.kind, via=dial.via, state="ringing",
                                tok=dial.tok, owner=dial.owner, t_new=self.now)  # fmt: skip
        self._emit(LegOut, leg, dial.tok)
        if dial.kind == "peer":
            self.on_peer_dial(leg, dial)
            return
        self._emit(LegRinging, leg, 180)
        if self.answer_after is not None:
            self.world.later(self.answer_after, lambda: self.up(leg))
        self.world.later(dial.ring_s, lambda: self._ring_out(leg))

    def _ring_out(self, leg: int) -> None:
        if self.rings_out and self.rows[leg].state == "ringing":
            self.down(leg, "no-answer")

    def _emit(self, kind: type, *fields: object) -> None:
        self.seq += 1
        if self.brain is not None:
            self.brain.event(kind(self.seq, self.now, *fields))


class Box:
    """One appliance: a brain over pretend legs, with its ledger in a folder; can be killed."""

    def __init__(
        self,
        world: World,
        folder: Path,
        name: str = "a",
        plan: Plan = PLAN,
        *,
        site: str = "north",
        clock: Clock | None = None,
    ) -> None:
        self.world = world
        self.folder = folder
        self.name = name
        self.plan = plan
        self.site = site
        self.clock = clock or world.clock
        self.legs = self._legs()
        self.sent: list[tuple[str, LinkMessage]] = []
        self.post: Callable[[str, LinkMessage], bool] = self._keep_sent
        #: answers questions to data sources
        self.ask: Ask = nobody
        world.boxes.append(self)
        self.start()

    def _legs(self) -> PretendLegs:
        return PretendLegs(self.world, clock=self.clock)

    def _journal(self) -> Journal:
        """Return what the brain writes to."""
        return self.journal

    def start(self) -> None:
        """Start a brain over what the ledger kept, and attach it."""
        path = self.folder / f"{self.name}.ledger"
        self.journal = LedgerJournal(path, self.name, clock=self.clock)
        given = Surroundings(
            name=self.name,
            site=self.site,
            incarnation=self.journal.incarnation,
            journal=self._journal(),
            clock=self.clock,
            command=self.legs.take,
            message=lambda peer, message: self.post(peer, message),
            soon=self._soon,
            later=self._later,
            recordings=self.folder / "recordings",
            keep_days=30,
            ask=lambda question, told: self.ask(question, told),
        )
        self.alive = True
        self.brain = Brain(given, self.plan)
        self.brain.remember(self.journal.kept())
        self._federate()
        self.legs.attach(self.brain)
        self._tick()
        self.world.settle()

    def _federate(self) -> None:
        """Join the brain to others; here it is alone."""

    def _tick(self) -> None:
        self.brain.tick()
        self._later(0.5, self._tick)

    def kill(self) -> None:
        """End the brain as kill -9 does: what was not committed is gone, no timer fires."""
        self.alive = False
        self.legs.brain = None
        self.journal.close()

    def contact(self, leg: int) -> Contact:
        """Return the contact whose caller is on *leg*."""
        contact = self.brain.book.by_leg(leg)
        assert contact is not None
        return contact

    def seat(self, name: str) -> Seat:
        """Return the seat of this agent."""
        seat = self.brain.board.get(name)
        assert seat is not None
        return seat

    def outcomes(self) -> list[str]:
        """Return the outcome of each contact that ended, from the books."""
        return [entry.as_dict()["outcome"] for entry in self.journal.entries(limit=100_000)
                if entry.kind == "contact-ended"]  # fmt: skip

    def kinds(self, contact: str) -> list[str]:
        return [entry.kind for entry in self.journal.entries(contact=contact)]

    def _soon(self, action: Callable[[], None]) -> None:
        brain = self.brain if hasattr(self, "brain") else None
        self.world.soon(lambda: action() if self.alive and self._same(brain) else None)

    def _later(self, delay_s: float, action: Callable[[], None]) -> _Handle:
        brain = self.brain if hasattr(self, "brain") else None
        return self.world.later(
            delay_s, lambda: action() if self.alive and self._same(brain) else None
        )

    def _same(self, brain: Brain | None) -> bool:
        return brain is None or brain is self.brain

    def _keep_sent(self, peer: str, message: LinkMessage) -> bool:
        self.sent.append((peer, message))
        return True
