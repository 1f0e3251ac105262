"""Who reaches whom, and which matchmaker proposes for which pair of appliances. Pure.

Each appliance says whom it reaches both ways, hubs and peers. From these words alone each
matchmaker tells, as all others do, which pairs are its own to propose: of those whom both owners
reach, a hub comes first, then the least name (`docs/federation.md`). Both owners are among them,
so that a pair that can talk always has somebody who proposes it.
"""

from collections.abc import Iterable

#: the hub's name on the link; no appliance may be called so
HUB_NAME = "hub"

_Pair = tuple[str, str]


class _Words:
    """What one appliance says: whom it reaches, those who propose first at the front."""

    __slots__ = ("names", "order")

    def __init__(self, owner: str, reaches: Iterable[str]) -> None:
        self.names = frozenset((owner, *reaches))
        self.order = sorted(self.names, key=lambda name: (name != HUB_NAME, name))


class Reach:
    """What all owners say of whom they reach, seen by the matchmaker *name*; none: by a hub."""

    def __init__(self, name: str = "") -> None:
        self._name = name
        #: owner -> its words; None: it does not say, which counts as all
        self._words: dict[str, _Words | None] = {}
        #: pair -> the reason word against it
        self._against: dict[_Pair, str] = {}
        self._claimants: dict[str, frozenset[str]] = {}
        self._active: bool | None = None

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

    def connected(self, a: str, b: str) -> bool:
        """Tell whether both appliances say that they reach the other."""
        return self.reaches(a, b) and self.reaches(b, a)

    def proposer(self, a: str, b: str) -> str:
        """Return who proposes contacts of *a* for seats of *b*, and the other way round."""
        one, other = self._words.get(a), self._words.get(b)
        if one is None or other is None:
            one, other = one or other, None
        if one is None:
            return self._name
        return next(name for name in one.order if other is None or name in other.names)

    def against(self, a: str, b: str) -> str:
        """Return the reason word for which no pair of *a* and *b* is proposed here, or nothing."""
        word = self._against.get((a, b))
        if word is None:
            word = self._against[a, b] = self._judge(a, b)
        return word

    def claimants(self, owner: str) -> frozenset[str]:
        """Return who proposes for seats of *owner*; nearly always one."""
        claims = self._claimants.get(owner)
        if claims is None:
            known = [other for other in self._words if self.connected(owner, other)]
            claims = frozenset(self.proposer(owner, other) for other in known)
            self._claimants[owner] = claims
        return claims

    @property
    def active(self) -> bool:
        """Tell whether any pair at all is this matchmaker's own."""
        if self._active is None:
            self._active = any(not self._judge(a, b) for a in self._words for b in self._words)
        return self._active

    def _judge(self, a: str, b: str) -> str:
        if not self.connected(a, b):
            return "peer-unreachable"
        if self._name and self.proposer(a, b) != self._name:
            return "other-matchmaker"
        return ""

    def _changed(self) -> None:
        self._against, self._claimants, self._active = {}, {}, None
