"""The brain's place in the federation: link sessions, documents, and who matchmakes."""

import asyncio
import logging
from collections.abc import Callable, Iterable
from importlib.metadata import version
from pathlib import Path
from random import Random

from appliance.base.clock import Clock
from appliance.call.escrow.owner import Fleet
from appliance.config.model import ApplianceSettings
from appliance.daemon.brain import Brain
from appliance.daemon.hubs import Hubs
from appliance.daemon.reporter import Reporter
from appliance.ledger.journal import LedgerJournal
from appliance.ledger.outbox import LedgerOutbox
from appliance.link.bodies import Directory, Roster
from appliance.link.clocks import ClockWatch
from appliance.link.documents import FOLDER, DocumentStore, peers_of
from appliance.link.identity import Identity
from appliance.link.joined_transport import JoinedTransport
from appliance.link.messages import (
    PROTO,
    Confirm,
    Delta,
    Document,
    DocumentAck,
    EscrowGot,
    EscrowPut,
    EscrowSettle,
    Hello,
    LeaseAnswer,
    LeaseAsk,
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
    SeatAsk,
    SeatTold,
    SeatWanted,
    Served,
    Serving,
    ServingAck,
    Snapshot,
    TransferAsk,
    TransferTold,
)
from appliance.link.node import LinkNode
from appliance.link.publisher import StatePublisher
from appliance.link.sealing import Sealer
from appliance.link.session import Peer
from appliance.link.telling import VIEWS_S, QueueTeller
from appliance.link.transport import Transport
from appliance.link.uploader import LedgerUploader
from appliance.link.view import PeerView
from appliance.link.zmq_transport import ZmqTransport
from appliance.plan.model import Plan
from appliance.seat.audience import RowAudience
from appliance.wire import commands as wire

log = logging.getLogger(__name__)

#: what the rooms of the brain take, from the hub and from appliances alike: whoever proposes holds
#: no truth, and owners answer by their own rows
_FOR_THE_BRAIN = (
    *(Propose, ProposalRefused, Offer, Confirm, Release, Reached),
    *(SeatWanted, SeatAsk, SeatTold, TransferAsk, TransferTold),
    *(Serving, ServingAck, Served),
)

#: what the escrow of call-backs takes; the hub only votes
_FOR_THE_ESCROW = (EscrowPut, EscrowGot, EscrowSettle, LeaseAsk, LeaseAnswer)


