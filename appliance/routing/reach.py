"""Who reaches whom, and which matchmaker proposes for which pair of appliances. Pure.

Each appliance says whom it reaches both ways, hubs and peers. From these words alone each
matchmaker tells, as all others do, which pairs are its own to propose: of those whom both owners
reach, a hub comes first, then the least name (`docs/federation.md`). Of several hubs each has the
pools (`pools.py`) that rendezvous hashing gives it. Both owners are among those whom both reach,
so that a pair that can talk always has somebody who proposes it.
"""

from collections.abc import Iterable
from functools import lru_cache
from hashlib import blake2b

#: the first hub's name on the link; further ones are called `hub-` and something. No appliance
#: may be called so
HUB_NAME = "hub"
_HUB_PREFIX = HUB_NAME + "-"
#: what further hubs are called
HUB_PATTERN = r"^hub-[a-z0-9](?:[a-z0-9-]{0,57}[a-z0-9])?$(?!\n)"

#: two appliances, and the pool
_Pair = tuple[str, str, str]


def is_hub(name: str) -> bool:
    """Tell whether this is a hub's name."""
    return name == HUB_NAME or name.startswith(_HUB_PREFIX)


def hub_of(pool: str, hubs: frozenset[str]) -> str:
    """Return which of *hubs* proposes for *pool*: the one of the highest hash with it.

    Rendezvous hashing (Thaler and Ravishankar, 1998): when a hub goes, its pools alone move; when
    one comes, it takes its share from all others and nothing else moves.
    """
    if len(hubs) == 1:
        return next(iter(hubs))
    return max(hubs, key=lambda hub: (_hash(hub, pool), hub))


@lru_cache(maxsize=65_536)
def _hash(hub: str, pool: str) -> bytes:
    return blake2b(f"{hub}\0{pool}".encode(), digest_size=8).digest()


class _Words:
    """What one appliance says: whom it reaches, those who propose first at the front."""

    __slots__ = ("hubs", "names", "order")

    def __init__(self, owner: str, reaches: Iterable[str]) -> None:
        self.names = frozenset((owner, *reaches))
        self.hubs = frozenset(name for name in self.names if is_hub(name))
        self.order = sorted(self.names - self.hubs)


class Reach:
    """What all owners say of whom they reach, seen by the matchmaker *name*; none: a lone hub."""

    def __init__(self, name: str = "") -> None:
        self._name = name
        self._is_hub = not name or is_hub(name)
        #: owner -> its words; None: it does not say, which counts as all
        self._words: dict[str, _Words | None] = {}
        #: pair -> the reason word against it
        self._against: dict[_Pair, str] = {}
        #: owner -> sets of hubs of which one proposes, and appliances that propose, for its seats
        self._proposers: dict[str, tuple[frozenset[frozenset[str]], frozenset[str]]] = {}
        self._claimants: dict[tuple[str, str], frozenset[str]] = {}
        self._active: bool | None = None
        #: somebody reaches several hubs: it matters which pool a contact belongs to
        self.sharded = False

    def say(self, owner: str, reaches: Iterable[str] | None) -> bool:
        """Note what *owner* says; tell whether that is something new."""
        before = self._words.get(owner)
        words = None if reaches is None else _Words(owner, reaches)
        same = before.names == words.names if before and words else before is words
        if owner in self._words and same:
            return False
        self._words[owner] = words
        self._changed()
        return True

    def forget(self, owner: str) -> None:
        """Forget what *owner* said: it is out of reach."""
        if self._words.pop(owner, self) is not self:
            self._changed()

    def reaches(self, a: str, b: str) -> bool:
        """Tell whether *a* says that it reaches *b*."""
        if a not in self._words:
            return False
        words = self._words[a]
        return words is None or b in words.names

    def reaches_hub(self, owner: str) -> bool:
        """Tell whether *owner* says that it reaches any hub."""
        words = self._words.get(owner)
        return words is not None and bool(words.hubs)

    def owners(self) -> list[str]:
        """Return who says whom it reaches."""
        return sorted(self._words)

    def connected(self, a: str, b: str) -> bool:
        """Tell whether both appliances say that they reach the other."""
        return self.reaches(a, b) and self.reaches(b, a)

    def proposer(self, a: str, b: str, pool: str = "") -> str:
        """Return who proposes contacts of *a* for seats of *b*, and the other way round."""
        hubs, appliance = self._between(a, b)
        return hub_of(pool, hubs) if hubs else appliance

    def against(self, a: str, b: str, pool: str = "") -> str:
        """Return the reason word for which no pair of *a* and *b* is proposed here, or nothing."""
        pair = (a, b, pool)
        word = self._against.get(pair)
        if word is None:
            word = self._against[pair] = self._judge(a, b, pool)
        return word

    def claimants(self, owner: str, pool: str = "") -> frozenset[str]:
        """Return who proposes for seats and contacts of *owner* in *pool*; nearly always one."""
        claims = self._claimants.get((owner, pool))
        if claims is None:
            hubs, appliances = self._proposers_of(owner)
            claims = appliances | {hub_of(pool, some) for some in hubs}
            self._claimants[owner, pool] = claims
        return claims

    def all_claimants(self, owner: str) -> frozenset[str]:
        """Return who may propose for *owner* in any pool."""
        hubs, appliances = self._proposers_of(owner)
        return appliances.union(*hubs)

    @property
    def active(self) -> bool:
        """Tell whether any pair at all is this matchmaker's own."""
        if self._active is None:
            self._active = any(not self._judge(a, b, "") for a in self._words for b in self._words)
        return self._active

    def _between(self, a: str, b: str) -> tuple[frozenset[str], str]:
        """Return the hubs that both owners reach; where there is none, the appliance."""
        one, other = self._words.get(a), self._words.get(b)
        if one is None or other is None:
            one, other = one or other, None
        if one is None:
            return frozenset(), self._name
        if other is None:
            return one.hubs, one.order[0]
        hubs = one.hubs & other.hubs
        if hubs:
            return hubs, ""
        return hubs, next(name for name in one.order if name in other.names)

    def _proposers_of(self, owner: str) -> tuple[frozenset[frozenset[str]], frozenset[str]]:
        known = self._proposers.get(owner)
        if known is None:
            between = [
                self._between(owner, other)
                for other in self._words
                if self.connected(owner, other)
            ]
            known = self._proposers[owner] = (
                frozenset(hubs for hubs, _ in between if hubs),
                frozenset(appliance for hubs, appliance in between if not hubs),
            )
        return known

    def _judge(self, a: str, b: str, pool: str) -> str:
        if not self.connected(a, b):
            return "peer-unreachable"
        if not self._name:
            return ""
        hubs, appliance = self._between(a, b)
        if self._is_hub and not hubs - {self._name}:
            return ""  # no other hub will, and owners may not have heard our beats yet
        proposer = hub_of(pool, hubs) if hubs else appliance
        return "" if proposer == self._name else "other-matchmaker"

    def _changed(self) -> None:
        self._against, self._claimants, self._proposers, self._active = {}, {}, {}, None
        self.sharded = any(words and len(words.hubs) > 1 for words in self._words.values())
