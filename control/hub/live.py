"""What is live now, as the pages get it: a numbered floor, and the changes after it.

JSON of `LiveFloor` answers the command `floor`; each `LiveChange` is published with the number
that follows. Whoever sees another number than the next asks for the floor again. Ages are as of
`at`; the reader counts on from when it received them.
"""

from collections.abc import Iterable

import msgspec

from appliance.base.clock import Clock, rfc3339
from appliance.link.messages import Delta, Snapshot
from appliance.routing.floor import Floor
from appliance.routing.model import ContactRow, ContactState, SeatRow, SeatState


class LiveAppliance(msgspec.Struct, kw_only=True):
    """An approved box."""

    name: str
    site: str
    up: bool = False
    #: since when it is up or down, RFC 3339 UTC; empty: not seen since the hub started
    since: str = ""
    version: str = ""
    #: why it is down or was refused: reason word and sentence
    reason: str = ""
    detail: str = ""
    #: serial of the plan it obeys; 0: none
    plan_serial: int = 0
    #: what it answered to the newest plan: reason word, `normal` where it obeys; empty: nothing
    plan_ack: str = ""
    plan_ack_detail: str = ""
    #: round trip of the link [ms]; -1: not known
    link_ms: int = -1
    #: how far its clock is ahead of the hub's [ms]; 0: not more than half a second
    clock_ms: int = 0
    #: peers it says it reaches
    reaches: list[str] = []


class LiveContact(msgspec.Struct, kw_only=True):
    """A contact that is open; no caller's number, no name."""

    contact: str
    owner: str
    queue: str
    klass: str
    state: ContactState
    #: since it arrived [ms]
    age_ms: int
    #: seat that serves it or is reserved for it
    seat: str


class LiveSeat(msgspec.Struct, kw_only=True):
    """A seat that is logged in."""

    seat: str
    owner: str
    site: str
    state: SeatState
    #: for how long it has been in this state [ms]
    for_ms: int
    contact: str


class LiveQueue(msgspec.Struct, kw_only=True):
    """What a queue holds."""

    queue: str
    waiting: int = 0
    #: reserved or connecting
    offered: int = 0
    talking: int = 0
    #: age of the contact that has waited longest [ms]
    longest_ms: int = 0


class LiveGone(msgspec.Struct, kw_only=True):
    """Names of what is no longer there."""

    appliances: list[str] = []
    contacts: list[str] = []
    seats: list[str] = []
    queues: list[str] = []


class LiveFloor(msgspec.Struct, kw_only=True):
    """Everything; stands for all changes up to *number*."""

    number: int
    #: RFC 3339 UTC
    at: str
    #: serial of the plan the hub decides by; 0: none
    plan_serial: int
    appliances: list[LiveAppliance]
    contacts: list[LiveContact]
    seats: list[LiveSeat]
    queues: list[LiveQueue]


class LiveChange(msgspec.Struct, kw_only=True):
    """What changed; numbered without gaps."""

    number: int
    at: str
    plan_serial: int
    appliances: list[LiveAppliance] = []
    contacts: list[LiveContact] = []
    seats: list[LiveSeat] = []
    queues: list[LiveQueue] = []
    gone: LiveGone


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
        # touched since the last change
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

    # -- what readers get ----------------------------------------------------------------------

    def floor(self) -> LiveFloor:
        """Return everything readers know, with ages as they are now."""
        contacts = [self._contact(self._floor.contact(name)) for name in self._shown_contacts]
        seats = [self._seat(self._floor.seat(name)) for name in self._shown_seats]
        return LiveFloor(
            number=self._number,
            at=rfc3339(self._clock.wall_us()),
            plan_serial=self.plan_serial,
            appliances=list(self._appliances.values()),
            contacts=[row for row in contacts if row is not None],
            seats=[row for row in seats if row is not None],
            queues=list(self._count().values()),
        )

    def take_change(self) -> LiveChange | None:
        """Return what changed since the last call, or None."""
        if not (self._contacts or self._seats or self._boxes):
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
        self._show_contacts(change, gone)
        self._show_seats(change, gone)
        self._show_queues(change, gone)
        self._contacts, self._seats, self._boxes = set(), set(), set()
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

    def _show_contacts(self, change: LiveChange, gone: LiveGone) -> None:
        for name in self._contacts:
            row = self._contact(self._floor.contact(name))
            if row is not None:
                self._shown_contacts[name] = row
                change.contacts.append(row)
            elif self._shown_contacts.pop(name, None) is not None:
                gone.contacts.append(name)

    def _show_seats(self, change: LiveChange, gone: LiveGone) -> None:
        for name in self._seats:
            row = self._seat(self._floor.seat(name))
            if row is not None:
                self._shown_seats[name] = row
                change.seats.append(row)
            elif self._shown_seats.pop(name, None) is not None:
                gone.seats.append(name)

    def _show_queues(self, change: LiveChange, gone: LiveGone) -> None:
        if not self._contacts:
            return
        queues = self._count()
        gone.queues = [name for name in self._shown_queues if name not in queues]
        change.queues = [
            queue
            for queue in queues.values()
            if _counts(queue) != _counts(self._shown_queues.get(queue.queue))
        ]
        self._shown_queues = queues

    def _count(self) -> dict[str, LiveQueue]:
        queues: dict[str, LiveQueue] = {}
        now_s = self._clock.monotonic_s()
        for row in self._shown_contacts.values():
            queue = queues.setdefault(row.queue, LiveQueue(queue=row.queue))
            if row.state == "waiting":
                queue.waiting += 1
                age_ms = self._age_ms(row.owner, row.contact, now_s)
                queue.longest_ms = max(queue.longest_ms, age_ms)
            elif row.state == "talking":
                queue.talking += 1
            else:
                queue.offered += 1
        return queues

    def _contact(self, row: ContactRow | None) -> LiveContact | None:
        if row is None:
            return None
        return LiveContact(
            contact=row.contact,
            owner=row.owner,
            queue=row.queue,
            klass=row.klass,
            state=row.state,
            age_ms=self._age_ms(row.owner, row.contact, self._clock.monotonic_s()),
            seat=row.seat,
        )

    def _seat(self, row: SeatRow | None) -> LiveSeat | None:
        if row is None:
            return None
        return LiveSeat(
            seat=row.seat,
            owner=row.owner,
            site=row.site,
            state=row.state,
            for_ms=self._age_ms(row.owner, row.seat, self._clock.monotonic_s()),
            contact=row.contact,
        )

    def _age_ms(self, owner: str, name: str, now_s: float) -> int:
        return max(0, round((now_s - self._began_s.get((owner, name), now_s)) * 1000))


def _counts(queue: LiveQueue | None) -> Iterable[int]:
    return () if queue is None else (queue.waiting, queue.offered, queue.talking)
