"""A fleet with relays on loopback: nodes over CURVE, some of whom nobody can dial."""

import asyncio
from collections import Counter

from appliance.base.clock import SystemClock
from appliance.link.node import LinkNode
from appliance.link.relays import Relays
from appliance.link.session import Peer
from tests.appliance.link.rig import CurveNode


class FleetNode(CurveNode):
    """A node that speaks through relays, too."""

    def __init__(self, name: str, *, relay: bool = False, dialled: bool = True) -> None:
        self.relay = relay
        #: others can dial it
        self.dialled = dialled
        super().__init__(name)

    def make(self, port: int = 0) -> None:
        self.node = LinkNode(
            lambda: self.says,
            self.make_transport(port),
            SystemClock(),
            self.seen,
            secret_key=self.secret,
        )

    @property
    def relays(self) -> Relays:
        assert self.node._relays is not None
        return self.node._relays

    @property
    def ignored(self) -> Counter[str]:
        """Return what it did not take in of what relays brought."""
        return self.relays.sealed.ignored

    def entry(self) -> Peer:
        """Return what the directory says of it."""
        return Peer(
            name=self.name,
            key=self.key,
            address="127.0.0.1",
            port=self.port if self.dialled else 0,
            relay=self.relay,
        )

    async def die(self) -> None:
        """End without a word: the process is gone."""
        self.relays.sealed.close()
        self.transport.close()
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


class Fleet:
    """Nodes of one directory."""

    def __init__(self, *nodes: FleetNode) -> None:
        self.nodes = {node.name: node for node in nodes}

    def __getitem__(self, name: str) -> FleetNode:
        return self.nodes[name]

    def start(self) -> None:
        """Start all, tell them of each other, and let them dial."""
        for node in self.nodes.values():
            node.start()
        self.publish()

    def publish(self) -> None:
        """Let all know what the directory says now."""
        entries = [node.entry() for node in self.nodes.values()]
        for node in self.nodes.values():
            node.node.allow(entries)
            for entry in entries:
                if entry.name != node.name:
                    node.node.dial(entry.name)

    def whole(self, *names: str) -> bool:
        """Tell whether these, or all, are reached by each other."""
        wanted = set(names or self.nodes)
        return all(wanted - {name} <= self.nodes[name].node.reached() for name in wanted)

    async def stop(self) -> None:
        """Stop those that run."""
        for node in self.nodes.values():
            if not node.task.done():
                await node.stop()
