"""Sessions over whoever carries packets and is not trusted: NATS servers, or relay appliances.

The carrier only brings packets. Who is at the other end, and that nothing was forged, repeated or
lost, is settled between the two ends (`sealed_handshake.py`); that a slow end costs nobody memory,
too (`sealed_flow.py`). A carrier may fail: sessions of which nothing was lost go on.
"""

import asyncio
import contextlib
import itertools
import logging
from collections import Counter, deque
from collections.abc import Callable, Iterable
from typing import Protocol

from nacl.public import PrivateKey

from appliance.base.errors import BranchlineError, ConfigError, PeerError
from appliance.link.bucket import Bucket
from appliance.link.sealed_flow import PART_BYTES, WINDOW_BYTES, Flow
from appliance.link.sealed_handshake import (
    OVERHEAD,
    Dialling,
    Kind,
    Packet,
    Reception,
    Seal,
    key_bytes,
    key_text,
    parse,
)
from appliance.link.transport import TransportEvents

_log = logging.getLogger(__name__)

#: the longest packet [bytes]
LONGEST = OVERHEAD + 1 + PART_BYTES
#: sessions one key may have at once: the one in use, its successor and a little grace
MAX_SESSIONS_PER_KEY = 4
#: an unanswered HELLO is sent again [s]: the carrier may not yet know that a peer has come back
HELLO_AGAIN_S = 0.5
#: HELLOs answered in a second, of one key and of all strangers: each costs 0.1 ms
HELLOS_PER_S = 10
_STRANGERS = b""
#: answers to HELLOs that may wait to be sent
MAX_ANSWERS = 1000
#: what was sent last may still leave when the transport is closed [s]
LINGER_S = 0.2


class Carrier(Protocol):
    """Brings packets to the owner of a key, or loses them.

    A *way* is the carrier's own word for how it gets there; what comes in tells its way, and is
    answered by it.
    """

    @property
    def ready(self) -> bool:
        """Tell whether anything can be carried now."""

    def start(self, take: Callable[[bytes, str], None], changed: Callable[[], None]) -> None:
        """Begin; tell *take* of each packet and its way, *changed* when `ready` may differ."""

    async def carry(self, key: bytes, way: str, packet: bytes) -> None:
        """Send; waits while nothing is taken. Raises PeerError `unreachable`."""

    async def flush(self, seconds: float) -> None:
        """Wait until the carrier has what was sent."""

    async def close(self) -> None:
        """Carry no more."""


class _Session:
    """A session, from its HELLO or from its INITIATE on."""

    def __init__(
        self, number: int, name: bytes, key: bytes, way: str, flow: Flow, *, accepted: bool
    ) -> None:
        self.number = number
        #: the peer has dialled it
        self.accepted = accepted
        self.name = name
        self.key = key
        self.way = way
        self.flow = flow
        self.seal: Seal | None = None
        #: our end while it is not proven
        self.dialling: Dialling | None = None
        self.again: asyncio.TimerHandle | None = None

    def proven(self, seal: Seal) -> None:
        """Let frames pass."""
        self.seal = seal
        self.dialling = None
        self.rest()

    def rest(self) -> None:
        """Send no more HELLOs."""
        if self.again is not None:
            self.again.cancel()
            self.again = None


