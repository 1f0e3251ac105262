"""Several transports as one: whoever dials us may use any, and we dial by the first.

So a fleet moves from one to the other box by box: who has moved is still reached by who has not.
"""

from collections.abc import Iterable, Sequence

from appliance.link.transport import Transport, TransportEvents


class JoinedTransport:
    """`Transport` over several; their session numbers are interleaved."""

    def __init__(self, transports: Sequence[Transport]) -> None:
        self._transports = tuple(transports)

    @property
    def needs_port(self) -> bool:
        """Tell whether a peer without a port cannot be dialled."""
        return self._transports[0].needs_port

    def start(self, events: TransportEvents) -> None:
        """Start all, or none; raise ConfigError `port-busy`."""
        started: list[Transport] = []
        try:
            for place, transport in enumerate(self._transports):
                started.append(transport)
                transport.start(_Renumbered(events, place, len(self._transports)))
        except BaseException:
            for transport in started:
                transport.close()
            raise

    def allow(self, keys: Iterable[str]) -> None:
        """Let only these keys dial us from now on; sessions of others are cut."""
        known = frozenset(keys)
        for transport in self._transports:
            transport.allow(known)

    def dial(self, name: str, address: str, port: int, key: str) -> int:
        """Open a session by the first transport."""
        return self._transports[0].dial(name, address, port, key) * len(self._transports)

    def send(self, session: int, frame: bytes) -> bool:
        """Send *frame*; False where the session is closed or the other end does not read."""
        number, place = divmod(session, len(self._transports))
        return self._transports[place].send(number, frame)

    def cut(self, session: int) -> None:
        """End a session now."""
        number, place = divmod(session, len(self._transports))
        self._transports[place].cut(number)

    def close(self) -> None:
        """End all sessions and stop listening."""
        for transport in self._transports:
            transport.close()

    async def gone(self) -> None:
        """Wait until what was sent before `close` has left."""
        for transport in self._transports:
            await transport.gone()


class _Renumbered:
    """Tells whose session it is by its number."""

    def __init__(self, events: TransportEvents, place: int, count: int) -> None:
        self._events = events
        self._place = place
        self._count = count

    def on_open(self, session: int, key: str) -> None:
        """Pass on."""
        self._events.on_open(session * self._count + self._place, key)

    def on_frame(self, session: int, frame: bytes) -> None:
        """Pass on."""
        self._events.on_frame(session * self._count + self._place, frame)

    def on_close(self, session: int, reason: str) -> None:
        """Pass on."""
        self._events.on_close(session * self._count + self._place, reason)
