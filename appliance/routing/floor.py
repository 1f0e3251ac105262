"""The floor: what all owners in reach have published, fresh rows only, indexed as they change.

No clock inside: every call is told the receiver's monotonic time. A row's age counts from there
(`since = now - age`), so that no two machines' clocks are compared.
"""

from collections import Counter
from collections.abc import Iterable

from appliance.routing.failures import FailureMemory
from appliance.routing.holds import Holds, stamp
from appliance.routing.index import Index
from appliance.routing.model import ContactRow, Failure, SeatRow
from appliance.routing.planindex import PlanIndex
from appliance.routing.reach import Reach

#: an age beyond this is taken for this [ms]: a week; guards the score against nonsense
MAX_AGE_MS = 7 * 86_400_000


class _Owner:
    """What one appliance published in its present life."""

    def __init__(self, incarnation: int) -> None:
        self.incarnation = incarnation
        self.contacts: dict[str, tuple[ContactRow, int]] = {}
        self.seats: dict[str, tuple[SeatRow, int]] = {}
        self.present = True


class Floor:
    """Rows of all owners, and the index that `decide` reads; *name*: whose matchmaker's it is."""

    def __init__(self, name: str = "") -> None:
        self._owners: dict[str, _Owner] = {}
        #: contact or seat -> those who publish it; nearly always one
        self._contact_owners: dict[str, tuple[str, ...]] = {}
        self._seat_owners: dict[str, tuple[str, ...]] = {}
        self._index: Index | None = None
        self._now_ms = 0
        self._holds = Holds()
        self._failures = FailureMemory()
        #: who reaches whom, and whose pairs are proposed here
        self.reach = Reach(name)
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
        now_ms: int,
    ) -> bool:
        """Take a snapshot: all that *owner* has. Return False if it is from an earlier life."""
        self.tick(now_ms)
        known = self._owners.get(owner)
        if known is not None and incarnation < known.incarnation:
            self.ignored["stale-incarnation"] += 1
            return False
        fresh = _Owner(incarnation)
        self.reach.say(owner, reaches)
        old_contacts = list(known.contacts) if known else []
        old_seats = list(known.seats) if known else []
        self._owners[owner] = fresh
        self._failures.forget(owner)
        self._note_failures(owner, failures, now_ms)
        new_contacts = self._take_contacts(owner, fresh, contacts, now_ms)
        new_seats = self._take_seats(owner, fresh, seats, now_ms)
        for contact in {*old_contacts, *new_contacts}:
            self._claim(self._contact_owners, contact, owner, contact in fresh.contacts)
            self._show_contact(contact)
        for seat in {*old_seats, *new_seats}:
            self._claim(self._seat_owners, seat, owner, seat in fresh.seats)
            self._show_seat(seat)
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
        now_ms: int,
    ) -> bool:
        """Take a delta. Return False if there is no snapshot of this life for it to change."""
        self.tick(now_ms)
        known = self._owners.get(owner)
        if known is None or not known.present or incarnation != known.incarnation:
            self.ignored["stale-incarnation"] += 1
            return False
        for contact in self._take_contacts(owner, known, contacts, now_ms):
            self._claim(self._contact_owners, contact, owner, contact in known.contacts)
            self._show_contact(contact)
        changed = self._take_seats(owner, known, seats, now_ms)
        for seat in gone:
            known.seats.pop(seat, None)
            changed.append(seat)
        for seat in changed:
            self._claim(self._seat_owners, seat, owner, seat in known.seats)
            self._show_seat(seat)
        self._note_failures(owner, failures, now_ms)
        if reaches is not None and self.reach.say(owner, reaches):
            self.stirred = True
        return True

    def lose(self, owner: str) -> None:
        """Forget an owner that went out of reach; its incarnation is remembered."""
        known = self._owners.get(owner)
        if known is None or not known.present:
            return
        gone = self._owners[owner] = _Owner(known.incarnation)
        gone.present = False
        self.reach.forget(owner)
        self.stirred = True
        self._failures.forget(owner)
        for contact in known.contacts:
            self._claim(self._contact_owners, contact, owner, False)
            self._show_contact(contact)
        for seat in known.seats:
            self._claim(self._seat_owners, seat, owner, False)
            self._show_seat(seat)

    def tick(self, now_ms: int) -> None:
        """Let failures and holds end whose time is over, and contacts ask for less."""
        if now_ms == self._now_ms:
            return
        self._now_ms = max(self._now_ms, now_ms)
        if self._failures.expire(now_ms):
            self.stirred = True
        for contact, seat in self._holds.expire(now_ms):
            if contact and seat:
                self.stirred = True
            elif contact:
                self._show_contact(contact)
            else:
                self._show_seat(seat)
        if self._index is not None and self._index.advance(now_ms):
            self.stirred = True

    # -- what is known -------------------------------------------------------------------------

    def index(self, plan: PlanIndex) -> Index:
        """Return lines and pools under *plan*; they are kept until another plan is asked for."""
        if self._index is None or self._index.plan is not plan:
            self._index = Index(plan, self._now_ms)
            for seat in self._seat_owners:
                self._show_seat(seat)
            for contact in self._contact_owners:
                self._show_contact(contact)
        return self._index

    @property
    def next_stage_ms(self) -> int | None:
        """When the next contact begins to ask for less, if any will."""
        return None if self._index is None else self._index.next_stage_ms

    def contact(self, contact: str) -> ContactRow | None:
        """Return the row that counts for *contact*."""
        held = self._contact(contact)
        return None if held is None else held[0]

    def seat(self, seat: str) -> SeatRow | None:
        """Return the row that counts for *seat*: of several log-ins the one of highest epoch."""
        held = self._seat(seat)
        return None if held is None else held[0]

    def seats(self) -> list[SeatRow]:
        """Return the row that counts for each seat, in order of names."""
        return [row for seat in sorted(self._seat_owners) if (row := self.seat(seat))]

    def contacts(self) -> list[ContactRow]:
        """Return the row that counts for each contact, in order of places."""
        rows = [row for contact in self._contact_owners if (row := self.contact(contact))]
        return sorted(rows, key=lambda row: (row.place, row.contact))

    def connected(self, a: str, b: str) -> bool:
        """Tell whether both appliances say that they reach the other."""
        return self.reach.connected(a, b)

    def against(self, contact: ContactRow, seat: SeatRow, now_ms: int) -> str:
        """Return the reason word for which this pair is left out, or nothing."""
        return (
            self.reach.against(contact.owner, seat.owner)
            or self._holds.against(contact, seat)
            or self._failures.against(
                contact.contact, contact.owner, seat.seat, seat.owner, now_ms
            )
        )

    # -- holds: a proposal is on its way -------------------------------------------------------

    def hold(self, contact: ContactRow, seat: SeatRow, until_ms: int) -> None:
        """Keep both out of lines and pools until then, or each until its row changes."""
        self._holds.hold(contact, until_ms)
        self._holds.hold(seat, until_ms)
        self._show_contact(contact.contact)
        self._show_seat(seat.seat)

    def free(self, contact: str, seat: str) -> None:
        """End the holds of both."""
        if self._holds.free_contact(contact):
            self._show_contact(contact)
        if self._holds.free_seat(seat):
            self._show_seat(seat)

    def refuse(self, contact: ContactRow, seat: SeatRow, reason: str, until_ms: int) -> None:
        """Leave this pair out until then, or until one of the rows changes."""
        self._holds.refuse(contact, seat, reason, until_ms)

    # -- inside --------------------------------------------------------------------------------

    def _take_contacts(
        self, owner: str, into: _Owner, rows: Iterable[ContactRow], now_ms: int
    ) -> list[str]:
        changed = []
        for row in rows:
            old = into.contacts.get(row.contact)
            if not self._fresh(owner, into, row, old[0] if old else None):
                continue
            if row.state == "ended":
                into.contacts.pop(row.contact, None)
            else:
                into.contacts[row.contact] = (row, now_ms - _age(row.age_ms))
            changed.append(row.contact)
        return changed

    def _take_seats(
        self, owner: str, into: _Owner, rows: Iterable[SeatRow], now_ms: int
    ) -> list[str]:
        changed = []
        for row in rows:
            old = into.seats.get(row.seat)
            if self._fresh(owner, into, row, old[0] if old else None):
                into.seats[row.seat] = (row, now_ms - _age(row.idle_ms))
                changed.append(row.seat)
        return changed

    def _fresh(
        self,
        owner: str,
        known: _Owner,
        row: ContactRow | SeatRow,
        old: ContactRow | SeatRow | None,
    ) -> bool:
        """Tell whether a row is the sender's own, of its present life, and not overtaken."""
        if row.owner != owner:
            self.ignored["refused"] += 1
        elif row.incarnation != known.incarnation:
            self.ignored["stale-incarnation"] += 1
        elif old is not None and stamp(row) < stamp(old):
            self.ignored["stale-fence"] += 1
        else:
            return True
        return False

    def _note_failures(self, owner: str, failures: Iterable[Failure], now_ms: int) -> None:
        if failures:
            self.ignored["refused"] += self._failures.add(owner, failures, now_ms)

    @staticmethod
    def _claim(owners: dict[str, tuple[str, ...]], name: str, owner: str, has: bool) -> None:
        known = owners.get(name, ())
        if has == (owner in known):
            return
        if has:
            owners[name] = (*known, owner)
        elif len(known) == 1:
            del owners[name]
        else:
            owners[name] = tuple(other for other in known if other != owner)

    def _contact(self, contact: str) -> tuple[ContactRow, int] | None:
        """Of several claims, that of the appliance which minted the place counts first."""
        owners = self._contact_owners.get(contact)
        if not owners:
            return None
        if len(owners) == 1:
            return self._owners[owners[0]].contacts[contact]
        claims = [self._owners[owner].contacts[contact] for owner in owners]
        return min(claims, key=lambda claim: _contact_claim(claim[0]))

    def _seat(self, seat: str) -> tuple[SeatRow, int] | None:
        """Of several log-ins of one person, the one of the highest epoch counts."""
        owners = self._seat_owners.get(seat)
        if not owners:
            return None
        if len(owners) == 1:
            return self._owners[owners[0]].seats[seat]
        claims = [self._owners[owner].seats[seat] for owner in owners]
        return max(claims, key=lambda claim: (claim[0].epoch, claim[0].owner))

    def _show_contact(self, contact: str) -> None:
        """Bring the index in line with the row that counts now."""
        held = self._contact(contact)
        on_hold = self._holds.holds_contact(contact, held[0] if held else None)
        if self._index is None:
            return
        if held is None or held[0].state != "waiting" or on_hold:
            self._index.drop_contact(contact)
        elif self._index.put_contact(*held):
            self.stirred = True

    def _show_seat(self, seat: str) -> None:
        """Bring the index in line with the row that counts now."""
        held = self._seat(seat)
        on_hold = self._holds.holds_seat(seat, held[0] if held else None)
        if self._index is None:
            return
        if held is None:
            self.stirred = self._index.drop_seat(seat) or self.stirred
        elif on_hold:
            self._index.hold_seat(held[0])
        elif self._index.put_seat(*held):
            self.stirred = True


def _age(age_ms: int) -> int:
    return min(max(age_ms, 0), MAX_AGE_MS)


def _contact_claim(row: ContactRow) -> tuple[bool, str]:
    return (row.owner != row.place.appliance, row.owner)
