"""The matchmaker in this box: the same `decide()` over what this appliance and its peers publish.

It is kept up to date always, so that it takes over within one turn, and proposes for the pairs
that are its own by the rule of `routing/reach.py`: none while a hub reaches everybody.
"""

import math
from collections.abc import Callable, Iterable, Mapping

import msgspec

from appliance.base.clock import Clock
from appliance.call.book import FloorWriter
from appliance.call.turn import Turn
from appliance.link.messages import (
    DEAD_S,
    Delta,
    ProposalRefused,
    Propose,
    SeatAsk,
    Snapshot,
)
from appliance.link.seeking import answer
from appliance.plan.model import Plan
from appliance.plan.transfers import Target
from appliance.routing.choose import choose
from appliance.routing.matchmaker import Matchmaker
from appliance.routing.model import ContactRow, Failure, QueueView, SeatRow, SiteView
from appliance.routing.reach import Reach
from appliance.routing.views import count_queues, queue_views, site_views

#: after who proposes for our seats has changed, others may not have noticed for this long [s]
SETTLE_S = 2 * DEAD_S


class _Changes(msgspec.Struct):
    """What changed since the matchmaker was told last."""

    incarnation: int
    contacts: dict[str, ContactRow] = {}
    seats: dict[str, SeatRow] = {}
    failures: list[Failure] = []
    gone: set[str] = set()


