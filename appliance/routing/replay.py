"""A recorded day once more, under another plan: who would have waited for how long. Pure.

The visits come when they came, the agents are there when they were there, talks last as long as
they lasted; only who is offered to whom, and when, is decided anew, by the `decide()` that runs
in production. Where a visit meets the agent it met, everything takes the time it took, so that
the plan of that day gives that day's assignments again. What nobody can know is assumed: who was
served would have stayed, and another agent answers after the queue's usual time.
"""

import hashlib
import heapq
from collections.abc import Iterable, Mapping
from typing import Literal

import msgspec

from appliance.plan.model import Channel, Plan
from appliance.routing.matchmaker import Matchmaker
from appliance.routing.model import ContactRow, Place, Proposal, SeatRow, SeatState

#: from offer to talk where nothing was recorded [ms]
USUAL_SETUP_MS = 4_000
#: of a talk where nothing was recorded [ms]
USUAL_TALK_MS = 180_000

Outcome = Literal["served", "abandoned", "open"]

_replace = msgspec.structs.replace


class Visit(msgspec.Struct, frozen=True, kw_only=True):
    """A contact of the day, and what became of it. Times are of one clock [ms]."""

    contact: str
    owner: str
    place: Place
    joined_ms: int
    queue: str
    klass: str = ""
    skills: dict[str, int] = {}
    channel: Channel = "voice"
    home: str = ""
    #: it gave up after this wait; -1: it did not
    patience_ms: int = -1
    #: who talked with it, after this wait; empty: nobody
    seat: str = ""
    waited_ms: int = 0
    #: from offer to talk, of the talk, and of the notes after it; -1: not known
    setup_ms: int = -1
    talk_ms: int = -1
    wrap_up_ms: int = -1
    #: seat -> how long an offer took that came to nothing
    failed: dict[str, int] = {}


class Presence(msgspec.Struct, frozen=True, kw_only=True):
    """An agent came, or took a break, or left."""

    at_ms: int
    seat: str
    owner: str
    site: str
    there: bool


class Fate(msgspec.Struct, frozen=True, array_like=True):
    """What becomes of a visit."""

    contact: str
    outcome: Outcome
    seat: str = ""
    waited_ms: int = 0


class _Usual:
    """How long things take in a queue, by what was recorded there."""

    def __init__(self, visits: Iterable[Visit]) -> None:
        self._talks: dict[str, tuple[int, int]] = {}
        self._setups: dict[str, tuple[int, int]] = {}
        for visit in visits:
            _add(self._talks, visit.queue, visit.talk_ms)
            _add(self._setups, visit.queue, visit.setup_ms)

    def talk_ms(self, visit: Visit) -> int:
        """Return how long *visit* talks with anyone."""
        return visit.talk_ms if visit.talk_ms >= 0 else _mean(self._talks, visit, USUAL_TALK_MS)

    def setup_ms(self, visit: Visit, seat: str) -> int:
        """Return how long it takes until *visit* talks with *seat*."""
        if visit.seat == seat and visit.setup_ms >= 0:
            return visit.setup_ms
        return _mean(self._setups, visit, USUAL_SETUP_MS)


