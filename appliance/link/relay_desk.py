"""A relay appliance: brings packets between appliances that have a session with it. Pure.

It can neither read nor forge what it carries (`sealed_transport.py`) and remembers nothing but
what waits for its turn. It carries between two sessions of its own and never from relay to relay,
so that nothing goes in circles.
"""

from collections import Counter, deque
from collections.abc import Callable

from appliance.link.bucket import Bucket
from appliance.link.messages import Carried, Carry, LinkMessage, NotCarried
from appliance.link.sealed_transport import LONGEST

#: what one sender may have carried [bytes/s]: 40 Mbit/s, well above what an honest one sends
RATE_BYTES = 5_000_000
#: and at once [bytes]
BURST_BYTES = 1 << 20
#: what may wait of one sender [bytes]: 0.8 s, less than what is taken for death
WAITING_BYTES = 4 << 20
#: and how many packets
WAITING = 4000
#: what may wait of all [bytes]
WAITING_IN_ALL_BYTES = 64 << 20
#: a packet counts for this much more [bytes], so that small ones are bounded too
_COST = 64


class _Sender:
    """What a sender may still send, and what waits until it may."""

    def __init__(self, now_s: float) -> None:
        self.bucket = Bucket(RATE_BYTES, BURST_BYTES, now_s)
        self.waiting: deque[tuple[str, bytes]] = deque()
        self.waiting_bytes = 0


class RelayDesk:
    """Carries for others, where the directory says that this appliance does."""

    def __init__(
        self, send: Callable[[str, LinkMessage], bool], direct: Callable[[str], bool]
    ) -> None:
        self._send = send
        #: tells whether an appliance has a session with us, by no relay
        self._direct = direct
        self._senders: dict[str, _Sender] = {}
        self._waiting_bytes = 0
        #: we are a relay
        self.open = False
        #: packets that were carried
        self.carried = 0
        #: packets that were not, by reason word
        self.refused: Counter[str] = Counter()

    def take(self, sender: str, carry: Carry, now_s: float) -> None:
        """Carry a packet of *sender*, now or soon; otherwise say why not."""
        reason = self._against(sender, carry)
        held = self._senders.get(sender)
        if not reason and held is None:
            held = self._senders[sender] = _Sender(now_s)
        if reason or held is None:
            self._refuse(sender, carry.to, reason)
        elif held.waiting or not held.bucket.take(_cost(carry.packet), now_s):
            held.waiting.append((carry.to, carry.packet))
            held.waiting_bytes += _cost(carry.packet)
            self._waiting_bytes += _cost(carry.packet)
        else:
            self._bring(sender, carry.to, carry.packet)

    def tick(self, now_s: float) -> None:
        """Carry what waited and may pass now."""
        for name, held in self._senders.items():
            while held.waiting and held.bucket.take(_cost(held.waiting[0][1]), now_s):
                to, packet = held.waiting.popleft()
                held.waiting_bytes -= _cost(packet)
                self._waiting_bytes -= _cost(packet)
                self._bring(name, to, packet)

    def forget(self, peer: str) -> None:
        """Drop what waits of *peer*, which is gone."""
        held = self._senders.pop(peer, None)
        if held is not None:
            self._waiting_bytes -= held.waiting_bytes

    def _against(self, sender: str, carry: Carry) -> str:
        """Return the reason word against carrying it; empty: none."""
        if not self.open or not self._direct(sender):
            return "refused"
        if len(carry.packet) > LONGEST or carry.to == sender:
            return "bad-request"
        if not self._direct(carry.to):
            return "unreachable"
        return "overload" if self._full(sender, _cost(carry.packet)) else ""

    def _full(self, sender: str, cost: int) -> bool:
        """Tell whether too much waits already, of this sender or of all."""
        held = self._senders.get(sender)
        if held is None:  # its first packet does not wait
            return False
        return (
            len(held.waiting) >= WAITING
            or held.waiting_bytes + cost > WAITING_BYTES
            or self._waiting_bytes + cost > WAITING_IN_ALL_BYTES
        )

    def _bring(self, sender: str, to: str, packet: bytes) -> None:
        if self._direct(to) and self._send(to, Carried(sender, packet)):
            self.carried += 1
        else:
            self._refuse(sender, to, "unreachable")

    def _refuse(self, sender: str, to: str, reason: str) -> None:
        self.refused[reason] += 1
        self._send(sender, NotCarried(to, reason))


def _cost(packet: bytes) -> int:
    return len(packet) + _COST
