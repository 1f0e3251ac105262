"""Whose access link takes no more calls with other branches. Pure.

Each appliance says so of itself, beside whom it reaches. A call needs room at both ends, so a pair
of which either has none is left out, with `link-full`, until that end says that it has again. An
owner's own count decides, whatever is said here: this saves proposals that would be refused.
"""

REASON = "link-full"


class FullLinks:
    """What all owners say of their links."""

    def __init__(self) -> None:
        #: owner -> its site; empty: it does not say
        self._sites: dict[str, str] = {}
        #: owners whose link is full
        self.full: set[str] = set()

    def say(self, owner: str, *, full: bool, site: str | None = None) -> bool:
        """Note what *owner* says; tell whether that makes pairs possible that were not."""
        if site is not None:
            self._sites[owner] = site
        if full:
            self.full.add(owner)
            return False
        freed = owner in self.full
        self.full.discard(owner)
        return freed

    def forget(self, owner: str) -> None:
        """Forget what *owner* said: it is out of reach."""
        self._sites.pop(owner, None)
        self.full.discard(owner)

    def near(self, a: str, b: str) -> bool:
        """Tell whether a call between *a* and *b* stays in one branch."""
        site = self._sites.get(a)
        return a == b or (bool(site) and site == self._sites.get(b))

    def closed(self, owner: str, other: str) -> bool:
        """Tell whether *owner* takes no call with *other* now."""
        return owner in self.full and not self.near(owner, other)

    def against(self, a: str, b: str) -> str:
        """Return the reason word against a call between *a* and *b*, or nothing."""
        return REASON if self.closed(a, b) or self.closed(b, a) else ""
