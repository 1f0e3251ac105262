"""The telemetry proxy: records of all boxes come in by XSUB and go out by XPUB.

A box is let in by its CURVE key, and only records of its own tenant, site and name pass. The
newest record about each subject is kept, and repeated when somebody subscribes; the copy bears
the same `seq`, so that a subscriber can tell.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Iterable
from typing import Any

import zmq

from appliance.base.errors import ConfigError
from appliance.base.ids import is_slug
from appliance.link.pump import SocketPump
from appliance.link.session import Peer
from appliance.link.zap import ZapGate
from appliance.link.zmq_transport import HANDSHAKE_MS, PING_MS, prove_sender
from appliance.telemetry.records import PREFIX, TelemetryRecord, decode

_log = logging.getLogger(__name__)

#: records that wait for a slow subscriber before it misses some
SEND_AHEAD = 10_000
#: a longer record is dropped [bytes]
MAX_RECORD = 65_536
#: subjects kept of one box; far above the trunks and seats of a branch
KEPT_PER_BOX = 5_000


class TelemetryProxy:
    """XSUB and XPUB with a cache of the newest records."""

    def __init__(self, tenant: str) -> None:
        self._tenant = tenant
        self._boxes: dict[str, Peer] = {}
        self._context: zmq.Context[Any] | None = None
        self._gate = ZapGate()
        self._inner: SocketPump | None = None
        self._outer: SocketPump | None = None
        #: box -> (topic, subject) -> frames
        self._newest: dict[str, dict[tuple[bytes, str], list[bytes]]] = {}
        #: ports that are listened on; known after `start`
        self.in_port = 0
        self.out_port = 0
        #: what was passed on or dropped, by reason word
        self.counts: Counter[str] = Counter()

    def start(
        self, address: str, in_port: int, out_address: str, out_port: int, secret_key: str
    ) -> None:
        """Listen; raise ConfigError `port-busy`."""
        self._context = zmq.Context()
        self._gate.start(self._context)
        inner = self._context.socket(zmq.XSUB)
        inner.curve_server = 1
        inner.curve_secretkey = secret_key.encode("ascii")
        inner.zap_domain = b"telemetry"
        inner.maxmsgsize = MAX_RECORD
        inner.rcvhwm = SEND_AHEAD
        inner.handshake_ivl = HANDSHAKE_MS
        inner.heartbeat_ivl = PING_MS
        inner.heartbeat_timeout = 2 * PING_MS
        outer = self._context.socket(zmq.XPUB)
        outer.sndhwm = SEND_AHEAD
        outer.maxmsgsize = 1024
        # also the second subscriber of a topic is a newcomer
        outer.setsockopt(zmq.XPUB_VERBOSE, 1)
        self._inner = SocketPump(inner, self._take)
        self._outer = SocketPump(outer, self._subscribed)
        self.in_port = self._bind(inner, address, in_port)
        self.out_port = self._bind(outer, out_address, out_port)
        loop = asyncio.get_running_loop()
        self._inner.start(loop)
        self._outer.start(loop)
        # the cache is for all topics, whoever subscribes later
        inner.send(b"\x01")

    def allow(self, peers: Iterable[Peer]) -> None:
        """Take records of these boxes only."""
        self._boxes = {peer.key: peer for peer in peers}
        self._gate.allow(self._boxes)
        names = {peer.name for peer in self._boxes.values()}
        for name in set(self._newest) - names:
            del self._newest[name]

    def close(self) -> None:
        """Stop listening."""
        for pump in (self._inner, self._outer):
            if pump is not None:
                pump.close()
        self._gate.close()
        if self._context is not None:
            self._context.destroy(linger=0)

    def _bind(self, socket: zmq.Socket[Any], address: str, port: int) -> int:
        try:
            socket.bind(f"tcp://{address}:{port or '*'}")
        except zmq.ZMQError as error:
            self.close()
            message = f"telemetry cannot listen on {address}:{port}: {error}"
            raise ConfigError("port-busy", message) from error
        return int(str(socket.getsockopt_string(zmq.LAST_ENDPOINT)).rsplit(":", 1)[1])

    def _take(self, frames: list[zmq.Frame]) -> None:
        """Pass a record on, if it is its sender's own."""
        box = self._boxes.get(prove_sender(frames[0]))
        if box is None:
            self.counts["not-enrolled"] += 1
            return
        if len(frames) != 2:
            self.counts["bad-request"] += 1
            return
        topic, body = frames[0].bytes, frames[1].bytes
        record = decode(body)
        kind = topic.removeprefix(f"{PREFIX}/{self._tenant}/{box.site}/".encode())
        if record is None or kind == topic or not is_slug(kind.decode("ascii", "replace")):
            self.counts["bad-request"] += 1
            return
        if _appliance(record) != box.name:
            self.counts["foreign"] += 1
            return
        self.counts["normal"] += 1
        self._keep(box.name, topic, body, record)
        self._send([topic, body])

    def _keep(
        self, box: str, topic: bytes, body: bytes, record: TelemetryRecord | dict[str, Any]
    ) -> None:
        subject = ""
        if isinstance(record, TelemetryRecord):
            if not record.repeats:
                return
            subject = record.subject()
        newest = self._newest.setdefault(box, {})
        if (topic, subject) in newest or len(newest) < KEPT_PER_BOX:
            newest[topic, subject] = [topic, body]

    def _subscribed(self, frames: list[zmq.Frame]) -> None:
        """Repeat the newest records to a newcomer."""
        asked = frames[0].bytes
        if asked[:1] != b"\x01":
            return
        for newest in self._newest.values():
            for record in newest.values():
                if record[0].startswith(asked[1:]):
                    self._send(record)

    def _send(self, frames: list[bytes]) -> None:
        if self._outer is not None:
            # a subscriber that is too slow misses records; XPUB never blocks
            self._outer.socket.send_multipart(frames, zmq.NOBLOCK)
            self._outer.stir()


def _appliance(record: TelemetryRecord | dict[str, Any]) -> object:
    return record.get("appliance") if isinstance(record, dict) else record.appliance