class SealedTransport:
    """`Transport` over a carrier of packets; *window* bytes may be on the way on a session."""

    def __init__(
        self, carrier: Carrier, *, secret_key: str, window_bytes: int = WINDOW_BYTES
    ) -> None:
        self._own = PrivateKey(key_bytes(secret_key))
        self._carrier = carrier
        self._window_bytes = window_bytes
        self._reception = Reception(self._own)
        self._events: TransportEvents | None = None
        self._numbers = itertools.count(1)
        self._sessions: dict[int, _Session] = {}
        self._names: dict[bytes, _Session] = {}
        self._keys: frozenset[bytes] = frozenset()
        #: answers to HELLOs that are left, of a key
        self._allowances: dict[bytes, Bucket] = {}
        #: sessions that may have something to send
        self._ready: set[int] = set()
        #: key, way, packet
        self._answers: deque[tuple[bytes, str, bytes]] = deque()
        self._wake = asyncio.Event()
        self._pump: asyncio.Task[None] | None = None
        self._ender: asyncio.Task[None] | None = None
        #: what was not taken in, by reason word
        self.ignored: Counter[str] = Counter()

    @property
    def needs_port(self) -> bool:
        """Tell that the carrier finds a peer by its key."""
        return False

    def start(self, events: TransportEvents) -> None:
        """Let the carrier begin."""
        self._events = events
        self._carrier.start(self._take, self._reconnected)

    def allow(self, keys: Iterable[str]) -> None:
        """Let only these keys dial us from now on; sessions of others are cut."""
        known = set()
        for key in keys:
            try:
                known.add(key_bytes(key))
            except ConfigError as error:
                _log.error("%s", error)
        self._keys = frozenset(known)
        self._reception.allow(self._keys)
        kept = {key: held for key, held in self._allowances.items() if key in self._keys}
        self._allowances = kept
        for session in tuple(self._sessions.values()):
            if session.key not in self._keys:
                self._end(session, "not-enrolled")

    def dial(self, name: str, address: str, port: int, key: str) -> int:  # noqa: ARG002
        """Open a session to the peer that proves *key*; its address is a way of the carrier's."""
        loop = asyncio.get_running_loop()
        if self._events is None:
            raise BranchlineError("wrong-state", "the link is not started")
        number = next(self._numbers)
        try:
            far = key_bytes(key)
            dialling = Dialling(self._own, far)
        except (ConfigError, PeerError) as error:
            _log.warning("%s cannot be dialled: %s", name, error)
            loop.call_soon(self._events.on_close, number, "unreachable")
            return number
        session = self._add(number, dialling.session, far, address, accepted=False)
        session.dialling = dialling
        self._hello(session)
        return number

    def send(self, session: int, frame: bytes) -> bool:
        """Send *frame*; False where the session is closed or the other end does not read."""
        held = self._sessions.get(session)
        if held is None:
            return False
        if not held.flow.put(frame):
            asyncio.get_running_loop().call_soon(self._end, held, "overload")
            return False
        self._ready.add(session)
        self._stir()
        return True

    def cut(self, session: int) -> None:
        """End a session now, and tell the other end."""
        held = self._sessions.pop(session, None)
        if held is None:
            return
        del self._names[held.name]
        self._ready.discard(session)
        held.rest()
        if held.seal is not None:
            self._answer(held.key, held.way, held.seal.close(Flow.end()))

    def way_of(self, session: int) -> str:
        """Return by which way of the carrier a session goes; empty: it is over."""
        held = self._sessions.get(session)
        return held.way if held is not None else ""

    def lose(self, way: str, reason: str, key: str = "") -> None:
        """End the sessions that go by *way*, or those of them with *key*, without a word."""
        for session in tuple(self._sessions.values()):
            if session.way == way and key in ("", key_text(session.key)):
                self._end(session, reason)

    def close(self) -> None:
        """End all sessions and leave the servers; what was sent last still leaves."""
        started, self._events = self._events is not None, None
        if self._pump is not None:
            self._pump.cancel()
            self._pump = None
        if started:
            self._ender = asyncio.get_running_loop().create_task(self._leave())

    async def gone(self) -> None:
        """Wait until what was sent last has left."""
        if self._ender is not None:
            await asyncio.gather(self._ender, return_exceptions=True)

    # -- sending -------------------------------------------------------------------------------

    def _reconnected(self) -> None:
        """Go on where we stopped: something is carried again, or nothing."""
        self._stir()
        for session in tuple(self._sessions.values()):
            session.rest()
            self._hello(session)

    def _stir(self) -> None:
        """Let out what waits, in a turn of its own."""
        self._wake.set()
        if self._pump is None and self._events is not None:
            self._pump = asyncio.get_running_loop().create_task(self._pump_for_ever())

    async def _pump_for_ever(self) -> None:
        while self._events is not None:
            self._wake.clear()
            if await self._send_round():
                # others have a turn: publishing alone does not give them one
                await asyncio.sleep(0)
            else:
                await self._wake.wait()

    async def _send_round(self) -> bool:
        """Send all answers and a message of each session; return whether there were any."""
        some = False
        while self._answers and self._carrier.ready:
            key, way, packet = self._answers.popleft()
            with contextlib.suppress(PeerError):
                await self._carrier.carry(key, way, packet)
            some = True
        for number in tuple(self._ready):
            if not self._carrier.ready:
                return False
            some = await self._send_of(number) or some
        return some

    async def _send_of(self, number: int) -> bool:
        session = self._sessions.get(number)
        content = session.flow.next() if session is not None and session.seal else None
        if session is None or session.seal is None or content is None:
            self._ready.discard(number)
            return False
        try:
            await self._carrier.carry(session.key, session.way, session.seal.close(content))
        except PeerError as error:
            _log.info("%s", error)
            self._end(session, error.reason)
        return True

    def _answer(self, key: bytes, way: str, packet: bytes) -> None:
        if len(self._answers) >= MAX_ANSWERS:
            self.ignored["overload"] += 1
            return
        self._answers.append((key, way, packet))
        self._stir()

    def _hello(self, session: _Session) -> None:
        """Send HELLO, and again until it is answered."""
        if session.dialling is not None and session.number in self._sessions:
            loop = asyncio.get_running_loop()
            session.again = loop.call_later(HELLO_AGAIN_S, self._hello, session)
            if self._carrier.ready:
                self._answer(session.key, session.way, session.dialling.hello())

    async def _leave(self) -> None:
        """Let out what waits, tell the other ends, and close."""
        try:
            async with asyncio.timeout(LINGER_S):
                while await self._send_round():
                    pass
                for number in tuple(self._sessions):
                    self.cut(number)
                await self._send_round()
                await self._carrier.flush(LINGER_S)
        except (asyncio.CancelledError, TimeoutError):
            pass
        await self._carrier.close()

    # -- taking in -----------------------------------------------------------------------------

    def _take(self, data: bytes, way: str) -> None:
        """Take a packet, whoever has sent it."""
        if self._events is None:
            return
        try:
            packet = parse(data)
            if packet.kind is Kind.HELLO:
                self._take_hello(packet, way)
            elif packet.kind is Kind.INITIATE:
                self._take_initiate(packet, way)
            else:
                self._take_of_session(packet)
        except PeerError as error:
            self.ignored[error.reason] += 1
            _log.debug("< %s", error)

    def _take_hello(self, packet: Packet, way: str) -> None:
        now_s = asyncio.get_running_loop().time()
        try:
            far = self._reception.check(packet.session, packet.body)
            self._spend(far, now_s)
            answer = self._reception.welcome(packet.session, far, now_s)
        except PeerError as error:
            if error.reason not in ("not-enrolled", "old-version"):
                raise
            self.ignored[error.reason] += 1
            self._spend(_STRANGERS, now_s)
            far, answer = self._reception.refuse(packet.session, packet.body, error.reason)
        self._answer(far, way, answer)

    def _spend(self, key: bytes, now_s: float) -> None:
        """Count an answer to a HELLO; raise PeerError `overload` where there were too many."""
        allowance = self._allowances.setdefault(key, Bucket(HELLOS_PER_S, HELLOS_PER_S, now_s))
        if not allowance.take(1, now_s):
            raise PeerError("overload", "too many HELLOs")

    def _take_initiate(self, packet: Packet, way: str) -> None:
        now_s = asyncio.get_running_loop().time()
        key, seal = self._reception.initiate(packet.session, packet.body, now_s)
        accepted = [s for s in self._sessions.values() if s.key == key and s.accepted]
        for session in accepted[: max(0, len(accepted) - MAX_SESSIONS_PER_KEY + 1)]:
            self._end(session, "overload")
        session = self._add(next(self._numbers), packet.session, key, way, accepted=True)
        session.proven(seal)
        if self._events is not None:
            self._events.on_open(session.number, key_text(key))

    def _take_of_session(self, packet: Packet) -> None:
        session = self._names.get(packet.session)
        if session is None:
            raise PeerError("gone", "a packet of no session")
        if session.dialling is not None:
            self._take_answer(session, session.dialling, packet)
        elif packet.kind is Kind.MESSAGE and session.seal is not None:
            self._take_message(session, session.seal, packet.body)
        else:
            raise PeerError("duplicate", f"{packet.kind.name} of a session that is proven")

    def _take_answer(self, session: _Session, dialling: Dialling, packet: Packet) -> None:
        if packet.kind is Kind.WELCOME:
            initiate, seal = dialling.welcome(packet.body)
            session.proven(seal)
            self._answer(session.key, session.way, initiate)
            self._ready.add(session.number)
        elif packet.kind is Kind.REFUSED:
            self._end(session, dialling.refused(packet.body))
        else:
            raise PeerError("wrong-state", f"{packet.kind.name} before WELCOME")

    def _take_message(self, session: _Session, seal: Seal, body: bytes) -> None:
        try:
            frame = session.flow.take(seal.open(body))
        except PeerError as error:
            if error.reason not in ("bad-signature", "duplicate"):
                # it is the peer's own: something was lost, or it may not be said
                self._end(session, error.reason)
            raise
        if session.flow.ended:
            self._end(session, "unreachable")
        elif frame is not None and self._events is not None:
            self._events.on_frame(session.number, frame)
        # the window may be open again, or there is something to tell
        if session.number in self._sessions:
            self._ready.add(session.number)
            self._stir()

    # -- sessions ------------------------------------------------------------------------------

    def _add(self, number: int, name: bytes, key: bytes, way: str, *, accepted: bool) -> _Session:
        flow = Flow(self._window_bytes)
        session = _Session(number, name, key, way, flow, accepted=accepted)
        self._sessions[session.number] = session
        self._names[session.name] = session
        return session

    def _end(self, session: _Session, reason: str) -> None:
        if session.number in self._sessions:
            self.cut(session.number)
            if self._events is not None:
                self._events.on_close(session.number, reason)
