"""`branchline control intake`: takes the boxes' ledgers from the hub into the database.

A process of its own, so that checking hashes and waiting for the database never holds up an
offer. What it acknowledged is committed; kill it at any time, and the boxes send the rest again.
"""

import logging
import signal
from types import FrameType
from typing import Any

import zmq
from sqlalchemy.exc import SQLAlchemyError

from appliance.base.errors import ConfigError, PeerError
from appliance.link.codec import decode, encode
from appliance.link.messages import LedgerAck, LedgerAsk, LedgerBatch, LinkMessage
from control.fleet.keys import plan_key
from control.ledger.store import LedgerStore
from control.parts import ControlParts
from control.settings import ControlSettings

_log = logging.getLogger(__name__)

#: a longer request is not taken [bytes]
MAX_REQUEST = 2 << 20
#: how often it looks whether it should end [ms]
_LOOK_MS = 200


class LedgerIntake:
    """Answers the hub, one request after the other."""

    def __init__(self, store: LedgerStore, address: str) -> None:
        """Listen at the `ipc://` *address*; raise ConfigError `bad-config`."""
        self._store = store
        self._context: zmq.Context[Any] = zmq.Context()
        self._socket = self._context.socket(zmq.ROUTER)
        self._socket.maxmsgsize = MAX_REQUEST
        self._socket.linger = 0
        # a hub that was started again is another peer; what waits for its predecessor is dropped
        self._socket.router_mandatory = 0
        self._ending = False
        try:
            self._socket.bind(address)
        except zmq.ZMQError as error:
            self.close()
            raise ConfigError("bad-config", f"{address}: {error}") from error

    def run(self) -> None:
        """Work until `stop`."""
        while not self._ending:
            if self._socket.poll(_LOOK_MS):
                frames = self._socket.recv_multipart()
                if len(frames) == 4:
                    hub, number, box, body = frames
                    answer = self.answer(box.decode(), body)
                    self._socket.send_multipart([hub, number, box, encode(0, [answer])])

    def answer(self, box: str, body: bytes) -> LinkMessage:
        """Return the answer to what *box* asked; the hub has proven who it is."""
        try:
            _, records, _ = decode(body)
        except PeerError as error:
            return _no(error.reason, error.message)
        match records:
            case [LedgerBatch() as batch]:
                return self._store.take(box, batch)
            case [LedgerAsk() as ask]:
                try:
                    return self._store.heads(box, ask)
                except SQLAlchemyError as error:
                    _log.error("the database cannot be read: %s", error)
                    return _no("internal", "control's database cannot be read now")
        return _no("unknown-record", "the intake knows questions and batches")

    def stop(self) -> None:
        """End after the request at hand."""
        self._ending = True

    def close(self) -> None:
        """Stop listening."""
        self._socket.close()
        self._context.term()


def run(settings: ControlSettings) -> None:
    """Take in until SIGINT or SIGTERM; raise ConfigError."""
    parts = ControlParts.open(settings)
    store = LedgerStore(parts.database, plan_key(settings.state_path), parts.clock)
    intake = LedgerIntake(store, settings.hub_ledger)

    def end(_number: int, _frame: FrameType | None) -> None:
        intake.stop()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end)
    _log.info("the intake takes ledgers")
    try:
        intake.run()
    finally:
        intake.close()
        parts.close()


def _no(reason: str, detail: str) -> LinkMessage:
    return LedgerAck(0, reason, detail)
