"""The link over ZeroMQ: a ROUTER that listens and a DEALER per peer that is dialled, all CURVE.

A dialled session is one TCP connection: libzmq does not reconnect by itself, so that every
connection begins with a Hello. Who is at the other end is the key that CURVE has proven: the ZAP
user id of each received message, or the server key that was dialled.
"""

import asyncio
import contextlib
import itertools
import logging
import os
import socket as sockets
from collections.abc import Iterable
from typing import Any

import zmq
from zmq.utils.monitor import parse_monitor_message

from appliance.base.errors import BranchlineError, ConfigError
from appliance.link.pump import SocketPump
from appliance.link.transport import MAX_FRAME, TransportEvents
from appliance.link.zap import ZapGate

_log = logging.getLogger(__name__)

#: messages that wait for a peer before it counts as one that does not read
HIGH_WATER = 1000
#: sessions one key may have at once: the one in use, its successor and a little grace
MAX_SESSIONS_PER_KEY = 4
#: a connection must have shaken hands within this [ms]
HANDSHAKE_MS = 3000
#: libzmq's own PING, so that connections of peers that lost power are given up [ms]
PING_MS = 2000
#: what was sent last may still leave when a session is closed [ms]
LINGER_MS = 200
#: what a monitor tells about a connection that is over
_ENDED = (
    zmq.EVENT_CLOSED
    | zmq.EVENT_DISCONNECTED
    | zmq.EVENT_HANDSHAKE_FAILED_AUTH
    | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL
    | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
)
_monitors = itertools.count(1)


class _Accepted:
    """A session that a peer has dialled."""

    def __init__(self, route: bytes, key: str, descriptor: int) -> None:
        self.route = route
        self.key = key
        self.descriptor = descriptor
        self.far_end = _far_end(descriptor)


class _Dialled:
    """A session that we have dialled: its socket, and the monitor that tells of its end."""

    def __init__(self, pump: SocketPump, monitor: SocketPump) -> None:
        self.pump = pump
        self.monitor = monitor
        #: the other end has sent something
        self.heard = False

    def close(self) -> None:
        """End the connection; what was sent last still leaves.

        Not so the Hello of an attempt that is given up: it would end the session that came up.
        """
        if not self.pump.socket.closed:
            self.pump.socket.disable_monitor()
        self.monitor.close()
        self.pump.close(LINGER_MS if self.heard else 0)


