"""What a matchmaker keeps back for a moment: rows with a proposal on its way, refused pairs.

Each is tied to the stamps (incarnation, epoch, fence) of the rows it was made for, so that it ends
by itself as soon as a row changes.
"""

import heapq

from appliance.routing.model import ContactRow, SeatRow

#: what grows with each change of a row
Stamp = tuple[int, ...]
_Pair = tuple[str, str]


def stamp(row: ContactRow | SeatRow) -> Stamp:
    """Return what grows with each change of *row*; epoch before fence, for a new log-in."""
    if isinstance(row, SeatRow):
        return (row.incarnation, row.epoch, row.fence)
    return (row.incarnation, row.fence)


class Holds:
    """Held contacts, held seats and refused pairs, each until a time."""

    def __init__(self) -> None:
        self._contacts: dict[str, tuple[Stamp, int]] = {}
        self._seats: dict[str, tuple[Stamp, int]] = {}
        self._pairs: dict[_Pair, tuple[Stamp, Stamp, int, str]] = {}
        self._due: list[tuple[int, str, str]] = []

    def hold(self, row: ContactRow | SeatRow, until_ms: int) -> None:
        """Keep the contact or seat back until then, or until its row changes."""
        if isinstance(row, SeatRow):
            self._seats[row.seat] = (stamp(row), until_ms)
            heapq.heappush(self._due, (until_ms, "", row.seat))
        else:
            self._contacts[row.contact] = (stamp(row), until_ms)
            heapq.heappush(self._due, (until_ms, row.contact, ""))

    def refuse(self, contact: ContactRow, seat: SeatRow, reason: str, until_ms: int) -> None:
        """Leave this pair out until then, or until one of the two rows changes."""
        self._pairs[contact.contact, seat.seat] = (stamp(contact), stamp(seat), until_ms, reason)
        heapq.heappush(self._due, (until_ms, contact.contact, seat.seat))

    def free_contact(self, contact: str) -> bool:
        """End the hold of *contact*; tell whether there was one."""
        return self._contacts.pop(contact, None) is not None

    def free_seat(self, seat: str) -> bool:
        """End the hold of *seat*; tell whether there was one."""
        return self._seats.pop(seat, None) is not None

    def holds_contact(self, contact: str, row: ContactRow | None) -> bool:
        """Tell whether *row* is held; a hold made for an older row, or for none, ends."""
        held = self._contacts.get(contact)
        if held is not None and (row is None or stamp(row) != held[0]):
            del self._contacts[contact]
            return False
        return held is not None

    def holds_seat(self, seat: str, row: SeatRow | None) -> bool:
        """Tell whether *row* is held; a hold made for an older row, or for none, ends."""
        held = self._seats.get(seat)
        if held is not None and (row is None or stamp(row) != held[0]):
            del self._seats[seat]
            return False
        return held is not None

    def against(self, contact: ContactRow, seat: SeatRow) -> str:
        """Return the reason word for which this pair was refused, or nothing."""
        if not self._pairs:
            return ""
        refused = self._pairs.get((contact.contact, seat.seat))
        if refused is None or refused[:2] != (stamp(contact), stamp(seat)):
            return ""
        return refused[3]

    def expire(self, now_ms: int) -> list[_Pair]:
        """Return what is over as (contact, seat), one of them empty for a hold."""
        over = []
        while self._due and self._due[0][0] <= now_ms:
            until_ms, contact, seat = heapq.heappop(self._due)
            if self._drop(contact, seat, until_ms):
                over.append((contact, seat))
        return over

    def _drop(self, contact: str, seat: str, until_ms: int) -> bool:
        """Drop what was to end then; it may have been freed, or renewed for longer."""
        if contact and seat:
            pair = self._pairs.get((contact, seat))
            if pair is None or pair[2] != until_ms:
                return False
            del self._pairs[contact, seat]
            return True
        held, name = (self._contacts, contact) if contact else (self._seats, seat)
        if name not in held or held[name][1] != until_ms:
            return False
        del held[name]
        return True
