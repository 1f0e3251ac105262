"""Who may call back an appliance's callers: one at a time, by a lease of the majority. Pure.

The right to act on the call-backs of one appliance belongs to it, or to the peer that holds them
in escrow, for a few seconds each time. A majority of *voters* grants it; two majorities share a
voter, and no voter grants it to two at once. Nothing is kept: a voter that has just started grants
nothing until whatever it may have granted before is over.

Durations only: the voter counts from when it was asked, the asker from before it asked. Clocks may
run at rates that differ by less than DRIFT.
"""

import hashlib
from collections.abc import Callable, Iterable

from appliance.routing.reach import HUB_NAME

#: how long a grant counts [s]: four renewals
LEASE_S = 6.0
#: how often a lease is renewed [s]
RENEW_S = 1.5
#: share by which an asker's lease ends earlier; quartz differs by less than a thousandth of it
DRIFT = 0.02
#: an appliance that was not heard for this long may be stood in for [s]; a restart takes less
SILENT_S = 10.0
#: voters of one appliance
VOTERS = 5
#: contacts that a voter remembers as called, for one appliance
MAX_CLAIMS = 10_000
_ROUNDS = 8


def ranked(about: str, names: Iterable[str]) -> list[str]:
    """Return *names* in the order in which they stand in for *about*; the same in every box."""
    return sorted(
        (name for name in names if name != about),
        key=lambda name: hashlib.sha256(f"{about}\n{name}".encode()).digest(),
    )


def voters(about: str, appliances: Iterable[str]) -> frozenset[str]:
    """Return who grants leases about *about*: an odd number, with the hub where one is missing."""
    chosen = [about, *ranked(about, appliances)[: VOTERS - 1]]
    return frozenset(chosen if len(chosen) % 2 else [*chosen, HUB_NAME])


class LeaseVoter:
    """Grants leases about any appliance, each to one at a time."""

    def __init__(self, now_s: float, hears: Callable[[str], bool]) -> None:
        self._quiet_until_s = now_s + LEASE_S
        self._hears = hears
        #: about -> who has it, until when [monotonic s]
        self._held: dict[str, tuple[str, float]] = {}
        #: about -> contacts that it has called itself, as it said last
        self._claims: dict[str, list[str]] = {}

    def ask(self, about: str, who: str, claims: list[str], now_s: float) -> tuple[bool, list[str]]:
        """Grant *who* the lease about *about* or not; tell others what *about* has called."""
        own = about == who
        if own:
            self._claims[about] = claims[:MAX_CLAIMS]
        known = [] if own else self._claims.get(about, [])
        holder, until_s = self._held.get(about, (who, 0.0))
        taken = holder != who and now_s < until_s
        if now_s < self._quiet_until_s or taken or not (own or not self._hears(about)):
            return False, known
        self._held[about] = (who, now_s + LEASE_S)
        return True, known


class LeaseSeeker:
    """One appliance's lease about itself or another: asks in rounds, counts the answers."""

    def __init__(self, about: str, chosen: frozenset[str]) -> None:
        self.about = about
        self.voters = chosen
        self._needed = len(chosen) // 2 + 1
        #: round -> when it was asked, and who has granted
        self._rounds: dict[int, tuple[float, set[str]]] = {}
        self._until_s = -1.0
        self._asked_s = -1e9
        self.number = 0
        #: last round that a majority granted
        self.done = 0
        #: contacts that the appliance in question has called itself, by all that was answered
        self.claims: set[str] = set()

    def ask(self, now_s: float) -> int:
        """Begin a round and return its number."""
        self.number += 1
        self._asked_s = now_s
        self._rounds[self.number] = (now_s, set())
        self._rounds.pop(self.number - _ROUNDS, None)
        return self.number

    def due(self, now_s: float) -> bool:
        """Tell whether it is time to ask again."""
        return now_s - self._asked_s >= RENEW_S

    def answered(self, voter: str, number: int, claims: Iterable[str], *, granted: bool) -> None:
        """Count an answer."""
        self.claims.update(claims)
        asked = self._rounds.get(number)
        if asked is None or voter not in self.voters or not granted:
            return
        sent_s, by = asked
        by.add(voter)
        if len(by) >= self._needed:
            self._until_s = max(self._until_s, sent_s + LEASE_S * (1 - DRIFT))
            self.done = max(self.done, number)

    def valid(self, now_s: float) -> bool:
        """Tell whether the lease counts now."""
        return now_s < self._until_s