class ZmqTransport:
    """`Transport` over ZeroMQ; one context, so that its ZAP gate is its own."""

    def __init__(self, *, address: str, port: int, public_key: str, secret_key: str) -> None:
        self._address = address
        self._public = public_key.encode("ascii")
        self._secret = secret_key.encode("ascii")
        #: port that is listened on; known after `start` where it was given as 0
        self.port = port
        self._context: zmq.Context[Any] | None = None
        self.gate = ZapGate()
        self._events: TransportEvents | None = None
        self._router: SocketPump | None = None
        self._numbers = itertools.count(1)
        self._accepted: dict[int, _Accepted] = {}
        self._routes: dict[bytes, int] = {}
        self._dialled: dict[int, _Dialled] = {}
        self._keys: frozenset[str] = frozenset()
        #: messages with the wrong number of parts or without a proven key
        self.malformed = 0

    @property
    def needs_port(self) -> bool:
        """Tell that a peer without a port cannot be dialled."""
        return True

    def start(self, events: TransportEvents) -> None:
        """Listen; raise ConfigError `port-busy`."""
        self._events = events
        self._context = zmq.Context()
        self.gate.start(self._context)
        router = self._context.socket(zmq.ROUTER)
        _prepare(router)
        router.router_mandatory = 1
        router.curve_server = 1
        router.curve_secretkey = self._secret
        router.zap_domain = b"link"
        try:
            router.bind(f"tcp://{_host(self._address)}:{self.port or '*'}")
        except zmq.ZMQError as error:
            router.close(linger=0)
            self.close()
            place = f"{self._address}:{self.port}"
            raise ConfigError("port-busy", f"link cannot listen on {place}: {error}") from error
        endpoint = str(router.getsockopt_string(zmq.LAST_ENDPOINT))
        self.port = int(endpoint.rsplit(":", 1)[1])
        self._router = SocketPump(router, self._take_routed)
        self._router.start(asyncio.get_running_loop())

    def allow(self, keys: Iterable[str]) -> None:
        """Let only these keys dial us from now on; sessions of others are cut."""
        self._keys = frozenset(keys)
        self.gate.allow(self._keys)
        for number, session in tuple(self._accepted.items()):
            if session.key not in self._keys:
                self._end(number, "not-enrolled")

    def dial(self, name: str, address: str, port: int, key: str) -> int:
        """Open a session to the peer that proves *key*."""
        number = next(self._numbers)
        loop = asyncio.get_running_loop()
        if self._context is None:
            raise BranchlineError("wrong-state", "the link is not started")
        dealer = self._context.socket(zmq.DEALER)
        _prepare(dealer)
        dealer.reconnect_ivl = -1
        dealer.curve_publickey = self._public
        dealer.curve_secretkey = self._secret
        dealer.curve_serverkey = key.encode("ascii")
        watched = dealer.get_monitor_socket(_ENDED, f"inproc://monitor-{next(_monitors)}")
        pump = SocketPump(dealer, lambda frames: self._take_dialled(number, frames))
        monitor = SocketPump(watched, lambda frames: self._take_end(number, frames))
        self._dialled[number] = _Dialled(pump, monitor)
        monitor.start(loop)
        try:
            dealer.connect(f"tcp://{_host(address)}:{port}")
        except zmq.ZMQError as error:
            _log.warning("%s at %s:%s cannot be dialled: %s", name, address, port, error)
            loop.call_soon(self._end, number, "unreachable")
            return number
        pump.start(loop)
        return number

    def send(self, session: int, frame: bytes) -> bool:
        """Send *frame*; False where the session is closed or the other end does not read."""
        dialled = self._dialled.get(session)
        accepted = self._accepted.get(session)
        try:
            if dialled is not None:
                dialled.pump.socket.send(frame, zmq.NOBLOCK)
                dialled.pump.stir()
                return True
            if accepted is not None and self._router is not None:
                self._router.socket.send_multipart([accepted.route, frame], zmq.NOBLOCK)
                self._router.stir()
                return True
        except zmq.ZMQError as error:
            word = "overload" if error.errno == zmq.EAGAIN and accepted else "unreachable"
            asyncio.get_running_loop().call_soon(self._end, session, word)
        return False

    def cut(self, session: int) -> None:
        """End a session now."""
        dialled = self._dialled.pop(session, None)
        if dialled is not None:
            dialled.close()
        accepted = self._accepted.pop(session, None)
        if accepted is not None:
            del self._routes[accepted.route]
            _shut(accepted)

    def close(self) -> None:
        """End all sessions and stop listening."""
        for session in tuple(self._dialled):
            self.cut(session)
        self._accepted.clear()
        self._routes.clear()
        if self._router is not None:
            self._router.close(LINGER_MS)
            self._router = None
        self.gate.close()
        if self._context is not None:
            self._context.destroy(linger=LINGER_MS)
            self._context = None

    async def gone(self) -> None:
        """Return at once: libzmq lets out what was sent last while it closes."""

    # -- inside --------------------------------------------------------------------------------

    def _end(self, session: int, reason: str) -> None:
        if session in self._dialled or session in self._accepted:
            self.cut(session)
            if self._events is not None:
                self._events.on_close(session, reason)

    def _take_routed(self, frames: list[zmq.Frame]) -> None:
        if len(frames) != 2:
            self.malformed += 1
            return
        route = frames[0].bytes
        key = prove_sender(frames[1])
        if key not in self._keys or self._events is None:
            self.malformed += 1
            return
        number = self._routes.get(route)
        if number is not None and self._accepted[number].key != key:
            self._end(number, "not-enrolled")
            return
        if number is None:
            number = self._admit(route, key, frames[1])
        self._events.on_frame(number, frames[1].bytes)

    def _admit(self, route: bytes, key: str, frame: zmq.Frame) -> int:
        same = [number for number, held in self._accepted.items() if held.key == key]
        for number in same[: max(0, len(same) - MAX_SESSIONS_PER_KEY + 1)]:
            self._end(number, "overload")
        number = next(self._numbers)
        self._accepted[number] = _Accepted(route, key, _descriptor(frame))
        self._routes[route] = number
        if self._events is not None:
            self._events.on_open(number, key)
        return number

    def _take_dialled(self, session: int, frames: list[zmq.Frame]) -> None:
        if len(frames) != 1:
            self.malformed += 1
        elif self._events is not None and (dialled := self._dialled.get(session)):
            dialled.heard = True
            self._events.on_frame(session, frames[0].bytes)

    def _take_end(self, session: int, frames: list[zmq.Frame]) -> None:
        event = parse_monitor_message([frame.bytes for frame in frames])
        refused = event["event"] == zmq.EVENT_HANDSHAKE_FAILED_AUTH
        self._end(session, "not-enrolled" if refused else "unreachable")


def _prepare(socket: zmq.Socket[Any]) -> None:
    """Set what every socket of the link has: bounds, and no waiting for the dead."""
    socket.sndhwm = socket.rcvhwm = HIGH_WATER
    socket.maxmsgsize = MAX_FRAME
    socket.handshake_ivl = HANDSHAKE_MS
    socket.heartbeat_ivl = PING_MS
    socket.heartbeat_timeout = 2 * PING_MS
    socket.linger = 0
    socket.ipv6 = True


def _host(address: str) -> str:
    return f"[{address}]" if ":" in address else address


def prove_sender(frame: zmq.Frame) -> str:
    """Return the key that the sender of *frame* has proven, or nothing."""
    try:
        return str(frame.get("User-Id"))
    except zmq.ZMQError:
        return ""


def _descriptor(frame: zmq.Frame) -> int:
    try:
        return int(frame.get(zmq.SRCFD))
    except (zmq.ZMQError, ValueError):
        return -1


def _far_end(descriptor: int) -> object:
    """Return the far end's address and port of a TCP descriptor, or None where it is none."""
    if descriptor < 0:
        return None
    try:
        with sockets.socket(fileno=os.dup(descriptor)) as copy:
            return copy.getpeername()
    except OSError:
        return None


def _shut(session: _Accepted) -> None:
    """Cut the TCP connection under an accepted session: ROUTER has no call for it.

    libzmq tells the descriptor of each message; it is cut only if it still leads to the same far
    end, since a number may by now be another connection's.
    """
    if session.far_end is None or _far_end(session.descriptor) != session.far_end:
        return
    with contextlib.suppress(OSError), sockets.socket(fileno=os.dup(session.descriptor)) as copy:
        copy.shutdown(sockets.SHUT_RDWR)
