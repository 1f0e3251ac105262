"""A recorded day once more, under another plan: who would have waited for how long. Pure.

The visits come when they came, the agents are there when they were there, talks last as long as
they lasted; only who is offered to whom, and when, is decided anew, by the `decide()` that runs
in production. Where a visit meets the agent it met, everything takes the time it took, so that
the plan of that day gives that day's assignments again. What nobody can know is assumed: who was
served would have stayed as long as its visit says, and another agent answers after the queue's
usual time.
"""

import hashlib
import heapq
from collections.abc import Iterable, Mapping

import msgspec

from appliance.plan.model import Plan
from appliance.routing.day import Failed, Fate, Presence, Stay, Visit
from appliance.routing.detour import OverflowRules
from appliance.routing.division import Division
from appliance.routing.failures import failure_of
from appliance.routing.model import ContactRow, Proposal, SeatRow, SeatState
from appliance.routing.recordedfloor import RecordedFloor

#: from offer to talk where nothing was recorded [µs]
USUAL_SETUP_US = 4_000_000
#: of a talk where nothing was recorded [µs]
USUAL_TALK_US = 180_000_000
_NEVER = 1 << 62


class _Usual:
    """How long things take in a queue, by what was recorded there."""

    def __init__(self, visits: Iterable[Visit]) -> None:
        self._talks: dict[str, tuple[int, int]] = {}
        self._setups: dict[str, tuple[int, int]] = {}
        for visit in visits:
            _add(self._talks, visit.stay.queue, visit.talk_us)
            _add(self._setups, visit.stay.queue, visit.setup_us)

    def talk_us(self, visit: Visit) -> int:
        """Return how long *visit* talks with anyone."""
        return visit.talk_us if visit.talk_us >= 0 else _mean(self._talks, visit, USUAL_TALK_US)

    def setup_us(self, visit: Visit, seat: str) -> int:
        """Return how long it takes until *visit* talks with *seat*."""
        if visit.seat == seat and visit.setup_us >= 0:
            return visit.setup_us
        usual_us = _mean(self._setups, visit, USUAL_SETUP_US)
        # who gave up while the agent was called did not hear them by then
        return max(usual_us, visit.unheard_us + 1) if visit.unheard == seat else usual_us


class _Here:
    """A visit that is not over: its row while it waits, and where its queue will send it."""

    __slots__ = ("ahead", "due_us", "failed", "flow", "row", "seat", "stay", "taken", "visit")

    def __init__(self, visit: Visit) -> None:
        self.visit = visit
        self.stay = visit.stay
        #: as it waits; an offer takes it from the floor, a flow takes it away
        self.row: ContactRow | None = None
        #: whom it is offered to
        self.seat = ""
        #: the overflow that will take it away, and those that did
        self.flow = ""
        self.due_us = 0
        self.taken: tuple[tuple[str, str], ...] = ()
        #: what it will wait for after the flow that it is in
        self.ahead: Stay | None = None
        #: the offer that will come to nothing
        self.failed: Failed | None = None


