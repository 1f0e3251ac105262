"""To which site a contact is given first: by fixed shares, or by the least expected wait. Pure.

The contact's owner chooses, once, when the contact joins its queue; the choice is part of its row,
so that all matchmakers agree on it and a restart, a cut or a fail-over does not choose again.
"""

from collections.abc import Iterable, Mapping
from zlib import crc32

#: 2³² divided by the golden ratio: numbers that step by it fall most evenly into any shares
#: (Knuth, The Art of Computer Programming, vol. 3, §6.4, theorem S)
_STEP = 0x9E3779B1
_TURN = 1 << 32


def share_site(shares: Mapping[str, float], owner: str, queue: str, number: int) -> str:
    """Return the site of the *number*-th contact of *queue* at *owner*; nothing without shares.

    After each number of contacts every site has its share within one or two. Each owner begins
    elsewhere, so that many owners of few contacts keep the shares together.
    """
    total = sum(shares.values())
    if not total:
        return ""
    start = crc32(f"{owner}/{queue}".encode())
    at = (start + number * _STEP) % _TURN / _TURN * total
    site = ""
    for site, share in sorted(shares.items()):
        at -= share
        if at < 0:
            return site
    return site


def least_wait(waits: Iterable[tuple[str, float]], before: str, margin_s: float) -> str:
    """Return the site to choose: *before* again, unless another is better by more than the margin.

    *waits*: the expected wait at each site [s]; nothing where there is none.
    """
    known = dict(waits)
    if not known:
        return ""
    least = min(known, key=lambda site: (known[site], site))
    if before in known and known[before] <= known[least] + margin_s:
        return before
    return least
