"""The link over NATS: one subject per link key, on which its owner is dialled and answered.

The servers only carry packets. Who is at the other end, and that nothing was forged, repeated or
lost, is settled between the two ends (`nats_handshake.py`); that a slow end costs nobody memory,
too (`nats_flow.py`). A server may die: sessions of which nothing was lost go on over another.
"""

import asyncio
import contextlib
import itertools
import logging
from collections import Counter, deque
from collections.abc import Iterable

from nacl.public import PrivateKey

from appliance.base.errors import BranchlineError, ConfigError, PeerError
from appliance.link.nats_client import NatsClient, NatsSettings
from appliance.link.nats_flow import PART_BYTES, Flow
from appliance.link.nats_handshake import (
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

#: subject of a link key, in hexadecimal digits
SUBJECT = "branchline.link."
#: the longest message that is published [bytes]
LONGEST = OVERHEAD + 1 + PART_BYTES
#: sessions one key may have at once: the one in use, its successor and a little grace
MAX_SESSIONS_PER_KEY = 4
#: an unanswered HELLO is sent again [s]: the servers may not yet know that a peer has come back
HELLO_AGAIN_S = 0.5
#: HELLOs answered in a second, of one key and of all strangers: each costs 0.1 ms
HELLOS_PER_S = 10
_STRANGERS = b""
#: answers to HELLOs that may wait to be sent
MAX_ANSWERS = 1000
#: what was sent last may still leave when the transport is closed [s]
LINGER_S = 0.2


class _Session:
    """A session, from its HELLO or from its INITIATE on."""

    def __init__(self, number: int, name: bytes, key: bytes, *, accepted: bool) -> None:
        self.number = number
        #: the peer has dialled it
        self.accepted = accepted
        self.name = name
        self.key = key
        self.subject = subject_of(key)
        self.flow = Flow()
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


class NatsTransport:
    """`Transport` over a NATS cluster."""

    def __init__(self, settings: NatsSettings, *, public_key: str, secret_key: str) -> None:
        self._own = PrivateKey(key_bytes(secret_key))
        self._subject = subject_of(key_bytes(public_key))
        self.client = NatsClient(
            settings, self._subject, self._take, self._reconnected, longest=LONGEST
        )
        self._reception = Reception(self._own)
        self._events: TransportEvents | None = None
        self._numbers = itertools.count(1)
        self._sessions: dict[int, _Session] = {}
        self._names: dict[bytes, _Session] = {}
        self._keys: frozenset[bytes] = frozenset()
        self._allowances: dict[bytes, _Allowance] = {}
        #: sessions that may have something to send
        self._ready: set[int] = set()
        self._answers: deque[tuple[str, bytes]] = deque()
        self._wake = asyncio.Event()
        self._pump: asyncio.Task[None] | None = None
        self._ender: asyncio.Task[None] | None = None
        #: what was not taken in, by reason word
        self.ignored: Counter[str] = Counter()

    def start(self, events: TransportEvents) -> None:
        """Connect, now and whenever the connection is lost."""
        self._events = events
        self.client.start()
        self._pump = asyncio.get_running_loop().create_task(self._pump_for_ever())

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
        """Open a session to the peer that proves *key*; where it is, the servers know."""
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
        session = self._add(_Session(number, dialling.session, far, accepted=False))
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
        self._wake.set()
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
            self._answer(held.subject, held.seal.close(Flow.end()))

    def close(self) -> None:
        """End all sessions and leave the servers; what was sent last still leaves."""
        self._events = None
        if self._pump is not None:
            self._pump.cancel()
            self._pump = None
            self._ender = asyncio.get_running_loop().create_task(self._leave())

    async def gone(self) -> None:
        """Wait until what was sent last has left."""
        if self._ender is not None:
            await asyncio.gather(self._ender, return_exceptions=True)

    # -- sending -------------------------------------------------------------------------------

    def _reconnected(self) -> None:
        """Go on where we stopped: there is a server again, or none."""
        self._wake.set()
        for session in tuple(self._sessions.values()):
            session.rest()
            self._hello(session)

    async def _pump_for_ever(self) -> None:
        while self._events is not None:
            self._wake.clear()
            if await self._send_round():
                # others have a turn: publishing alone does not give them one
                await asyncio.sleep(0)
            else:
                await self._wake.wait()

    async def _send_round(self) -> bool:
        """Publish all answers and a message of each session; return whether there were any."""
        some = False
        while self._answers and self.client.connected:
            subject, packet = self._answers.popleft()
            with contextlib.suppress(PeerError):
                await self.client.publish(subject, packet)
            some = True
        for number in tuple(self._ready):
            if not self.client.connected:
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
            await self.client.publish(session.subject, session.seal.close(content))
        except PeerError as error:
            _log.info("%s", error)
            self._end(session, error.reason)
        return True

    def _answer(self, subject: str, packet: bytes) -> None:
        if len(self._answers) >= MAX_ANSWERS:
            self.ignored["overload"] += 1
            return
        self._answers.append((subject, packet))
        self._wake.set()

    def _hello(self, session: _Session) -> None:
        """Send HELLO, and again until it is answered."""
        if session.dialling is not None and session.number in self._sessions:
            loop = asyncio.get_running_loop()
            session.again = loop.call_later(HELLO_AGAIN_S, self._hello, session)
            if self.client.connected:
                self._answer(session.subject, session.dialling.hello())

    async def _leave(self) -> None:
        """Let out what waits, tell the other ends, and close."""
        try:
            async with asyncio.timeout(LINGER_S):
                while await self._send_round():
                    pass
                for number in tuple(self._sessions):
                    self.cut(number)
                await self._send_round()
                await self.client.flush(LINGER_S)
        except (asyncio.CancelledError, TimeoutError):
            pass
        await self.client.close()

    # -- taking in -----------------------------------------------------------------------------

    def _take(self, data: bytes) -> None:
        """Take a message of our subject, whoever has published it."""
        if self._events is None:
            return
        try:
            packet = parse(data)
            if packet.kind is Kind.HELLO:
                self._take_hello(packet)
            elif packet.kind is Kind.INITIATE:
                self._take_initiate(packet)
            else:
                self._take_of_session(packet)
        except PeerError as error:
            self.ignored[error.reason] += 1
            _log.debug("< %s", error)

    def _take_hello(self, packet: Packet) -> None:
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
        self._answer(subject_of(far), answer)

    def _spend(self, key: bytes, now_s: float) -> None:
        """Count an answer to a HELLO; raise PeerError `overload` where there were too many."""
        if not self._allowances.setdefault(key, _Allowance(now_s)).take(now_s):
            raise PeerError("overload", "too many HELLOs")

    def _take_initiate(self, packet: Packet) -> None:
        now_s = asyncio.get_running_loop().time()
        key, seal = self._reception.initiate(packet.session, packet.body, now_s)
        accepted = [s for s in self._sessions.values() if s.key == key and s.accepted]
        for session in accepted[: max(0, len(accepted) - MAX_SESSIONS_PER_KEY + 1)]:
            self._end(session, "overload")
        session = self._add(_Session(next(self._numbers), packet.session, key, accepted=True))
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
            self._answer(session.subject, initiate)
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
            self._wake.set()

    # -- sessions ------------------------------------------------------------------------------

    def _add(self, session: _Session) -> _Session:
        self._sessions[session.number] = session
        self._names[session.name] = session
        return session

    def _end(self, session: _Session, reason: str) -> None:
        if session.number in self._sessions:
            self.cut(session.number)
            if self._events is not None:
                self._events.on_close(session.number, reason)


class _Allowance:
    """How many HELLOs may still be answered: HELLOS_PER_S, and as many at once."""

    def __init__(self, now_s: float) -> None:
        self._left = float(HELLOS_PER_S)
        self._at_s = now_s

    def take(self, now_s: float) -> bool:
        """Tell whether one more may be answered."""
        left = self._left + (now_s - self._at_s) * HELLOS_PER_S
        self._left, self._at_s = min(left, HELLOS_PER_S), now_s
        if self._left < 1:
            return False
        self._left -= 1
        return True


def subject_of(key: bytes) -> str:
    """Return the subject on which the owner of *key* listens."""
    return SUBJECT + key.hex()
