"""The sending side of the federation's state: an owner's rows as snapshots and numbered deltas."""

import asyncio
from collections.abc import Callable, Iterable

import msgspec

from appliance.base.clock import Clock
from appliance.link.messages import Delta, LinkMessage, Snapshot
from appliance.routing.model import ContactRow, Failure, SeatRow

#: failures that are kept before those that ended are looked for
_MANY_FAILURES = 256
#: what makes no pair possible, and none impossible that a matchmaker might still propose, waits
#: this long for company [s]: a call's rows leave in 3 frames instead of 9
HOLD_S = 0.1
_CALM_CONTACTS = frozenset({"reserved", "connecting", "talking"})
_CALM_SEATS = frozenset({"reserved", "ringing", "talking", "wrap-up"})


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
    ) -> None:
        self.incarnation = incarnation
        self._site = site
        self._clock = clock
        self._send = send
        self._soon = soon or _call_soon
        self._later = later or _call_later
        self._subscribers: set[str] = set()
        #: each with the time it was set, since its age counts from there [s]
        self._contacts: dict[str, tuple[ContactRow, float]] = {}
        self._seats: dict[str, tuple[SeatRow, float]] = {}
        self._failures: list[tuple[Failure, float]] = []
        self._reaches: list[str] = []
        self._link_full = False
        self._number = 0
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
        self._send(peer, self.snapshot())

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

    def snapshot(self) -> Snapshot:
        """Return everything, with ages as they are now; stands for all deltas sent so far."""
        now_s = self._clock.monotonic_s()
        return Snapshot(
            incarnation=self.incarnation,
            number=self._number,
            contacts=[_older_contact(*held, now_s) for held in self._contacts.values()],
            seats=[_older_seat(*held, now_s) for held in self._seats.values()],
            failures=self._lasting(now_s),
            reaches=self._reaches,
            site=self._site,
            link_full=self._link_full,
        )

    def flush(self) -> None:
        """Send what changed as one delta."""
        self._flush_due = False
        changed = (self._new_contacts, self._new_seats, self._gone, self._new_failures)
        if not any(changed) and not self._new_reaches and not self._new_link:
            return
        self._number += 1
        now_s = self._clock.monotonic_s()
        delta = Delta(
            incarnation=self.incarnation,
            number=self._number,
            contacts=[_older_contact(*held, now_s) for held in self._new_contacts.values()],
            seats=[_older_seat(*self._seats[seat], now_s) for seat in self._new_seats],
            gone=sorted(self._gone),
            failures=self._new_failures,
            reaches=self._reaches if self._new_reaches else None,
            link_full=self._link_full if self._new_link else None,
        )
        self._new_contacts, self._new_seats, self._gone = {}, set(), set()
        self._new_failures, self._new_reaches, self._new_link = [], False, False
        for peer in self._subscribers:
            self._send(peer, delta)

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
