"""Pairs that an owner refused, or of which nothing was heard: left out for a moment.

Each is tied to the stamps (incarnation, epoch, fence) of the rows it was refused for, so that it
ends by itself as soon as one of them changes.
"""

import heapq

from appliance.routing.model import ContactRow, SeatRow
from appliance.routing.spots import Stamp, stamp

_Pair = tuple[str, str]


class Refusals:
    """Refused pairs, each until a time."""

    def __init__(self) -> None:
        self._pairs: dict[_Pair, tuple[Stamp, Stamp, int, str]] = {}
        self._due: list[tuple[int, str, str]] = []

    def refuse(self, contact: ContactRow, seat: SeatRow, reason: str, until_ms: int) -> None:
        """Leave this pair out until then, or until one of the two rows changes."""
        self._pairs[contact.contact, seat.seat] = (stamp(contact), stamp(seat), until_ms, reason)
        heapq.heappush(self._due, (until_ms, contact.contact, seat.seat))

    def against(self, contact: ContactRow, seat: SeatRow) -> str:
        """Return the reason word for which this pair was refused, or nothing."""
        if not self._pairs:
            return ""
        refused = self._pairs.get((contact.contact, seat.seat))
        if refused is None or refused[:2] != (stamp(contact), stamp(seat)):
            return ""
        return refused[3]

    def expire(self, now_ms: int) -> bool:
        """Drop what is over; tell whether that was anything."""
        dropped = False
        while self._due and self._due[0][0] <= now_ms:
            until_ms, contact, seat = heapq.heappop(self._due)
            pair = self._pairs.get((contact, seat))
            if pair is not None and pair[2] == until_ms:
                del self._pairs[contact, seat]
                dropped = True
        return dropped
