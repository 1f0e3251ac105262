"""The legs process: its parts, put together, and its life from start to SIGTERM."""

import asyncio
import contextlib
import logging
import os
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import Any

from appliance.base.clock import SystemClock
from appliance.base.collector import calm
from appliance.base.errors import ConfigError
from appliance.config.model import ApplianceSettings, FaxSettings
from appliance.legs.attach import BrainSide
from appliance.legs.commands import LegCommands
from appliance.legs.contacts import ContactTable, registration
from appliance.legs.dialer import LegDialer
from appliance.legs.engine import MediaEngine, Prompt
from appliance.legs.events import LegEvents
from appliance.legs.exchange import Exchange
from appliance.legs.faxtypes import FaxHow
from appliance.legs.gate import SipGate
from appliance.legs.incarnation import boot_id, next_epoch
from appliance.legs.legfaxes import LegFaxes
from appliance.legs.lines import open_lines
from appliance.legs.media import LegMedia, RtpPlace
from appliance.legs.orphans import OrphanPolicy
from appliance.legs.phoneauth import PhoneAuth
from appliance.legs.playables import Playables
from appliance.legs.policies import CallPolicies
from appliance.legs.recorder import LegRecorder
from appliance.legs.registrar import PhoneRegistrar
from appliance.legs.relay import CallRelay
from appliance.legs.restart import end_inherited
from appliance.legs.sip import SipStack
from appliance.legs.sipside import SipSide
from appliance.legs.siptls import read_tls
from appliance.legs.standing import StandingWays
from appliance.legs.stop import until_told_to_stop
from appliance.legs.table import LegTable
from appliance.legs.taps import LegTaps
from appliance.legs.tombs import DialogFile
from appliance.legs.tones import known_country
from appliance.legs.trunks import TrunkTable
from appliance.legs.trunkwatch import TrunkWatch
from appliance.wire.commands import Accounts, Fallback, Peers
from appliance.wire.rows import LegRow, Registration, TrunkState
from appliance.wire.transport import WireServer

_log = logging.getLogger(__name__)

#: legs at once
MAX_LEGS = 4096
#: calls are given so long to end by themselves at a stop [s]
_GRACE_S = 2.0
#: the start waits no longer for names of trunks [s]
_RESOLVE_S = 2.0


