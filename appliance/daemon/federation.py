"""The brain's place in the federation: link sessions, documents, and who matchmakes."""

import asyncio
import logging
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

from appliance.base.clock import Clock
from appliance.config.model import ApplianceSettings
from appliance.daemon.brain import Brain
from appliance.daemon.reporter import Reporter
from appliance.ledger.journal import LedgerJournal
from appliance.ledger.outbox import LedgerOutbox
from appliance.link.documents import FOLDER, DocumentStore
from appliance.link.identity import HUB_NAME, Identity
from appliance.link.joined_transport import JoinedTransport
from appliance.link.messages import (
    PROTO,
    Confirm,
    Directory,
    Document,
    Hello,
    LedgerAck,
    LedgerHeads,
    LinkMessage,
    Offer,
    ProposalRefused,
    Propose,
    QueueViews,
    Reached,
    Release,
    Resnapshot,
    Roster,
)
from appliance.link.nats_client import NatsSettings
from appliance.link.nats_transport import NatsTransport
from appliance.link.node import LinkNode
from appliance.link.publisher import StatePublisher
from appliance.link.session import Peer
from appliance.link.transport import Transport
from appliance.link.uploader import LedgerUploader
from appliance.link.zmq_transport import ZmqTransport
from appliance.plan.model import Plan
from appliance.wire import commands as wire

log = logging.getLogger(__name__)

#: what another appliance may say to this one; proposals come from the hub alone
_BETWEEN_OWNERS = (Offer, Confirm, Release, Reached)


