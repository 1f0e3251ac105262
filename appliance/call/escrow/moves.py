"""When what lies in escrow with a peer is to lie with another: the peer is gone for long. Pure.

The owner, alive and with its lease, claims that this one peer holds the contact no more. Only when
a majority of appliances has that on disk is the contact put with another: whatever right the old
one had has run out by then, and whoever asks a majority for a new one hears of the claim.
"""

from collections.abc import Iterable


class EscrowMoves:
    """Which peers are gone, since when, and what is on its way from them."""

    def __init__(self) -> None:
        #: peers that heed a claim against themselves alone
        self._heed: set[str] = set()
        #: peer -> since when it is gone [monotonic s]
        self._gone: dict[str, float] = {}
        #: contact -> round of the lease by which the claim is on disk
        self._rounds: dict[str, int] = {}

    def heeds(self, peer: str) -> None:
        """Note that *peer* will heed a claim."""
        self._heed.add(peer)

    def look(self, peers: Iterable[str], now_s: float) -> None:
        """Note which peers are gone now."""
        self._gone = {peer: self._gone.get(peer, now_s) for peer in peers}

    def ripe(self, peer: str, now_s: float, after_s: float) -> bool:
        """Tell whether what lies with *peer* is to lie with another."""
        gone_s = self._gone.get(peer, now_s)
        return peer in self._heed and now_s - gone_s >= after_s

    def begin(self, contacts: Iterable[str], number: int) -> None:
        """Wait for round *number* of the lease."""
        self._rounds.update((contact, number) for contact in contacts)

    def done(self, kept: int) -> list[str]:
        """Return whose claims are on disk by now, by the last round of which all is."""
        found = [contact for contact, number in self._rounds.items() if number <= kept]
        for contact in found:
            del self._rounds[contact]
        return found
