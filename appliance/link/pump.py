"""Reading a ZeroMQ socket from asyncio without a future per message.

libzmq's descriptor is edge-triggered, and sending may consume its edge, so whoever sends must
ask for another look (`stir`).
"""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any

import zmq

_log = logging.getLogger(__name__)

#: messages taken in one turn of the loop, so that no socket starves the others
_PER_TURN = 50
#: and for how long [s]: the snapshots of a fleet that comes back must not hold up the heartbeats
_TURN_S = 0.02


class SocketPump:
    """Hands each message of a socket to *take*, in the event loop; owns the socket."""

    def __init__(self, socket: zmq.Socket[Any], take: Callable[[list[zmq.Frame]], None]) -> None:
        self.socket = socket
        self._take = take
        self._loop: asyncio.AbstractEventLoop | None = None
        self._descriptor = -1
        self._due = False

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin to read."""
        self._loop = loop
        self._descriptor = int(self.socket.getsockopt(zmq.FD))
        loop.add_reader(self._descriptor, self._read)
        self.stir()

    def stir(self) -> None:
        """Look at the socket in the next turn: after a send its edge may be lost."""
        if self._loop is not None and not self._due:
            self._due = True
            self._loop.call_soon(self._read)

    def close(self, linger_ms: int = 0) -> None:
        """Stop reading and close the socket."""
        if self._loop is not None:
            self._loop.remove_reader(self._descriptor)
            self._loop = None
        if not self.socket.closed:
            self.socket.close(linger=linger_ms)

    def _read(self) -> None:
        self._due = False
        end_s = time.monotonic() + _TURN_S
        for _ in range(_PER_TURN):
            if self._loop is None:
                return
            try:
                frames = self.socket.recv_multipart(zmq.NOBLOCK, copy=False)
            except zmq.Again:
                return
            except zmq.ZMQError as error:
                _log.warning("reading a socket failed: %s", error)
                return
            self._take(frames)
            if time.monotonic() > end_s:
                break
        self.stir()
