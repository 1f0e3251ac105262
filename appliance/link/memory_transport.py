"""The link within one process and on a held clock: a network that can cut, delay and reorder."""

import heapq
import itertools
from collections.abc import Callable, Iterable
from random import Random

from appliance.link.transport import TransportEvents


class MemoryNetwork:
    """Carries frames between `MemoryTransport`s; `run` delivers what is due."""

    def __init__(self, chance: Random | None = None) -> None:
        self._chance = chance or Random(0)  # noqa: S311 - a simulated network
        self.now_s = 0.0
        #: how long a frame takes [s], and how much longer at random
        self.delay_s = 0.0
        self.jitter_s = 0.0
        #: frames overtake each other where jitter lets them; otherwise a session keeps its order
        self.reorders = False
        #: share of frames that are lost
        self.loss = 0.0
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count(1)
        self._places: dict[tuple[str, int], MemoryTransport] = {}
        self._cuts: set[frozenset[str]] = set()
        self._latest_s: dict[tuple[str, int], float] = {}

    def cut(self, a: str, b: str) -> None:
        """Lose everything between the keys *a* and *b*, in silence."""
        self._cuts.add(frozenset((a, b)))

    def heal(self) -> None:
        """End all cuts."""
        self._cuts.clear()

    def run(self, now_s: float) -> None:
        """Deliver what is due at *now_s*, and what that brings about without delay."""
        self.now_s = now_s
        while self._due and self._due[0][0] <= now_s:
            heapq.heappop(self._due)[2]()

    def number(self) -> int:
        """Return a number for a new session."""
        return next(self._numbers)

    def listen(self, place: tuple[str, int], transport: "MemoryTransport") -> None:
        """Let *transport* be dialled at *place*."""
        self._places[place] = transport

    def unlisten(self, transport: "MemoryTransport") -> None:
        """Let nobody reach *transport* any more."""
        self._places = {at: held for at, held in self._places.items() if held is not transport}

    def at(self, place: tuple[str, int]) -> "MemoryTransport | None":
        """Return who listens at *place*."""
        return self._places.get(place)

    def carry(self, way: tuple[str, int], to: str, deliver: Callable[[], None]) -> None:
        """Bring something from the end *way* (key, session) to the key *to*."""
        if frozenset((way[0], to)) in self._cuts or self._chance.random() < self.loss:
            return
        due_s = self.now_s + self.delay_s + self._chance.random() * self.jitter_s
        if not self.reorders:
            due_s = self._latest_s[way] = max(due_s, self._latest_s.get(way, 0.0))
        heapq.heappush(self._due, (due_s, next(self._numbers), deliver))


class MemoryTransport:
    """`Transport` over a `MemoryNetwork`."""

    def __init__(self, network: MemoryNetwork, key: str, address: str, port: int) -> None:
        self.key = key
        self._network = network
        self._place = (address, port)
        self._events: TransportEvents | None = None
        self._keys: frozenset[str] = frozenset()
        #: session -> (other end, its number for the session)
        self._ends: dict[int, tuple[MemoryTransport, int]] = {}

    @property
    def needs_port(self) -> bool:
        """Tell that a peer without a port cannot be dialled."""
        return True

    def start(self, events: TransportEvents) -> None:
        """Listen."""
        self._events = events
        self._network.listen(self._place, self)

    def allow(self, keys: Iterable[str]) -> None:
        """Let only these keys dial us from now on; sessions of others are cut."""
        self._keys = frozenset(keys)
        for session, (other, _) in tuple(self._ends.items()):
            if other.key not in self._keys:
                self.cut(session)

    def dial(self, name: str, address: str, port: int, key: str) -> int:  # noqa: ARG002
        """Open a session to the peer that proves *key*."""
        session = self._network.number()
        other = self._network.at((address, port))
        if other is None or other.key != key or self.key not in other._keys:  # noqa: SLF001
            reason = "unreachable" if other is None else "not-enrolled"
            way = (self.key, session)
            self._network.carry(way, self.key, lambda: self._fail(session, reason))
            return session
        far = self._network.number()
        self._ends[session] = (other, far)
        self._network.carry(
            (self.key, session), other.key, lambda: other.opened(far, self, session)
        )
        return session

    def send(self, session: int, frame: bytes) -> bool:
        """Send *frame*; False where the session is closed."""
        end = self._ends.get(session)
        if end is None or self._events is None:
            return False
        other, far = end
        self._network.carry((self.key, session), other.key, lambda: other.arrived(far, frame))
        return True

    def cut(self, session: int) -> None:
        """End a session now; the other end learns of it unless the network is cut."""
        end = self._ends.pop(session, None)
        if end is not None:
            other, far = end
            self._network.carry((self.key, session), other.key, lambda: other.ended(far))

    def close(self) -> None:
        """End all sessions and stop listening."""
        for session in tuple(self._ends):
            self.cut(session)
        self._network.unlisten(self)
        self._events = None

    async def gone(self) -> None:
        """Return at once: what was sent is the network's."""

    # -- what the network brings ---------------------------------------------------------------

    def opened(self, session: int, other: "MemoryTransport", far: int) -> None:
        """Take a session that *other* has dialled."""
        if self._events is not None and other.key in self._keys:
            self._ends[session] = (other, far)
            self._events.on_open(session, other.key)

    def arrived(self, session: int, frame: bytes) -> None:
        """Take a frame of the other end."""
        if self._events is not None and session in self._ends:
            self._events.on_frame(session, frame)

    def ended(self, session: int) -> None:
        """Take the other end's end of the session."""
        if self._ends.pop(session, None) is not None and self._events is not None:
            self._events.on_close(session, "unreachable")

    def _fail(self, session: int, reason: str) -> None:
        if self._events is not None:
            self._events.on_close(session, reason)
