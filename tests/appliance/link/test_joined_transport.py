"""A node on both transports: reached by either, and a fleet that moves box by box."""

from typing import Any

import pytest

from appliance.base.errors import ConfigError
from appliance.link.joined_transport import JoinedTransport
from appliance.link.messages import Resnapshot
from appliance.link.nats_transport import NatsTransport
from appliance.link.transport import Transport
from appliance.link.zmq_transport import ZmqTransport
from tests.appliance.link.nats_rig import NatsCluster, NatsNode
from tests.appliance.link.rig import CurveNode, RealNode, until


class BothNode(NatsNode):
    """Answers both; dials by NATS."""

    zeromq: ZmqTransport

    def __init__(self, *args: Any, zeromq_port: int = 0, **options: Any) -> None:
        self._zeromq_port = zeromq_port
        super().__init__(*args, **options)

    def make_transport(self, port: int) -> Transport:
        nats = super().make_transport(port)
        self.zeromq = ZmqTransport(
            address="127.0.0.1",
            port=self._zeromq_port,
            public_key=self.key,
            secret_key=self.secret,
        )
        return JoinedTransport([nats, self.zeromq])

    @property
    def port(self) -> int:
        return self.zeromq.port


async def test_boxes_of_both_kinds_meet_at_one_hub(
    nodes: list[RealNode], cluster: NatsCluster
) -> None:
    hub = BothNode(cluster, "hub")
    old, new = CurveNode("a"), NatsNode(cluster, "b")
    nodes += [hub, old, new]
    for node in nodes:
        node.start()
    hub.node.allow([old.peer(dialable=False), new.peer(dialable=False)])
    both: list[RealNode] = [old, new]
    for box in both:
        box.node.allow([hub.peer()])
        box.node.dial("hub")
    await until(lambda: hub.node.peers() == {"a", "b"})
    for number, box in enumerate(both):
        hub.node.send(box.name, Resnapshot(number))
        await until(lambda b=box: b.seen.messages)  # type: ignore[misc]
        assert box.seen.messages == [("hub", Resnapshot(number))]
    hub.node.allow([])
    await until(lambda: old.seen.downs and new.seen.downs)
    assert [reason for _, reason in hub.seen.downs] == ["not-enrolled"] * 2


@pytest.mark.parametrize("names", [("a", "b"), ("b", "a")])
async def test_a_box_that_has_moved_and_one_that_has_not_are_one_queue(
    nodes: list[RealNode], cluster: NatsCluster, names: tuple[str, str]
) -> None:
    old, new = CurveNode(names[0]), BothNode(cluster, names[1])
    nodes += [old, new]
    for node, other in ((old, new), (new, old)):
        node.start()
        node.node.allow([other.peer()])
    old.node.allow([new.peer()])
    old.node.dial(new.name)
    new.node.dial(old.name)
    await until(lambda: old.node.peers() == {new.name} and new.node.peers() == {old.name})
    new.node.send(old.name, Resnapshot(1))
    await until(lambda: old.seen.messages)


async def test_a_box_moves_while_its_hub_runs(nodes: list[RealNode], cluster: NatsCluster) -> None:
    hub, before = BothNode(cluster, "hub"), CurveNode("a")
    after = NatsNode(cluster, "a")
    after.key, after.secret = before.key, before.secret
    after.make()
    nodes += [hub, before, after]
    hub.start()
    hub.node.allow([before.peer(dialable=False)])
    for box in (before, after):
        box.start()
        box.node.allow([hub.peer()])
        box.node.dial("hub")
        await until(lambda b=box: b.node.peers() == {"hub"})  # type: ignore[misc]
        await until(lambda: hub.node.peers() == {"a"})
        await box.stop()
    assert len(hub.seen.ups) == 2
    assert isinstance(after.transport, NatsTransport)


async def test_a_port_in_use_stops_both(nodes: list[RealNode], cluster: NatsCluster) -> None:
    first = BothNode(cluster, "a")
    nodes.append(first)
    first.start()
    second = BothNode(cluster, "b", zeromq_port=first.port)
    with pytest.raises(ConfigError, match="port-busy"):
        second.node.start()
    await second.node._transport.gone()
    assert not second.transport.client.connected
