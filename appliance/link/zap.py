"""Who may open a CURVE connection: the answering side of ZAP (ZeroMQ RFC 27)."""

import asyncio
import logging
from collections.abc import Iterable
from typing import Any

import zmq
from zmq.utils import z85

from appliance.link.pump import SocketPump

_log = logging.getLogger(__name__)

#: fields of a request: version, request id, domain, address, identity, mechanism, credentials
_FIELDS = 7


class ZapGate:
    """Answers libzmq for one context: a key of the list passes and becomes the user id."""

    def __init__(self) -> None:
        self._keys: frozenset[str] = frozenset()
        self._pump: SocketPump | None = None
        #: connections that were turned away
        self.refused = 0

    def start(self, context: zmq.Context[Any]) -> None:
        """Begin; every socket of *context* that is bound later asks here."""
        socket = context.socket(zmq.ROUTER)
        socket.linger = 0
        socket.bind("inproc://zeromq.zap.01")
        self._pump = SocketPump(socket, self._take)
        self._pump.start(asyncio.get_running_loop())

    def allow(self, keys: Iterable[str]) -> None:
        """Let only these keys (Z85) pass from now on."""
        self._keys = frozenset(keys)

    def close(self) -> None:
        """Stop answering; close the sockets that ask before."""
        if self._pump is not None:
            self._pump.close()
            self._pump = None

    def _take(self, frames: list[zmq.Frame]) -> None:
        parts = [frame.bytes for frame in frames]
        if len(parts) < 2 + _FIELDS or parts[2] != b"1.0":
            return
        mechanism, credentials = parts[7], parts[8:]
        key = ""
        if mechanism == b"CURVE" and len(credentials) == 1 and len(credentials[0]) == 32:
            key = z85.encode(credentials[0]).decode("ascii")
        passes = key in self._keys
        if not passes:
            self.refused += 1
            _log.info("not-enrolled: key %s from %s is turned away", key, parts[5])
        code, text = (b"200", b"OK") if passes else (b"400", b"not-enrolled")
        user = key.encode("ascii") if passes else b""
        answer = [parts[0], b"", b"1.0", parts[3], code, text, user, b""]
        if self._pump is not None:
            self._pump.socket.send_multipart(answer)
            self._pump.stir()
