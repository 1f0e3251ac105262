"""The sending side of the federation's state: an owner's rows as snapshots and numbered deltas.

Rows go to those who may propose for them, and whom this owner reaches goes to everybody. Who is
one of them from now on gets a snapshot at once; so does who is one no longer, with nothing in it.
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Set
from typing import Protocol

import msgspec

from appliance.base.clock import Clock
from appliance.link.messages import Delta, LinkMessage, Snapshot
from appliance.routing.model import ContactRow, Failure, SeatRow

#: failures that are kept before those that ended are looked for
_MANY_FAILURES = 256
#: what makes no pair possible, and none impossible that a matchmaker might still propose, waits
#: this long for company [s]: a call's rows leave in 3 frames instead of 9
HOLD_S = 0.1
_NOBODY: frozenset[str] = frozenset()
_CALM_CONTACTS = frozenset({"reserved", "connecting", "talking"})
_CALM_SEATS = frozenset({"reserved", "ringing", "talking", "wrap-up"})


class Audience(Protocol):
    """Who gets what. It may name others than those who have subscribed."""

    def of(self, row: ContactRow | SeatRow) -> Set[str]:
        """Return who gets this row."""

    def everybody(self) -> Set[str]:
        """Return who gets any rows, and so the failures."""


class _Part:
    """What changed for the same audience since the last delta."""

    def __init__(self) -> None:
        self.contacts: list[ContactRow] = []
        self.seats: list[SeatRow] = []
        self.gone: list[str] = []
        self.failures: list[Failure] = []


class StatePublisher:
    """Rows this appliance owns. All that changes in one turn of the loop leaves as one delta.

    What no matchmaker waits for leaves with the next of these, or HOLD_S later.
    """

    def __init__(
        self,
        incarnation: int,
        clock: Clock,
        send: Callable[[str, LinkMessage], bool],
        *,
        soon: Callable[[Callable[[], None]], object] | None = None,
        later: Callable[[float, Callable[[], None]], object] | None = None,
        site: str = "",
        audience: Audience | None = None,
    ) -> None:
        self.incarnation = incarnation
        self._site = site
        self._clock = clock
        self._send = send
        self._soon = soon or _call_soon
        self._later = later or _call_later
        #: None: everybody gets everything
        self._audience = audience
        self._subscribers: set[str] = set()
        #: subscriber, also one that was -> number of its last delta
        self._numbers: Counter[str] = Counter()
        #: contact or seat -> who was to get its last row
        self._contacts_at: dict[str, Set[str]] = {}
        self._seats_at: dict[str, Set[str]] = {}
        self._told: Set[str] = frozenset()
        #: each with the time it was set, since its age counts from there [s]
        self._contacts: dict[str, tuple[ContactRow, float]] = {}
        self._seats: dict[str, tuple[SeatRow, float]] = {}
        self._failures: list[tuple[Failure, float]] = []
        self._reaches: list[str] = []
        self._link_full = False
        # what changed since the last delta
        self._new_contacts: dict[str, tuple[ContactRow, float]] = {}
        self._new_seats: set[str] = set()
        self._gone: set[str] = set()
        self._new_failures: list[Failure] = []
        self._new_reaches = False
        self._new_link = False
        self._flush_due = False
        #: what changed may wait until then; a handle that came too late finds nothing to do
        self._held = False

    # -- subscribers ---------------------------------------------------------------------------

    def subscribe(self, peer: str) -> None:
        """Send *peer* a snapshot, and every delta from now on; also after a Resnapshot."""
        self.flush()
        self._subscribers.add(peer)
        self._send(peer, self.snapshot(peer))

    def readdress(self) -> None:
        """Look again who gets what; a snapshot goes to each for whom anything is different."""
        if self._audience is None:
            return
        self.flush()
        told, self._told = self._told, frozenset(self._audience.everybody())
        changed = set(told ^ self._told)
        for rows, at in ((self._contacts, self._contacts_at), (self._seats, self._seats_at)):
            for name, (row, _) in rows.items():
                before, at[name] = at[name], self._audience.of(row)
                if before != at[name]:
                    changed |= before ^ at[name]
        for peer in sorted(changed & self._subscribers):
            self._send(peer, self.snapshot(peer))

    def unsubscribe(self, peer: str) -> None:
        """Send *peer* nothing more."""
        self._subscribers.discard(peer)

    # -- rows ----------------------------------------------------------------------------------

    def set_contact(self, row: ContactRow) -> None:
        """Add or change a contact; one that ended is dropped."""
        before = self._contacts.pop(row.contact, None)
        now_s = self._clock.monotonic_s()
        if row.state != "ended":
            self._contacts[row.contact] = (row, now_s)
        self._new_contacts[row.contact] = (row, now_s)
        last = before[0] if before and row.state == "ended" else row
        self._stir(calm=last.state in _CALM_CONTACTS)

    def drop_contact(self, contact: str) -> None:
        """Send a contact once as `ended`, if it is there."""
        held = self._contacts.get(contact)
        if held is not None:
            row = held[0]
            ended = msgspec.structs.replace(row, state="ended", seat="", fence=row.fence + 1)
            self.set_contact(ended)

    def set_seat(self, row: SeatRow) -> None:
        """Add or change a seat."""
        self._seats[row.seat] = (row, self._clock.monotonic_s())
        self._new_seats.add(row.seat)
        self._gone.discard(row.seat)
        self._stir(calm=row.state in _CALM_SEATS and not row.also)

    def drop_seat(self, seat: str) -> None:
        """Take a seat off the floor."""
        if self._seats.pop(seat, None) is not None:
            self._new_seats.discard(seat)
            self._gone.add(seat)
            self._stir()

    def set_failure(self, failure: Failure) -> None:
        """Add a pair that just failed; it ends by itself after its `for_ms`."""
        now_s = self._clock.monotonic_s()
        if len(self._failures) >= _MANY_FAILURES:
            self._lasting(now_s)
        if failure.for_ms <= 0:  # it is over: an earlier one must not come with a snapshot
            kept = [held for held in self._failures if _about(held[0]) != _about(failure)]
            self._failures = kept
        self._failures.append((failure, now_s))
        self._new_failures.append(failure)
        self._stir()

    def set_reaches(self, peers: Iterable[str]) -> None:
        """Say which peers this appliance reaches."""
        reaches = sorted(peers)
        if reaches != self._reaches:
            self._reaches = reaches
            self._new_reaches = True
            self._stir()

    def set_link_full(self, full: bool) -> None:
        """Say that this appliance's access link takes no more calls, or does again."""
        if full != self._link_full:
            self._link_full = full
            self._new_link = True
            self._stir()

    # -- records -------------------------------------------------------------------------------

    def snapshot(self, peer: str = "") -> Snapshot:
        """Return all that *peer* may have, with ages as they are now; nobody named: everything.

        It stands for all deltas sent so far.
        """
        now_s = self._clock.monotonic_s()
        contacts, seats = self._contacts.values(), self._seats.values()
        return Snapshot(
            incarnation=self.incarnation,
            number=self._numbers[peer],
            contacts=[_older_contact(*held, now_s) for held in contacts if self._gets(peer, held)],
            seats=[_older_seat(*held, now_s) for held in seats if self._gets(peer, held)],
            failures=self._lasting(now_s) if self._is_told(peer) else [],
            reaches=self._reaches,
            site=self._site,
            link_full=self._link_full,
        )

    def flush(self) -> None:
        """Send what changed, to each what it may have, as one delta."""
        self._flush_due = False
        changed = (self._new_contacts, self._new_seats, self._gone, self._new_failures)
        if not any(changed) and not self._new_reaches and not self._new_link:
            return
        parts = self._take_parts()
        reaches, self._new_reaches = self._reaches if self._new_reaches else None, False
        full, self._new_link = self._link_full if self._new_link else None, False
        for peer in self._subscribers:
            its = [part for audience, part in parts.items() if peer in audience]
            if its or reaches is not None or full is not None:
                delta = self._delta(peer, its)
                delta.reaches, delta.link_full = reaches, full
                self._send(peer, delta)

    def _delta(self, peer: str, parts: list[_Part]) -> Delta:
        self._numbers[peer] += 1
        number = self._numbers[peer]
        if len(parts) == 1:
            (one,) = parts
            return Delta(self.incarnation, number, one.contacts, one.seats, one.gone, one.failures)
        return Delta(
            self.incarnation,
            number,
            contacts=[row for part in parts for row in part.contacts],
            seats=[row for part in parts for row in part.seats],
            gone=[seat for part in parts for seat in part.gone],
            failures=[failure for part in parts for failure in part.failures],
        )

    def _take_parts(self) -> dict[Set[str], _Part]:
        """Return what changed, by who gets it."""
        now_s = self._clock.monotonic_s()
        parts: defaultdict[Set[str], _Part] = defaultdict(_Part)
        for name, held in self._new_contacts.items():
            row = _older_contact(*held, now_s)
            before, to = self._at(self._contacts_at, name), self._of(row)
            if row.state == "ended":
                self._contacts_at.pop(name, None)
                parts[before | to].contacts.append(row)
                continue
            parts[to].contacts.append(row)
            self._contacts_at[name] = to
            if before - to:  # it goes on elsewhere
                ended = msgspec.structs.replace(row, state="ended", seat="")
                parts[before - to].contacts.append(ended)
        for seat in self._new_seats:
            row_of_seat = _older_seat(*self._seats[seat], now_s)
            before, to = self._at(self._seats_at, seat), self._of(row_of_seat)
            parts[to].seats.append(row_of_seat)
            self._seats_at[seat] = to
            if before - to:
                parts[before - to].gone.append(seat)
        for seat in sorted(self._gone):
            parts[self._at(self._seats_at, seat)].gone.append(seat)
            self._seats_at.pop(seat, None)
        if self._new_failures:
            everybody = self._audience.everybody() if self._audience else self._subscribers
            parts[frozenset(everybody)].failures = self._new_failures
        self._new_contacts, self._new_seats, self._gone = {}, set(), set()
        self._new_failures = []
        return parts

    def _of(self, row: ContactRow | SeatRow) -> Set[str]:
        """Return who gets *row*."""
        if self._audience is None:
            return frozenset(self._subscribers)
        return self._audience.of(row)

    def _at(self, at: dict[str, Set[str]], name: str) -> Set[str]:
        """Return who was to get the last row of this name."""
        return frozenset(self._subscribers) if self._audience is None else at.get(name, _NOBODY)

    def _gets(self, peer: str, held: tuple[ContactRow | SeatRow, float]) -> bool:
        return not peer or self._audience is None or peer in self._audience.of(held[0])

    def _is_told(self, peer: str) -> bool:
        return not peer or self._audience is None or peer in self._audience.everybody()

    def _stir(self, *, calm: bool = False) -> None:
        if self._flush_due:
            return
        if not calm:
            self._flush_due = True
            self._soon(self.flush)
        elif not self._held:
            self._held = True
            self._later(HOLD_S, self._let_go)

    def _let_go(self) -> None:
        """Send what was held, unless it has left in company."""
        self._held = False
        if not self._flush_due:
            self.flush()

    def _lasting(self, now_s: float) -> list[Failure]:
        """Return the failures that still count, and forget the others."""
        lasting = []
        for failure, since_s in self._failures:
            left_ms = failure.for_ms - round((now_s - since_s) * 1000)
            if left_ms > 0:
                lasting.append((failure, since_s, left_ms))
        self._failures = [(failure, since_s) for failure, since_s, _ in lasting]
        return [
            msgspec.structs.replace(failure, for_ms=left_ms) for failure, _, left_ms in lasting
        ]


def _older_contact(row: ContactRow, since_s: float, now_s: float) -> ContactRow:
    if since_s == now_s:
        return row
    return msgspec.structs.replace(row, age_ms=row.age_ms + round((now_s - since_s) * 1000))


def _older_seat(row: SeatRow, since_s: float, now_s: float) -> SeatRow:
    if since_s == now_s:
        return row
    return msgspec.structs.replace(row, idle_ms=row.idle_ms + round((now_s - since_s) * 1000))


def _about(failure: Failure) -> tuple[str, str, str, str]:
    return (failure.contact, failure.seat, failure.a, failure.b)


def _call_soon(callback: Callable[[], None]) -> object:
    return asyncio.get_running_loop().call_soon(callback)


def _call_later(seconds: float, callback: Callable[[], None]) -> object:
    return asyncio.get_running_loop().call_later(seconds, callback)