class Replay:
    """One day under one plan; `run` once."""

    def __init__(self, plan: Plan, visits: Iterable[Visit], presences: Iterable[Presence]) -> None:
        self._visits = {visit.contact: visit for visit in visits}
        self._queues = {queue.name: queue for queue in plan.queues}
        self._usual = _Usual(self._visits.values())
        self._here: dict[str, _Here] = {}
        self._seats: dict[str, SeatRow] = {}
        self._states: dict[str, SeatState] = {}
        #: agents who leave as soon as they are free
        self._leaving: set[str] = set()
        self._fates: dict[str, Fate] = {}
        #: (contact, seat) -> offers that came to nothing
        self._failures: dict[tuple[str, str], int] = {}
        #: seat -> since when it is idle [ms]; an offer that came to nothing does not change it
        self._idle: dict[str, int] = {}
        self._now_us = 0
        #: (time, number, what, contact, seat): what was recorded, and what comes of it
        self._given: list[tuple[int, int, str, str, str]] = []
        self._events: list[tuple[int, int, str, str, str]] = []
        owners: dict[str, None] = {}
        for presence in presences:
            what = "came" if presence.there else "left"
            self._given.append((presence.at_us, len(self._given), what, presence.seat, ""))
            self._seats[presence.seat] = _away(presence)
            self._states[presence.seat] = "away"
            owners[presence.owner] = None
        for visit in self._visits.values():
            self._given.append((visit.joined_us, len(self._given), "joined", visit.contact, ""))
            owners[visit.owner] = None
        self._numbers = len(self._given)
        self._floor = RecordedFloor(plan, owners)
        self._overflow = OverflowRules(plan, self._floor)
        self._division = Division(plan, self._floor)

    def run(self) -> list[Fate]:
        """Return what becomes of each visit, in the order given."""
        actions = {
            "joined": self._joined,
            "joined-again": self._joined_again,
            "overflows": self._overflows,
            "let-go": self._let_go,
            "parted": self._parted,
            "came": self._came,
            "left": self._left,
            "failed": self._failed,
            "connected": self._connected,
            "noted": self._noted,
            "looked": _nothing,  # a failure's time is over: those two may be paired again
        }
        given, events = self._given, self._events
        given.sort(reverse=True)
        while given or events:
            later = not given or (events and events[0] < given[-1])
            event = heapq.heappop(events) if later else given.pop()
            self._now_us, _, what, contact, seat = event
            actions[what](contact, seat)
            self._decide()
            self._look_again()
        return [self._fates.get(c) or Fate(c, "open") for c in self._visits]

    # -- contacts ------------------------------------------------------------------------------

    def _joined(self, contact: str, _: str) -> None:
        visit = self._visits[contact]
        here = self._here[contact] = _Here(visit)
        if visit.patience_us >= 0:
            self._at(visit.joined_us + visit.patience_us, "parted", contact)
        self._wait(here, visit.stay)

    def _wait(self, here: _Here, stay: Stay) -> None:
        """Let a contact wait in a queue, at its own place."""
        visit = here.visit
        klass = stay.klass or here.stay.klass
        here.stay = stay
        here.row = ContactRow(
            contact=visit.contact,
            owner=visit.owner,
            incarnation=1,
            place=visit.place,
            queue=stay.queue,
            klass=klass,
            skills=stay.skills,
            channel=visit.channel,
            home=visit.home,
            agent=stay.agent,
            given=self._division.give(visit.owner, stay, self._now_us),
        )
        self._floor.waits(here.row, visit.joined_us // 1000)
        self._watch(here)

    def _joined_again(self, contact: str, _: str) -> None:
        here = self._here.get(contact)
        if here is not None and here.ahead is not None:
            self._wait(here, here.ahead)

    def _parted(self, contact: str, _: str) -> None:
        here = self._here.get(contact)
        if here is None:
            return
        if here.row is not None and not here.seat:
            self._floor.gave_up(here.row, here.visit.joined_us // 1000)
        fate = Fate(contact, here.visit.parting, "", self._waited_us(here))
        self._end(here, fate)
        if here.seat:
            self._free(here.seat)

    # -- overflow ------------------------------------------------------------------------------

    def _watch(self, here: _Here) -> None:
        """Decide which rule of its queue will take a contact away, and when."""
        here.flow = ""
        found = self._overflow.next(here.visit, here.stay.queue, here.taken, self._now_us)
        if found is not None:
            here.due_us, here.flow = found
            self._at(max(here.due_us, self._now_us), "overflows", here.visit.contact)

    def _overflows(self, contact: str, _: str) -> None:
        here = self._here.get(contact)
        due = here is not None and here.flow and here.due_us <= self._now_us
        if here is None or not due or here.row is None or here.seat:
            return  # it is offered to somebody; where that fails, it goes at once
        rule, here.flow = (here.stay.queue, here.flow), ""
        if rule[1] not in self._overflow.flows:
            return
        here.taken = (*here.taken, rule)
        self._floor.gave_up(here.row, here.visit.joined_us // 1000)
        self._floor.leaves(contact)
        here.row = None
        detour = self._overflow.detour(here.visit, rule, self._now_us)
        here.ahead = detour.stay
        what = "joined-again" if detour.stay is not None else "let-go"
        self._at(self._now_us + detour.took_us, what, contact)

    def _let_go(self, contact: str, _: str) -> None:
        here = self._here.get(contact)
        if here is not None:
            self._end(here, Fate(contact, "released", "", self._waited_us(here)))

    # -- seats ---------------------------------------------------------------------------------

    def _came(self, seat: str, _: str) -> None:
        self._leaving.discard(seat)
        if self._states[seat] == "away":
            self._seat(seat, "ready")

    def _left(self, seat: str, _: str) -> None:
        if self._states[seat] == "ready":
            self._seat(seat, "away")
        elif self._states[seat] != "away":
            self._leaving.add(seat)

    # -- from offer to notes -------------------------------------------------------------------

    def _follow(self, proposal: Proposal) -> None:
        contact, seat = proposal.contact, proposal.seat
        here = self._here[contact]
        here.seat = seat
        self._floor.leaves(contact)
        self._seat(seat, "reserved")
        here.failed = self._next_failure(here.visit, seat)
        if here.failed is not None:
            self._at(self._now_us + here.failed.after_us, "failed", contact, seat)
        else:
            setup_us = self._usual.setup_us(here.visit, seat)
            self._at(self._now_us + setup_us, "connected", contact, seat)

    def _next_failure(self, visit: Visit, seat: str) -> Failed | None:
        """Return how this offer comes to nothing, if as many as this one did."""
        failed = visit.failed.get(seat)
        if not failed:
            return None
        count = self._failures.get((visit.contact, seat), 0)
        if count >= len(failed):
            return None
        self._failures[visit.contact, seat] = count + 1
        return failed[count]

    def _failed(self, contact: str, seat: str) -> None:
        here = self._here.get(contact)
        if here is None or here.row is None or here.seat != seat or here.failed is None:
            return
        row, failed = here.row, here.failed
        failure = failure_of(row, seat, self._seats[seat].owner, failed.reason)
        self._at(self._now_us + failure.for_ms * 1000, "looked", contact)
        here.seat = ""
        self._floor.fails(failure)
        self._floor.waits(row, here.visit.joined_us // 1000)
        self._give_back(seat, failed)
        if here.flow and here.due_us <= self._now_us:
            self._overflows(contact, "")

    def _give_back(self, seat: str, failed: Failed) -> None:
        """Free a seat whose offer came to nothing: idle since before, or not ready at all."""
        if failed.away_us and seat not in self._leaving:
            self._seat(seat, "away")
            if failed.away_us > 0:
                self._at(self._now_us + failed.away_us, "came", seat)
        else:
            self._free(seat)

    def _connected(self, contact: str, seat: str) -> None:
        here = self._here.get(contact)
        if here is None or here.seat != seat:
            return
        if here.row is not None:
            self._floor.answered(here.row, self._waited_us(here) // 1000)
        self._end(here, Fate(contact, "served", seat, self._waited_us(here)))
        self._idle.pop(seat, None)
        visit, queue = here.visit, self._queues.get(here.stay.queue)
        talk_us = self._usual.talk_us(visit)
        wrap_up_us = round(queue.wrap_up_s * 1e6) if queue else 0
        if visit.seat == seat and visit.wrap_up_us >= 0:
            wrap_up_us = visit.wrap_up_us
        self._overflow.observe(here.stay.queue, talk_us, wrap_up_us)
        self._division.observe(here.stay.queue, talk_us, wrap_up_us)
        self._at(self._now_us + talk_us + wrap_up_us, "noted", contact, seat)

    def _noted(self, _: str, seat: str) -> None:
        self._free(seat)

    # -- inside --------------------------------------------------------------------------------

    def _decide(self) -> None:
        for proposal in self._floor.decide(self._now_us // 1000):
            self._follow(proposal)

    def _at(self, at_us: int, what: str, contact: str, seat: str = "") -> None:
        self._numbers += 1
        heapq.heappush(self._events, (at_us, self._numbers, what, contact, seat))

    def _look_again(self) -> None:
        """Be there when a contact begins to ask for less, though nothing else happens then."""
        given, events, floor = self._given, self._events, self._floor
        while (due_ms := floor.next_stage_ms) is not None and (given or events):
            next_us = min(given[-1][0] if given else _NEVER, events[0][0] if events else _NEVER)
            if due_ms >= next_us // 1000:
                return
            self._now_us = max(due_ms * 1000, self._now_us)
            self._decide()

    def _free(self, seat: str) -> None:
        leaves = seat in self._leaving
        self._leaving.discard(seat)
        self._seat(seat, "away" if leaves else "ready")

    def _seat(self, seat: str, state: SeatState) -> None:
        since_ms = self._now_us // 1000
        if state == "ready":
            since_ms = self._idle.setdefault(seat, since_ms)
        elif state == "away":
            self._idle.pop(seat, None)
        self._states[seat] = state
        self._floor.sits(self._seats[seat], state, since_ms)

    def _end(self, here: _Here, fate: Fate) -> None:
        del self._here[fate.contact]
        if here.row is not None and not here.seat:
            self._floor.leaves(fate.contact)
        self._fates[fate.contact] = fate

    def _waited_us(self, here: _Here) -> int:
        return self._now_us - here.visit.joined_us


def fingerprint(fates: Iterable[Fate]) -> str:
    """Return the SHA-256 of *fates*: equal for equal days."""
    return hashlib.sha256(msgspec.msgpack.encode(list(fates))).hexdigest()


def _nothing(_contact: str, _seat: str) -> None:
    """Let the time go on."""


def _away(presence: Presence) -> SeatRow:
    return SeatRow(
        seat=presence.seat,
        owner=presence.owner,
        incarnation=1,
        epoch=1,
        site=presence.site,
        state="away",
    )


def _add(sums: dict[str, tuple[int, int]], queue: str, value_us: int) -> None:
    if value_us >= 0:
        total_us, count = sums.get(queue, (0, 0))
        sums[queue] = (total_us + value_us, count + 1)


def _mean(sums: Mapping[str, tuple[int, int]], visit: Visit, usual_us: int) -> int:
    total_us, count = sums.get(visit.stay.queue, (0, 0))
    return total_us // count if count else usual_us
