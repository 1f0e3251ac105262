"""A day of a simulated contact centre, written into ledgers as its appliances would."""

import random
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path

from appliance.base.clock import HeldClock
from appliance.ledger.journal import LedgerJournal
from appliance.ledger.records import (
    ContactArrived,
    ContactConnected,
    ContactEnded,
    ContactQueued,
    SeatChanged,
    SeatOffered,
    TalkEnded,
    WrapUpEnded,
)
from appliance.plan.model import Plan
from appliance.routing.matchmaker import Matchmaker
from appliance.routing.model import ContactRow, SeatRow
from tests.appliance.routing.rows import Published
from tests.bench.centre import Centre

_BEGIN_US = 1_790_000_000_000_000
#: a commit after so many entries
_BATCH = 2_000


class Daybook:
    """Writes what owners publish as facts; each appliance into a ledger of its own."""

    def __init__(self, folder: Path, plan: Plan, chance: random.Random, occupancy: float) -> None:
        self.centre = Centre(plan, chance, occupancy=occupancy)
        self._clock = HeldClock(wall_us=_BEGIN_US)
        self._matchmaker = Matchmaker(plan)
        self._closing = ExitStack()
        self._journals: dict[str, LedgerJournal] = {}
        self._paths: list[Path] = []
        self._staged = 0
        self._joined: dict[str, int] = {}
        self._since: dict[str, int] = {}
        for owner, snapshot in self.centre.snapshots().items():
            self._paths.append(folder / f"{owner}.db")
            journal = LedgerJournal(self._paths[-1], owner, clock=self._clock)
            self._journals[owner] = self._closing.enter_context(closing(journal))
            self._matchmaker.on_snapshot(owner, snapshot, 0)
        for row in sorted(self.centre.seats.values(), key=lambda row: -row.idle_ms):
            self._at(-row.idle_ms)
            self._note(row.owner, SeatChanged(seat=row.seat, epoch=1, state="ready"))
        self.centre.publish = self._published

    def run(self, contacts: int) -> list[Path]:
        """Let *contacts* come and go; return the ledgers."""
        while self.centre.done < contacts:
            stage_ms = self._matchmaker.floor.next_stage_ms
            if stage_ms is not None and stage_ms < self.centre.next_ms:
                self.centre.now_ms = max(stage_ms, self.centre.now_ms)
            else:
                self.centre.step()
            for proposal in self._matchmaker.propose(self.centre.now_ms):
                self.centre.follow(proposal)
        for journal in self._journals.values():
            journal.commit()
        self._closing.close()
        return self._paths

    def _published(self, row: ContactRow | SeatRow) -> None:
        self._at(self.centre.now_ms)
        if isinstance(row, ContactRow):
            self._contact(row)
            self._matchmaker.on_delta(row.owner, Published(contacts=[row]), self.centre.now_ms)
        else:
            self._seat(row)
            self._matchmaker.on_delta(row.owner, Published(seats=[row]), self.centre.now_ms)

    def _at(self, now_ms: int) -> None:
        self._clock.advance((_BEGIN_US + now_ms * 1000 - self._clock.wall_us()) / 1e6)

    def _contact(self, row: ContactRow) -> None:
        name, now_ms = row.contact, self.centre.now_ms
        waited_ms = now_ms - self._joined.setdefault(name, now_ms)
        steps: dict[str, Callable[[], list[object]]] = {
            "waiting": lambda: [
                ContactArrived(arrival=row.place.arrival),
                ContactQueued(queue=row.queue, klass=row.klass),
            ],
            "reserved": lambda: [
                SeatOffered(seat=row.seat, owner="", reservation=name, waited_ms=waited_ms)
            ],
            "connecting": list,
            "talking": lambda: [
                ContactConnected(seat=row.seat, owner="", reservation=name, waited_ms=waited_ms)
            ],
            "ended": lambda: [
                TalkEnded(seat=row.seat, talked_ms=now_ms - self._since.pop(name)),
                ContactEnded(outcome="served", waited_ms=0),
            ],
        }
        for fact in steps[row.state]():
            self._note(row.owner, fact, name)
        if row.state == "talking":
            self._since[name] = now_ms
        elif row.state == "ended":
            del self._joined[name]

    def _seat(self, row: SeatRow) -> None:
        now_ms = self.centre.now_ms
        if row.state == "wrap-up":
            self._since[row.seat] = now_ms
        elif row.state == "ready":
            seconds = (now_ms - self._since.pop(row.seat, now_ms)) / 1000
            self._note(row.owner, WrapUpEnded(seat=row.seat, seconds=seconds))

    def _note(self, owner: str, fact: object, contact: str = "") -> None:
        journal = self._journals[owner]
        journal.record(fact, contact)  # type: ignore[arg-type]
        self._staged += 1
        if self._staged >= _BATCH:
            self._staged = 0
            for each in self._journals.values():
                each.commit()
