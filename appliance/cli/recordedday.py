"""A day for `branchline replay`, read from the ledgers of one or more appliances."""

import heapq
from collections import Counter
from collections.abc import Iterable
from typing import cast, get_args

from appliance.ledger.entry import Entry
from appliance.ledger.records import (
    ContactArrived,
    ContactConnected,
    ContactEnded,
    ContactQueued,
    OfferEnded,
    SeatChanged,
    SeatOffered,
    TalkEnded,
    WrapUpEnded,
)
from appliance.plan.model import Channel, Plan
from appliance.routing.model import Place
from appliance.routing.replay import Presence, Visit

#: states in which an agent is not there
_GONE = frozenset({"paused", "away", "gone"})


class _Seen:
    """What the entries read so far say of one contact."""

    def __init__(self, entry: Entry, arrived: ContactArrived) -> None:
        self.owner = entry.appliance
        self.arrival = arrived.arrival
        self.channel = arrived.channel
        self.queued: ContactQueued | None = None
        self.joined_ms = 0
        self.offers: dict[str, tuple[str, int]] = {}
        self.failed: dict[str, int] = {}
        self.connected: ContactConnected | None = None
        self.connected_ms = 0
        self.setup_ms = -1
        self.talk_ms = -1
        self.wrap_up_ms = -1
        self.ended: ContactEnded | None = None

    def take(self, entry: Entry) -> None:
        """Take one more entry of the contact."""
        now_ms = entry.wall_us // 1000
        fact = entry.fact()
        if isinstance(fact, ContactQueued):
            self.joined_ms = self.joined_ms or now_ms
            if not self.offers:
                self.queued = fact
        elif isinstance(fact, SeatOffered):
            self.offers[fact.reservation] = (fact.seat, now_ms)
        elif isinstance(fact, OfferEnded):
            seat, offered_ms = self.offers.get(fact.reservation, (fact.seat, now_ms))
            self.failed[seat] = now_ms - offered_ms
        elif isinstance(fact, ContactConnected):
            self.connected = self.connected or fact
            self.connected_ms = now_ms
            _, offered_ms = self.offers.get(fact.reservation, ("", now_ms))
            self.setup_ms = now_ms - offered_ms
        elif isinstance(fact, TalkEnded):
            self.talk_ms = fact.talked_ms
        elif isinstance(fact, ContactEnded):
            self.ended = fact


class RecordedDay:
    """Visits and presences of a ledger's entries; `take` them in order."""

    def __init__(self) -> None:
        self._contacts: dict[str, _Seen] = {}
        #: (time, seat, owner, there)
        self._presences: list[tuple[int, str, str, bool]] = []
        self._there: set[str] = set()
        #: seat -> the contact it talked with last
        self._last: dict[str, str] = {}
        self._end_ms = 0

    def take(self, *ledgers: Iterable[Entry]) -> None:
        """Take the entries of all appliances of the day, each one's in order."""
        for entry in heapq.merge(*ledgers, key=lambda entry: entry.wall_us):
            self._end_ms = entry.wall_us // 1000
            if entry.contact:
                self._take_contact(entry)
            elif entry.kind in ("seat-changed", "wrap-up-ended"):
                self._take_seat(entry)

    def _take_contact(self, entry: Entry) -> None:
        known = self._contacts.get(entry.contact)
        if known is not None:
            known.take(entry)
            if entry.kind == "talk-ended" and known.connected is not None:
                self._last[known.connected.seat] = entry.contact
            return
        fact = entry.fact()
        if isinstance(fact, ContactArrived):
            self._contacts[entry.contact] = _Seen(entry, fact)

    def _take_seat(self, entry: Entry) -> None:
        fact = entry.fact()
        if isinstance(fact, WrapUpEnded):
            last = self._contacts.get(self._last.get(fact.seat, ""))
            if last is not None:
                last.wrap_up_ms = round(fact.seconds * 1000)
        elif isinstance(fact, SeatChanged):
            there = fact.state not in _GONE
            if there != (fact.seat in self._there):
                (self._there.add if there else self._there.discard)(fact.seat)
                at_ms = entry.wall_us // 1000
                self._presences.append((at_ms, fact.seat, entry.appliance, there))

    def presences(self, plan: Plan) -> list[Presence]:
        """Return who was there when."""
        sites = {agent.name: agent.site for agent in plan.agents}
        return [
            Presence(at_ms=at_ms, seat=seat, owner=owner, site=sites.get(seat, ""), there=there)
            for at_ms, seat, owner, there in self._presences
        ]

    def visits(self, plan: Plan) -> list[Visit]:
        """Return the contacts that joined a queue, in order of joining."""
        homes = self._homes(plan)
        visits = [
            _visit(contact, seen, homes.get(seen.owner, ""), self._end_ms)
            for contact, seen in self._contacts.items()
            if seen.queued is not None
        ]
        return sorted(visits, key=lambda visit: (visit.joined_ms, visit.place))

    def _homes(self, plan: Plan) -> dict[str, str]:
        """Return each appliance's site: that of most agents who sat there."""
        sites = {agent.name: agent.site for agent in plan.agents}
        counted: dict[str, Counter[str]] = {}
        for _, seat, owner, _ in self._presences:
            if seat in sites:
                counted.setdefault(owner, Counter())[sites[seat]] += 1
        return {owner: min(c, key=lambda s: (-c[s], s)) for owner, c in counted.items()}


def _channel(word: str) -> Channel:
    """Return the channel of that name; what is not known here counts as voice."""
    return cast(Channel, word) if word in get_args(Channel) else "voice"


def _visit(contact: str, seen: _Seen, home: str, end_ms: int) -> Visit:
    queued, connected, ended = seen.queued, seen.connected, seen.ended
    assert queued is not None  # noqa: S101 - chosen so
    talk_ms = seen.talk_ms
    if connected is not None and talk_ms < 0:
        talk_ms = end_ms - seen.connected_ms  # it outlasted what was recorded
    gave_up = connected is None and ended is not None
    return Visit(
        contact=contact,
        owner=seen.owner,
        place=Place(seen.arrival, seen.owner, contact),
        joined_ms=seen.joined_ms,
        queue=queued.queue,
        klass=queued.klass,
        skills=queued.skills,
        channel=_channel(seen.channel),
        home=home,
        patience_ms=ended.waited_ms if ended is not None and gave_up else -1,
        seat=connected.seat if connected else "",
        waited_ms=connected.waited_ms if connected else 0,
        setup_ms=seen.setup_ms,
        talk_ms=talk_ms,
        wrap_up_ms=seen.wrap_up_ms,
        failed=seen.failed,
    )
