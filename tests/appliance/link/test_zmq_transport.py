"""The link over real ZeroMQ with CURVE on loopback: who gets in, who is cut, who comes back."""

import asyncio
import socket
from collections.abc import AsyncIterator
from random import Random

import pytest
import zmq

from appliance.base.errors import ConfigError
from appliance.link.codec import encode
from appliance.link.messages import PROTO, Beat, Document, Resnapshot
from appliance.link.session import Peer
from appliance.link.zmq_transport import MAX_SESSIONS_PER_KEY
from tests.appliance.link.rig import CurveNode, hello, until


@pytest.fixture
async def nodes() -> AsyncIterator[list[CurveNode]]:
    made: list[CurveNode] = []
    yield made
    for node in made:
        if hasattr(node, "task"):
            await node.stop()


async def pair(nodes: list[CurveNode]) -> tuple[CurveNode, CurveNode]:
    """Return a hub, and an appliance that is up at it."""
    hub, box = CurveNode("hub"), CurveNode("a")
    nodes += [hub, box]
    hub.start()
    box.start()
    hub.node.allow([box.peer(dialable=False)])
    box.node.allow([hub.peer()])
    box.node.dial("hub")
    await until(lambda: hub.node.peers() == {"a"} and box.node.peers() == {"hub"})
    return hub, box


async def test_records_go_both_ways(nodes: list[CurveNode]) -> None:
    hub, box = await pair(nodes)
    for number in range(3000):
        hub.node.send("a", Resnapshot(number))
        box.node.send("hub", Resnapshot(number))
    await until(lambda: len(hub.seen.messages) == len(box.seen.messages) == 3000)
    assert [m for _, m in hub.seen.messages] == [Resnapshot(n) for n in range(3000)]


async def test_an_unknown_key_is_refused(nodes: list[CurveNode]) -> None:
    hub, _ = await pair(nodes)
    stranger = CurveNode("a")
    nodes.append(stranger)
    stranger.start()
    stranger.node.allow([hub.peer()])
    stranger.node.dial("hub")
    await until(lambda: stranger.node.trouble.get("hub", ("",))[0] == "not-enrolled")
    assert hub.transport.gate.refused >= 1
    assert len(hub.seen.ups) == 1


async def test_a_hub_with_another_key_is_not_talked_to(nodes: list[CurveNode]) -> None:
    hub, box = CurveNode("hub"), CurveNode("a")
    nodes += [hub, box]
    hub.start()
    box.start()
    hub.node.allow([box.peer()])
    other, _ = zmq.curve_keypair()
    box.node.allow(
        [
            Peer(
                name="hub",
                role="hub",
                key=other.decode(),
                address="127.0.0.1",
                port=hub.transport.port,
            )
        ]
    )
    box.node.dial("hub")
    await until(lambda: "hub" in box.node.trouble)
    assert box.seen.ups == hub.seen.ups == []


async def test_a_revoked_key_is_cut_and_stays_out(nodes: list[CurveNode]) -> None:
    hub, box = await pair(nodes)
    hub.node.allow([])
    await until(lambda: box.seen.downs, 5.0)
    assert hub.seen.downs == [("a", "not-enrolled")]
    await until(lambda: box.node.trouble["hub"][0] == "not-enrolled")
    assert hub.node.peers() == set()


async def test_a_name_that_is_not_the_keys_is_refused(nodes: list[CurveNode]) -> None:
    hub, liar = CurveNode("hub"), CurveNode("a", says=hello("b"))
    honest = CurveNode("b")
    nodes += [hub, liar]
    hub.start()
    liar.start()
    hub.node.allow([liar.peer(), honest.peer()])
    liar.node.allow([hub.peer()])
    liar.node.dial("hub")
    await until(lambda: liar.node.trouble.get("hub", ("",))[0] == "not-enrolled")
    assert hub.seen.ups == []


async def test_an_old_version_is_refused_in_words(nodes: list[CurveNode]) -> None:
    hub, old = CurveNode("hub"), CurveNode("a", says=hello("a", proto=PROTO + 2))
    nodes += [hub, old]
    hub.start()
    old.start()
    hub.node.allow([old.peer()])
    old.node.allow([hub.peer()])
    old.node.dial("hub")
    await until(lambda: "hub" in old.node.trouble)
    assert old.node.trouble["hub"][0] == "old-version"


