"""Frames of one sealed session: cut into parts, and held back until the peer has read. Pure.

NATS takes whatever is published and drops it where the receiver is slow, and so does a relay. So
each end says what it has taken, and the other keeps no more on the way than a window; what waits
behind it is bounded.
"""

from collections import deque

from appliance.base.errors import PeerError
from appliance.link.transport import MAX_FRAME

#: bytes of a part: small enough for any server (max_payload is 1 MiB unless changed), and 50 ms on
#: a line of 10 Mbit/s
PART_BYTES = 65_536
#: bytes on the way that the peer has not said it has taken: 20 MB/s at a round trip of 50 ms.
#: Both ends have the same: what was taken is told in steps of a quarter of it
WINDOW_BYTES = 1 << 20
#: a part counts for this much more, so that small ones are bounded too
_PART_COST = 256
#: frames that wait for a peer before it counts as one that does not read
HIGH_WATER = 1000
#: and their bytes: the longest frame, and what else there is meanwhile
HIGH_WATER_BYTES = MAX_FRAME + (8 << 20)

_LAST, _MORE, _ACK, _END = b"\x00", b"\x01", b"\x02", b"\x03"
_COUNT = 8


class Flow:
    """What waits to be sent on a session, what is on its way, and the frame that is coming in."""

    def __init__(self, window_bytes: int = WINDOW_BYTES) -> None:
        self._window_bytes = window_bytes
        self._ack_bytes = window_bytes // 4
        self._waiting: deque[bytes] = deque()
        self._waiting_bytes = 0
        #: where the next part of the first frame begins
        self._start = 0
        self._sent = 0
        self._acked = 0
        self._taken = 0
        self._told = 0
        self._coming = bytearray()
        #: the other end has ended the session
        self.ended = False

    def put(self, frame: bytes) -> bool:
        """Let *frame* wait for its turn; False where too much waits already."""
        waiting = self._waiting_bytes + len(frame)
        if len(self._waiting) >= HIGH_WATER or waiting > HIGH_WATER_BYTES:
            return False
        self._waiting.append(frame)
        self._waiting_bytes = waiting
        return True

    def next(self) -> bytes | None:
        """Return what may be sent now, or None."""
        if self._taken - self._told >= self._ack_bytes:
            self._told = self._taken
            return _ACK + self._taken.to_bytes(_COUNT, "big")
        if not self._waiting or self._sent - self._acked >= self._window_bytes:
            return None
        frame = self._waiting[0]
        part = frame[self._start : self._start + PART_BYTES]
        self._start += len(part)
        self._sent += len(part) + _PART_COST
        if self._start < len(frame):
            return _MORE + part
        self._waiting.popleft()
        self._waiting_bytes -= len(frame)
        self._start = 0
        return _LAST + part

    def take(self, content: bytes) -> bytes | None:
        """Take what the peer has sent; return a frame that is complete by it.

        Raises PeerError `bad-request` where it is not what the peer may send.
        """
        kind, rest = content[:1], content[1:]
        if kind in (_LAST, _MORE):
            return self._take_part(rest, last=kind == _LAST)
        if kind == _ACK and len(rest) == _COUNT:
            acked = int.from_bytes(rest, "big")
            if not self._acked <= acked <= self._sent:
                raise PeerError("bad-request", f"{acked} bytes taken of {self._sent}")
            self._acked = acked
        elif kind == _END and not rest:
            self.ended = True
        else:
            raise PeerError("bad-request", f"a message begins with {kind.hex() or 'nothing'}")
        return None

    @staticmethod
    def end() -> bytes:
        """Return what tells the peer that the session is over."""
        return _END

    def _take_part(self, part: bytes, *, last: bool) -> bytes | None:
        self._taken += len(part) + _PART_COST
        if len(self._coming) + len(part) > MAX_FRAME:
            raise PeerError("bad-request", f"a frame is longer than {MAX_FRAME} bytes")
        self._coming += part
        if not last:
            return None
        frame, self._coming = bytes(self._coming), bytearray()
        return frame
