"""The boxes' ledgers pass through: from the link to intake's process, and its answers back.

The hub reads and keeps nothing of them. A box has one request here, and only a few of all boxes
are with the intake at a time: the others wait in the order in which they came, so that a fleet
that comes back with a day's entries is served box by box. Where intake is away boxes are told so.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import zmq

from appliance.base.errors import ConfigError, PeerError
from appliance.link.codec import decode, encode
from appliance.link.messages import LedgerAck, LedgerAsk, LedgerBatch, LedgerHeads, LinkMessage
from appliance.link.pump import SocketPump

_log = logging.getLogger(__name__)

#: requests with the intake at a time: it always has a next one
FLYING_MOST = 4
#: boxes that wait for their turn; more are told to come again later
WAITING_MOST = 500
#: intake answers within this, or has died with the request [s]; a batch takes it some 0.1 s
INTAKE_S = 10.0


class LedgerDesk:
    """Hands requests on and answers back."""

    def __init__(
        self, send: Callable[[str, LinkMessage], bool], *, intake_s: float = INTAKE_S
    ) -> None:
        self._send = send
        self._intake_s = intake_s
        self._context: zmq.Context[Any] | None = None
        self._pump: SocketPump | None = None
        self._number = 0
        #: box -> its request that waits, in the order in which they came
        self._waiting: dict[str, LedgerAsk | LedgerBatch] = {}
        #: number of a request that is with the intake -> box and serial
        self._flying: dict[int, tuple[str, int]] = {}

    def start(self, address: str) -> None:
        """Reach for intake at *address*, now or when it comes."""
        self._context = zmq.Context()
        socket = self._context.socket(zmq.DEALER)
        # only to an intake that is there: what cannot be handed on is refused, never kept
        socket.immediate = 1
        socket.sndhwm = socket.rcvhwm = 2 * FLYING_MOST
        socket.linger = 0
        socket.reconnect_ivl, socket.reconnect_ivl_max = 100, 1000
        self._pump = SocketPump(socket, self._answered)
        try:
            socket.connect(address)
        except zmq.ZMQError as error:
            self.close()
            raise ConfigError("bad-config", f"{address}: {error}") from error
        self._pump.start(asyncio.get_running_loop())

    def take(self, box: str, message: LedgerAsk | LedgerBatch) -> None:
        """Hand a request of *box* on; it takes the place of an earlier one."""
        self._forget(box)
        if box not in self._waiting and len(self._waiting) >= WAITING_MOST:
            self._refuse(box, _serial(message), "overload", "many boxes bring their ledgers")
            return
        self._waiting[box] = message
        self._hand_on()

    def box_down(self, box: str) -> None:
        """Forget what a box asked."""
        self._waiting.pop(box, None)
        self._forget(box)
        self._hand_on()

    def close(self) -> None:
        """Let go of intake."""
        if self._pump is not None:
            self._pump.close()
            self._pump = None
        if self._context is not None:
            self._context.destroy(linger=0)
            self._context = None

    def _hand_on(self) -> None:
        """Give the intake as many requests as it may have."""
        while self._waiting and len(self._flying) < FLYING_MOST:
            box = next(iter(self._waiting))
            message = self._waiting.pop(box)
            self._number += 1
            if not self._put(box, message):
                detail = "the intake is not running"
                self._refuse(box, _serial(message), "control-unreachable", detail)
                continue
            self._flying[self._number] = box, _serial(message)
            asyncio.get_running_loop().call_later(self._intake_s, self._expire, self._number)

    def _put(self, box: str, message: LinkMessage) -> bool:
        """Send a request to the intake; tell whether it is there."""
        if self._pump is None:
            return False
        frames = [b"%d" % self._number, box.encode(), encode(self._number, [message])]
        try:
            self._pump.socket.send_multipart(frames, zmq.NOBLOCK)
        except zmq.ZMQError:
            return False
        self._pump.stir()
        return True

    def _expire(self, number: int) -> None:
        """Give up a request that the intake does not answer."""
        box, serial = self._flying.pop(number, ("", 0))
        if box:
            self._refuse(box, serial, "control-unreachable", "the intake does not answer")
            self._hand_on()

    def _forget(self, box: str) -> None:
        """Take no answer to what *box* asked before."""
        for number in [one for one, (asked, _) in self._flying.items() if asked == box]:
            del self._flying[number]

    def _refuse(self, box: str, serial: int, reason: str, detail: str) -> None:
        self._send(box, LedgerAck(serial, reason, detail))

    def _answered(self, frames: list[zmq.Frame]) -> None:
        if len(frames) != 3:
            return
        box, _ = self._flying.pop(int(frames[0].bytes), ("", 0))
        self._hand_on()
        if not box:
            return
        try:
            _, records, _ = decode(frames[2].bytes)
        except PeerError as error:
            _log.error("intake: %s", error)
            return
        for record in records:
            if isinstance(record, LedgerHeads | LedgerAck):
                self._send(box, record)


def _serial(message: LedgerAsk | LedgerBatch) -> int:
    return message.serial if isinstance(message, LedgerBatch) else 0
