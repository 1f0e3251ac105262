"""The brain's process: its parts put together, and its life from start to SIGTERM."""

import asyncio
import contextlib
import logging
import signal
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from appliance.base.clock import SystemClock
from appliance.base.collector import calm
from appliance.base.errors import ConfigError
from appliance.base.log import set_up
from appliance.call.attach import BEAT_S, Found, LegsSession
from appliance.config.model import ApplianceSettings
from appliance.daemon.admin import SOCKET, AdminSocket
from appliance.daemon.brain import Brain, Surroundings
from appliance.daemon.callbacks import CallBackDesk
from appliance.daemon.desk import ContactDesk
from appliance.daemon.federation import Federation
from appliance.daemon.hubs import Telemetry
from appliance.daemon.reporter import REPORT_S, Reporter
from appliance.daemon.status import status
from appliance.daemon.transfer import transfer
from appliance.flow.sources import DataSources
from appliance.ledger.journal import LedgerJournal
from appliance.link import identity as identities
from appliance.link.bodies import Roster
from appliance.link.identity import Identity
from appliance.link.messages import LinkMessage
from appliance.plan.model import Plan
from appliance.telemetry.publisher import HubKeys, TelemetryPublisher
from appliance.wire.commands import Account, Accounts
from appliance.wire.events import LegsRecord, TrunkChanged
from appliance.wire.rows import TrunkState
from appliance.wire.transport import brain_stream, keep_connected

log = logging.getLogger(__name__)

_T = TypeVar("_T")


