"""A day of a simulated contact centre, written into ledgers as its appliances would."""

import random
from contextlib import ExitStack, closing
from pathlib import Path
from typing import cast

from appliance.base.clock import HeldClock
from appliance.ledger.journal import LedgerJournal
from appliance.ledger.records import (
    ContactArrived,
    ContactConnected,
    ContactEnded,
    ContactMoved,
    ContactQueued,
    Fact,
    OfferEnded,
    Outcome,
    SeatChanged,
    SeatOffered,
    TalkEnded,
    WrapUpEnded,
    WrapUpStarted,
)
from appliance.plan.model import Plan
from appliance.routing.matchmaker import Matchmaker
from appliance.routing.model import ContactRow, Failure, SeatRow
from tests.appliance.routing.rows import Published
from tests.bench.centre import Centre
from tests.bench.lively import Lively

#: midnight, UTC
_BEGIN_US = 1_790_035_200_000_000
#: a commit after so many entries
_BATCH = 2_000


class Daybook:
    """Writes what owners publish as facts; each appliance into a ledger of its own.

    Each event has a moment of its own [µs], so that those of one millisecond keep their order.
    """

    def __init__(
        self,
        folder: Path,
        plan: Plan,
        chance: random.Random,
        occupancy: float,
        *,
        centre: Centre | Lively | None = None,
    ) -> None:
        self.centre = centre or Centre(plan, chance, occupancy=occupancy)
        self._clock = HeldClock(wall_us=_BEGIN_US)
        self._matchmaker = Matchmaker(plan)
        self._closing = ExitStack()
        self._journals: dict[str, LedgerJournal] = {}
        self._paths: list[Path] = []
        self._staged = 0
        self._joined: dict[str, int] = {}
        self._since: dict[str, int] = {}
        self._seats: dict[str, str] = {}
        self._now_us = -(1 << 62)
        for owner, snapshot in self.centre.snapshots().items():
            self._paths.append(folder / f"{owner}.db")
            journal = LedgerJournal(self._paths[-1], owner, clock=self._clock)
            self._journals[owner] = self._closing.enter_context(closing(journal))
            self._matchmaker.on_snapshot(owner, snapshot, 0)
        for row in sorted(self.centre.seats.values(), key=lambda row: -row.idle_ms):
            self._at(-row.idle_ms)
            self._seat(row)
        self.centre.publish = self._published
        if isinstance(self.centre, Lively):
            self.centre.tell = self._told

    def run(self, contacts: int) -> list[Path]:
        """Let *contacts* come and go; return the ledgers."""
        while self.centre.done < contacts:
            stage_ms = self._matchmaker.floor.next_stage_ms
            if stage_ms is not None and stage_ms < self.centre.next_ms:
                self._at(max(stage_ms, self.centre.now_ms))
                self.centre.now_ms = max(stage_ms, self.centre.now_ms)
            else:
                self._at(self.centre.next_ms)
                self.centre.step()
            for proposal in self._matchmaker.propose(self.centre.now_ms):
                self.centre.follow(proposal)
        for journal in self._journals.values():
            journal.commit()
        self._closing.close()
        return self._paths

    def _at(self, now_ms: int) -> None:
        """Let it be *now_ms*, after all that happened before."""
        self._now_us = max(now_ms * 1000, self._now_us + 1)
        self._clock.advance((_BEGIN_US + self._now_us - self._clock.wall_us()) / 1e6)

    def _published(self, row: ContactRow | SeatRow, *failures: Failure) -> None:
        now_ms = self.centre.now_ms
        if isinstance(row, ContactRow):
            self._contact(row)
            rows = Published(contacts=[row], failures=list(failures))
        else:
            self._seat(row)
            rows = Published(seats=[row])
        self._matchmaker.on_delta(row.owner, rows, now_ms)

    def _contact(self, row: ContactRow) -> None:
        name, now_ms = row.contact, self.centre.now_ms
        if row.state == "waiting" and name not in self._joined:
            self._joined[name] = now_ms
            self._note(row.owner, ContactArrived(arrival=row.place.arrival), name)
            self._note(row.owner, ContactQueued(queue=row.queue, klass=row.klass), name)
        elif row.state == "reserved":
            offer = SeatOffered(
                seat=row.seat,
                owner=self.centre.seats[row.seat].owner,
                reservation=f"{name}/{row.fence}",
                waited_ms=now_ms - self._joined[name],
            )
            self._since[name] = row.fence
            self._note(row.owner, offer, name)
        elif row.state == "talking":
            waited_ms = now_ms - self._joined[name]
            self._note(
                row.owner,
                ContactConnected(
                    seat=row.seat,
                    owner=self.centre.seats[row.seat].owner,
                    reservation=f"{name}/{self._since[name]}",
                    waited_ms=waited_ms,
                ),
                name,
            )
            self._since[name] = now_ms
        elif row.state == "ended" and not isinstance(self.centre, Lively):
            self._told(row, "served")

    def _told(self, row: ContactRow, what: str, more: str = "") -> None:
        """Write what a row does not say."""
        name, now_ms = row.contact, self.centre.now_ms
        if what == "offer-ended":
            reservation = f"{name}/{self._since[name]}"
            self._note(row.owner, OfferEnded(reservation=reservation, reason=more), name)
        elif what == "moved":
            self._note(row.owner, ContactMoved(to=more, by="overflow"), name)
        elif what == "queued":
            self._note(row.owner, ContactQueued(queue=row.queue, klass=row.klass), name)
        else:
            waited_ms, talked_ms = now_ms - self._joined.pop(name), 0
            if what == "served":
                talked_ms = now_ms - self._since.pop(name)
                waited_ms -= talked_ms
                self._note(row.owner, TalkEnded(seat=row.seat, talked_ms=talked_ms), name)
            outcome = cast(Outcome, what)
            end = ContactEnded(outcome=outcome, waited_ms=waited_ms, talked_ms=talked_ms)
            self._note(row.owner, end, name)

    def _seat(self, row: SeatRow) -> None:
        seat, now_ms = row.seat, self.centre.now_ms
        before = self._seats.get(seat)
        self._seats[seat] = row.state
        if before == "wrap-up":
            seconds = (now_ms - self._since.pop(seat)) / 1000
            self._note(row.owner, WrapUpEnded(seat=seat, seconds=seconds))
        reason = ""
        if isinstance(self.centre, Lively) and row.state == "paused":
            reason = self.centre.whys[seat]
        changed = SeatChanged(seat=seat, epoch=row.epoch, state=row.state, reason=reason)
        self._note(row.owner, changed)
        if row.state == "wrap-up":
            self._since[seat] = now_ms
            self._note(row.owner, WrapUpStarted(seat=seat))

    def _note(self, owner: str, fact: Fact, contact: str = "") -> None:
        self._journals[owner].record(fact, contact)
        self._staged += 1
        if self._staged >= _BATCH:
            self._staged = 0
            for each in self._journals.values():
                each.commit()
