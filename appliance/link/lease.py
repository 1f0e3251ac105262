"""Who may call back an appliance's callers: one at a time, by a lease of the majority. Pure.

The right to act on the call-backs of one appliance belongs to it, or to the peers that hold them
in escrow, for a few seconds each time. A majority of *voters* grants it; two majorities share a
voter, and no voter grants it to the owner and a peer at once. Two peers may have it together: each
acts on those alone that lie with it. A voter that has just started grants nothing until whatever
it may have granted before is over.

With the grant go the owner's *claims*: contacts that a peer is to leave out, because the owner
has called them itself, or, `contact/peer`, because that one peer holds them no more. An appliance
keeps them on disk before it answers, so that its word outlives a restart; the hub does not.

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


def at_peer(contact: str, peer: str) -> str:
    """Return the claim that *peer* is to leave *contact* out, and nobody else."""
    return f"{contact}/{peer}"


class LeaseVoter:
    """Grants leases about any appliance: to itself, or to those that stand in for it.

    *keep* puts an appliance's claims on disk before the answer leaves; without it none are kept.
    """

    def __init__(
        self,
        now_s: float,
        hears: Callable[[str], bool],
        keep: Callable[[str, list[str]], None] | None = None,
    ) -> None:
        self._quiet_until_s = now_s + LEASE_S
        self._hears = hears
        self._keep = keep
        #: about -> who has it, until when [monotonic s]
        self._held: dict[str, dict[str, float]] = {}
        #: about -> claims, as it said last
        self._claims: dict[str, list[str]] = {}

    def recall(self, about: str, claims: list[str]) -> None:
        """Take what was kept before a restart."""
        self._claims[about] = claims

    def ask(self, about: str, who: str, claims: list[str], now_s: float) -> tuple[bool, list[str]]:
        """Grant *who* the lease about *about* or not; tell others what *about* has called."""
        own = about == who
        if own and self._claims.get(about, []) != claims:
            self._claims[about] = claims[:MAX_CLAIMS]
            if self._keep is not None:
                self._keep(about, self._claims[about])
        known = [] if own else self._claims.get(about, [])
        held = self._held.get(about, {})
        held = {name: until_s for name, until_s in held.items() if now_s < until_s}
        taken = bool(held.keys() - {who}) if own else about in held
        if now_s < self._quiet_until_s or taken or not (own or not self._hears(about)):
            return False, known
        self._held[about] = held | {who: now_s + LEASE_S}
        return True, known


class LeaseSeeker:
    """One appliance's lease about itself or another: asks in rounds, counts the answers."""

    def __init__(self, about: str, chosen: frozenset[str]) -> None:
        self.about = about
        self.voters = chosen
        self._needed = len(chosen) // 2 + 1
        #: round -> when it was asked, who has granted, and who of them has the claims on disk
        self._rounds: dict[int, tuple[float, set[str], set[str]]] = {}
        self._until_s = -1.0
        self._asked_s = -1e9
        self.number = 0
        #: last round that a majority granted
        self.done = 0
        #: the same, where a majority has the claims on disk
        self.kept = 0
        #: what the appliance in question wants left out, by all that was answered
        self.claims: set[str] = set()

    def ask(self, now_s: float) -> int:
        """Begin a round and return its number."""
        self.number += 1
        self._asked_s = now_s
        self._rounds[self.number] = (now_s, set(), set())
        self._rounds.pop(self.number - _ROUNDS, None)
        return self.number

    def due(self, now_s: float) -> bool:
        """Tell whether it is time to ask again."""
        return now_s - self._asked_s >= RENEW_S

    def answered(
        self,
        voter: str,
        number: int,
        claims: Iterable[str],
        *,
        granted: bool,
        kept: bool = False,
    ) -> None:
        """Count an answer."""
        self.claims.update(claims)
        asked = self._rounds.get(number)
        if asked is None or voter not in self.voters or not granted:
            return
        sent_s, by, on_disk = asked
        by.add(voter)
        if kept:
            on_disk.add(voter)
        if len(by) >= self._needed:
            self._until_s = max(self._until_s, sent_s + LEASE_S * (1 - DRIFT))
            self.done = max(self.done, number)
        if len(on_disk) >= self._needed:
            self.kept = max(self.kept, number)

    def valid(self, now_s: float) -> bool:
        """Tell whether the lease counts now."""
        return now_s < self._until_s
