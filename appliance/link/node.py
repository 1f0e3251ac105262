"""A node of the federation: its sessions by peer name, heartbeats, and dialling again.

A peer's name is learnt from the key the transport has proven, through the directory; a Hello that
says otherwise ends the session. No socket here and no clock but the one handed in.
"""

import asyncio
import functools
import logging
from collections import Counter
from collections.abc import Callable, Iterable
from random import Random

import msgspec

from appliance.base.clock import Clock
from appliance.base.errors import PeerError
from appliance.link.bulk import is_bulk, split
from appliance.link.codec import decode, encode
from appliance.link.handler import LinkHandler
from appliance.link.messages import (
    DEAD_S,
    HEARTBEAT_S,
    Beat,
    Document,
    Goodbye,
    Hello,
    LedgerBatch,
    LinkMessage,
    Part,
)
from appliance.link.outreach import Outreach
from appliance.link.relays import RELAYED, Relays, RelayTransport
from appliance.link.session import LinkSession, Peer
from appliance.link.transport import Transport

_log = logging.getLogger(__name__)

#: how often the clock is looked at [s]: well below a heartbeat
TICK_S = 0.1
#: a session that is refused is cut after this, so that its Goodbye arrives [s]
_LEAVE_S = 0.5
#: parts of long documents sent in one tick: 10 Mbit/s
PARTS_PER_TICK = 2
#: records in one frame; keeps a reader's turn short
MAX_BATCH = 500