class Federation:
    """Everything an enrolled brain does with the hub and its peers."""

    def __init__(
        self,
        settings: ApplianceSettings,
        identity: Identity,
        brain: Brain,
        journal: LedgerJournal,
        clock: Clock,
        transport: Transport | None = None,
        chance: Random | None = None,
    ) -> None:
        self._identity = identity
        self._brain = brain
        #: of this process: while it runs, another may be installed, or none for a moment
        self._version = version("branchline")
        fields = identity.fields
        self.documents = DocumentStore(
            Path(settings.state_dir) / FOLDER,
            bytes.fromhex(fields.plan_verify_key),
            site=fields.site,
            tenant=fields.tenant,
        )
        self.documents.load()
        soon = brain.given.soon
        self.node = LinkNode(
            self._hello,
            transport or transport_of(settings, identity),
            clock,
            self,
            chance=chance,
            soon=soon,
            # on a network of memory and a held clock there is nothing to go round
            secret_key="" if transport else identity.keys.curve.secret,
        )
        self.node.on_reached = lambda _peer: self._tell_reach()
        self.clocks = ClockWatch(clock, brain.hlc, self._clock_off)
        self.node.stamp, self.node.on_stamp = brain.hlc.read, self.clocks.take
        self.audience = RowAudience(brain.floor)
        self.publisher = StatePublisher(
            brain.given.incarnation,
            clock,
            self.node.send,
            soon=soon,
            later=brain.given.later,
            site=fields.site,
            audience=self.audience,
        )
        brain.budget.on_full.append(self.publisher.set_link_full)
        brain.budget.site_of = lambda peer: self._sites.get(peer, "")
        brain.floor.onward.append(self.publisher)
        brain.floor.on_claims = self.publisher.readdress
        self.hubs = Hubs(identity)
        self._teller = QueueTeller(clock, self.node.send, brain.floor.views, look_s=VIEWS_S)
        #: peer -> what it publishes, in order
        self._views: dict[str, PeerView] = {}
        #: enrolled appliances: name -> link key, and branch
        self._keys: dict[str, str] = {}
        self._sites: dict[str, str] = {}
        brain.escrow.join(
            Fleet(
                lambda: self._keys,
                self._peers_up,
                self._stand_in,
                Sealer(identity.keys.curve),
                settings.link.escrow_move_s,
            )
        )
        self._outbox = LedgerOutbox(journal, brain.turn.wake)
        self.uploader = LedgerUploader(
            fields.name,
            self._outbox,
            bytes.fromhex(fields.plan_verify_key),
            lambda message: self.node.send(self.hubs.control, message),
        )
        self.uploader.on_refused = self._ledger_refused
        self._tasks: set[asyncio.Task[None]] = set()
        self.reporter: Reporter | None = None
        brain.owner.relay_of = brain.offers.relay_of = self.relay_of
        #: puts the roster and the peers before legs
        self.on_roster: Callable[[Roster], None] = lambda _roster: None
        self.on_peers: Callable[[wire.Peers], None] = lambda _peers: None

    def start(self) -> None:
        """Listen, and reach for hub and peers; raise ConfigError `port-busy`."""
        self.node.start()
        self._know(self.documents.directory)

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

    def relay_of(self, peer: str) -> str:
        """Return the relay by which *peer* is reached, calls too; empty: directly, or not."""
        return self.node.relay_of(peer)

    def peers(self) -> wire.Peers:
        """Return the enrolled appliances as legs wants them."""
        directory = self.documents.directory
        name = self._identity.fields.name
        peers = directory.peers if directory else ()
        others = [
            wire.Peer(
                peer.appliance, peer.sip_address, peer.sip_port, peer.sip_tls_port, peer.relay
            )
            for peer in peers
            if peer.appliance != name
        ]
        return wire.Peers(name, others, any(p.relay for p in peers if p.appliance == name))

    # -- the link's handler --------------------------------------------------------------------

    def on_up(self, peer: str, hello: Hello) -> None:
        """A session is up: who may propose gets our rows, a peer's come to our matchmaker."""
        self._teller.newcomer(peer)
        self._know_aware()
        self.publisher.subscribe(peer)
        if peer in self.hubs:
            self._hub_changed(peer, up=True)
        else:
            floor = self._brain.floor
            self._views[peer] = PeerView(peer, floor, lambda ask: self.send(peer, ask))
            self._brain.switchboard.peer_up(peer)
            self._brain.escrow.peer_up(peer)
            self._hand_on([peer] if hello.plan_serial < self.documents.serial("plan") else [])

    def on_down(self, peer: str, reason: str) -> None:
        """A session is down: who proposes now follows from whom everybody still reaches."""
        self.publisher.unsubscribe(peer)
        self._know_aware()
        self._brain.expectation.gone(peer)
        view = self._views.pop(peer, None)
        if view is not None:
            view.lose()
        self._tell_reach()
        if peer in self.hubs or peer in self.hubs.up:
            self._hub_changed(peer, up=False, reason=reason)
        else:
            self._brain.switchboard.peer_down(peer)

    def _hub_changed(self, hub: str, *, up: bool, reason: str = "normal") -> None:
        """Note that a hub came or went; what was on its way to control goes another way."""
        had = bool(self.hubs.control)
        if not self.hubs.changed(hub, up=up):
            return
        if had:
            self.uploader.hub_down()
        if self.hubs.control:
            self.uploader.hub_up()
        if self.reporter is not None and had != bool(self.hubs.control):
            self.reporter.hub(up=not had, reason=reason)

    def on_message(self, peer: str, message: LinkMessage) -> None:
        """Take what a peer says, if it is for that peer to say."""
        if isinstance(message, _FOR_THE_BRAIN):
            self._brain.link(peer, message)
        elif isinstance(message, _FOR_THE_ESCROW) and (
            peer not in self.hubs or isinstance(message, LeaseAnswer)
        ):
            self._brain.escrow.take(peer, message)
        elif isinstance(message, Resnapshot):
            self.publisher.subscribe(peer)
        elif isinstance(message, Document) and (peer in self.hubs or message.kind == "plan"):
            task = asyncio.create_task(self._take(peer, message))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        elif isinstance(message, DocumentAck):
            log.debug("< %s: %s", peer, message)
        elif isinstance(message, QueueViews):
            self._brain.expectation.take(peer, message.views)
        elif isinstance(message, LedgerHeads | LedgerAck) and peer == self.hubs.control:
            self.uploader.take(message)
        elif peer not in self.hubs and isinstance(message, Snapshot | Delta):
            self._views[peer].take(message)
        else:
            log.warning("< %s may not send %s", peer, type(message).__name__)

    def tick(self) -> None:
        """Tell of the queues those for whom we propose; called about twice a second."""
        self._teller.tell(self._brain.floor.wards() & self.node.peers())

    def _know_aware(self) -> None:
        """Send everybody everything who is not aware, and all where a hub is not.

        A hub of the version before does not find seats for us, so that we must see them.
        """
        up = self.node.peers()
        hellos = {peer: self.node.hello_of(peer) for peer in up}
        unaware = {peer for peer, hello in hellos.items() if hello and not hello.addressed}
        self._brain.floor.aware = frozenset(up - unaware)
        if any(peer in self.hubs for peer in unaware):
            unaware = up
        if unaware != self.audience.unaware:
            self.audience.unaware = frozenset(unaware)
            self.publisher.readdress()

    # -- documents -----------------------------------------------------------------------------

    async def _take(self, peer: str, document: Document) -> None:
        answer, content = await self.documents.take(document)
        self.node.send(peer, answer)
        match content:
            case Plan():
                self._brain.take_plan(content)
                self._hand_on(self._without_hub() - {peer})
            case Roster():
                self.on_roster(content)
            case Directory():
                self._know(content)
                self.on_peers(self.peers())

    def _hand_on(self, peers: Iterable[str]) -> None:
        """Pass the plan on to peers that have an older one: matchmakers must not differ for long.

        It is signed by control, so that it does not matter who brings it.
        """
        plan = self.documents.document("plan")
        if plan is not None:
            for peer in peers:
                self.send(peer, plan)

    def _without_hub(self) -> set[str]:
        """Return the peers that no hub reaches."""
        reach = self._brain.floor.matchmaker.floor.reach
        return {peer for peer in self._views if not reach.reaches_hub(peer)}

    def _know(self, directory: Directory | None) -> None:
        """Let the hubs and the enrolled appliances in, and reach for all of them."""
        self.hubs.know(directory)
        self.know(peers_of(directory) if directory else [])

    def know(self, others: list[Peer]) -> None:
        """Let the hubs and these appliances in and no others, and reach for them."""
        others = [peer for peer in others if peer.name not in self.hubs]
        self.node.allow([*self.hubs.peers(), *others])
        self._keys = {peer.name: peer.key for peer in others}
        self._sites = {peer.name: peer.site for peer in others}
        for peer in (*self.hubs.peers(), *others):
            if peer.name != self._identity.fields.name:
                self.node.dial(peer.name)

    def _peers_up(self) -> set[str]:
        return self.hubs.without(self.node.peers())

    def _stand_in(self) -> str:
        """Return the appliance that the plan names to stand in for this site's."""
        site = self._identity.fields.site
        return next((one.escrow for one in self._brain.plans.plan.sites if one.name == site), "")

    def _ledger_refused(self, reason: str, detail: str) -> None:
        """Say that control does not take what the ledger holds: a person must look at it."""
        if self.reporter is not None:
            self.reporter.alarm("ledger-refused", reason, raised=True, message=detail)

    def _clock_off(self, peer: str, ahead_ms: int) -> None:
        """Compare places of *peer* by our clock from now on, and say that one of two is wrong."""
        self._brain.floor.set_clock(peer, ahead_ms)
        if self.reporter is not None:
            self.reporter.clock(peer, ahead_ms)

    def _tell_reach(self) -> None:
        """Say whom we reach, to the others and to the matchmaker in the box."""
        reaches = self.node.reached() | {self._identity.fields.name}
        self.publisher.set_reaches(reaches)
        self._brain.floor.set_reaches(reaches)
        appliances = sorted(self.hubs.without(self.node.peers()))
        if self.reporter is not None:
            self.reporter.peers = appliances
            relays = {peer: self.relay_of(peer) for peer in appliances}
            self.reporter.relays = {peer: relay for peer, relay in relays.items() if relay}
            self.reporter.box()

    def _hello(self) -> Hello:
        fields = self._identity.fields
        return Hello(
            proto=PROTO,
            role="appliance",
            name=fields.name,
            site=fields.site,
            incarnation=self._brain.given.incarnation,
            version=self._version,
            plan_serial=self._brain.plans.plan.serial,
            held=self.documents.fingerprints(),
            addressed=True,
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
    # where it is not used it must not cost a restarted brain 0.2 s
    from appliance.link.nats_client import NatsSettings
    from appliance.link.nats_transport import NatsTransport

    nats = NatsTransport(
        NatsSettings(
            servers=link.nats_servers, credentials=link.nats_credentials, ca=link.nats_ca
        ),
        public_key=curve.public,
        secret_key=curve.secret,
    )
    return JoinedTransport([nats, zeromq])
