"""ZeroMQ alone: other mechanisms, hostile messages, bounds. The rest is in `test_transport.py`."""

import asyncio
import contextlib
import socket
from collections.abc import Callable
from functools import partial
from random import Random

import msgspec
import pytest
import zmq

from appliance.base.errors import ConfigError
from appliance.link.codec import encode
from appliance.link.messages import Beat, Document, Resnapshot
from appliance.link.zmq_transport import MAX_SESSIONS_PER_KEY
from tests.appliance.link.rig import CurveNode, RealNode, pair, until
from tests.ports import free_port


async def curve_pair(nodes: list[RealNode]) -> tuple[CurveNode, CurveNode]:
    hub, box = await pair(nodes, CurveNode)
    assert isinstance(hub, CurveNode)
    assert isinstance(box, CurveNode)
    return hub, box


async def test_plain_tcp_and_other_mechanisms_are_harmless(nodes: list[RealNode]) -> None:
    hub, box = await curve_pair(nodes)
    with socket.create_connection(("127.0.0.1", hub.transport.port)) as raw:
        raw.sendall(b"GET / HTTP/1.1\r\n\r\n" * 100)
    with zmq.Context() as context, context.socket(zmq.DEALER) as plain:
        plain.linger = 0
        plain.connect(f"tcp://127.0.0.1:{hub.transport.port}")
        plain.send(b"hello")
        box.node.send("hub", Resnapshot(1))
        await until(lambda: hub.seen.messages)
    assert hub.seen.messages == [("a", Resnapshot(1))]


async def test_garbage_from_an_enrolled_key_is_harmless(nodes: list[RealNode]) -> None:
    hub, box = await curve_pair(nodes)
    session = next(iter(box.transport._dialled.values()))
    session.pump.socket.send(b"\xc1\xc1\xc1")
    session.pump.socket.send_multipart([b"a", b"b", b"c"])
    box.node.send("hub", Resnapshot(1))
    await until(lambda: hub.seen.messages)
    assert hub.transport.malformed == 1
    assert hub.node.ignored["bad-request"] == 1
    assert hub.seen.messages == [("a", Resnapshot(1))]


async def test_one_key_has_few_sessions(nodes: list[RealNode]) -> None:
    hub, box = await curve_pair(nodes)
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


async def test_a_peer_that_does_not_read_is_dropped(nodes: list[RealNode]) -> None:
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


#: half of it each way [s]: Hello comes after five of these, the sixth (TCP) is the far line's own
FAR_S = 0.3


class FarLine:
    """TCP to a port of this machine by a long way."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._writers: list[asyncio.StreamWriter] = []
        #: connections that were made
        self.count = 0

    async def start(self) -> int:
        """Listen; return where."""
        port = free_port()
        self._server = await asyncio.start_server(self._take, "127.0.0.1", port)
        return port

    async def stop(self) -> None:
        self._server.close()
        for writer in self._writers:
            writer.transport.abort()
        await asyncio.sleep(0.1)

    async def _take(self, near: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        self.count += 1
        far, on = await asyncio.open_connection("127.0.0.1", self._to)
        self._writers += [back, on]
        await asyncio.gather(self._carry(near, on), self._carry(far, back))

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65_536):
                self._later(writer, partial(writer.write, data))
        self._later(writer, writer.close)

    @staticmethod
    def _later(writer: asyncio.StreamWriter, act: Callable[[], None]) -> None:
        loop = asyncio.get_running_loop()
        loop.call_later(FAR_S / 2, lambda: None if writer.is_closing() else act())


async def test_who_is_far_away_is_reached_and_stays(nodes: list[RealNode]) -> None:
    hub, box = CurveNode("hub"), CurveNode("a")
    nodes += [hub, box]
    hub.start()
    box.start()
    line = FarLine(hub.port)
    port = await line.start()
    try:
        hub.node.allow([box.peer(dialable=False)])
        box.node.allow([msgspec.structs.replace(hub.peer(), port=port)])
        box.node.dial("hub")
        await until(lambda: box.node.peers() == {"hub"}, 60)
        assert line.count >= 3  # a second each was too little
        await until(lambda: box.node.delay_ms("hub") >= FAR_S * 1000)
        told: list[tuple[int, int, int]] = []
        while len(told) < 2 or told[-1] != told[-2]:
            assert len(told) < 10, f"it comes and goes: {told}"
            await asyncio.sleep(2)
            told.append((line.count, len(box.seen.ups), len(hub.seen.ups)))
        assert (box.node.peers(), hub.node.peers()) == ({"hub"}, {"a"})
    finally:
        await line.stop()


async def test_a_port_in_use_is_an_error_in_words() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        node = CurveNode("a", port=taken.getsockname()[1])
        with pytest.raises(ConfigError, match="port-busy"):
            node.node.start()
    await asyncio.sleep(0)