class LocalFloor:
    """Takes this owner's rows, hands them on to the link, and to the matchmaker in the box.

    It is also the `ViewSink` of the peers: what they publish goes to the matchmaker alone.
    """

    def __init__(
        self,
        name: str,
        incarnation: int,
        turn: Turn,
        clock: Clock,
        plan: Plan,
        site: str = "",
    ) -> None:
        self._name = name
        self._site = site
        self._link_full = False
        self._incarnation = incarnation
        self._turn = turn
        self._clock = clock
        self.matchmaker = Matchmaker(plan, name)
        self.matchmaker.floor.replace(
            name, incarnation, (), (), reaches=[name], site=site, now_ms=self._now_ms()
        )
        self._contacts: dict[str, ContactRow] = {}
        self._seats: dict[str, SeatRow] = {}
        #: (until [ms], failure)
        self._failures: list[tuple[int, Failure]] = []
        self._changes = _Changes(incarnation)
        self._changed = False
        self._reaches: frozenset[str] = frozenset()
        #: pool -> who proposes for our seats of it, and until when others may not know [s]
        self._claims: dict[str, tuple[frozenset[str], float]] = {}
        #: who gets rows only where it proposes, and so sees more than we where it does
        self.aware: frozenset[str] = frozenset()
        #: who gets our rows may be others than before
        self.on_claims: Callable[[], None] = lambda: None
        #: others who get the rows: the link's publisher
        self.onward: list[FloorWriter] = []
        turn.before_commit.append(self.propose)

    # -- the owner's rows ----------------------------------------------------------------------

    def set_contact(self, row: ContactRow) -> None:
        """Take a contact."""
        self._contacts[row.contact] = self._changes.contacts[row.contact] = row
        self._changed = True
        for writer in self.onward:
            writer.set_contact(row)

    def drop_contact(self, contact: str) -> None:
        """Take the end of a contact."""
        row = self._contacts.pop(contact, None)
        if row is not None:
            ended = msgspec.structs.replace(row, state="ended", fence=row.fence + 1)
            self._changes.contacts[contact] = ended
            self._changed = True
        for writer in self.onward:
            writer.drop_contact(contact)

    def set_seat(self, row: SeatRow) -> None:
        """Take a seat."""
        self._changes.gone.discard(row.seat)
        self._seats[row.seat] = self._changes.seats[row.seat] = row
        self._changed = True
        for writer in self.onward:
            writer.set_seat(row)

    def drop_seat(self, seat: str) -> None:
        """Take the end of a seat."""
        self._seats.pop(seat, None)
        self._changes.seats.pop(seat, None)
        self._changes.gone.add(seat)
        self._changed = True
        for writer in self.onward:
            writer.drop_seat(seat)

    def set_failure(self, failure: Failure) -> None:
        """Take a pair to be left out."""
        now_ms = self._now_ms()
        self._failures = [
            (end, old)
            for end, old in self._failures
            if end > now_ms and _about(old) != _about(failure)
        ]
        self._failures.append((now_ms + failure.for_ms, failure))
        self._changes.failures.append(failure)
        self._changed = True
        for writer in self.onward:
            writer.set_failure(failure)

    def rows(self) -> Snapshot:
        """Return all that is open and that failed, for one who has none of them yet."""
        now_ms = self._now_ms()
        return Snapshot(
            incarnation=self._incarnation,
            number=0,
            contacts=list(self._contacts.values()),
            seats=list(self._seats.values()),
            failures=[
                msgspec.structs.replace(failure, for_ms=end - now_ms)
                for end, failure in self._failures
                if end > now_ms
            ],
            site=self._site,
            link_full=self._link_full,
        )

    def views(self) -> list[QueueView]:
        """Return each queue as this box sees it, with the peers whose rows it has."""
        matchmaker = self.matchmaker
        views = queue_views(matchmaker.plan.plan, matchmaker.plan, matchmaker.floor)
        sites = self.sites()
        return [
            msgspec.structs.replace(view, sites=tuple(sites.get(view.queue, ()))) for view in views
        ]

    def sites(self) -> dict[str, list[SiteView]]:
        """Return the sites of each queue that gives contacts by expected wait, as seen here."""
        matchmaker = self.matchmaker
        return site_views(matchmaker.plan, matchmaker.floor)

    def own_views(self) -> list[QueueView]:
        """Return each queue with the contacts and seats of this box alone."""
        plan = self.matchmaker.plan
        return count_queues(plan.plan, plan, self._contacts.values(), self._seats.values())

    def find(
        self, contact: str, target: Target, tried: tuple[str, ...], *, link_full: bool = False
    ) -> SeatRow | str | None:
        """Return a free seat for a contact of ours that is handed on, or why there is none.

        None: another sees more and was asked; `SeatTold` follows. *link_full*: our access link
        has no room for the call.
        """
        asked = self._who_sees(contact, target)
        if asked:
            self._turn.message(asked, SeatAsk(contact, str(target), tried, link_full))
            return None
        matchmaker, now_ms = self.matchmaker, self._now_ms()
        if self._changed:
            self._apply(now_ms)
        row = self._contacts.get(contact)
        if row is None:
            return "contact-gone"
        floor = matchmaker.floor
        return choose(matchmaker.plan, floor, row, target, tried, now_ms, link_full=link_full)

    def _who_sees(self, contact: str, target: Target) -> str:
        """Return who knows the seats of *target*; nothing: we do."""
        row, named = self._contacts.get(contact), target.kind == "agent"
        if row is None or (named and self.matchmaker.floor.seat(target.name)):
            return ""
        pool = ""
        if self._reach.sharded:
            queue = target.name if target.kind == "queue" else row.queue
            pools = self.matchmaker.plan.pools
            pool = pools.agent(target.name) if named else pools.queue(queue)
        proposer = self._reach.proposer(self._name, self._name, pool)
        return proposer if proposer in self.aware else ""

    def asked(self, peer: str, message: SeatAsk) -> None:
        """Find a seat for a peer's contact, as its matchmaker."""
        told = answer(self.matchmaker, peer, message, self._now_ms())
        self._turn.message(peer, told)

    # -- who proposes --------------------------------------------------------------------------

    def set_plan(self, plan: Plan) -> None:
        """Decide by another plan from now on."""
        self.matchmaker.set_plan(plan)
        self._peers_changed()

    def pool_of(self, row: ContactRow | SeatRow) -> str:
        """Return the pool that *row* belongs to, where it matters."""
        if not self._reach.sharded:
            return ""
        pools = self.matchmaker.plan.pools
        return pools.agent(row.seat) if isinstance(row, SeatRow) else pools.queue(row.queue)

    def claimants(self, pool: str) -> frozenset[str]:
        """Return who proposes for our contacts and seats of *pool*."""
        return self._reach.claimants(self._name, pool)

    def all_claimants(self) -> frozenset[str]:
        """Return who proposes for any of ours."""
        return self._reach.all_claimants(self._name)

    def proposer_of(self, queue: str) -> str:
        """Return who proposes our contacts of *queue* for our seats; nothing: we do."""
        pool = self.matchmaker.plan.pools.queue(queue) if self._reach.sharded else ""
        proposer = self._reach.proposer(self._name, self._name, pool)
        return proposer if proposer != self._name else ""

    def wards(self) -> set[str]:
        """Return the peers whose own contacts and seats we propose."""
        if not self._reach.active:
            return set()
        reach, name = self._reach, self._name
        return {peer for peer in reach.owners() if reach.proposer(peer, peer) == name} - {name}

    # -- the peers -----------------------------------------------------------------------------

    def set_reaches(self, peers: Iterable[str]) -> None:
        """Take whom this box reaches now; a path that failed and is there again may be used."""
        reaches = frozenset(peers)
        new, self._reaches = reaches - self._reaches, reaches
        self.matchmaker.floor.change(
            self._name, self._incarnation, reaches=reaches, now_ms=self._now_ms()
        )
        for _, failure in tuple(self._failures):
            if failure.a == self._name and failure.b in new:
                self.set_failure(msgspec.structs.replace(failure, for_ms=0))
        self._peers_changed()

    def set_link_full(self, full: bool) -> None:
        """Take whether our access link takes no more calls with other branches."""
        self._link_full = full
        self.matchmaker.floor.change(
            self._name, self._incarnation, link_full=full, now_ms=self._now_ms()
        )

    def replace(self, owner: str, snapshot: Snapshot) -> None:
        """Take everything that a peer has."""
        self.matchmaker.on_snapshot(owner, snapshot, self._now_ms())
        self._peers_changed()

    def change(self, owner: str, delta: Delta) -> None:
        """Take what changed at a peer."""
        self.matchmaker.on_delta(owner, delta, self._now_ms())
        if delta.reaches is not None:
            self._peers_changed()
        elif self._reach.active:
            self._turn.wake()

    def lose(self, owner: str) -> None:
        """Forget a peer that is out of reach."""
        self.matchmaker.on_lost(owner)
        self._peers_changed()

    @property
    def clocks(self) -> Mapping[str, int]:
        """Appliances whose clock is off, and how far [ms]."""
        return self.matchmaker.floor.clocks

    def set_clock(self, peer: str, off_ms: int) -> None:
        """Take how far the clock of *peer* is off; its places are compared, not altered."""
        self.matchmaker.floor.set_clock(peer, off_ms)
        self._turn.wake()

    def contested(self, seat: str = "") -> bool:
        """Tell whether more than one matchmaker may propose for a seat of ours now."""
        pool = self.matchmaker.plan.pools.agent(seat) if self._reach.sharded else ""
        _, until_s = self._claims.get(pool, (None, -math.inf))
        return len(self.claimants(pool)) > 1 or self._clock.monotonic_s() < until_s

    @property
    def active(self) -> bool:
        """Tell whether this box proposes for anybody."""
        return self._reach.active

    @property
    def _reach(self) -> Reach:
        return self.matchmaker.floor.reach

    def _peers_changed(self) -> None:
        """Note for which of our seats somebody else proposes now, and send our rows there."""
        until_s = self._clock.monotonic_s() + SETTLE_S
        # with one hub, or none, all pools are one; so they were before there was a second
        whole = self._claims.get("", (frozenset(), until_s))
        for pool in {"", *map(self.pool_of, self._seats.values())}:
            before, claimants = self._claims.get(pool, whole), self.claimants(pool)
            self._claims[pool] = before if claimants == before[0] else (claimants, until_s)
        self.on_claims()
        self._turn.wake()

    # -- proposing -----------------------------------------------------------------------------

    def propose(self) -> bool:
        """Tell the matchmaker what changed, say its proposals; return whether there were any."""
        now_ms = self._now_ms()
        if self._changed:
            self._apply(now_ms)
        if not self._reach.active:
            return False
        proposals = self.matchmaker.propose(now_ms)
        for proposal in proposals:
            self._turn.message(proposal.seat_owner, Propose(proposal))
        return bool(proposals)

    def _apply(self, now_ms: int) -> None:
        changes, self._changes = self._changes, _Changes(self._incarnation)
        self._changed = False
        delta = Delta(
            changes.incarnation,
            number=0,
            contacts=list(changes.contacts.values()),
            seats=list(changes.seats.values()),
            gone=list(changes.gone),
            failures=changes.failures,
        )
        self.matchmaker.on_delta(self._name, delta, now_ms)

    def refused(self, peer: str, message: ProposalRefused) -> None:
        """Hear that a proposal of ours came to nothing, from the seat's owner and nobody else."""
        seat = self.matchmaker.floor.seat(message.seat)
        if seat is not None and seat.owner != peer:
            return
        now_ms = self._now_ms()
        self.matchmaker.refused(message.contact, message.seat, message.reason, now_ms)
        self._turn.wake()

    def _now_ms(self) -> int:
        return round(self._clock.monotonic_s() * 1000)


def _about(failure: Failure) -> tuple[str, str, str, str]:
    """Return what a failure is about; a newer one about the same takes its place."""
    return (failure.contact, failure.seat, failure.a, failure.b)
