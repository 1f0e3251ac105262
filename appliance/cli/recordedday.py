"""A day for `branchline replay`, read from the ledgers of one or more appliances."""

import heapq
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from operator import attrgetter, itemgetter

import msgspec

from appliance.cli.recordedvisit import RecordedVisit
from appliance.ledger.records import (
    ContactArrived,
    ContactConnected,
    ContactEnded,
    ContactMoved,
    ContactQueued,
    Fact,
    OfferEnded,
    PlaceCorrected,
    PlanTaken,
    SeatChanged,
    SeatOffered,
    TalkEnded,
    WrapUpEnded,
)
from appliance.ledger.store import RawFact
from appliance.plan.model import Plan
from appliance.routing.day import (
    Gone,
    Moment,
    Offered,
    Presence,
    Returned,
    Sits,
    Talks,
    Use,
    Visit,
    Waits,
)
from appliance.routing.trace import unpack

#: states in which an agent is not there
_GONE = frozenset({"paused", "away", "gone"})
#: a seat that becomes ready and is paused within this [µs] was never published as ready
_TURN_US = 1_000
#: entries of one moment: what began or ended, then the seats, then what was decided upon that
_ORDER = {"seat-changed": 1, "wrap-up-ended": 1, "seat-offered": 2}
_DECODE = {
    fact.kind(): msgspec.msgpack.Decoder(fact).decode
    for fact in (
        ContactArrived,
        ContactConnected,
        ContactEnded,
        ContactMoved,
        ContactQueued,
        OfferEnded,
        PlaceCorrected,
        PlanTaken,
        SeatChanged,
        SeatOffered,
        TalkEnded,
        WrapUpEnded,
    )
}
#: the kinds of entries that tell of a day
KINDS = tuple(_DECODE)


