"""Publishes telemetry: to local subscribers, and to the hub once there is one. Never blocks."""

import asyncio
import logging
from collections import Counter

import msgspec
import zmq

from appliance.base.clock import Clock, rfc3339
from appliance.base.errors import ConfigError
from appliance.base.ids import is_slug
from appliance.config.model import TelemetrySettings
from appliance.telemetry.prometheus import MetricsPage
from appliance.telemetry.records import AnyRecord, encode, kind_of, topic

log = logging.getLogger(__name__)

#: records that wait for a slow subscriber before it misses some
SEND_AHEAD = 1000
#: how often newcomers are looked for [s]; also how often the state is repeated at most
NEWCOMERS_EVERY_S = 0.5
#: subjects whose newest record is kept to be repeated; far above the trunks and seats of a branch
KEPT_MOST = 5000
#: subscriptions read at a time: a storm of them must not hold up the loop
_NEWCOMERS_MOST = 1000


class HubKeys(msgspec.Struct, frozen=True):
    """CURVE keys of the session with the hub, Z85."""

    hub_public: bytes
    our_public: bytes
    our_secret: bytes


class TelemetryPublisher:
    """Stamps records and sends them as `[topic, JSON]`; made and used in one thread."""

    def __init__(
        self,
        settings: TelemetrySettings,
        *,
        tenant: str,
        site: str,
        appliance: str,
        incarnation: int,
        clock: Clock,
    ) -> None:
        if not (is_slug(tenant) and is_slug(site)):
            raise ConfigError("bad-config", f"tenant {tenant!r}, site {site!r}: both are slugs")
        self._tenant = tenant
        self._site = site
        self._appliance = appliance
        self._incarnation = incarnation
        self._clock = clock
        self._seq: Counter[str] = Counter()
        self._newest: dict[tuple[str, str], list[bytes]] = {}
        #: records that the hub missed because it read too slowly
        self.dropped = 0
        #: the same records as Prometheus shows them
        self.page = MetricsPage(site=site, appliance=appliance)
        self._context = zmq.Context()
        self._local = self._socket()
        self._hub: zmq.Socket[bytes] | None = None
        try:
            self._local.bind(f"tcp://{settings.address}:{settings.port}")
        except zmq.ZMQError as error:
            self.close()
            raise ConfigError(
                "port-busy",
                f"telemetry cannot listen on {settings.address}:{settings.port}: {error}",
            ) from error

    @property
    def address(self) -> str:
        """Return where local subscribers connect to."""
        return self._local.getsockopt_string(zmq.LAST_ENDPOINT)

    def connect_hub(self, address: str, keys: HubKeys) -> None:
        """Also publish to the hub at *address* (`tcp://host:port`), replacing an earlier one."""
        self.disconnect_hub()
        hub = self._socket()
        # one reader behind it: a full queue is told, so that it can be counted
        hub.setsockopt(zmq.XPUB_NODROP, 1)
        hub.curve_serverkey = keys.hub_public
        hub.curve_publickey = keys.our_public
        hub.curve_secretkey = keys.our_secret
        hub.connect(address)
        self._hub = hub

    def disconnect_hub(self) -> None:
        """Publish to local subscribers only."""
        if self._hub is not None:
            self._hub.close(linger=0)
            self._hub = None

    def publish(self, record: AnyRecord) -> None:
        """Stamp *record* and send it; a subscriber that is too slow misses it."""
        kind = kind_of(record)
        self._seq[kind] += 1
        record.seq = self._seq[kind]
        record.ts = rfc3339(self._clock.wall_us())
        record.incarnation = self._incarnation
        record.appliance = self._appliance
        self.page.take(record)
        frames = [topic(self._tenant, self._site, kind), encode(record)]
        self._remember(kind, record, frames)
        self._send(frames)

    def greet(self) -> bool:
        """Repeat the newest state to newcomers; return whether there were any."""
        local = _newcomers(self._local)
        hub = self._hub is not None and _newcomers(self._hub)
        for frames in self._newest.values():
            if local:
                self._send_local(frames)
            if hub:
                self._send_hub(frames)
        return local or hub

    async def run(self) -> None:
        """Greet newcomers for ever."""
        while True:
            self.greet()
            await asyncio.sleep(NEWCOMERS_EVERY_S)

    def close(self) -> None:
        """Close all sockets; what was not sent yet is dropped."""
        self.disconnect_hub()
        self._local.close(linger=0)
        self._context.term()

    def _socket(self) -> "zmq.Socket[bytes]":
        socket = self._context.socket(zmq.XPUB)
        socket.setsockopt(zmq.SNDHWM, SEND_AHEAD)
        socket.setsockopt(zmq.LINGER, 0)
        # also the second subscriber of a topic is a newcomer
        socket.setsockopt(zmq.XPUB_VERBOSE, 1)
        # a subscription is as long as a topic: nobody may fill our memory with longer ones
        socket.setsockopt(zmq.MAXMSGSIZE, 1024)
        return socket

    def _remember(self, kind: str, record: AnyRecord, frames: list[bytes]) -> None:
        """Keep the newest record about each subject; news without a subject is not kept."""
        if not record.repeats:
            return
        key = (kind, record.subject())
        if key in self._newest or len(self._newest) < KEPT_MOST:
            self._newest[key] = frames

    def _send(self, frames: list[bytes]) -> None:
        self._send_local(frames)
        self._send_hub(frames)

    def _send_local(self, frames: list[bytes]) -> None:
        # lossy by nature: whoever is too slow misses records and sees it by `seq`
        self._local.send_multipart(frames, zmq.DONTWAIT)

    def _send_hub(self, frames: list[bytes]) -> None:
        if self._hub is None:
            return
        try:
            self._hub.send_multipart(frames, zmq.DONTWAIT)
        except zmq.Again:
            self.dropped += 1


def _newcomers(socket: "zmq.Socket[bytes]") -> bool:
    """Read the subscriptions that came in; tell whether one of them is new."""
    found = False
    for _ in range(_NEWCOMERS_MOST):
        try:
            message = socket.recv(zmq.DONTWAIT)
        except zmq.Again:
            break
        found |= message[:1] == b"\x01"
    return found
