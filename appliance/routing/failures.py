"""What just failed and is left out for a while, so that nobody is paired with it for ever.

A failure counts only for what its owner owns: the pair it names must have that owner's contact or
that owner's seat in it. Empty fields match everything; so a failure without contact and seat is
about the path between two appliances.
"""

import heapq
from collections.abc import Iterable

from appliance.routing.model import ContactRow, Failure

#: failures remembered of one owner; more are refused, so that no peer fills the memory
MAX_FAILURES = 10_000
#: longest a failure may count [ms]: an hour; what is broken for longer fails again
MAX_FAILURE_MS = 3_600_000
#: a pair that failed is left out this long [ms]: long enough that another seat is tried first
PAIR_FAILURE_MS = 20_000
#: two appliances that do not reach each other are left out this long [ms]: a few heartbeats
PATH_FAILURE_MS = 5_000
#: reasons that speak of the way between two appliances, not of the seat
PATH_REASONS = frozenset({"peer-unreachable", "unreachable", "reservation-expired", "timeout"})

_Key = tuple[str, str, str]  # contact, seat, peer


def failure_of(contact: ContactRow, seat: str, seat_owner: str, reason: str) -> Failure:
    """Return what the contact's owner publishes after an offer that never rang."""
    a, b = contact.owner, seat_owner
    if reason in PATH_REASONS and b not in ("", a):
        return Failure(owner=a, a=a, b=b, reason=reason, for_ms=PATH_FAILURE_MS)
    return Failure(
        owner=a, contact=contact.contact, seat=seat, reason=reason, for_ms=PAIR_FAILURE_MS
    )


class FailureMemory:
    """Failures by owner, each until its time is over."""

    def __init__(self) -> None:
        self._of: dict[str, dict[_Key, tuple[int, str]]] = {}
        self._due: list[tuple[int, str, _Key]] = []

    def add(self, owner: str, failures: Iterable[Failure], now_ms: int) -> int:
        """Remember *failures* as published by *owner*; return how many were refused."""
        refused = 0
        for failure in failures:
            peer = _peer(owner, failure)
            mine = self._of.setdefault(owner, {})
            key = (failure.contact, failure.seat, peer or "")
            full = len(mine) >= MAX_FAILURES and key not in mine
            if failure.owner != owner or peer is None or full:
                refused += 1
                continue
            until_ms = now_ms + min(failure.for_ms, MAX_FAILURE_MS)
            mine[key] = (until_ms, failure.reason)
            heapq.heappush(self._due, (until_ms, owner, key))
        self._tidy()
        return refused

    def forget(self, owner: str) -> None:
        """Forget what *owner* published."""
        if self._of.pop(owner, None) is not None:  # also with none left: their ends may be due
            self._due = [due for due in self._due if due[1] != owner]
            heapq.heapify(self._due)

    def expire(self, now_ms: int) -> bool:
        """Drop what is over; tell whether that was anything."""
        dropped = False
        while self._due and self._due[0][0] <= now_ms:
            until_ms, owner, key = heapq.heappop(self._due)
            known = self._of[owner].get(key)
            if known is not None and known[0] == until_ms:
                del self._of[owner][key]
                dropped = True
        return dropped

    def against(
        self, contact: str, contact_owner: str, seat: str, seat_owner: str, now_ms: int
    ) -> str:
        """Return the reason word against this pair, or nothing."""
        return self._find(contact_owner, contact, seat, seat_owner, now_ms) or (
            self._find(seat_owner, contact, seat, contact_owner, now_ms)
        )

    def _tidy(self) -> None:
        """Drop ends that were put off since, so that renewing costs no memory."""
        kept = sum(len(mine) for mine in self._of.values())
        if len(self._due) > 2 * kept + 1_000:
            self._due = [
                (until_ms, owner, key)
                for owner, mine in self._of.items()
                for key, (until_ms, _) in mine.items()
            ]
            heapq.heapify(self._due)

    def _find(self, owner: str, contact: str, seat: str, peer: str, now_ms: int) -> str:
        mine = self._of.get(owner)
        if not mine:
            return ""
        for c in (contact, ""):
            for s in (seat, ""):
                for p in (peer, ""):
                    found = mine.get((c, s, p))
                    if found is not None and found[0] > now_ms:
                        return found[1]
        return ""


def _peer(owner: str, failure: Failure) -> str | None:
    """Return the other appliance (none: any), or None where *owner* is not one of the two."""
    if not failure.a and not failure.b:
        return ""
    if owner == failure.a:
        return failure.b
    return failure.a if owner == failure.b else None