async def test_a_hub_that_dies_is_noticed_and_found_again(nodes: list[CurveNode]) -> None:
    hub, box = await pair(nodes)
    port = hub.transport.port
    # no Goodbye: the process is gone, the machine answers no more
    hub.task.cancel()
    hub.transport.close()
    await until(lambda: box.seen.downs)
    hub.make(port)
    hub.start()
    hub.node.allow([box.peer(dialable=False)])
    await until(lambda: len(box.seen.ups) == 2)
    assert box.node.peers() == {"hub"}


async def test_an_appliance_that_dies_is_noticed(nodes: list[CurveNode]) -> None:
    hub, box = await pair(nodes)
    box.task.cancel()
    box.transport.close()
    await until(lambda: hub.seen.downs, 5.0)
    assert hub.seen.downs[0][0] == "a"


async def test_a_peer_that_falls_silent_is_noticed(nodes: list[CurveNode]) -> None:
    hub, box = await pair(nodes)
    box.node.tick = lambda: None  # type: ignore[method-assign] # connected, but it beats no more
    await until(lambda: hub.seen.downs, 5.0)
    assert hub.seen.downs == [("a", "unreachable")]


async def test_plain_tcp_and_other_mechanisms_are_harmless(nodes: list[CurveNode]) -> None:
    hub, box = await pair(nodes)
    with socket.create_connection(("127.0.0.1", hub.transport.port)) as raw:
        raw.sendall(b"GET / HTTP/1.1\r\n\r\n" * 100)
    with zmq.Context() as context, context.socket(zmq.DEALER) as plain:
        plain.linger = 0
        plain.connect(f"tcp://127.0.0.1:{hub.transport.port}")
        plain.send(b"hello")
        box.node.send("hub", Resnapshot(1))
        await until(lambda: hub.seen.messages)
    assert hub.seen.messages == [("a", Resnapshot(1))]


async def test_garbage_from_an_enrolled_key_is_harmless(nodes: list[CurveNode]) -> None:
    hub, box = await pair(nodes)
    session = next(iter(box.transport._dialled.values()))
    session.pump.socket.send(b"\xc1\xc1\xc1")
    session.pump.socket.send_multipart([b"a", b"b", b"c"])
    box.node.send("hub", Resnapshot(1))
    await until(lambda: hub.seen.messages)
    assert hub.transport.malformed == 1
    assert hub.node.ignored["bad-request"] == 1
    assert hub.seen.messages == [("a", Resnapshot(1))]


async def test_one_key_has_few_sessions(nodes: list[CurveNode]) -> None:
    hub, box = await pair(nodes)
    for _ in range(20):
        number = box.transport.dial("hub", "127.0.0.1", hub.transport.port, hub.key)
        box.transport.send(number, b"no frame")
    most = 0

    def all_seen() -> bool:
        nonlocal most
        most = max(most, len(hub.transport._accepted))
        return hub.node.ignored["bad-request"] == 20

    await until(all_seen)
    assert most <= MAX_SESSIONS_PER_KEY


async def test_a_large_record_passes(nodes: list[CurveNode]) -> None:
    hub, box = await pair(nodes)
    body = bytes(4 << 20)
    hub.node.send("a", Document("plan", 1, body, bytes(64)))
    await until(lambda: box.seen.messages)
    assert box.seen.messages[0][1] == Document("plan", 1, body, bytes(64))


async def test_a_peer_that_does_not_read_is_dropped(nodes: list[CurveNode]) -> None:
    hub, box = CurveNode("hub"), CurveNode("a")
    nodes.append(hub)
    hub.start()
    hub.node.allow([box.peer(dialable=False)])
    body = Random(1).randbytes(60_000)
    with zmq.Context() as context, context.socket(zmq.DEALER) as deaf:
        deaf.linger = 0
        deaf.rcvhwm = 1
        deaf.curve_serverkey = hub.key.encode()
        deaf.curve_publickey, deaf.curve_secretkey = box.key.encode(), box.secret.encode()
        deaf.connect(f"tcp://127.0.0.1:{hub.transport.port}")
        deaf.send(encode(1, [box.says]))
        await until(lambda: hub.node.peers() == {"a"})
        sent = 1

        def sent_until_dropped() -> bool:
            nonlocal sent
            for number in range(20):
                hub.node.send("a", Document("plan", number, body, b""))
                hub.node.flush()
            sent += 1
            deaf.send(encode(sent, [Beat(1)]))
            return bool(hub.seen.downs)

        await until(sent_until_dropped, 60)
    assert hub.seen.downs == [("a", "overload")]


async def test_a_port_in_use_is_an_error_in_words() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        node = CurveNode("a", port=taken.getsockname()[1])
        with pytest.raises(ConfigError, match="port-busy"):
            node.node.start()
    await asyncio.sleep(0)