class RecordedDay:
    """Visits, presences and moments of ledgers' entries; `take` them once, in order."""

    def __init__(self) -> None:
        self._contacts: dict[str, RecordedVisit] = {}
        #: (time, seat, owner, there)
        self._presences: list[tuple[int, str, str, bool]] = []
        self._there: set[str] = set()
        #: seat -> the contact that was offered to it, that it talked with last
        self._offered: dict[str, RecordedVisit] = {}
        self._talked: dict[str, RecordedVisit] = {}
        #: seats that are not ready because of an offer
        self._unready: dict[str, RecordedVisit] = {}
        #: seat -> what it is to routing, at which appliance, by which moment; since when idle
        self._uses: dict[str, tuple[str, str, int]] = {}
        self._idle_us: dict[str, int] = {}
        #: appliance -> serial of the plan that it obeys
        self._serials: dict[str, int] = {}
        self._moments: list[Moment] = []
        self._end_us = 0

    def take(self, *ledgers: Iterable[RawFact]) -> None:
        """Take the entries of all appliances of the day, each one's in order."""
        for entry in _merged(ledgers):
            try:
                fact = _DECODE[entry.kind](entry.facts)
            except (msgspec.MsgspecError, RecursionError, UnicodeError):
                continue
            self._end_us = entry.wall_us
            if entry.contact:
                self._take_contact(entry, fact)
            elif isinstance(fact, SeatChanged):
                self._take_seat(entry, fact)
            elif isinstance(fact, WrapUpEnded):
                self._noted(fact.seat, entry.wall_us)
            elif isinstance(fact, PlanTaken):
                self._serials[entry.appliance] = fact.serial

    def _take_contact(self, entry: RawFact, fact: Fact) -> None:
        at_us, name = entry.wall_us, entry.contact
        known = self._contacts.get(name)
        if known is None:
            if isinstance(fact, ContactArrived):
                self._contacts[name] = RecordedVisit(name, entry.appliance, fact)
            return
        known.serial = self._serials.get(entry.appliance, -1)
        known.take(at_us, fact)
        add = self._moments.append
        if isinstance(fact, ContactQueued):
            add(Waits(at_us, name, known.last_stay))
        elif isinstance(fact, SeatOffered):
            self._reserve(fact, known.last_stay.queue)
            add(Offered(at_us, name, fact.seat))
            self._offered[fact.seat] = known
        elif isinstance(fact, OfferEnded):
            add(Returned(at_us, name, fact.reason))
        elif isinstance(fact, ContactConnected):
            add(Talks(at_us, name))
        elif isinstance(fact, TalkEnded):
            self._talked[known.seat] = known
        elif isinstance(fact, ContactMoved | ContactEnded) and not known.seat:
            add(Gone(at_us, name))

    def _reserve(self, fact: SeatOffered, queue: str) -> None:
        """Note where an agent in reserve was taken that the level of service had called them."""
        use, _, number = self._uses.get(fact.seat, ("", "", -1))
        found = unpack("", "", "", "", fact.trace) if fact.trace and use == "busy" else None
        if found is not None and found.trace.joined >= 0:
            sits, serial = self._moments[number], found.trace.plan_serial
            assert isinstance(sits, Sits)  # noqa: S101 - the seat's last one
            self._moments[number] = msgspec.structs.replace(sits, queue=queue, reserve_by=serial)

    # -- seats ---------------------------------------------------------------------------------

    def _take_seat(self, entry: RawFact, fact: SeatChanged) -> None:
        seat, at_us, state = fact.seat, entry.wall_us, fact.state
        there = state not in _GONE
        if state == "ready":
            self._idle_us.setdefault(seat, at_us)
            self._sits(seat, entry, "ready")
            self._noted(seat, at_us)
        elif there:
            self._sits(seat, entry, "busy")
            if state == "talking":
                self._idle_us.pop(seat, None)
        else:
            self._idle_us.pop(seat, None)
            self._sits(seat, entry, "away")
            self._noted(seat, at_us)
        if there != (seat in self._there):
            self._comes_or_goes(entry, fact, there=there)

    def _sits(self, seat: str, entry: RawFact, use: Use) -> None:
        """Note what a seat is to routing, where that has changed."""
        was, owner, number = self._uses.get(seat, ("", "", -1))
        if (was, owner) == (use, entry.appliance):
            return
        at_us = entry.wall_us
        if was == "ready" and use == "away" and at_us - self._moments[number].at_us < _TURN_US:
            self._moments[number] = Sits(at_us, seat, entry.appliance, use)  # nobody was told
        self._uses[seat] = (use, entry.appliance, len(self._moments))
        idle_us = at_us - self._idle_us.get(seat, at_us)
        self._moments.append(Sits(at_us, seat, entry.appliance, use, idle_us))

    def _comes_or_goes(self, entry: RawFact, fact: SeatChanged, *, there: bool) -> None:
        """Note that an agent came or left, by themselves or because of an offer."""
        seat, at_us = fact.seat, entry.wall_us
        (self._there.add if there else self._there.discard)(seat)
        offered = self._offered.get(seat)
        if there and seat in self._unready:
            self._unready.pop(seat).came_back(seat, at_us)
        elif offered is not None and _by_offer(fact) and offered.blamed(seat, at_us):
            offered.left(seat, at_us)
            self._unready[seat] = offered
        else:
            self._presences.append((at_us, seat, entry.appliance, there))

    def _noted(self, seat: str, at_us: int) -> None:
        last = self._talked.pop(seat, None)
        if last is not None:
            last.noted(at_us)

    # -- what was read -------------------------------------------------------------------------

    @property
    def moments(self) -> list[Moment]:
        """All that a matchmaker would have been told, in order."""
        return self._moments

    def presences(self, plan: Plan) -> list[Presence]:
        """Return who was there when."""
        sites = sites_of(plan)
        return [
            Presence(at_us=at_us, seat=seat, owner=owner, site=sites.get(seat, ""), there=there)
            for at_us, seat, owner, there in self._presences
        ]

    def visits(self, plan: Plan) -> list[Visit]:
        """Return the contacts that joined a queue, in order of joining."""
        homes = self._homes(plan)
        visits = [
            seen.visit(homes.get(seen.owner, ""), self._end_us)
            for seen in self._contacts.values()
            if seen.stay is not None
        ]
        return sorted(visits, key=attrgetter("joined_us"))

    def _homes(self, plan: Plan) -> dict[str, str]:
        """Return each appliance's site: that of most agents who sat there."""
        sites = sites_of(plan)
        counted: dict[str, Counter[str]] = {}
        for _, seat, owner, _ in self._presences:
            if seat in sites:
                counted.setdefault(owner, Counter())[sites[seat]] += 1
        return {owner: min(c, key=lambda s: (-c[s], s)) for owner, c in counted.items()}


def sites_of(plan: Plan) -> Mapping[str, str]:
    """Return the branch of each agent."""
    return {agent.name: agent.site for agent in plan.agents}


def _merged(ledgers: Iterable[Iterable[RawFact]]) -> Iterator[RawFact]:
    """Yield entries by time; those of one µs, which only a held clock writes, as `_ORDER` says."""
    group: list[RawFact] = []
    now_us = 0
    for entry in heapq.merge(*ledgers, key=itemgetter(0)):
        if entry[0] != now_us:
            now_us = entry[0]
            if len(group) > 1:
                group.sort(key=_rank)
            yield from group
            group.clear()
        group.append(entry)
    yield from sorted(group, key=_rank)


def _by_offer(fact: SeatChanged) -> bool:
    """Tell whether a seat was made not ready, and not by its agent."""
    return fact.state == "paused" and fact.reason not in ("", "agent")


def _rank(entry: RawFact) -> int:
    return _ORDER.get(entry.kind, 0)
