"""What tests of the link stand on: nodes over a held clock or over real CURVE sockets."""

import asyncio
from collections.abc import Callable
from random import Random

import zmq

from appliance.base.clock import HeldClock, SystemClock
from appliance.link.memory_transport import MemoryNetwork, MemoryTransport
from appliance.link.messages import PROTO, Hello, LinkMessage
from appliance.link.node import TICK_S, LinkNode
from appliance.link.session import Peer
from appliance.link.transport import Transport
from appliance.link.zmq_transport import ZmqTransport
from appliance.routing.model import ContactRow, Place, SeatRow


class Recorder:
    """A handler that keeps what it was told."""

    def __init__(self) -> None:
        self.ups: list[tuple[str, Hello]] = []
        self.messages: list[tuple[str, LinkMessage]] = []
        self.downs: list[tuple[str, str]] = []

    def on_up(self, peer: str, hello: Hello) -> None:
        self.ups.append((peer, hello))

    def on_message(self, peer: str, message: LinkMessage) -> None:
        self.messages.append((peer, message))

    def on_down(self, peer: str, reason: str) -> None:
        self.downs.append((peer, reason))


def hello(
    name: str, *, role: str = "appliance", proto: int = PROTO, incarnation: int = 1
) -> Hello:
    return Hello(
        proto=proto,
        role="hub" if role == "hub" else "appliance",
        name=name,
        site=f"site-{name}",
        incarnation=incarnation,
        version="0.1.0",
    )


def contact(name: str, owner: str, **fields: object) -> ContactRow:
    row = {
        "contact": name,
        "owner": owner,
        "incarnation": 1,
        "place": Place(1 << 16, owner, name),
        "queue": "sales",
        "klass": "bronze",
        **fields,
    }
    return ContactRow(**row)  # type: ignore[arg-type]


def seat(name: str, owner: str, **fields: object) -> SeatRow:
    row = {
        "seat": name,
        "owner": owner,
        "incarnation": 1,
        "epoch": 1,
        "site": f"site-{owner}",
        "state": "ready",
        **fields,
    }
    return SeatRow(**row)  # type: ignore[arg-type]


class World:
    """Nodes in memory, on one held clock."""

    def __init__(self, seed: int = 0) -> None:
        self.clock = HeldClock()
        self.chance = Random(seed)
        self.network = MemoryNetwork(self.chance)
        self.nodes: dict[str, LinkNode] = {}
        self.handlers: dict[str, Recorder] = {}
        self._soon: list[Callable[[], None]] = []

    def peer(self, name: str) -> Peer:
        role = "hub" if name == "hub" else "appliance"
        return Peer(
            name=name,
            key=f"key-{name}",
            role="hub" if role == "hub" else "appliance",
            address=name,
            port=1,
        )

    def add(
        self, name: str, *, says: Hello | None = None, knows: list[str] | None = None
    ) -> LinkNode:
        said = says or hello(name, role="hub" if name == "hub" else "appliance")
        handler = self.handlers[name] = Recorder()
        transport = MemoryTransport(self.network, f"key-{name}", name, 1)
        node = LinkNode(
            lambda: said,
            transport,
            self.clock,
            handler,
            chance=self.chance,
            soon=self._soon.append,
        )
        node.allow(self.peer(other) for other in knows or [])
        node.start()
        self.nodes[name] = node
        return node

    def pair(self) -> None:
        """Add two that know each other, `a` and `b`."""
        self.add("a", knows=["b"])
        self.add("b", knows=["a"])

    def run(self, seconds: float) -> None:
        """Let time pass in ticks; everything due in between is delivered."""
        for _ in range(round(seconds / TICK_S)):
            self.clock.advance(TICK_S)
            self.network.now_s = self.clock.monotonic_s()
            for node in tuple(self.nodes.values()):
                node.tick()
            self.settle()

    def settle(self) -> None:
        for _ in range(20):
            self.network.run(self.clock.monotonic_s())
            due, self._soon[:] = self._soon[:], []
            for callback in due:
                callback()


class RealNode:
    """A node over real sockets on loopback."""

    def __init__(self, name: str, *, says: Hello | None = None, port: int = 0) -> None:
        self.name = name
        public, secret = zmq.curve_keypair()
        self.key, self.secret = public.decode(), secret.decode()
        self.says = says or hello(name, role="hub" if name == "hub" else "appliance")
        self.seen = Recorder()
        self.make(port)

    def make(self, port: int = 0) -> None:
        """Make the node anew; what it has seen stays."""
        self.node = LinkNode(
            lambda: self.says, self.make_transport(port), SystemClock(), self.seen
        )

    def make_transport(self, port: int) -> Transport:
        raise NotImplementedError

    @property
    def port(self) -> int:
        raise NotImplementedError

    @property
    def refused(self) -> int:
        """Return how many strangers were turned away."""
        raise NotImplementedError

    def peer(self, *, dialable: bool = True, key: str = "") -> Peer:
        return Peer(
            name=self.name,
            key=key or self.key,
            role=self.says.role,
            address="127.0.0.1",
            port=self.port if dialable else 0,
        )

    def start(self) -> None:
        self.node.start()
        self.task = asyncio.create_task(self.node.run())

    async def stop(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)

    async def die(self) -> None:
        """End without a word: the process is gone, the machine answers no more."""
        raise NotImplementedError


class CurveNode(RealNode):
    """A node over ZeroMQ with CURVE."""

    transport: ZmqTransport

    def make_transport(self, port: int) -> Transport:
        self.transport = ZmqTransport(
            address="127.0.0.1", port=port, public_key=self.key, secret_key=self.secret
        )
        return self.transport

    @property
    def port(self) -> int:
        return self.transport.port

    @property
    def refused(self) -> int:
        return self.transport.gate.refused

    async def die(self) -> None:
        self.task.cancel()
        self.transport.close()


async def pair(nodes: list[RealNode], make: Callable[..., RealNode]) -> tuple[RealNode, RealNode]:
    """Return a hub, and an appliance that is up at it."""
    hub, box = make("hub"), make("a")
    nodes += [hub, box]
    hub.start()
    box.start()
    hub.node.allow([box.peer(dialable=False)])
    box.node.allow([hub.peer()])
    box.node.dial("hub")
    await until(lambda: hub.node.peers() == {"a"} and box.node.peers() == {"hub"})
    return hub, box


async def until(condition: Callable[[], object], seconds: float = 15.0) -> None:
    """Wait until *condition* holds; fail after a generous while."""
    deadline = asyncio.get_running_loop().time() + seconds
    while not condition():
        assert asyncio.get_running_loop().time() < deadline, "it did not come about"
        await asyncio.sleep(0.01)
