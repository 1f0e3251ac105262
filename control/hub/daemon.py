"""`branchline-hub`: the boxes' meeting point. It holds no truth and may be killed at any time."""

import asyncio
import contextlib
import logging
import signal
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import msgspec

from appliance.base.clock import Clock, SystemClock
from appliance.base.collector import calm, keep
from appliance.base.errors import BranchlineError, ConfigError
from appliance.base.hlc import HybridClock
from appliance.link.clocks import ClockWatch
from appliance.link.files import write_whole
from appliance.link.joined_transport import JoinedTransport
from appliance.link.lease import LeaseVoter
from appliance.link.messages import (
    PROTO,
    Delta,
    DocumentAck,
    Hello,
    LeaseAnswer,
    LeaseAsk,
    LedgerAsk,
    LedgerBatch,
    LinkMessage,
    ProposalRefused,
    Resnapshot,
    SeatAsk,
    Snapshot,
)
from appliance.link.node import LinkNode
from appliance.link.session import Peer
from appliance.link.transport import Transport
from appliance.link.view import PeerView
from appliance.link.zmq_transport import ZmqTransport
from control.fleet.keys import CurvePair, hub_pair
from control.hub.documents import DocumentDesk
from control.hub.floor import HubFloor
from control.hub.ipc import HubDoor
from control.hub.ledger import LedgerDesk
from control.hub.store import DatabaseStore, Store
from control.hub.telemetry import TelemetryProxy
from control.models.database import Database
from control.settings import ControlSettings

_log = logging.getLogger(__name__)

#: how often the database is looked at, should a command be lost [s]: revocation within 5 s
RELOAD_S = 3.0
#: how often holds and failures are looked at, and changes published [s]
BEAT_S = 0.1
#: how often the delays of the links are shown [s]
DELAYS_S = 2.0
#: how often the collector is told to leave out what came with snapshots [s]: a box whose link
#: flaps must not make it do so at each
_KEEP_EACH_S = 60.0
INCARNATION_FILE = "{}-incarnation"


