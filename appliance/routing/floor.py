"""The floor: what all owners in reach have published, fresh rows only, indexed as they change.

No clock inside: every call is told the receiver's monotonic time. A row's age counts from there
(`since = now - age`), so that no two machines' clocks are compared.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator

from appliance.routing.failures import FailureMemory
from appliance.routing.index import Index, is_present, open_channels
from appliance.routing.links import FullLinks
from appliance.routing.model import ContactRow, Failure, SeatRow
from appliance.routing.planindex import PlanIndex
from appliance.routing.reach import Reach
from appliance.routing.refusals import Refusals
from appliance.routing.spots import ContactSpot, Hold, SeatSpot

#: an age beyond this is taken for this [ms]: a week; guards the score against nonsense
MAX_AGE_MS = 7 * 86_400_000

#: a row, the one before it and since when that one's contact waits, now [ms]
Hear = Callable[[ContactRow, tuple[ContactRow, int] | None, int], None]


class _Owner:
    """What one appliance published in its present life."""

    __slots__ = ("contacts", "incarnation", "name", "present", "seats")

    def __init__(self, name: str, incarnation: int) -> None:
        self.name = name
        self.incarnation = incarnation
        self.contacts: dict[str, ContactSpot] = {}
        self.seats: dict[str, SeatSpot] = {}
        self.present = True


class Floor:
    """Rows of all owners, and the index that `decide` reads; *name*: whose matchmaker's it is."""

    def __init__(self, name: str = "") -> None:
        self._owners: dict[str, _Owner] = {}
        #: all names that somebody publishes
        self._contacts: dict[str, ContactSpot] = {}
        self._seats: dict[str, SeatSpot] = {}
        self._index: Index | None = None
        self._now_ms = 0
        self._refusals = Refusals()
        self._failures = FailureMemory()
        #: appliances whose clock is off, and how far it is ahead [ms]
        self.clocks: dict[str, int] = {}
        #: who reaches whom, and whose pairs are proposed here
        self.reach = Reach(name)
        #: whose access link takes no more calls
        self.links = FullLinks()
        #: told of each row of a contact that is taken in, and of the one before it
        self.hear: Hear | None = None
        #: queue that reserve agents serve now -> part answered in time
        self.joined: dict[str, float] = {}
        #: what was not taken in, by reason word
        self.ignored: Counter[str] = Counter()
        #: something has come about that may make a pair possible; whoever decides clears it
        self.stirred = False

    # -- rows come in --------------------------------------------------------------------------

    def replace(
        self,
        owner: str,
        incarnation: int,
        contacts: Iterable[ContactRow],
        seats: Iterable[SeatRow],
        failures: Iterable[Failure] = (),
        *,
        reaches: Iterable[str] | None = None,
        site: str = "",
        link_full: bool = False,
        now_ms: int,
    ) -> bool:
        """Take a snapshot: all that *owner* has. Return False if it is from an earlier life."""
        self.tick(now_ms)
        known = self._owners.get(owner)
        if known is not None and incarnation < known.incarnation:
            self.ignored["stale-incarnation"] += 1
            return False
        before = known or _Owner(owner, incarnation)
        fresh = self._owners[owner] = _Owner(owner, incarnation)
        self.reach.say(owner, reaches)
        self.links.say(owner, full=link_full, site=site)
        self._failures.forget(owner)
        self._note_failures(owner, failures, now_ms)
        for contact in contacts:
            self._take_contact(fresh, contact, now_ms)
        for seat in seats:
            self._take_seat(fresh, seat, now_ms)
        self._forget(owner, before, fresh)
        self.stirred = True
        return True

    def change(
        self,
        owner: str,
        incarnation: int,
        contacts: Iterable[ContactRow] = (),
        seats: Iterable[SeatRow] = (),
        failures: Iterable[Failure] = (),
        *,
        gone: Iterable[str] = (),
        reaches: Iterable[str] | None = None,
        link_full: bool | None = None,
        now_ms: int,
    ) -> bool:
        """Take a delta. Return False if there is no snapshot of this life for it to change."""
        if now_ms != self._now_ms:
            self.tick(now_ms)
        known = self._owners.get(owner)
        if known is None or not known.present or incarnation != known.incarnation:
            self.ignored["stale-incarnation"] += 1
            return False
        for contact in contacts:
            self._take_contact(known, contact, now_ms)
        for seat in seats:
            self._take_seat(known, seat, now_ms)
        for name in gone:
            spot = known.seats.pop(name, None)
            if spot is not None:
                self._leave_seat(owner, spot)
        if failures:
            self._note_failures(owner, failures, now_ms)
        if reaches is not None and self.reach.say(owner, reaches):
            self.stirred = True
        if link_full is not None and self.links.say(owner, full=link_full):
            self.stirred = True
        return True

    def lose(self, owner: str) -> None:
        """Forget an owner that went out of reach; its incarnation is remembered."""
        known = self._owners.get(owner)
        if known is None or not known.present:
            return
        gone = self._owners[owner] = _Owner(owner, known.incarnation)
        gone.present = False
        self.reach.forget(owner)
        self.links.forget(owner)
        self.stirred = True
        self._failures.forget(owner)
        self._forget(owner, known, gone)

    def set_clock(self, appliance: str, off_ms: int) -> None:
        """Order the contacts that *appliance* minted as if its clock were not off."""
        if self.clocks.get(appliance, 0) == off_ms:
            return
        self.clocks[appliance] = off_ms
        for spot in self._contacts.values():
            if spot.row is not None and spot.row.place.appliance == appliance:
                self._show_contact(spot)

    def tick(self, now_ms: int) -> None:
        """Let failures and refusals end whose time is over, and contacts ask for less."""
        if now_ms == self._now_ms:
            return
        self._now_ms = max(self._now_ms, now_ms)
        if self._failures.expire(now_ms):
            self.stirred = True
        if self._refusals.expire(now_ms):
            self.stirred = True
        if self._index is not None and self._index.advance(now_ms):
            self.stirred = True

    # -- what is known -------------------------------------------------------------------------

    def index(self, plan: PlanIndex) -> Index:
        """Return lines and pools under *plan*; they are kept until another plan is asked for."""
        if self._index is None or self._index.plan is not plan:
            self._index = Index(plan, self._now_ms, self.clocks)
            self._index.set_joined(frozenset(self.joined))
            for seat in self._seats.values():
                seat.shown = seat.present = False
                self._show_seat(seat)
            for contact in self._contacts.values():
                contact.shown = False
                self._show_contact(contact)
        return self._index

    def set_joined(self, joined: dict[str, float]) -> None:
        """Let reserve agents serve these queues and no others."""
        before, self.joined = self.joined.keys(), joined
        if self._index is not None and before != joined.keys():
            self._index.set_joined(frozenset(joined))
            self.stirred = True

    @property
    def next_stage_ms(self) -> int | None:
        """When the next contact begins to ask for less, if any will."""
        return None if self._index is None else self._index.next_stage_ms

    def contact(self, contact: str) -> ContactRow | None:
        """Return the row that counts for *contact*."""
        spot = self._contacts.get(contact)
        return None if spot is None else spot.row

    def seat(self, seat: str) -> SeatRow | None:
        """Return the row that counts for *seat*: of several log-ins the one of highest epoch."""
        spot = self._seats.get(seat)
        return None if spot is None else spot.row

    def seats(self) -> list[SeatRow]:
        """Return the row that counts for each seat, in order of names."""
        return [row for name in sorted(self._seats) if (row := self._seats[name].row)]

    def contacts(self) -> list[ContactRow]:
        """Return the row that counts for each contact, in order of places."""
        rows = [row for spot in self._contacts.values() if (row := spot.row)]
        return sorted(rows, key=lambda row: (row.place, row.contact))

    def connected(self, a: str, b: str) -> bool:
        """Tell whether both appliances say that they reach the other."""
        return self.reach.connected(a, b)

    def against(self, contact: ContactRow, seat: SeatRow, now_ms: int) -> str:
        """Return the reason word for which this pair is left out, or nothing."""
        return (
            self.apart(contact, seat)
            or self._refusals.against(contact, seat)
            or self._failures.against(
                contact.contact, contact.owner, seat.seat, seat.owner, now_ms
            )
        )

    def apart(self, contact: ContactRow, seat: SeatRow) -> str:
        """Return the reason word for which no such contact goes from owner to owner now."""
        word = self.reach.against(contact.owner, seat.owner, self._pool(contact.queue))
        if word or not self.links.full or contact.channel != "voice":
            return word  # what is written takes next to nothing of a link
        return self.links.against(contact.owner, seat.owner)

    def _pool(self, queue: str) -> str:
        """Return the pool of *queue*, where it matters."""
        if not self.reach.sharded or self._index is None:
            return ""
        return self._index.plan.pools.queue(queue)

    def failed(self, contact: ContactRow, seat: SeatRow, now_ms: int) -> str:
        """Return why this pair cannot be whoever proposes it, or nothing."""
        if not self.connected(contact.owner, seat.owner):
            return "peer-unreachable"
        return self._failures.against(
            contact.contact, contact.owner, seat.seat, seat.owner, now_ms
        )

    def waiting(self) -> Iterator[tuple[ContactRow, int]]:
        """Yield each contact that waits for an offer, and since when [ms]."""
        if self._index is not None:
            for waiting in self._index.waiting.values():
                yield waiting.row, waiting.since_ms

    # -- holds: a proposal is on its way -------------------------------------------------------

    def hold(self, contact: str, seat: str, until_ms: int) -> Hold | None:
        """Keep both out of lines and pools, each until it is freed or its row changes."""
        contact_spot, seat_spot = self._contacts.get(contact), self._seats.get(seat)
        if contact_spot is None or seat_spot is None:
            return None
        if contact_spot.row is None or seat_spot.row is None:
            return None
        hold = Hold(contact_spot.row, contact_spot, seat_spot.row, seat_spot, until_ms)
        contact_spot.hold = seat_spot.hold = hold
        if self._index is not None:
            contact_spot.shown = seat_spot.shown = False
            self._index.drop_contact(contact)
            self._index.hold_seat(seat_spot.row)
        return hold

    def free(self, hold: Hold) -> None:
        """Let go what *hold* still holds."""
        contact, seat = hold.contact_spot, hold.seat_spot
        if contact.hold is hold:
            contact.hold = None
            self._show_contact(contact)
        if seat.hold is hold:
            seat.hold = None
            self._show_seat(seat)

    def held(self, contact: str) -> bool:
        """Tell whether a proposal is on its way for *contact*."""
        spot = self._contacts.get(contact)
        return spot is not None and spot.held()

    def refuse(self, contact: ContactRow, seat: SeatRow, reason: str, until_ms: int) -> None:
        """Leave this pair out until then, or until one of the rows changes."""
        self._refusals.refuse(contact, seat, reason, until_ms)

    # -- inside --------------------------------------------------------------------------------

    def _take_contact(self, known: _Owner, row: ContactRow, now_ms: int) -> None:
        name = row.contact
        spot = known.contacts.get(name)
        if row.owner != known.name or row.incarnation != known.incarnation:
            self._ignore(known, row)
            return
        if spot is not None:
            old = spot.row if spot.claims is None else spot.of(known.name)
            if old is not None and row.fence < old.fence:
                self.ignored["stale-fence"] += 1
                return
        if self.hear is not None:
            old_row = None if spot is None else spot.row
            before = (old_row, spot.since_ms) if spot is not None and old_row else None
            self.hear(row, before, now_ms)
        if row.state == "ended":
            if spot is not None:
                del known.contacts[name]
                self._leave_contact(known.name, spot)
            return
        if spot is None:
            spot = self._contacts.get(name)
            if spot is None:
                spot = self._contacts[name] = ContactSpot(name)
            known.contacts[name] = spot
        spot.put(row, now_ms - _age(row.age_ms))
        self._show_contact(spot)

    def _take_seat(self, known: _Owner, row: SeatRow, now_ms: int) -> None:
        name = row.seat
        spot = known.seats.get(name)
        if row.owner != known.name or row.incarnation != known.incarnation:
            self._ignore(known, row)
            return
        if spot is not None:
            old = spot.row if spot.claims is None else spot.of(known.name)
            if old is not None and (row.epoch, row.fence) < (old.epoch, old.fence):
                self.ignored["stale-fence"] += 1
                return
        else:
            spot = self._seats.get(name)
            if spot is None:
                spot = self._seats[name] = SeatSpot(name)
            known.seats[name] = spot
        spot.put(row, now_ms - _age(row.idle_ms))
        self._show_seat(spot)

    def _ignore(self, known: _Owner, row: ContactRow | SeatRow) -> None:
        """Count a row that is not the sender's own, or not of its present life."""
        self.ignored["refused" if row.owner != known.name else "stale-incarnation"] += 1

    def _note_failures(self, owner: str, failures: Iterable[Failure], now_ms: int) -> None:
        self.ignored["refused"] += self._failures.add(owner, failures, now_ms)

    def _forget(self, owner: str, before: _Owner, now: _Owner) -> None:
        """Forget what *owner* published before and does not now."""
        for name, contact in before.contacts.items():
            if name not in now.contacts:
                self._leave_contact(owner, contact)
        for name, seat in before.seats.items():
            if name not in now.seats:
                self._leave_seat(owner, seat)

    def _leave_contact(self, owner: str, spot: ContactSpot) -> None:
        spot.leave(owner)
        if spot.row is None:
            del self._contacts[spot.name]
        self._show_contact(spot)

    def _leave_seat(self, owner: str, spot: SeatSpot) -> None:
        spot.leave(owner)
        if spot.row is None:
            del self._seats[spot.name]
        self._show_seat(spot)

    def _show_contact(self, spot: ContactSpot) -> None:
        """Bring the index in line with the row that counts now."""
        held = spot.hold is not None and spot.held()
        if self._index is None:
            return
        row = spot.row
        if row is not None and row.state == "waiting" and not held:
            spot.shown = True
            if self._index.put_contact(row, spot.since_ms):
                self.stirred = True
        elif spot.shown:
            spot.shown = False
            self._index.drop_contact(spot.name)

    def _show_seat(self, spot: SeatSpot) -> None:
        """Bring the index in line with the row that counts now."""
        held = spot.hold is not None and spot.held()
        if self._index is None:
            return
        row = spot.row
        if row is None:
            spot.shown = spot.present = False
            self.stirred = self._index.drop_seat(spot.name) or self.stirred
            return
        present, takes = is_present(row), not held and bool(open_channels(row))
        if takes or spot.shown or present != spot.present:
            spot.shown, spot.present = takes, present
            index, since_ms = self._index, spot.since_ms
            if index.hold_seat(row) if held else index.put_seat(row, since_ms):
                self.stirred = True


def _age(age_ms: int) -> int:
    return age_ms if 0 <= age_ms <= MAX_AGE_MS else min(max(age_ms, 0), MAX_AGE_MS)
