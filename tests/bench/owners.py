"""Many appliances in one process: production brains and link nodes, legs and ledgers that pretend.

What they say to the hub goes over the real link. What they say to each other is encoded, decoded
and handed over in this process: a mesh of eighty needs 3,160 sessions, and the hub has no part in
it. Calls take no media and no SIP, only their time.
"""

import asyncio
import contextlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import ClassVar

import zmq

from appliance.base.clock import SystemClock
from appliance.call.attach import Found
from appliance.daemon.brain import Brain, Surroundings
from appliance.link.codec import decode, encode
from appliance.link.documents import fingerprint
from appliance.link.identity import HUB_NAME
from appliance.link.messages import (
    PROTO,
    Document,
    DocumentAck,
    Hello,
    LinkMessage,
    Offer,
    Propose,
    QueueViews,
    Resnapshot,
)
from appliance.link.nats_client import NatsSettings
from appliance.link.nats_transport import NatsTransport
from appliance.link.node import LinkNode
from appliance.link.publisher import StatePublisher
from appliance.link.session import Peer
from appliance.link.transport import Transport
from appliance.link.zmq_transport import ZmqTransport
from appliance.plan.model import Plan
from appliance.routing.model import Proposal, Trace
from tests.bench.books import Books, Page
from tests.bench.timedlegs import Legs, Times

#: as in the brain's own process [s]
BEAT_S = 0.5