class Hub:
    """Link, matchmaker, documents, telemetry, way to intake and the web's door, put together."""

    def __init__(
        self,
        settings: ControlSettings,
        store: Store,
        clock: Clock,
        *,
        transport: Transport | None = None,
        soon: Callable[[Callable[[], None]], object] | None = None,
    ) -> None:
        self._settings = settings
        self._store = store
        self._clock = clock
        self.name = settings.hub_name
        pair = hub_pair(settings.state_path, self.name)
        self._secret = pair.secret
        self._incarnation = next_incarnation(
            settings.state_path / INCARNATION_FILE.format(self.name)
        )
        self._version = software_version()
        self._peers: dict[str, Peer] = {}
        #: keys that are cut although the database may still have them
        self._revoked: set[str] = set()
        self._views: dict[str, PeerView] = {}
        self._reloading = asyncio.Lock()
        #: snapshots have come that the collector has not yet been told to leave out; since when it
        #: may be told again
        self._grown, self._keep_from_s = False, 0.0
        #: box -> what it said of itself and is not yet written down: version, plan's serial
        self._notes: dict[str, tuple[str, int]] = {}
        self._writer: asyncio.Task[None] | None = None
        self._voter = LeaseVoter(clock.monotonic_s(), lambda peer: peer in self._views)
        self.floor = HubFloor(clock, self._send, soon=soon, name=self.name)
        self.desk = DocumentDesk(self._send)
        self.ledger = LedgerDesk(self._send)
        self.telemetry = TelemetryProxy(settings.tenant)
        self.transport = transport or ZmqTransport(
            address=settings.hub_address,
            port=settings.link_port,
            public_key=pair.public,
            secret_key=pair.secret,
        )
        self.node = LinkNode(self._hello, self._transports(pair), clock, self, soon=soon)
        hlc = HybridClock(clock)
        self.clocks = ClockWatch(clock, hlc, self._clock_off)
        self.node.stamp, self.node.on_stamp = hlc.read, self.clocks.take
        self.door = HubDoor(
            {"reload": self._do_reload, "floor": self._do_floor, "revoke": self._do_revoke}
        )

    # -- life ----------------------------------------------------------------------------------

    async def start(self) -> None:
        """Read the fleet and listen; raise ConfigError."""
        settings = self._settings
        await self.reload()
        self.floor.gather(self._peers)
        self.node.start()
        self.telemetry.start(
            settings.hub_address,
            settings.telemetry_in_port,
            settings.telemetry_out_address,
            settings.telemetry_out_port,
            self._secret,
        )
        self.ledger.start(settings.hub_ledger)
        self.door.start(settings.hub_commands, settings.hub_live)

    async def run(self) -> None:
        """Work until cancelled; `start` comes before."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self.node.run())
                group.create_task(_every(BEAT_S, self._beat))
                group.create_task(_every(DELAYS_S, self._show_delays))
                group.create_task(self._reload_for_ever())
        finally:
            self.close()

    def close(self) -> None:
        """Stop listening."""
        self.node.close()
        self.telemetry.close()
        self.ledger.close()
        self.door.close()

    # -- the fleet -----------------------------------------------------------------------------

    async def reload(self) -> None:
        """Read fleet and documents; cut who is out, hand on what is new."""
        async with self._reloading:
            record = await asyncio.to_thread(self._store.fleet, self.desk.documents)
            self._peers = {peer.name: peer for peer in record.appliances}
            self._revoked &= {peer.key for peer in record.appliances}
            self._allow()
            if "plan" in self.desk.publish(record.documents):
                self._take_plan()

    async def _reload_for_ever(self) -> None:
        while True:
            await asyncio.sleep(RELOAD_S)
            try:
                await self.reload()
            except BranchlineError as error:
                # what is known stays in force
                _log.error("%s", error)

    def _allow(self) -> None:
        peers = [peer for peer in self._peers.values() if peer.key not in self._revoked]
        self.node.allow(peers)
        self.telemetry.allow(peers)
        self.floor.live.set_appliances({peer.name: peer.site for peer in peers})

    def _take_plan(self) -> None:
        plan = self.desk.plan()
        if plan is None:
            return
        self.floor.set_plan(plan)
        for box in self._peers:
            self.floor.live.update(box, plan_ack="", plan_ack_detail="")

    # -- what the link tells (LinkHandler) -----------------------------------------------------

    def on_up(self, peer: str, hello: Hello) -> None:
        """Take a box that has come up."""
        self._views[peer] = PeerView(peer, self.floor, lambda ask: self._send(peer, ask))
        self.floor.live.set_up(
            peer,
            True,
            version=hello.version[:63],
            plan_serial=hello.plan_serial,
            reason="",
            detail="",
        )
        self.floor.newcomer(peer)
        for ack in self.desk.box_up(peer, hello.site, hello.held):
            self._take_ack(peer, ack)
        self._note(peer, hello.version, hello.plan_serial)

    def on_down(self, peer: str, reason: str) -> None:
        """Take the rows of a box that is gone out."""
        view = self._views.pop(peer, None)
        if view is not None:
            view.lose()
        self.desk.box_down(peer)
        self.ledger.box_down(peer)
        detail = self.node.trouble.get(peer, ("", ""))[1]
        self.floor.live.set_up(peer, False, reason=reason, detail=detail, link_ms=-1)

    def on_message(self, peer: str, message: LinkMessage) -> None:
        """Take a record of a box."""
        if isinstance(message, Delta):
            self._views[peer].take(message)
        elif isinstance(message, Snapshot):
            self._views[peer].take(message)
            self._grown = True
        elif isinstance(message, ProposalRefused):
            self.floor.refused(peer, message)
        elif isinstance(message, SeatAsk):
            self.floor.asked(peer, message)
        elif isinstance(message, DocumentAck):
            self._take_ack(peer, message)
        elif isinstance(message, LedgerAsk | LedgerBatch):
            self.ledger.take(peer, message)
        elif isinstance(message, LeaseAsk):
            now_s = self._clock.monotonic_s()
            granted, claims = self._voter.ask(message.about, peer, message.claims, now_s)
            self._send(peer, LeaseAnswer(message.about, message.number, granted, claims))
        elif isinstance(message, Resnapshot):
            # a hub owns nothing: there is nothing to send
            _log.debug("%s asked for a snapshot of the hub", peer)
        else:
            _log.warning("%s sent %s, which is not for a hub", peer, type(message).__name__)

    def _take_ack(self, peer: str, ack: DocumentAck) -> None:
        if not self.desk.answered(peer, ack) or ack.kind != "plan":
            return
        fields: dict[str, Any] = {"plan_ack": ack.reason, "plan_ack_detail": ack.detail[:500]}
        if ack.reason == "normal":
            fields["plan_serial"] = ack.serial
            hello = self.node.hello_of(peer)
            self._note(peer, hello.version if hello else "", ack.serial)
        self.floor.live.update(peer, **fields)

    def _note(self, peer: str, version_text: str, plan_serial: int) -> None:
        """Have written down, beside the loop, what a box said of itself."""
        self._notes[peer] = (version_text[:63], plan_serial)
        if self._writer is None:
            self._writer = asyncio.create_task(self._write_notes())

    async def _write_notes(self) -> None:
        """Write notes one after the other: a fleet that comes up would lock the database."""
        while self._notes:
            peer = next(iter(self._notes))
            note = self._notes.pop(peer)
            try:
                await asyncio.to_thread(self._store.note, peer, *note)
            except BranchlineError as error:
                _log.error("%s: %s", peer, error)
        self._writer = None

    # -- commands ------------------------------------------------------------------------------

    async def _do_reload(self, _request: dict[str, Any]) -> dict[str, Any]:
        await self.reload()
        return {"done": "reload", "plan_serial": self.desk.serial("plan")}

    async def _do_floor(self, _request: dict[str, Any]) -> msgspec.Struct:
        self._publish()
        return self.floor.live.floor()

    async def _do_revoke(self, request: dict[str, Any]) -> dict[str, Any]:
        """Cut a box now, before the database is read."""
        name = request.get("appliance")
        if not isinstance(name, str) or name not in self._peers:
            raise ConfigError("not-enrolled", f"appliance {name!r} is not in the fleet")
        self._revoked.add(self._peers[name].key)
        self._allow()
        await self.reload()
        return {"done": "revoke", "appliance": name}

    # -- inside --------------------------------------------------------------------------------

    def _hello(self) -> Hello:
        return Hello(
            proto=PROTO,
            role="hub",
            name=self.name,
            site="",
            incarnation=self._incarnation,
            version=self._version,
            plan_serial=self.desk.serial("plan"),
            addressed=True,
        )

    def _transports(self, pair: CurvePair) -> Transport:
        """Return ZeroMQ, and NATS beside it where there is a cluster."""
        settings = self._settings
        if not settings.nats_servers:
            return self.transport
        # where it is not used it must not cost a restarted hub 0.2 s
        from appliance.link.nats_client import NatsSettings
        from appliance.link.nats_transport import NatsTransport

        nats = NatsTransport(
            NatsSettings(
                servers=settings.nats_servers,
                credentials=settings.nats_credentials,
                ca=settings.nats_ca,
            ),
            public_key=pair.public,
            secret_key=pair.secret,
        )
        return JoinedTransport([self.transport, nats])

    def _send(self, peer: str, message: LinkMessage) -> bool:
        return self.node.send(peer, message)

    def _beat(self) -> None:
        self.floor.propose()
        self.floor.tell_queues(self.node.peers())
        self._publish()
        if self._grown and not self.floor.gathering:
            self._keep()

    def _keep(self) -> None:
        """Let the collector leave out what has come; seldom, as circles in it stay for ever."""
        now_s = self._clock.monotonic_s()
        if now_s >= self._keep_from_s:
            self._grown, self._keep_from_s = False, now_s + _KEEP_EACH_S
            keep()

    def _publish(self) -> None:
        change = self.floor.live.take_change()
        if change is not None:
            self.door.publish(change)

    def _clock_off(self, peer: str, ahead_ms: int) -> None:
        """Compare places of *peer* by our clock from now on, and show that one of two is wrong."""
        self.floor.matchmaker.floor.set_clock(peer, ahead_ms)
        self.floor.live.update(peer, clock_ms=ahead_ms)

    def _show_delays(self) -> None:
        for peer in self.node.peers():
            self.floor.live.update(peer, link_ms=self.node.delay_ms(peer))
        for peer, (reason, detail) in self.node.trouble.items():
            self.floor.live.update(peer, reason=reason, detail=detail)


async def serve(settings: ControlSettings, *, clock: Clock | None = None) -> None:
    """Run a hub on control's database until cancelled."""
    database = Database(settings.database)
    # before the plan and the floor come, and would be looked at again and again as they grow
    calm()
    try:
        hub = Hub(settings, DatabaseStore(database), clock or SystemClock())
        try:
            await hub.start()
        except BaseException:
            hub.close()
            raise
        _log.info("hub listens on %s:%s", settings.hub_address, settings.link_port)
        keep()
        await hub.run()
    finally:
        database.close()


def run(settings: ControlSettings) -> None:
    """Run a hub until SIGINT or SIGTERM; raise ConfigError."""

    async def until_told() -> None:
        task = asyncio.current_task()
        if task is not None:
            for number in (signal.SIGINT, signal.SIGTERM):
                asyncio.get_running_loop().add_signal_handler(number, task.cancel)
        await serve(settings)

    with contextlib.suppress(asyncio.CancelledError):
        asyncio.run(until_told())


def next_incarnation(path: Path) -> int:
    """Return a number greater than all before; kept in the file at *path*."""
    try:
        last = int(path.read_text(encoding="ascii"))
    except FileNotFoundError:
        last = 0
    except (OSError, ValueError) as error:
        raise ConfigError("bad-config", f"{path} holds no number: {error}") from error
    write_whole(path, f"{last + 1}\n".encode("ascii"))
    return last + 1


def software_version() -> str:
    """Return the version of this software."""
    try:
        return version("branchline")
    except PackageNotFoundError:
        return "0"


async def _every(seconds: float, call: Callable[[], None]) -> None:
    while True:
        call()
        await asyncio.sleep(seconds)
