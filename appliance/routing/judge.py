"""Each decision of a recorded day, decided again on the floor as it was recorded. Pure.

The day runs as its ledgers tell it, whatever is decided here: contacts join, seats come free, and
who was offered to whom was. Before each offer `decide()` has said, from what stood on the floor by
then, whom it would offer the contact to. So one difference is one difference: it changes nothing
that comes after it.

What is proposed is off the floor until the day tells what came of it, as a matchmaker holds both
until an owner answers: taken where the offer was made, given back where another was, or none.
"""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from appliance.plan.model import Plan
from appliance.routing.day import Gone, Moment, Offered, Returned, Sits, Talks, Use, Visit, Waits
from appliance.routing.division import Division
from appliance.routing.failures import failure_of
from appliance.routing.matchmaker import PROPOSAL_TTL_MS, REFUSED_MS
from appliance.routing.model import ContactRow, Proposal, SeatRow, SeatState
from appliance.routing.recordedfloor import RecordedFloor

_replace = msgspec.structs.replace
_STATES: Mapping[Use, SeatState] = {"ready": "ready", "busy": "talking", "away": "away"}
_NOWHERE: tuple[Use, SeatRow, int] = (
    "away",
    SeatRow(seat="", owner="", incarnation=1, epoch=1, site="", state="ready"),
    0,
)


class Difference(msgspec.Struct, frozen=True):
    """An offer that would not have been made."""

    at_us: int
    contact: str
    seat: str
    #: what would have been proposed instead; None: that it waits on
    instead: Proposal | None


class Judgement(msgspec.Struct):
    """How many offers of a day would have been made again."""

    offers: int = 0
    same: int = 0
    #: another seat; no seat yet
    other: int = 0
    none: int = 0
    differences: list[Difference] = []

    @property
    def share(self) -> float:
        """Offers that would have been made again, 0 to 1."""
        return self.same / self.offers if self.offers else 1.0


