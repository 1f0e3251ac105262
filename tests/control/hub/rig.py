"""A real hub on loopback, and boxes made of the link's own parts."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import zmq

from appliance.base.clock import SystemClock
from appliance.link.documents import Content, DocumentStore
from appliance.link.messages import (
    PROTO,
    Document,
    DocumentAck,
    Hello,
    LinkMessage,
    ProposalRefused,
    Propose,
    Resnapshot,
)
from appliance.link.nats_client import NatsSettings
from appliance.link.nats_transport import NatsTransport
from appliance.link.node import LinkNode
from appliance.link.publisher import StatePublisher
from appliance.link.session import Peer
from appliance.link.transport import Transport
from appliance.link.zmq_transport import ZmqTransport
from appliance.plan.model import Agent, Number, Plan, Queue
from control.fleet.exchange import import_plan
from control.hub.daemon import Hub
from control.hub.store import DatabaseStore
from control.models import fleet
from control.parts import ControlParts
from control.settings import ControlSettings
from tests.appliance.link.rig import hello
from tests.ports import free_port

PLAN = Plan(
    numbers=(Number(number="100", queue="sales"),),
    queues=(Queue(name="sales"),),
    agents=(
        Agent(name="ann", site="site-a", account="ann"),
        Agent(name="bob", site="site-b", account="bob"),
    ),
)


class Control:
    """Control's database and keys, and a hub that can be started again and again."""

    def __init__(self, folder: Path, database_url: str = "") -> None:
        link, telemetry_in, telemetry_out = free_port(), free_port(), free_port()
        self.settings = ControlSettings(
            state_dir=str(folder / "control"),
            database_url=database_url,
            link_port=link,
            telemetry_in_port=telemetry_in,
            telemetry_out_port=telemetry_out,
        )
        self.parts = ControlParts.make(self.settings)
        self.store = DatabaseStore(self.parts.database)

    def approve(self, box: "Box") -> None:
        """Put a box into the fleet, and publish the directory."""
        with self.parts.database.session() as session:
            fleet.ensure_site(session, box.site)
            session.merge(
                fleet.Appliance(
                    name=box.name,
                    site=box.site,
                    state="approved",
                    curve_key=box.key,
                    fingerprint="0" * 64,
                    csr="",
                    link_address="127.0.0.1",
                    link_port=7410,
                    sip_address="127.0.0.1",
                    sip_port=5060,
                    enrolled_at=datetime.now(UTC),
                )
            )
            session.flush()
            self.parts.publication.publish_directory(session, "test")

    def revoke(self, box: "Box") -> None:
        """Put a box out of the fleet, in the database only."""
        with self.parts.database.session() as session:
            self.parts.enrolment.revoke(session, box.name, "test")

    def publish(self, plan: Plan = PLAN) -> int:
        """Publish *plan*; return its serial."""
        with self.parts.database.session() as session:
            import_plan(session, plan)
        with self.parts.database.session() as session:
            document = self.parts.publication.publish(session, "test")
            assert document is not None
            return document.serial

    @asynccontextmanager
    async def hub(self) -> AsyncIterator[Hub]:
        """Run a hub."""
        hub = Hub(self.settings, self.store, SystemClock())
        await hub.start()
        task = asyncio.create_task(hub.run())
        try:
            yield hub
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


class Box:
    """An appliance as the hub sees it: link, publisher and documents; it says no to proposals."""

    def __init__(
        self, name: str, control: Control, folder: Path, *, nats: NatsSettings | None = None
    ) -> None:
        self.name, self.site = name, f"site-{name}"
        self._control = control
        public, secret = zmq.curve_keypair()
        self.key, self.secret = public.decode(), secret.decode()
        self.proposals: list[Propose] = []
        self.taken: list[Content] = []
        self.acks: list[DocumentAck] = []
        self.ups = 0
        self.downs: list[str] = []
        self.tasks: set[asyncio.Task[None]] = set()
        self.refuse_with = ""
        self.documents = DocumentStore(
            folder / name, control.parts.plan_public, site=self.site, tenant="main"
        )
        keys = {"public_key": self.key, "secret_key": self.secret}
        self.transport: Transport
        if nats is None:
            self.transport = ZmqTransport(address="127.0.0.1", port=0, **keys)
        else:
            self.transport = NatsTransport(nats, **keys)
        self.node = LinkNode(self._hello, self.transport, SystemClock(), self)
        self.publisher = StatePublisher(1, SystemClock(), self.node.send)
        self.publisher.set_reaches({"hub"})

    def start(self) -> None:
        settings = self._control.settings
        self.node.allow(
            [
                Peer(
                    name="hub",
                    role="hub",
                    key=self._control.parts.hub_key,
                    address="127.0.0.1",
                    port=settings.link_port,
                )
            ]
        )
        self.node.start()
        self.node.dial("hub")
        self.task = asyncio.create_task(self.node.run())

    async def stop(self) -> None:
        if hasattr(self, "task"):
            self.task.cancel()
            await asyncio.gather(self.task, return_exceptions=True)

    @property
    def up(self) -> bool:
        return self.node.peers() == {"hub"}

    def _hello(self) -> Hello:
        said = hello(self.name, proto=PROTO)
        said.held = self.documents.fingerprints()
        return said

    # -- LinkHandler ---------------------------------------------------------------------------

    def on_up(self, peer: str, hello: Hello) -> None:
        self.ups += 1
        self.publisher.subscribe(peer)

    def on_down(self, peer: str, reason: str) -> None:
        self.downs.append(reason)
        self.publisher.unsubscribe(peer)

    def on_message(self, peer: str, message: LinkMessage) -> None:
        if isinstance(message, Propose):
            self.proposals.append(message)
            if self.refuse_with:
                proposal = message.proposal
                no = ProposalRefused(proposal.contact, proposal.seat, self.refuse_with)
                self.node.send(peer, no)
        elif isinstance(message, Resnapshot):
            self.publisher.subscribe(peer)
        elif isinstance(message, Document):
            task = asyncio.create_task(self._take(message))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)

    async def _take(self, document: Document) -> None:
        ack, content = await self.documents.take(document)
        self.acks.append(ack)
        if content is not None:
            self.taken.append(content)
        self.node.send("hub", ack)
