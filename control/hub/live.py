"""What is live now, as the pages get it: a numbered floor, and the changes after it.

JSON of `LiveFloor` answers the command `floor`; each `LiveChange` is published with the number
that follows. Whoever sees another number than the next asks for the floor again. Ages are as of
`at`; the reader counts on from when it received them.
"""

from typing import TypeVar

from appliance.base.clock import Clock, rfc3339
from appliance.link.messages import Delta, Snapshot
from appliance.routing.floor import Floor
from appliance.routing.model import ContactRow, SeatRow
from appliance.routing.planindex import PlanIndex
from control.hub.queues import QueueCounts
from control.hub.rows import (
    LiveAppliance,
    LiveChange,
    LiveContact,
    LiveFloor,
    LiveGone,
    LiveQueue,
    LiveSeat,
)

_Row = TypeVar("_Row", LiveContact, LiveSeat)


class LiveState:
    """Live rows over the matchmaker's floor, which says which claim counts."""

    def __init__(self, floor: Floor, clock: Clock) -> None:
        self._floor = floor
        self._clock = clock
        self._number = 0
        self.plan_serial = 0
        self._appliances: dict[str, LiveAppliance] = {}
        #: (owner, name) -> when its age began, on our clock [s]
        self._began_s: dict[tuple[str, str], float] = {}
        #: what each owner has: contacts, seats
        self._owned: dict[str, tuple[set[str], set[str]]] = {}
        #: what the readers know
        self._shown_contacts: dict[str, LiveContact] = {}
        self._shown_seats: dict[str, LiveSeat] = {}
        self._shown_queues: dict[str, LiveQueue] = {}
        #: contacts and seats by queue, of what is shown
        self.queues = QueueCounts()
        #: changed since the readers were told -> whether they know it
        self._new_contacts: dict[str, bool] = {}
        self._new_seats: dict[str, bool] = {}
        # touched since `settle`
        self._contacts: set[str] = set()
        self._seats: set[str] = set()
        self._boxes: set[str] = set()

    # -- what happens --------------------------------------------------------------------------

    def set_appliances(self, sites: dict[str, str]) -> None:
        """Know these boxes (name -> site) and no others."""
        for name in set(self._appliances) - set(sites):
            del self._appliances[name]
            self._boxes.add(name)
        for name, site in sites.items():
            known = self._appliances.get(name)
            if known is None or known.site != site:
                self._appliances[name] = LiveAppliance(name=name, site=site)
                self._boxes.add(name)

    def update(self, name: str, **fields: object) -> None:
        """Change fields of a box, if it is known and they differ."""
        box = self._appliances.get(name)
        if box is None:
            return
        for field, value in fields.items():
            if getattr(box, field) != value:
                setattr(box, field, value)
                self._boxes.add(name)

    def set_up(self, name: str, up: bool, **fields: object) -> None:
        """Note that a box came or went."""
        self.update(name, up=up, since=rfc3339(self._clock.wall_us()), **fields)

    def touch(self, owner: str, record: Snapshot | Delta) -> None:
        """Note what an owner published, after the floor has taken it."""
        contacts, seats = self._owned.setdefault(owner, (set(), set()))
        if isinstance(record, Snapshot):
            self._contacts |= contacts
            self._seats |= seats
            self._forget(owner)
            contacts, seats = self._owned[owner] = (set(), set())
        self._own(owner, contacts, {r.contact: r.age_ms for r in record.contacts})
        self._own(owner, seats, {r.seat: r.idle_ms for r in record.seats})
        ended = {row.contact for row in record.contacts if row.state == "ended"}
        self._disown(owner, contacts, ended)
        if isinstance(record, Delta):
            self._disown(owner, seats, set(record.gone) - {row.seat for row in record.seats})
            self._seats.update(record.gone)
        self._contacts.update(row.contact for row in record.contacts)
        self._seats.update(row.seat for row in record.seats)
        if record.reaches is not None:
            self.update(owner, reaches=sorted(record.reaches))

    def lose(self, owner: str) -> None:
        """Note that an owner's rows are out."""
        contacts, seats = self._owned.get(owner, (set(), set()))
        self._contacts |= contacts
        self._seats |= seats
        self._forget(owner)

    def set_plan(self, plan: PlanIndex) -> None:
        """Count by another plan from now on."""
        self.plan_serial = plan.serial
        self.settle()
        self.queues.set_plan(plan, self._shown_seats)

    def settle(self) -> None:
        """Bring what is shown, and the counts, in line with the floor."""
        contacts, self._contacts = self._contacts, set()
        seats, self._seats = self._seats, set()
        now_s = self._clock.monotonic_s()
        for name in contacts:
            self._settle_contact(name, now_s)
        for name in seats:
            before = self._shown_seats.get(name)
            row = self._seat(self._floor.seat(name), now_s)
            if row is not None:
                self._shown_seats[name] = row
            elif self._shown_seats.pop(name, None) is None:
                continue
            self.queues.seat(before, row)
            self._new_seats.setdefault(name, before is not None)

    # -- what readers get ----------------------------------------------------------------------

    def floor(self) -> LiveFloor:
        """Return everything readers know, with ages as they are now."""
        now_s = self._clock.monotonic_s()
        contacts = [
            self._contact(self._floor.contact(name), now_s) for name in self._shown_contacts
        ]
        seats = [self._seat(self._floor.seat(name), now_s) for name in self._shown_seats]
        return LiveFloor(
            number=self._number,
            at=rfc3339(self._clock.wall_us()),
            plan_serial=self.plan_serial,
            appliances=list(self._appliances.values()),
            contacts=[row for row in contacts if row is not None],
            seats=[row for row in seats if row is not None],
            queues=self.queues.all(now_s),
        )

    def take_change(self) -> LiveChange | None:
        """Return what changed since the last call, or None."""
        touched = bool(self._contacts or self._seats or self._boxes)
        self.settle()
        if not (touched or self._new_contacts or self._new_seats):
            return None
        gone = LiveGone()
        self._number += 1
        change = LiveChange(
            number=self._number,
            at=rfc3339(self._clock.wall_us()),
            plan_serial=self.plan_serial,
            appliances=[self._appliances[n] for n in self._boxes if n in self._appliances],
            gone=gone,
        )
        gone.appliances = [name for name in self._boxes if name not in self._appliances]
        _show(self._new_contacts, self._shown_contacts, change.contacts, gone.contacts)
        _show(self._new_seats, self._shown_seats, change.seats, gone.seats)
        self._show_queues(change, gone)
        self._new_contacts, self._new_seats, self._boxes = {}, {}, set()
        return change

    # -- inside --------------------------------------------------------------------------------

    def _own(self, owner: str, names: set[str], ages_ms: dict[str, int]) -> None:
        now_s = self._clock.monotonic_s()
        names.update(ages_ms)
        for name, age_ms in ages_ms.items():
            self._began_s[owner, name] = now_s - age_ms / 1000

    def _disown(self, owner: str, names: set[str], out: set[str]) -> None:
        names -= out
        for name in out:
            self._began_s.pop((owner, name), None)

    def _forget(self, owner: str) -> None:
        for names in self._owned.pop(owner, ()):
            for name in names:
                self._began_s.pop((owner, name), None)

    def _settle_contact(self, name: str, now_s: float) -> None:
        before = self._shown_contacts.get(name)
        row = self._contact(self._floor.contact(name), now_s)
        if row is not None:
            self._shown_contacts[name] = row
        elif self._shown_contacts.pop(name, None) is None:
            return
        since_s = self._began_s.get((row.owner, name), now_s) if row else now_s
        self.queues.contact(before, row, since_s)
        self._new_contacts.setdefault(name, before is not None)

    def _show_queues(self, change: LiveChange, gone: LiveGone) -> None:
        now_s = self._clock.monotonic_s()
        for name in self.queues.take_changed():
            queue = self.queues.queue(name, now_s)
            if queue is None:
                if self._shown_queues.pop(name, None) is not None:
                    gone.queues.append(name)
            elif _counts(queue) != _counts(self._shown_queues.get(name)):
                self._shown_queues[name] = queue
                change.queues.append(queue)

    def _contact(self, row: ContactRow | None, now_s: float) -> LiveContact | None:
        if row is None:
            return None
        return LiveContact(
            contact=row.contact,
            owner=row.owner,
            queue=row.queue,
            klass=row.klass,
            state=row.state,
            age_ms=self._age_ms(row.owner, row.contact, now_s),
            seat=row.seat,
        )

    def _seat(self, row: SeatRow | None, now_s: float) -> LiveSeat | None:
        if row is None:
            return None
        return LiveSeat(
            seat=row.seat,
            owner=row.owner,
            site=row.site,
            state=row.state,
            for_ms=self._age_ms(row.owner, row.seat, now_s),
            contact=row.contact,
        )

    def _age_ms(self, owner: str, name: str, now_s: float) -> int:
        return max(0, round((now_s - self._began_s.get((owner, name), now_s)) * 1000))


def _counts(queue: LiveQueue | None) -> tuple[int, ...]:
    return () if queue is None else (queue.waiting, queue.offered, queue.talking)


def _show(
    names: dict[str, bool], shown: dict[str, _Row], into: list[_Row], gone: list[str]
) -> None:
    """Tell the readers what has become of *names*."""
    for name, known in names.items():
        row = shown.get(name)
        if row is not None:
            into.append(row)
        elif known:
            gone.append(name)