class LegsDaemon:
    """All parts of the legs process; `start`, then `close`."""

    def __init__(self, settings: ApplianceSettings) -> None:
        """Make the parts; raise ConfigError for a state folder that cannot be used."""
        self.settings = settings
        state = _state_dir(settings)
        clock = self.clock = SystemClock()
        boot = boot_id()
        epoch = next_epoch(state / "legs.epoch", boot)
        self.events = LegEvents(clock)
        self.table = LegTable(self.events)
        self.trunk_table = TrunkTable(self.events)
        self.dialogs = DialogFile(state / "legs.dialogs")
        self.contacts = ContactTable(self.events, clock, state / "legs.contacts")
        self._make_media(state)
        self._make_sip()
        self.lines = open_lines(settings.lines, self.exchange, self.trunk_table)
        self.dialer = LegDialer(
            self.exchange, self.sip, self.gate, self.contacts, self.trunks, self.lines
        )
        self.commands = LegCommands(self.exchange, self.dialer, self, self.events)
        self.brain = BrainSide(
            self.events,
            self,
            self.commands.obey,
            epoch=epoch,
            boot=boot,
            brain_dead_s=settings.legs.brain_dead_s,
        )
        legs = settings.legs
        self.orphans = OrphanPolicy(
            self.exchange,
            self.brain,
            self.dialer,
            self.events,
            new_s=legs.orphan_new_s,
            waiting_s=legs.orphan_waiting_s,
            fallback=Fallback(legs.fallback_trunk, legs.fallback_number),
        )
        self.server = WireServer(state / legs.socket, self.brain.accept)
        self._tasks: list[asyncio.Task[None]] = []

    def _make_media(self, state: Path) -> None:
        settings = self.settings
        media = settings.media
        self.engine = MediaEngine(max_legs=MAX_LEGS)
        recordings = state / settings.recording.path
        prompts: Playables[Prompt] = Playables(
            media.prompt_dirs,
            recordings,
            lambda samples, rate: self.engine.load_prompt(memoryview(samples).cast("B"), rate),
        )
        self.recorder = LegRecorder(self.engine, self.table, self.events, recordings)
        taps = LegTaps(self.engine, self.table, self.events, _folder(state / settings.legs.taps))
        self.faxes = LegFaxes(
            self.engine, self.table, self.events, state / settings.fax.path, _how(settings.fax)
        )
        place = RtpPlace(
            media.address or settings.sip.address,
            media.first_port,
            media.last_port,
            media.silence_timeout_s,
            known_country(media.country),
            public=settings.sip.public_address,
        )
        self.media = LegMedia(
            self.engine,
            prompts,
            self.recorder,
            taps,
            self.faxes,
            self.table,
            self.events,
            place,
        )
        self.exchange = Exchange(self.table, self.media)
        self.media.on_lost = self.exchange.hang

    def _make_sip(self) -> None:
        settings = self.settings
        tls = read_tls(settings)
        self.policies = CallPolicies(settings)
        self.stack = SipStack(
            settings.sip.address,
            settings.sip.port,
            tls=tls,
            reached_at=settings.sip.public_address,
        )
        self.auth = PhoneAuth(settings.sip.realm, self.clock)
        self.trunks = TrunkWatch(settings.trunks, self.stack, self.trunk_table)
        self.gate = SipGate(self.trunks, self.contacts, self.auth, tls=tls is not None)
        self.trunks.on_resolved = self._expect
        self.registrar = PhoneRegistrar(
            self.stack, self.contacts, self.auth, check_s=settings.sip.phone_check_s
        )
        self.sip = SipSide(
            self.stack,
            self.exchange,
            self.gate,
            self.registrar,
            self.trunks,
            self.dialogs,
            self.policies,
            max_legs=MAX_LEGS,
        )
        self.relay = self.sip.relay = CallRelay(
            self.exchange, self.sip, self.gate, self.events, most=settings.link.relay_calls
        )
        self.exchange.on_down = self.relay.down
        self.standing = StandingWays(self.stack, self.gate)
        self.sip.standing = self.standing.asked

    # -- life ------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Open sockets and devices and begin; raise BranchlineError when that cannot be."""
        await self.server.start()
        try:
            self.stack.start()
            self.engine.start()
        except BaseException:
            await self.server.close()
            raise
        self.contacts.load()
        loop = asyncio.get_running_loop()
        loop.add_reader(self.stack.fileno(), self.sip.drain)
        loop.add_reader(self.engine.fileno(), self.media.drain)
        # numbers are known at once; names that take longer are looked up while we serve
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_RESOLVE_S):
                await self.trunks.resolve()
        for port in self.lines.values():
            self._keep(port.line.start())
        self._keep(self.brain.keep_beating())
        self._keep(self.orphans.keep_looking())
        self._keep(self.trunks.keep_watching())
        self._keep(self.registrar.keep_checking())
        self._keep(self.standing.keep())
        self._keep(end_inherited(self.dialogs, self.settings.sip.address))
        _log.info("legs listen on %s:%d", self.settings.sip.address, self.settings.sip.port)

    async def close(self) -> None:
        """End all calls and give everything back, within five seconds."""
        self.exchange.hang_all("shutdown")
        self.trunks.close()
        loop = asyncio.get_running_loop()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_GRACE_S):
                # nothing tells when both are through
                while self.stack.live() or self.faxes.busy:  # noqa: ASYNC110
                    await asyncio.sleep(0.05)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for port in self.lines.values():
            await port.line.close()
        self.contacts.save()
        await self.server.close()
        loop.remove_reader(self.stack.fileno())
        loop.remove_reader(self.engine.fileno())
        await loop.run_in_executor(None, self.stack.close)
        self.engine.close()
        self.dialogs.close()

    def _keep(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        task.add_done_callback(_worry)
        self._tasks.append(task)

    # -- attach.Tables -------------------------------------------------------------------------

    def legs(self) -> Sequence[LegRow]:
        """Return the rows of legs, tombstones last."""
        return list(self.table.snapshot())

    def registrations(self) -> Sequence[Registration]:
        """Return the phones that are there."""
        return [registration(contact) for contact in self.contacts if contact.here]

    def trunk_states(self) -> Sequence[TrunkState]:
        """Return the trunks and lines."""
        return list(self.trunk_table.states.values())

    def ack(self, seq: int) -> None:
        """Forget what the brain has written down."""
        self.table.ack(seq)
        self.recorder.ack(seq)
        self.faxes.ack(seq)

    def tell_again(self) -> None:
        """Tell again what the snapshot cannot show."""
        self.recorder.tell_again()
        self.faxes.tell_again()
        self.relay.tell_again()

    # -- commands.Knowledge --------------------------------------------------------------------

    def know_accounts(self, accounts: Accounts) -> None:
        """Take the phones that may register; those no longer among them are gone."""
        self.auth.know_accounts(accounts)
        for contact in self.contacts:
            if not self.auth.knows(contact.account):
                self.contacts.drop(contact.account, "unknown-account")

    def know_peers(self, peers: Peers) -> None:
        """Take the appliances that may call."""
        self.gate.know_peers(peers)
        self.policies.relays = self.gate.relaying
        self._expect()
        self.standing.look()

    def _expect(self) -> None:
        """Tell the stack whom calls by TLS may reach."""
        self.stack.expect([*self.gate.tls_fars(), *self.trunks.tls_fars()])

    def know_fallback(self, fallback: Fallback) -> None:
        """Take where waiting callers go without a brain."""
        self.orphans.fallback = fallback


def _how(fax: FaxSettings) -> FaxHow:
    return FaxHow(
        station=fax.station, header=fax.header, max_pages=fax.max_pages, max_seconds=fax.max_s
    )


def _worry(task: asyncio.Task[None]) -> None:
    """Log a part that has stopped by itself: none of them should."""
    if not task.cancelled() and task.exception() is not None:
        _log.error("a part of legs has stopped", exc_info=task.exception())


def _folder(folder: Path) -> Path:
    """Return a folder that may have to be made; raise ConfigError `missing-file`."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError("missing-file", f"{folder}: {error}") from error
    return folder


def _state_dir(settings: ApplianceSettings) -> Path:
    """Return the state folder; raise ConfigError `missing-file` when it is not writable."""
    state = _folder(Path(settings.state_dir))
    if not os.access(state, os.W_OK | os.X_OK):
        raise ConfigError("missing-file", f"state_dir {state} is not writable")
    return state


async def run(settings: ApplianceSettings) -> None:
    """Run the legs process until SIGTERM or SIGINT; raise BranchlineError if it cannot start."""
    daemon = LegsDaemon(settings)
    await daemon.start()
    calm()
    await until_told_to_stop()
    await daemon.close()