class Federation:
    """Everything an enrolled brain does with the hub and its peers."""

    def __init__(
        self,
        settings: ApplianceSettings,
        identity: Identity,
        brain: Brain,
        journal: LedgerJournal,
        clock: Clock,
    ) -> None:
        self._identity = identity
        self._brain = brain
        fields = identity.fields
        self.documents = DocumentStore(
            Path(settings.state_dir) / FOLDER,
            bytes.fromhex(fields.plan_verify_key),
            site=fields.site,
            tenant=fields.tenant,
        )
        self.documents.load()
        self.node = LinkNode(self._hello, transport_of(settings, identity), clock, self)
        self.publisher = StatePublisher(brain.given.incarnation, clock, self.node.send)
        brain.floor.onward.append(self.publisher)
        self._outbox = LedgerOutbox(journal, brain.turn.wake)
        self.uploader = LedgerUploader(
            fields.name,
            self._outbox,
            bytes.fromhex(fields.plan_verify_key),
            lambda message: self.node.send(HUB_NAME, message),
        )
        self.uploader.on_refused = self._ledger_refused
        self._tasks: set[asyncio.Task[None]] = set()
        self.reporter: Reporter | None = None
        #: puts the roster and the peers before legs
        self.on_roster: Callable[[Roster], None] = lambda _roster: None
        self.on_peers: Callable[[wire.Peers], None] = lambda _peers: None

    def start(self) -> None:
        """Listen, and reach for hub and peers; raise ConfigError `port-busy`."""
        self.node.start()
        self._know(self.documents.directory)
        self.node.dial(HUB_NAME)

    async def run(self) -> None:
        """Keep the sessions alive and the ledger on its way to control, until cancelled."""
        upload = asyncio.create_task(self.uploader.run())
        upload.add_done_callback(_told)
        try:
            await self.node.run()
        finally:
            upload.cancel()
            await asyncio.gather(upload, return_exceptions=True)
            self._outbox.close()

    def send(self, peer: str, message: LinkMessage) -> bool:
        """Send to a peer; False while it is away."""
        return self.node.send(peer, message)

    def peers(self) -> wire.Peers:
        """Return the enrolled appliances as legs wants them."""
        directory = self.documents.directory
        name = self._identity.fields.name
        others = [
            wire.Peer(peer.appliance, peer.sip_address, peer.sip_port, peer.sip_tls_port)
            for peer in (directory.peers if directory else ())
            if peer.appliance != name
        ]
        return wire.Peers(name, others)

    # -- the link's handler --------------------------------------------------------------------

    def on_up(self, peer: str, hello: Hello) -> None:
        """A session is up: the hub gets our state and matchmakes from now on."""
        if hello.role == "hub":
            self.publisher.subscribe(peer)
            self.uploader.hub_up()
            self._brain.floor.active = False
            if self.reporter is not None:
                self.reporter.hub(up=True)
        self._tell_reach()

    def on_down(self, peer: str, reason: str) -> None:
        """A session is down: without a hub this box matchmakes for itself, by the same rule."""
        if peer == HUB_NAME:
            self.publisher.unsubscribe(peer)
            self.uploader.hub_down()
            self._brain.floor.active = True
            self._brain.expectation.hub_gone()
            self._brain.turn.wake()
            if self.reporter is not None:
                self.reporter.hub(up=False, reason=reason)
        else:
            self._brain.switchboard.peer_down(peer)
        self._tell_reach()

    def on_message(self, peer: str, message: LinkMessage) -> None:
        """Take what a peer says, if it is for that peer to say."""
        if isinstance(message, _BETWEEN_OWNERS):
            self._brain.link(peer, message)
        elif peer != HUB_NAME:
            log.warning("< %s may not send %s", peer, type(message).__name__)
        else:
            self._from_hub(message)

    def _from_hub(self, message: LinkMessage) -> None:
        match message:
            case Propose() | ProposalRefused():
                self._brain.link(HUB_NAME, message)
            case QueueViews():
                self._brain.expectation.take(message.views)
            case Resnapshot():
                self.publisher.subscribe(HUB_NAME)
            case LedgerHeads() | LedgerAck():
                self.uploader.take(message)
            case Document():
                task = asyncio.create_task(self._take(message))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
            case _:
                log.debug("< %s", type(message).__name__)

    # -- documents -----------------------------------------------------------------------------

    async def _take(self, document: Document) -> None:
        answer, content = await self.documents.take(document)
        self.node.send(HUB_NAME, answer)
        match content:
            case Plan():
                self._brain.take_plan(content)
            case Roster():
                self.on_roster(content)
            case Directory():
                self._know(content)
                self.on_peers(self.peers())

    def _know(self, directory: Directory | None) -> None:
        """Let the hub and the enrolled appliances in, and reach for the appliances."""
        others = [
            Peer(
                name=peer.appliance,
                key=peer.curve_key,
                site=peer.site,
                address=peer.link_address,
                port=peer.link_port,
            )
            for peer in (directory.peers if directory else ())
        ]
        self.node.allow([self._identity.hub, *others])
        for peer in others:
            if peer.name != self._identity.fields.name:
                self.node.dial(peer.name)

    def _ledger_refused(self, reason: str, detail: str) -> None:
        """Say that control does not take what the ledger holds: a person must look at it."""
        if self.reporter is not None:
            self.reporter.alarm("ledger-refused", reason, raised=True, message=detail)

    def _tell_reach(self) -> None:
        appliances = sorted(self.node.peers() - {HUB_NAME})
        self.publisher.set_reaches([self._identity.fields.name, *appliances])
        if self.reporter is not None:
            self.reporter.peers = appliances
            self.reporter.box()

    def _hello(self) -> Hello:
        fields = self._identity.fields
        return Hello(
            proto=PROTO,
            role="appliance",
            name=fields.name,
            site=fields.site,
            incarnation=self._brain.given.incarnation,
            version=version("branchline"),
            plan_serial=self._brain.plans.plan.serial,
        )


def _told(upload: asyncio.Task[None]) -> None:
    """Log an upload that failed unforeseen: the link must not end with it."""
    error = None if upload.cancelled() else upload.exception()
    if error is not None:
        log.error("the ledger's upload has ended: %r", error)


def transport_of(settings: ApplianceSettings, identity: Identity) -> Transport:
    """Return what the settings ask for; raise ConfigError where it cannot work.

    A box on NATS still answers whoever dials it by ZeroMQ, so that a fleet moves box by box.
    """
    link, curve = settings.link, identity.keys.curve
    zeromq = ZmqTransport(
        address=link.address or settings.sip.address,
        port=link.port,
        public_key=curve.public,
        secret_key=curve.secret,
    )
    if link.transport == "zeromq":
        return zeromq
    nats = NatsTransport(
        NatsSettings(
            servers=link.nats_servers, credentials=link.nats_credentials, ca=link.nats_ca
        ),
        public_key=curve.public,
        secret_key=curve.secret,
    )
    return JoinedTransport([nats, zeromq])