class Judge:
    """Follows one day with one plan; `run` once."""

    def __init__(self, plan: Plan, visits: Iterable[Visit], sites: Mapping[str, str]) -> None:
        """*sites* tells the branch of each agent."""
        self._visits = {visit.contact: visit for visit in visits}
        self._sites = sites
        self._plan = plan
        self._floor = RecordedFloor(plan, ())
        self._division = Division(plan, self._floor)
        #: what waits, or is offered
        self._contacts: dict[str, ContactRow] = {}
        #: seat -> what it is, at which appliance, since when it is without work [ms]
        self._seats: dict[str, tuple[Use, SeatRow, int]] = {}
        #: contact -> seat that it is offered to
        self._offers: dict[str, str] = {}
        #: contact -> what was proposed and not answered yet; seat -> that contact
        self._proposed: dict[str, Proposal] = {}
        self._rivals: dict[str, str] = {}
        #: (when nothing will have been heard [ms], what was proposed)
        self._due: deque[tuple[int, Proposal]] = deque()
        self._now_us = 0
        self._told = Judgement()

    def run(self, moments: Sequence[Moment]) -> Judgement:
        """Return what would have been decided."""
        owners = {visit.owner for visit in self._visits.values()}
        owners |= {moment.owner for moment in moments if isinstance(moment, Sits)}
        self._floor = RecordedFloor(self._plan, sorted(owners))
        self._division = Division(self._plan, self._floor)
        for moment in moments:
            if isinstance(moment, Talks) and not self._floor.counts:
                continue
            if moment.at_us != self._now_us:
                self._go_on(moment.at_us)
            if isinstance(moment, Sits):
                self._sits(moment)
            elif isinstance(moment, Offered):
                self._offered(moment)
            elif isinstance(moment, Waits):
                self._waits(moment)
            elif isinstance(moment, Gone):
                self._gone(moment.contact)
            elif isinstance(moment, Talks):
                self._talks(moment)
            else:
                self._returned(moment)
        return self._told

    def _go_on(self, at_us: int) -> None:
        """Decide what can be decided until *at_us*."""
        self._decide()
        floor, at_ms = self._floor, at_us // 1000
        while (due_ms := floor.next_stage_ms) is not None and due_ms < at_ms:
            self._now_us = max(due_ms * 1000, self._now_us)
            self._decide()
        self._now_us = at_us
        while self._due and self._due[0][0] <= at_ms:
            proposal = self._due.popleft()[1]
            if self._proposed.get(proposal.contact) is proposal:
                self._give_back(proposal)

    def _decide(self) -> None:
        now_ms, floor = self._now_us // 1000, self._floor
        for proposal in floor.decide(now_ms):
            contact, seat = proposal.contact, proposal.seat
            self._proposed[contact], self._rivals[seat] = proposal, contact
            self._due.append((now_ms + PROPOSAL_TTL_MS, proposal))
            floor.leaves(contact)
            floor.sits(self._seats[seat][1], "reserved", now_ms)

    def _give_back(self, proposal: Proposal) -> None:
        """Let both be proposed to others again: the owners did not follow."""
        contact, seat = proposal.contact, proposal.seat
        del self._proposed[contact]
        if self._rivals.get(seat) == contact:
            del self._rivals[seat]
        use, held, since_ms = self._seats[seat]
        if use == "ready":
            self._floor.sits(held, "ready", since_ms)
        row = self._contacts.get(contact)
        if row is not None and contact not in self._offers:
            self._wait(_replace(row, fence=row.fence + 1))
            until_ms = self._now_us // 1000 + REFUSED_MS
            self._floor.refuse(self._contacts[contact], seat, until_ms)

    # -- what was recorded ---------------------------------------------------------------------

    def _waits(self, moment: Waits) -> None:
        visit = self._visits.get(moment.contact)
        if visit is None:
            return
        stay, old = moment.stay, self._contacts.get(moment.contact)
        self._wait(
            ContactRow(
                contact=moment.contact,
                owner=visit.owner,
                incarnation=1,
                place=visit.place,
                queue=stay.queue,
                klass=stay.klass,
                skills=stay.skills,
                fence=old.fence + 1 if old else 0,
                channel=visit.channel,
                home=visit.home,
                agent=stay.agent,
                given=self._division.give(visit.owner, stay, moment.at_us),
            )
        )

    def _wait(self, row: ContactRow) -> None:
        self._contacts[row.contact] = row
        self._floor.waits(row, self._visits[row.contact].joined_us // 1000)

    def _offered(self, moment: Offered) -> None:
        contact, seat = moment.contact, moment.seat
        if contact not in self._contacts or contact in self._offers:
            return
        self._decide()
        decided, told = self._proposed.get(contact), self._told
        told.offers += 1
        self._offers[contact] = seat
        use, held, since_ms = self._seats.get(seat, _NOWHERE)
        if use == "ready":  # its own appliance tells it in a moment
            self._seats[seat] = ("busy", held, since_ms)
        if decided is not None and decided.seat == seat:
            del self._proposed[contact], self._rivals[seat]
            told.same += 1
            return
        told.none += decided is None
        told.other += decided is not None
        told.differences.append(Difference(moment.at_us, contact, seat, decided))
        self._floor.leaves(contact)
        if use == "ready":
            self._floor.sits(held, "reserved", since_ms)
        for proposal in (decided, self._proposed.get(self._rivals.get(seat, ""))):
            if proposal is not None:
                self._give_back(proposal)

    def _returned(self, moment: Returned) -> None:
        row = self._contacts.get(moment.contact)
        seat = self._offers.pop(moment.contact, None)
        if row is None or seat is None:
            return
        owner = self._seats[seat][1].owner if seat in self._seats else ""
        self._floor.fails(failure_of(row, seat, owner, moment.reason))
        self._wait(_replace(row, fence=row.fence + 1))

    def _talks(self, moment: Talks) -> None:
        row = self._contacts.get(moment.contact)
        if row is not None:
            waited_us = moment.at_us - self._visits[moment.contact].joined_us
            self._floor.answered(row, waited_us // 1000)

    def _gone(self, contact: str) -> None:
        row = self._contacts.pop(contact, None)
        if row is None:
            return
        if self._offers.pop(contact, None) is None:
            self._floor.leaves(contact)
            self._floor.gave_up(row, self._visits[contact].joined_us // 1000)
        proposal = self._proposed.get(contact)
        if proposal is not None:
            self._give_back(proposal)

    def _sits(self, moment: Sits) -> None:
        seat, use = moment.seat, moment.use
        if use == "busy":
            if moment.reserve_by == self._plan.serial:
                # when within a second a matchmaker counts is not recorded; what it found is
                self._floor.reserve_joined(moment.queue)
            self._decide()  # what led to it was decided before
        was, row, _ = self._seats.get(seat, _NOWHERE)
        if row.owner != moment.owner:
            row = _replace(
                _NOWHERE[1], seat=seat, owner=moment.owner, site=self._sites.get(seat, "")
            )
        elif was != use and use == "ready":
            row = _replace(row, fence=row.fence + 1)
        since_ms = (moment.at_us - moment.idle_us) // 1000
        self._seats[seat] = (use, row, since_ms)
        contact = self._rivals.get(seat)
        if use == "busy" and contact is not None:
            return  # it is off the floor already; the offer that is to come tells for whom
        self._floor.sits(row, _STATES[use], since_ms)
        if contact is not None and (proposal := self._proposed.get(contact)) is not None:
            self._give_back(proposal)
