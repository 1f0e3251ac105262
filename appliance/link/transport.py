"""What the link asks of a transport: sessions between two keys that carry frames in order.

ZeroMQ is one (`zmq_transport.py`), NATS another (`nats_transport.py`), both at once a third
(`joined_transport.py`), either and relays beside it a fourth (`relays.py`), and memory with a held
clock serves tests (`memory_transport.py`).
"""

from collections.abc import Iterable
from typing import Protocol

#: a longer frame is not taken [bytes]: the plan of a fleet of 24,000 agents has some 4 MB
MAX_FRAME = 32 << 20


class TransportEvents(Protocol):
    """What a transport tells; called in the event loop, never from within `send`."""

    def on_open(self, session: int, key: str) -> None:
        """Tell that someone with this proven key has dialled us."""

    def on_frame(self, session: int, frame: bytes) -> None:
        """Tell that a frame has come."""

    def on_close(self, session: int, reason: str) -> None:
        """Tell that the session has ended, unless it was we who closed it."""


class Transport(Protocol):
    """A way to peers; a session's number is never used again."""

    @property
    def needs_port(self) -> bool:
        """Tell whether a peer without a port cannot be dialled."""

    def start(self, events: TransportEvents) -> None:
        """Begin, and tell *events* what happens; raise ConfigError `port-busy`."""

    def allow(self, keys: Iterable[str]) -> None:
        """Let only these keys dial us from now on; sessions of others are cut."""

    def dial(self, name: str, address: str, port: int, key: str) -> int:
        """Open a session to the peer that proves *key*; it may be sent to at once."""

    def send(self, session: int, frame: bytes) -> bool:
        """Send *frame*; False where the session is closed or the other end does not read."""

    def cut(self, session: int) -> None:
        """End a session now."""

    def close(self) -> None:
        """End all sessions and stop listening."""

    async def gone(self) -> None:
        """Wait until what was sent before `close` has left, or could not; a moment at most."""