class LinkNode:
    """Sessions with peers. Give it who may talk (`allow`), whom to reach (`dial`), then `run`."""

    def __init__(
        self,
        hello: Callable[[], Hello],
        transport: Transport,
        clock: Clock,
        handler: LinkHandler,
        *,
        chance: Random | None = None,
        soon: Callable[[Callable[[], None]], object] | None = None,
        secret_key: str = "",
    ) -> None:
        """Take what the node works with; with a *secret_key* it speaks through relays, too."""
        self._hello = hello
        self._name, self._role = hello().name, hello().role
        self._relays: Relays | None = None
        if secret_key:
            self._relays = Relays(self.send, self._direct, secret_key=secret_key)
            transport = RelayTransport(transport, self._relays.sealed)
        self._transport = transport
        self._clock = clock
        self._handler = handler
        self._chance = chance or Random()  # noqa: S311 - jitter, no secret
        self._soon = soon or _call_soon
        self._peers: dict[str, Peer] = {}
        self._by_key: dict[str, Peer] = {}
        self._sessions: dict[int, LinkSession] = {}
        self._up: dict[str, LinkSession] = {}
        self._outreach = Outreach(self._name, self._role, self._chance, self._sessions, self._up)
        self._unsent: set[int] = set()
        self._flush_due = False
        self._ticked_s = clock.monotonic_s()
        #: told of a peer once a beat of ours has come back from it: it is reached both ways
        self.on_reached: Callable[[str], None] = lambda _peer: None
        #: what our hybrid clock shows, for our beats; told what a peer's shows (peer, stamp, round
        #: trip [ms]), before the peer counts as reached
        self.stamp: Callable[[], int] = lambda: 0
        self.on_stamp: Callable[[str, int, int], None] = lambda _peer, _stamp, _delay: None
        #: why the last session with a peer ended or never came up: reason word, sentence
        self.trouble: dict[str, tuple[str, str]] = {}
        #: what was not taken in, by reason word
        self.ignored: Counter[str] = Counter()

    # -- for whoever uses the node -------------------------------------------------------------

    def start(self) -> None:
        """Listen; raise ConfigError `port-busy`."""
        self._transport.start(self)
        self._transport.allow(self._by_key)

    async def run(self) -> None:
        """Keep the sessions alive, until cancelled; `start` comes before."""
        try:
            while True:
                self.tick()
                await asyncio.sleep(TICK_S)
        finally:
            self.close()
            await self._transport.gone()

    def close(self) -> None:
        """Say Goodbye to everyone and stop listening."""
        for session in tuple(self._sessions.values()):
            if not session.leaving:
                self._leave(session, "shutdown", "this end stops")
        self._outreach.stop()
        self._transport.close()
        self._sessions.clear()

    def allow(self, peers: Iterable[Peer]) -> None:
        """Know these peers and no others from now on; sessions of others are cut."""
        self._peers = {peer.name: peer for peer in peers}
        own = self._peers.pop(self._name, None)
        self._by_key = {peer.key: peer for peer in self._peers.values()}
        self._outreach.know(own, self._peers.values())
        if self._relays is not None:
            self._relays.allow(own, self._peers.values())
        for session in tuple(self._sessions.values()):
            known = self._peers.get(session.peer.name)
            if known is None or known.key != session.peer.key:
                self._drop(session, "not-enrolled")
            else:
                session.peer = known
        self._transport.allow(self._by_key)

    def dial(self, peer: str) -> None:
        """Reach *peer*, again and again, until it is no longer allowed."""
        self._outreach.add(peer, self._transport, self._clock.monotonic_s())

    def send(self, peer: str, message: LinkMessage) -> bool:
        """Send with this turn's frame, a long document in parts; False while *peer* is not up."""
        session = self._up.get(peer)
        if session is None:
            return False
        if isinstance(message, Document) and is_bulk(message):
            session.bulk.extend(split(message))
        elif isinstance(message, LedgerBatch):
            session.bulk.append(message)
        else:
            self._put(session, message)
        return True

    def peers(self) -> set[str]:
        """Return who is up."""
        return set(self._up)

    def reached(self) -> set[str]:
        """Return who is up and has answered a beat: what we send arrives, and theirs does."""
        return {name for name, session in self._up.items() if session.delay_ms >= 0}

    def hello_of(self, peer: str) -> Hello | None:
        """Return what *peer* said of itself, while it is up."""
        session = self._up.get(peer)
        return session.hello if session else None

    def delay_ms(self, peer: str) -> int:
        """Return the round trip to *peer* [ms]; -1: not known."""
        session = self._up.get(peer)
        return session.delay_ms if session else -1

    def relay_of(self, peer: str) -> str:
        """Return the relay by which *peer* is reached, calls too; empty: directly, or not at all.

        Who cannot be dialled may have dialled us; calls to it take a relay all the same, unless we
        are one.
        """
        session = self._up.get(peer)
        if session is None or self._relays is None:
            return ""
        return session.relay or self._outreach.relay_to(session.peer, self._relays)

    # -- time ----------------------------------------------------------------------------------

    def tick(self) -> None:
        """Beat, notice the dead, dial; to be called every TICK_S."""
        now_s = self._clock.monotonic_s()
        # a stall of our own is not the peers' silence: what they sent meanwhile is still unread
        late_s = now_s - self._ticked_s - TICK_S
        self._ticked_s = now_s
        for session in tuple(self._sessions.values()):
            if late_s > TICK_S:
                session.heard_s = min(now_s, session.heard_s + late_s)
                session.opened_s = min(now_s, session.opened_s + late_s)
            self._tick_session(session, now_s)
        for session in self._outreach.due(self._transport, self._relays, now_s):
            self._sessions[session.number] = session
            self._put(session, self._hello())
        if self._relays is not None:
            self._relays.desk.tick(now_s)
        self.flush()

    def _tick_session(self, session: LinkSession, now_s: float) -> None:
        if session.leaving:
            if now_s >= session.cut_s:
                self._drop(session, "")
        elif session.state == "hello":
            if now_s - session.opened_s > session.limit_s:
                self._drop(session, "unreachable", f"no Hello within {session.limit_s:g} s")
        elif session.state == "up":
            if now_s - session.heard_s > DEAD_S:
                self._drop(session, "unreachable", f"nothing heard for {DEAD_S:g} s")
                return
            self._beat(session, now_s, HEARTBEAT_S)
            for _ in range(min(PARTS_PER_TICK, len(session.bulk))):
                self._put(session, session.bulk.popleft())

    def _beat(self, session: LinkSession, now_s: float, interval_s: float) -> None:
        if beat := session.beat_due(now_s, interval_s):
            beat.stamp = self.stamp()
            self._put(session, beat)

    def _direct(self, peer: str) -> bool:
        """Tell whether *peer* is an appliance that is up, by no relay."""
        session = self._up.get(peer)
        return session is not None and not session.relay and session.peer.role == "appliance"

    # -- what the transport tells --------------------------------------------------------------

    def on_open(self, session: int, key: str) -> None:
        """Take a session that a peer has dialled."""
        peer = self._by_key.get(key)
        if peer is None:
            self.ignored["not-enrolled"] += 1
            self._transport.cut(session)
            return
        now_s = self._clock.monotonic_s()
        relay = ""
        if isinstance(self._transport, RelayTransport):
            relay = self._transport.relay_of(session)
        self._sessions[session] = LinkSession(
            session, peer, dialled=False, now_s=now_s, relay=relay
        )

    def on_frame(self, session: int, frame: bytes) -> None:
        """Take a frame: each good record goes on, each bad one is counted."""
        known = self._sessions.get(session)
        if known is None or known.leaving:
            return
        known.heard_s = self._clock.monotonic_s()
        try:
            number, records, bad = decode(frame)
        except PeerError as error:
            self.ignored[error.reason] += 1
            _log.warning("< %s: %s", known.peer.name, error)
            return
        if number != known.received + 1:
            detail = f"frame {number} came after frame {known.received}"
            self._leave(known, "unreachable", detail)
            return
        known.received = number
        if bad:
            self.ignored["unknown-record"] += len(bad)
            _log.warning("< %s: records with tags %s are unknown", known.peer.name, bad)
        for record in records:
            if known.leaving or known.number not in self._sessions:
                return
            self._take(known, record)

    def on_close(self, session: int, reason: str) -> None:
        """Take the end of a session."""
        known = self._sessions.get(session)
        if known is not None:
            self._drop(known, reason, cut=False)

    # -- records -------------------------------------------------------------------------------

    def _take(self, session: LinkSession, record: LinkMessage) -> None:
        peer = session.peer.name
        if isinstance(record, Goodbye):
            self._drop(session, record.reason, record.detail)
        elif session.state == "hello":
            if isinstance(record, Hello):
                self._greet(session, record)
            else:
                self._leave(session, "wrong-state", "a session begins with Hello")
        elif isinstance(record, Beat):
            self._take_beat(session, record)
        elif isinstance(record, Hello):
            self.ignored["wrong-state"] += 1
        elif isinstance(record, Part):
            self._take_part(session, record)
        elif isinstance(record, RELAYED) and self._relays is not None:
            self._take_relayed(session, record)
        else:
            self._handler.on_message(peer, record)

    def _take_relayed(self, session: LinkSession, record: LinkMessage) -> None:
        """Take what a relay has brought, or is to bring; through a relay nobody relays."""
        if session.relay or self._relays is None:
            self.ignored["refused"] += 1
        else:
            self._relays.take(session.peer.name, record, self._clock.monotonic_s())

    def _take_beat(self, session: LinkSession, beat: Beat) -> None:
        """Note a beat; until the round trip is known it is answered at once."""
        now_s = self._clock.monotonic_s()
        was_reached = session.delay_ms >= 0
        session.take_beat(beat, now_s)
        if session.delay_ms >= 0:
            self.on_stamp(session.peer.name, beat.stamp, session.delay_ms)
        if was_reached:
            return
        self._beat(session, now_s, 0.0)
        if session.delay_ms >= 0:
            self.on_reached(session.peer.name)

    def _take_part(self, session: LinkSession, part: Part) -> None:
        try:
            whole = session.assembly.take(part)
        except PeerError as error:
            self._leave(session, error.reason, error.message)
            return
        if whole is not None:
            self._handler.on_message(session.peer.name, whole)

    def _greet(self, session: LinkSession, hello: Hello) -> None:
        """Let the session come up, or refuse it in words."""
        refusal = session.refusal(hello) or self._conflict(session, hello)
        if refusal is not None:
            self._leave(session, *refusal)
            return
        peer = session.peer.name
        other = self._up.get(peer)
        if other is not None:
            self._leave(other, "duplicate", "a newer session takes over")
        if session.dialled:
            self._drop_others(session)
        else:
            self._put(session, self._hello())
        session.state, session.hello = "up", hello
        self._up[peer] = session
        self.trouble.pop(peer, None)
        self._outreach.came_up(session, self._clock.monotonic_s())
        _log.info("%s is up: %s", peer, hello)
        self._handler.on_up(peer, hello)

    def _drop_others(self, session: LinkSession) -> None:
        """Give up the attempts beside *session*, which has come up; no direct one for a relay."""
        for other in self._outreach.sessions_with(session.peer.name):
            lesser = other.relay or not session.relay
            if other is not session and lesser and other.dialled and other.state == "hello":
                self._drop(other, "duplicate")

    def _conflict(self, session: LinkSession, hello: Hello) -> tuple[str, str] | None:
        """Return what speaks against a second session with the same peer."""
        other = self._up.get(session.peer.name)
        if other is None or other.hello is None:
            return None
        if hello.incarnation < other.hello.incarnation:
            return "stale-incarnation", f"incarnation {other.hello.incarnation} is here already"
        same = hello.incarnation == other.hello.incarnation
        if same and bool(session.relay) != bool(other.relay):
            return ("duplicate", "there is a direct session already") if session.relay else None
        crossed = session.dialled != other.dialled
        # both ends dialled: both keep the session that the one who leads has dialled
        kept = other.dialled == self._outreach.leads(session.peer)
        if crossed and kept and same:
            return "duplicate", "there is a session already"
        return None

    def _put(self, session: LinkSession, message: LinkMessage) -> None:
        session.out.append(message)
        self._unsent.add(session.number)
        if not self._flush_due:
            self._flush_due = True
            self._soon(self.flush)

    def flush(self) -> None:
        """Send now what was put: one frame per session."""
        self._flush_due = False
        while self._unsent:
            session = self._sessions.get(self._unsent.pop())
            if session is not None:
                self._send(session)

    def _send(self, session: LinkSession) -> None:
        out, session.out = session.out, []
        for start in range(0, len(out), MAX_BATCH):
            batch = out[start : start + MAX_BATCH]
            try:
                frame = encode(session.sent + 1, batch)
            except (msgspec.MsgspecError, UnicodeError, OverflowError, TypeError) as error:
                _log.error("> %s: left out records: %s", session.peer.name, error)
                continue
            session.sent += 1
            if not self._transport.send(session.number, frame):
                return

    # -- the end of a session ------------------------------------------------------------------

    def _leave(self, session: LinkSession, reason: str, detail: str) -> None:
        """Say Goodbye; the session is cut a little later."""
        _log.info("> %s: Goodbye, %s: %s", session.peer.name, reason, detail)
        session.out.append(Goodbye(reason, detail))
        self._send(session)
        session.cut_s = self._clock.monotonic_s() + _LEAVE_S
        self._end(session, reason, detail)
        session.state = "leaving"

    def _drop(
        self, session: LinkSession, reason: str, detail: str = "", *, cut: bool = True
    ) -> None:
        """End a session without a word."""
        del self._sessions[session.number]
        if cut:
            self._transport.cut(session.number)
        if not session.leaving:
            self._end(session, reason, detail)

    def _end(self, session: LinkSession, reason: str, detail: str) -> None:
        peer = session.peer.name
        was_up = self._up.get(peer) is session
        if reason != "duplicate":
            self.trouble[peer] = (reason, detail)
        self._outreach.ended(session, self._clock.monotonic_s(), was_up=was_up)
        session.state = "leaving"
        if was_up:
            del self._up[peer]
            if self._relays is not None and not session.relay:
                # in a turn of its own: the sessions that it carried end, too
                self._soon(functools.partial(self._relays.gone, peer))
            _log.info("%s is down: %s %s", peer, reason, detail)
            self._handler.on_down(peer, reason)


def _call_soon(callback: Callable[[], None]) -> object:
    return asyncio.get_running_loop().call_soon(callback)
