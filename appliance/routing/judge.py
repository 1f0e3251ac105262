"""Each decision of a recorded day, decided again on the floor as it was recorded. Pure.

The day runs as its ledgers tell it, whatever is decided here: contacts join, seats come free, and
who was offered to whom was. Before each offer `decide()` has said, from what stood on the floor by
then, whom it would offer the contact to. So one difference is one difference: it changes nothing
that comes after it.

What is proposed is off the floor until the day tells what came of it, as a matchmaker holds both
until an owner answers: taken where the offer was made, given back where another was, or none.
"""

from collections import deque
from collections.abc import Iterable, Mapping

import msgspec

from appliance.plan.model import Plan
from appliance.routing.day import Gone, Moment, Offered, Returned, Sits, Use, Visit, Waits
from appliance.routing.decide import decide
from appliance.routing.failures import failure_of
from appliance.routing.floor import Floor
from appliance.routing.matchmaker import PROPOSAL_TTL_MS, REFUSED_MS
from appliance.routing.model import ContactRow, Failure, Proposal, SeatRow, SeatState
from appliance.routing.planindex import PlanIndex

_replace = msgspec.structs.replace
_STATES: Mapping[Use, SeatState] = {"ready": "ready", "busy": "talking", "away": "away"}


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
        self._index = PlanIndex(plan)
        self._floor = Floor()
        self._contacts: dict[str, ContactRow] = {}
        self._seats: dict[str, SeatRow] = {}
        #: seat -> since when it is without work [ms]
        self._ready_ms: dict[str, int] = {}
        #: contact -> seat that it is offered to
        self._offers: dict[str, str] = {}
        #: contact -> what was proposed and not answered yet; seat -> that contact
        self._proposed: dict[str, Proposal] = {}
        self._rivals: dict[str, str] = {}
        #: (when nothing will have been heard [ms], what was proposed)
        self._due: deque[tuple[int, Proposal]] = deque()
        self._owners: set[str] = set()
        self._now_us = 0
        self._told = Judgement()

    def run(self, moments: Iterable[Moment]) -> Judgement:
        """Return what would have been decided."""
        for moment in moments:
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
        floor.tick(now_ms)
        if not floor.stirred:
            return
        proposals = decide(self._index, floor, now_ms)
        floor.stirred = False
        for proposal in proposals:
            contact, seat = proposal.contact, proposal.seat
            self._proposed[contact], self._rivals[seat] = proposal, contact
            self._due.append((now_ms + PROPOSAL_TTL_MS, proposal))
            self._show(_off(self._contacts[contact]))
            self._show(_off(self._seats[seat]))

    def _give_back(self, proposal: Proposal) -> None:
        """Let both be proposed to others again: the owners did not follow."""
        contact, seat = proposal.contact, proposal.seat
        del self._proposed[contact]
        if self._rivals.get(seat) == contact:
            del self._rivals[seat]
        row, held = self._contacts.get(contact), self._seats[seat]
        if row is not None and contact not in self._offers:
            visit = self._visits[contact]
            age_ms = (self._now_us - visit.joined_us) // 1000
            row = self._contacts[contact] = _replace(row, fence=row.fence + 2, age_ms=age_ms)
            self._show(row)
        if held.state == "ready":
            idle_ms = self._now_us // 1000 - self._ready_ms[seat]
            held = self._seats[seat] = _replace(held, fence=held.fence + 2, idle_ms=idle_ms)
            self._show(held)
        if row is not None:
            until_ms = self._now_us // 1000 + REFUSED_MS
            self._floor.refuse(row, held, "seat-busy", until_ms)

    # -- what was recorded ---------------------------------------------------------------------

    def _waits(self, moment: Waits) -> None:
        visit = self._visits.get(moment.contact)
        if visit is None:
            return
        stay, old = moment.stay, self._contacts.get(moment.contact)
        row = ContactRow(
            contact=moment.contact,
            owner=visit.owner,
            incarnation=1,
            place=visit.place,
            queue=stay.queue,
            klass=stay.klass,
            skills=stay.skills,
            age_ms=max(0, moment.at_us - visit.joined_us) // 1000,
            fence=old.fence + 2 if old else 0,
            channel=visit.channel,
            home=visit.home,
            agent=stay.agent,
        )
        self._contacts[moment.contact] = row
        self._show(row)

    def _offered(self, moment: Offered) -> None:
        contact, seat = moment.contact, moment.seat
        row = self._contacts.get(contact)
        if row is None or contact in self._offers:
            return
        self._decide()
        decided, told = self._proposed.get(contact), self._told
        told.offers += 1
        self._offers[contact] = seat
        if decided is not None and decided.seat == seat:
            del self._proposed[contact], self._rivals[seat]
            told.same += 1
        else:
            told.none += decided is None
            told.other += decided is not None
            told.differences.append(Difference(moment.at_us, contact, seat, decided))
            self._answer_otherwise(decided, row, seat)
        held = self._seats.get(seat)
        if held is not None and held.state == "ready":
            self._seats[seat] = _replace(held, state="talking", fence=held.fence + 2)

    def _answer_otherwise(self, decided: Proposal | None, row: ContactRow, seat: str) -> None:
        """Refuse what was proposed for the two that were brought together instead."""
        rival = self._proposed.get(self._rivals.get(seat, ""))
        held = self._seats.get(seat)
        if held is not None:
            self._seats[seat] = held = _replace(held, state="talking", fence=held.fence + 2)
            self._show(held)
        self._show(_off(row))
        for proposal in (decided, rival):
            if proposal is not None:
                self._give_back(proposal)

    def _returned(self, moment: Returned) -> None:
        row, visit = self._contacts.get(moment.contact), self._visits.get(moment.contact)
        seat = self._offers.pop(moment.contact, None)
        if row is None or visit is None or seat is None:
            return
        held = self._seats.get(seat)
        failure = failure_of(row, seat, held.owner if held else "", moment.reason)
        waited_ms = (moment.at_us - visit.joined_us) // 1000
        back = _replace(row, fence=row.fence + 2, age_ms=waited_ms)
        self._contacts[moment.contact] = back
        self._show(back, failure)

    def _gone(self, contact: str) -> None:
        row = self._contacts.pop(contact, None)
        proposal = self._proposed.get(contact)
        if proposal is not None:
            self._give_back(proposal)
        if row is not None and self._offers.pop(contact, None) is None:
            self._show(_off(row))

    def _sits(self, moment: Sits) -> None:
        seat, row = moment.seat, self._seats.get(moment.seat)
        if moment.use == "busy":
            self._decide()  # what led to it was decided before
        contact = self._rivals.get(seat)
        if moment.use == "busy" and contact is not None and row is not None:
            # it is off the floor already; the offer that is to come tells for whom
            self._seats[seat] = _replace(row, state="talking", fence=row.fence + 2)
            return
        if row is not None and row.owner != moment.owner:
            self._show(_replace(row, state="away", fence=row.fence + 1))
        self._ready_ms[seat] = (moment.at_us - moment.idle_us) // 1000
        self._seats[seat] = SeatRow(
            seat=seat,
            owner=moment.owner,
            incarnation=1,
            epoch=1,
            site=self._sites.get(seat, ""),
            state=_STATES[moment.use],
            idle_ms=moment.idle_us // 1000,
            fence=row.fence + 2 if row else 1,
        )
        self._show(self._seats[seat])
        if contact is not None and (proposal := self._proposed.get(contact)) is not None:
            self._give_back(proposal)

    # -- inside --------------------------------------------------------------------------------

    def _show(self, row: ContactRow | SeatRow, *failures: Failure) -> None:
        now_ms = self._now_us // 1000
        if row.owner not in self._owners:
            self._owners.add(row.owner)
            self._floor.replace(row.owner, 1, (), (), now_ms=now_ms)
        if isinstance(row, ContactRow):
            self._floor.change(row.owner, 1, (row,), (), failures, now_ms=now_ms)
        else:
            self._floor.change(row.owner, 1, (), (row,), failures, now_ms=now_ms)


def _off(row: ContactRow | SeatRow) -> ContactRow | SeatRow:
    """Return *row* as one that takes no part: its row that does has a lower fence."""
    if isinstance(row, ContactRow):
        return _replace(row, state="ended", fence=row.fence + 1)
    return _replace(row, state="talking", fence=row.fence + 1)