class Owner:
    """One appliance; it has a name of its own, its agents, and a link node."""

    #: (kind, signature) -> fingerprint of a document
    _prints: ClassVar[dict[tuple[str, bytes], str]] = {}

    def __init__(
        self,
        name: str,
        site: str,
        plan: Plan,
        books: Books,
        times: Times,
        nats: NatsSettings | None,
    ) -> None:
        self.name, self.site = name, site
        self.clock = SystemClock()
        self._books = books
        public, secret = zmq.curve_keypair()
        self.key = public.decode()
        self.legs = Legs(name, times, self.clock)
        self.brain = Brain(self._surroundings(), plan)
        self.brain.turn.deliver = self._deliver
        self.legs.event = self.brain.event
        #: kinds of documents that have come, and their fingerprints
        self.documents: dict[str, str] = {}
        self.transport = _transport(nats, self.key, secret.decode())
        self.node = LinkNode(self._hello, self.transport, self.clock, self)
        self.publisher = StatePublisher(1, self.clock, self.node.send)
        self.brain.floor.onward += [books, self.publisher]
        #: finds another appliance
        self.owner_of: Callable[[str], Owner] = lambda _name: self
        self.seats = [agent.name for agent in plan.agents if agent.site == site]
        self.brain.found(Found("e1", "boot", {}, [], []))
        for agent in plan.agents:
            if agent.site == site:
                self.legs.register(agent.account)

    def _surroundings(self) -> Surroundings:
        loop = asyncio.get_running_loop()
        return Surroundings(
            name=self.name,
            site=self.site,
            incarnation=1,
            journal=Page(self._books, self.name),
            clock=self.clock,
            command=self.legs.take,
            message=self._send,
            soon=loop.call_soon,
            later=loop.call_later,
            recordings=Path("/nowhere"),
            record=False,
        )

    def serve(self, seat: str, called: str) -> None:
        """Let a caller come in, and talk at *seat*, as if a hub had proposed it."""
        self.legs.call_in(called)
        contact = next(reversed(self._books.stories))
        row, held = self.brain.book.get(contact), self.brain.board.get(seat)
        assert row is not None
        assert held is not None
        proposal = Proposal(
            contact=contact,
            contact_owner=self.name,
            contact_incarnation=1,
            contact_fence=row.fence,
            seat=seat,
            seat_owner=self.name,
            seat_incarnation=1,
            seat_epoch=held.epoch,
            seat_fence=held.fence,
            trace=Trace(plan_serial=1, contact_score=0.0, waited_ms=0),
        )
        self.brain.link(HUB_NAME, Propose(proposal))

    def open(self, hub: Peer, reaches: Iterable[str]) -> None:
        """Reach for the hub."""
        self.publisher.set_reaches(reaches)
        self.brain.floor.set_reaches(reaches)
        self.node.allow([hub])
        self.node.start()
        self.node.dial(HUB_NAME)

    async def run(self) -> None:
        """Keep the session alive until cancelled."""
        beat = asyncio.create_task(self._beat())
        try:
            await self.node.run()
        finally:
            beat.cancel()

    @property
    def up(self) -> bool:
        """Tell whether the hub is there."""
        return self.node.peers() == {HUB_NAME}

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(BEAT_S)
            self.brain.tick()

    def _hello(self) -> Hello:
        return Hello(
            PROTO,
            "appliance",
            self.name,
            self.site,
            incarnation=1,
            version="0",
            held=list(self.documents.values()),
        )

    # -- what is said --------------------------------------------------------------------------

    def _send(self, peer: str, message: LinkMessage) -> bool:
        if peer == HUB_NAME:
            return self.node.send(peer, message)
        frame = encode(1, [message])
        asyncio.get_running_loop().call_soon(self.owner_of(peer)._hear, self.name, frame)
        return True

    def _hear(self, peer: str, frame: bytes) -> None:
        _, records, _ = decode(frame)
        for record in records:
            self._deliver(peer, record)

    def _deliver(self, peer: str, message: LinkMessage) -> None:
        if isinstance(message, Offer):
            self._books.offered(message.contact)
        self.brain.link(peer, message)

    # -- LinkHandler ---------------------------------------------------------------------------

    def on_up(self, peer: str, hello: Hello) -> None:
        """The hub is there."""
        self.brain.floor.aware = frozenset({peer})
        self.publisher.subscribe(peer)

    def on_down(self, peer: str, reason: str) -> None:
        """The hub is gone."""
        self.publisher.unsubscribe(peer)
        self.brain.expectation.gone(peer)

    def on_message(self, peer: str, message: LinkMessage) -> None:
        """Take what the hub says."""
        if isinstance(message, Resnapshot):
            self.publisher.subscribe(peer)
        elif isinstance(message, QueueViews):
            self.brain.expectation.take(peer, message.views)
        elif isinstance(message, Document):
            # all get the same, and each would spend 10 ms on the plan
            known = message.kind, message.signature
            if known not in self._prints:
                self._prints[known] = fingerprint(message)
            self.documents[message.kind] = self._prints[known]
            self.node.send(peer, DocumentAck(message.kind, message.serial, "normal"))
        else:
            self.brain.link(peer, message)


class Owners:
    """All of them, until `close`."""

    def __init__(self, owners: list[Owner]) -> None:
        self.all = owners
        self._by_name = {owner.name: owner for owner in owners}
        self._tasks: list[asyncio.Task[None]] = []
        for owner in owners:
            owner.owner_of = self._by_name.__getitem__
            owner.legs.legs_of = lambda name: self._by_name[name].legs

    async def fill(self, seats: Iterable[tuple[Owner, str]], called: Callable[[], str]) -> None:
        """Let callers talk at these seats."""
        for number, (owner, seat) in enumerate(seats):
            owner.serve(seat, called())
            if not number % 20:
                await asyncio.sleep(0)

    def open(self, hub: Peer) -> None:
        """Let all reach for the hub."""
        names = [HUB_NAME, *self._by_name]
        for owner in self.all:
            owner.open(hub, names)
            self._tasks.append(asyncio.create_task(owner.run()))

    async def close(self) -> None:
        """End them all."""
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task


def _transport(nats: NatsSettings | None, public: str, secret: str) -> Transport:
    if nats is None:
        return ZmqTransport(address="127.0.0.1", port=0, public_key=public, secret_key=secret)
    return NatsTransport(nats, public_key=public, secret_key=secret)