class BrainDaemon:
    """All parts of the brain; `start`, then `close`."""

    def __init__(self, settings: ApplianceSettings) -> None:
        """Make the parts; raise BranchlineError for what cannot be opened."""
        self.settings = settings
        self.state_dir = _state_dir(settings)
        self.clock = SystemClock()
        self.identity = _identity(self.state_dir)
        name = self.identity.fields.name if self.identity else settings.name
        site = self.identity.fields.site if self.identity else settings.site
        self.journal = LedgerJournal(self.state_dir / "ledger.db", name, clock=self.clock)
        self._link = brain_stream()
        self.legs = LegsSession(self._link, name, self.clock)
        self.sources = DataSources(settings.lookup, self.clock)
        self.brain = Brain(self._surroundings(name, site))
        self.federation = self._federate()
        self.telemetry = self._publish(name, site)
        self.reporter = Reporter(
            self.brain, self.journal, self.telemetry, self.state_dir, self.clock
        )
        self.sources.on_down = self._source_down
        self.trunks: dict[str, TrunkState] = {}
        self.admin = AdminSocket(self.state_dir / SOCKET)
        self.admin.on("status", lambda _: self._status())
        self.admin.on("voicemail", self._messages)
        self.admin.on("voicemail-delete", self._delete_message)
        self.admin.on("transfer", lambda request: transfer(self.brain, request))
        desk = CallBackDesk(self.brain.rooms.callbacks, self.brain.escrow, self.clock)
        self.admin.on("callbacks", desk.list)
        self.admin.on("cancel-callback", desk.cancel)
        self.admin.on("held-callbacks", desk.held)
        self.admin.on("release-callback", desk.release)
        self.admin.on("contact", ContactDesk(self.brain).answer)
        self._tasks: list[asyncio.Task[None]] = []
        self._take_up()

    # -- the parts -----------------------------------------------------------------------------

    def _surroundings(self, name: str, site: str) -> Surroundings:
        loop = asyncio.get_running_loop()
        return Surroundings(
            name=name,
            site=site,
            incarnation=self.journal.incarnation,
            journal=self.journal,
            clock=self.clock,
            command=self.legs.send,
            message=self._send,
            soon=loop.call_soon,
            later=loop.call_later,
            recordings=self.state_dir / self.settings.recording.path,
            record=self.settings.recording.enabled,
            keep_days=self.settings.voicemail.keep_days,
            ask=self.sources.ask,
        )

    def _send(self, peer: str, message: LinkMessage) -> bool:
        return self.federation.send(peer, message) if self.federation else False

    def _federate(self) -> Federation | None:
        if self.identity is None:
            return None
        return Federation(self.settings, self.identity, self.brain, self.journal, self.clock)

    def _publish(self, name: str, site: str) -> TelemetryPublisher:
        fields = self.identity.fields if self.identity else None
        publisher = TelemetryPublisher(
            self.settings.telemetry,
            tenant=fields.tenant if fields else self.settings.tenant,
            site=site,
            appliance=name,
            incarnation=self.journal.incarnation,
            clock=self.clock,
        )
        if fields and self.identity and fields.hub_telemetry_port:
            keys = HubKeys(
                hub_public=fields.hub_curve_key.encode(),
                our_public=self.identity.keys.curve.public.encode(),
                our_secret=self.identity.keys.curve.secret.encode(),
            )
            address = f"tcp://{fields.hub_address}:{fields.hub_telemetry_port}"
            publisher.connect_hub(address, keys)
        return publisher

    def _publish_to(self, hub: Telemetry) -> None:
        """Publish to another hub: the one before is gone."""
        address, port, key = hub
        if port and self.identity:
            curve = self.identity.keys.curve
            keys = HubKeys(key.encode(), curve.public.encode(), curve.secret.encode())
            self.telemetry.connect_hub(f"tcp://{address}:{port}", keys)

    def _take_up(self) -> None:
        """Connect the parts with each other, and take up what was known before."""
        self.legs.on_found = self._found
        self.legs.on_event = self._event
        self.legs.on_lost = lambda why: self.reporter.legs(up=False, reason=why)
        self.brain.turn.after_commit.append(self.legs.committed)
        if self.federation is not None:
            self.federation.reporter = self.reporter
            self.federation.hubs.on_control = self._publish_to
            uploader = self.federation.uploader
            self.reporter.acknowledged = lambda: uploader.acknowledged
            self.federation.on_roster = lambda roster: self.legs.send(_accounts(roster))
            self.federation.on_peers = self.legs.send
        plan = self.federation.documents.plan if self.federation else None
        if plan is None and self.settings.plan_file:
            plan = _read(Path(self.settings.plan_file), Plan)
        if plan is not None:
            self.brain.take_plan(plan)
        self.brain.remember(self.journal.kept())

    # -- life ----------------------------------------------------------------------------------

    async def start(self) -> None:
        """Begin; raise ConfigError `port-busy` or `bad-config`."""
        await self.admin.start()
        if self.federation is not None:
            self.federation.start()
            self._task(self.federation.run())
        self._task(keep_connected(self._link, self.state_dir / self.settings.legs.socket))
        self._task(self._every(BEAT_S, self._beat))
        self._task(self._every(REPORT_S, self._report))
        self._task(self.telemetry.run())
        log.info("%s is up, incarnation %d", self.brain.given.name, self.journal.incarnation)

    async def close(self) -> None:
        """Leave: talks go on in legs, and the next brain adopts them."""
        self.legs.on_lost = lambda _why: None
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task
        await self.sources.close()
        self.brain.turn.end()
        self.admin.close()
        self.telemetry.close()
        self.journal.close()

    def _task(self, work: Coroutine[Any, Any, None]) -> None:
        self._tasks.append(asyncio.get_running_loop().create_task(work))

    @staticmethod
    async def _every(seconds: float, action: Any) -> None:
        while True:
            action()
            await asyncio.sleep(seconds)

    def _beat(self) -> None:
        self.legs.beat()
        self.brain.tick()
        if self.federation is not None:
            self.federation.tick()

    def _report(self) -> None:
        self.reporter.box()
        self.reporter.queues(self.brain.floor.own_views())

    # -- legs ----------------------------------------------------------------------------------

    def _found(self, found: Found) -> None:
        """Legs is there: tell it who may call, then take what it holds."""
        roster = self._roster()
        if roster is not None:
            self.legs.send(_accounts(roster))
        if self.federation is not None:
            self.legs.send(self.federation.peers())
        self.brain.found(found)
        for trunk in found.trunks:
            self.trunks[trunk.name] = trunk
            self.reporter.trunk(trunk)
        self.reporter.legs(up=True)

    def _event(self, record: LegsRecord) -> None:
        if isinstance(record, TrunkChanged):
            self.trunks[record.trunk.name] = record.trunk
        self.brain.event(record)
        self.reporter.event(record)

    def _roster(self) -> Roster | None:
        roster = self.federation.documents.roster if self.federation else None
        if roster is None and self.settings.roster_file:
            roster = _read(Path(self.settings.roster_file), Roster)
        return roster

    def _status(self) -> dict[str, Any]:
        return status(self.brain, self.reporter, self.trunks, self.clock)

    def _source_down(self, host: str, reason: str, down: bool) -> None:
        self.reporter.alarm("lookup", reason if down else "normal", about=host, raised=down)

    def _messages(self, request: dict[str, Any]) -> dict[str, Any]:
        kept = self.brain.rooms.voicemails.listing(str(request.get("mailbox") or ""))
        folder = self.state_dir / self.settings.recording.path
        return {"folder": str(folder), "messages": [message.row() for message in kept]}

    def _delete_message(self, request: dict[str, Any]) -> dict[str, Any]:
        message = str(request.get("message"))
        if self.brain.rooms.voicemails.delete(message):
            return {"deleted": message}
        return {"error": "not-found", "message": f"there is no message {message!r}"}


async def run(settings: ApplianceSettings) -> int:
    """Run the brain until SIGTERM or SIGINT; raise BranchlineError where it cannot start."""
    set_up(settings.log_level, as_json=settings.log_json)
    daemon = BrainDaemon(settings)
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    try:
        await daemon.start()
        calm()
        await ended.wait()
    finally:
        await daemon.close()
    return 0


def _state_dir(settings: ApplianceSettings) -> Path:
    path = Path(settings.state_dir)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        message = f"state_dir {path} cannot be made: {error.strerror}"
        raise ConfigError("missing-file", message) from error
    return path


def _identity(state_dir: Path) -> Identity | None:
    """Return who we are; a box that has not joined works alone, by its own files."""
    folder = state_dir / identities.FOLDER
    return Identity.load(folder) if Identity.exists(folder) else None


def _read(path: Path, kind: type[_T]) -> _T:
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except OSError as error:
        raise ConfigError("missing-file", f"{path}: {error.strerror}") from error
    except msgspec.DecodeError as error:
        raise ConfigError("bad-config", f"{path}: {error}") from error


def _accounts(roster: Roster) -> Accounts:
    accounts = [
        Account(account.account, account.ha1_md5, account.ha1_sha256)
        for account in roster.accounts
    ]
    return Accounts(roster.realm, accounts)