class Replay:
    """One day under one plan; `run` once."""

    def __init__(self, plan: Plan, visits: Iterable[Visit], presences: Iterable[Presence]) -> None:
        self._visits = {visit.contact: visit for visit in visits}
        self._usual = _Usual(self._visits.values())
        self._wrap_up_ms = {queue.name: round(queue.wrap_up_s * 1000) for queue in plan.queues}
        self._matchmaker = Matchmaker(plan)
        self._contacts: dict[str, ContactRow] = {}
        self._seats: dict[str, SeatRow] = {}
        #: agents who leave as soon as they are free
        self._leaving: set[str] = set()
        self._fates: dict[str, Fate] = {}
        self._now_ms = 0
        self._numbers = 0
        self._events: list[tuple[int, int, str, str, str]] = []
        owners: dict[str, None] = {}
        for presence in presences:
            self._at(presence.at_ms, "came" if presence.there else "left", presence.seat)
            self._seats[presence.seat] = _away(presence)
            owners[presence.owner] = None
        for visit in self._visits.values():
            self._at(visit.joined_ms, "joined", visit.contact)
            owners[visit.owner] = None
        for owner in owners:
            self._matchmaker.floor.replace(owner, 1, (), (), now_ms=0)

    def run(self) -> list[Fate]:
        """Return what becomes of each visit, in the order given."""
        actions = {
            "joined": self._joined,
            "gave-up": self._gave_up,
            "came": self._came,
            "left": self._left,
            "failed": self._failed,
            "connected": self._connected,
            "talked": self._talked,
            "noted": self._noted,
        }
        events = self._events
        while events:
            self._now_ms, _, what, contact, seat = heapq.heappop(events)
            actions[what](contact, seat)
            for proposal in self._matchmaker.propose(self._now_ms):
                self._follow(proposal)
            self._look_again()
        return [self._fates.get(c) or Fate(c, "open") for c in self._visits]

    # -- what happens --------------------------------------------------------------------------

    def _joined(self, contact: str, _: str) -> None:
        visit = self._visits[contact]
        self._contacts[contact] = ContactRow(
            contact=contact,
            owner=visit.owner,
            incarnation=1,
            place=visit.place,
            queue=visit.queue,
            klass=visit.klass,
            skills=visit.skills,
            channel=visit.channel,
            home=visit.home,
        )
        self._publish(self._contacts[contact])
        if visit.patience_ms >= 0:
            self._at(visit.joined_ms + visit.patience_ms, "gave-up", contact)

    def _gave_up(self, contact: str, _: str) -> None:
        if contact in self._fates:
            return
        row = self._contacts[contact]
        self._end(contact, Fate(contact, "abandoned", "", self._waited_ms(contact)))
        if row.seat:
            self._free(row.seat)

    def _came(self, seat: str, _: str) -> None:
        self._leaving.discard(seat)
        if self._seats[seat].state == "away":
            self._seat(seat, "ready")

    def _left(self, seat: str, _: str) -> None:
        if self._seats[seat].state == "ready":
            self._seat(seat, "away")
        elif self._seats[seat].state != "away":
            self._leaving.add(seat)

    def _follow(self, proposal: Proposal) -> None:
        contact, seat = proposal.contact, proposal.seat
        visit = self._visits[contact]
        row = self._contacts[contact]
        row = _replace(row, state="reserved", seat=seat, fence=row.fence + 1)
        self._contacts[contact] = row
        self._publish(row)
        self._seat(seat, "reserved")
        if seat in visit.failed:
            self._at(self._now_ms + visit.failed[seat], "failed", contact, seat)
        else:
            setup_ms = self._usual.setup_ms(visit, seat)
            self._at(self._now_ms + setup_ms, "connected", contact, seat)

    def _failed(self, contact: str, seat: str) -> None:
        if contact in self._fates:
            return
        row = self._contacts[contact]
        row = _replace(
            row,
            state="waiting",
            seat="",
            fence=row.fence + 1,
            age_ms=self._waited_ms(contact),
        )
        self._contacts[contact] = row
        self._publish(row)
        self._free(seat)

    def _connected(self, contact: str, seat: str) -> None:
        if contact in self._fates:
            return
        visit = self._visits[contact]
        self._end(contact, Fate(contact, "served", seat, self._waited_ms(contact)))
        self._seat(seat, "talking")
        self._at(self._now_ms + self._usual.talk_ms(visit), "talked", contact, seat)

    def _talked(self, contact: str, seat: str) -> None:
        visit = self._visits[contact]
        wrap_up_ms = self._wrap_up_ms.get(visit.queue, 0)
        if visit.seat == seat and visit.wrap_up_ms >= 0:
            wrap_up_ms = visit.wrap_up_ms
        self._seat(seat, "wrap-up")
        self._at(self._now_ms + wrap_up_ms, "noted", contact, seat)

    def _noted(self, _: str, seat: str) -> None:
        self._free(seat)

    # -- inside --------------------------------------------------------------------------------

    def _at(self, at_ms: int, what: str, contact: str, seat: str = "") -> None:
        self._numbers += 1
        heapq.heappush(self._events, (at_ms, self._numbers, what, contact, seat))

    def _look_again(self) -> None:
        """Be there when a contact begins to ask for less, though nothing else happens then."""
        while self._events:
            due_ms = self._matchmaker.floor.next_stage_ms
            if due_ms is None or due_ms >= self._events[0][0]:
                return
            self._now_ms = max(due_ms, self._now_ms)
            for proposal in self._matchmaker.propose(self._now_ms):
                self._follow(proposal)

    def _free(self, seat: str) -> None:
        leaves = seat in self._leaving
        self._leaving.discard(seat)
        self._seat(seat, "away" if leaves else "ready")

    def _seat(self, seat: str, state: SeatState) -> None:
        row = self._seats[seat]
        self._seats[seat] = _replace(row, state=state, fence=row.fence + 1)
        self._publish(self._seats[seat])

    def _end(self, contact: str, fate: Fate) -> None:
        row = self._contacts.pop(contact)
        self._publish(_replace(row, state="ended", fence=row.fence + 1))
        self._fates[contact] = fate

    def _publish(self, row: ContactRow | SeatRow) -> None:
        contacts = [row] if isinstance(row, ContactRow) else []
        seats = [row] if isinstance(row, SeatRow) else []
        self._matchmaker.floor.change(row.owner, 1, contacts, seats, now_ms=self._now_ms)

    def _waited_ms(self, contact: str) -> int:
        return self._now_ms - self._visits[contact].joined_ms


def fingerprint(fates: Iterable[Fate]) -> str:
    """Return the SHA-256 of *fates*: equal for equal days."""
    return hashlib.sha256(msgspec.msgpack.encode(list(fates))).hexdigest()


def _away(presence: Presence) -> SeatRow:
    return SeatRow(
        seat=presence.seat,
        owner=presence.owner,
        incarnation=1,
        epoch=1,
        site=presence.site,
        state="away",
    )


def _add(sums: dict[str, tuple[int, int]], queue: str, value_ms: int) -> None:
    if value_ms >= 0:
        total_ms, count = sums.get(queue, (0, 0))
        sums[queue] = (total_ms + value_ms, count + 1)


def _mean(sums: Mapping[str, tuple[int, int]], visit: Visit, usual_ms: int) -> int:
    total_ms, count = sums.get(visit.queue, (0, 0))
    return total_ms // count if count else usual_ms
