"""Telling appliances of the queues, as whoever proposes for them sees them."""

from collections.abc import Callable, Iterable

from appliance.base.clock import Clock
from appliance.link.messages import LinkMessage, QueueViews
from appliance.routing.model import QueueView

#: how often boxes are told of the queues at most [s]: waits are announced in minutes, and for 400
#: queues it is 5.5 kB for each box
VIEWS_S = 5.0
#: how often it is looked whether any has changed [s]
LOOK_S = 0.5


class QueueTeller:
    """Tells each box at the next occasion, and then when anything has changed."""

    def __init__(
        self,
        clock: Clock,
        send: Callable[[str, LinkMessage], object],
        look: Callable[[], list[QueueView]],
        *,
        look_s: float = LOOK_S,
    ) -> None:
        self._clock = clock
        self._send = send
        self._look = look
        self._look_s = look_s
        self._due_s = 0.0
        self._told: tuple[list[QueueView], frozenset[str]] = ([], frozenset())

    def newcomer(self, peer: str) -> None:
        """Tell *peer* at the next occasion, whatever it knew before."""
        views, told = self._told
        self._told = (views, told - {peer})

    def tell(self, peers: Iterable[str]) -> None:
        """Tell *peers* each queue, if any changed; at most each VIEWS_S."""
        now_s = self._clock.monotonic_s()
        peers = frozenset(peers)
        if now_s < self._due_s or not peers:
            return
        views = self._look()
        known, self._told = self._told, (views, peers)
        due = peers if views != known[0] else peers - known[1]
        for peer in due:
            self._send(peer, QueueViews(views))
        self._due_s = now_s + (VIEWS_S if due else self._look_s)
