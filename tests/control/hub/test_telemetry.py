"""The telemetry proxy over real sockets: who gets in, what passes, what newcomers get."""

import asyncio
from collections.abc import AsyncIterator

import msgspec
import pytest
import zmq
import zmq.asyncio

from appliance.base.clock import SystemClock
from appliance.config.model import TelemetrySettings
from appliance.link.session import Peer
from appliance.telemetry.publisher import HubKeys, TelemetryPublisher
from appliance.telemetry.records import TrunkState, decode
from control.hub.telemetry import TelemetryProxy
from tests.appliance.link.rig import until
from tests.ports import free_port

SERVER_PUBLIC, SERVER_SECRET = zmq.curve_keypair()
PUBLIC, SECRET = zmq.curve_keypair()
TOPIC = b"bl1/main/berlin/trunk-state"


@pytest.fixture
async def proxy() -> AsyncIterator[TelemetryProxy]:
    made = TelemetryProxy("main")
    made.allow([Peer(name="berlin-1", site="berlin", key=PUBLIC.decode())])
    made.start("127.0.0.1", 0, "127.0.0.1", 0, SERVER_SECRET.decode())
    yield made
    made.close()


class Sockets:
    """Makes sockets, and closes them all at the end."""

    def __init__(self) -> None:
        self._context = zmq.asyncio.Context()
        self._made: list[zmq.asyncio.Socket] = []

    def socket(self, kind: int) -> zmq.asyncio.Socket:
        self._made.append(self._context.socket(kind))
        return self._made[-1]

    def close(self) -> None:
        for socket in self._made:
            socket.close(linger=0)
        self._context.term()


@pytest.fixture
async def context() -> AsyncIterator[Sockets]:
    made = Sockets()
    yield made
    made.close()


def box(context: Sockets, proxy: TelemetryProxy) -> zmq.asyncio.Socket:
    socket = context.socket(zmq.PUB)
    socket.curve_serverkey = SERVER_PUBLIC
    socket.curve_publickey, socket.curve_secretkey = PUBLIC, SECRET
    socket.connect(f"tcp://127.0.0.1:{proxy.in_port}")
    return socket


def subscriber(context: Sockets, proxy: TelemetryProxy, topic: bytes) -> zmq.asyncio.Socket:
    socket = context.socket(zmq.SUB)
    socket.subscribe(topic)
    socket.connect(f"tcp://127.0.0.1:{proxy.out_port}")
    return socket


def trunk(name: str, seq: int, *, appliance: str = "berlin-1") -> bytes:
    """A record as a newer version might send it: of a kind nobody here knows."""
    return msgspec.json.encode({"kind": name, "seq": seq, "appliance": appliance})


async def send_until(
    proxy: TelemetryProxy, socket: zmq.asyncio.Socket, frames: list[bytes], word: str
) -> None:
    """Send until the proxy has counted one such record under *word*."""
    before = proxy.counts[word]
    async with asyncio.timeout(15):
        while proxy.counts[word] == before:
            await socket.send_multipart(frames)
            await asyncio.sleep(0.01)


async def test_a_newcomer_gets_the_newest_record(proxy: TelemetryProxy, context: Sockets) -> None:
    source = box(context, proxy)
    await send_until(proxy, source, [TOPIC, trunk("novel", 1)], "normal")
    await send_until(proxy, source, [TOPIC, trunk("novel", 2)], "normal")
    for _ in range(2):
        late = subscriber(context, proxy, b"bl1/main/")
        topic, body = await asyncio.wait_for(late.recv_multipart(), 15)
        assert topic == TOPIC
        while msgspec.json.decode(body)["seq"] != 2:
            topic, body = await asyncio.wait_for(late.recv_multipart(), 15)
        late.close(linger=0)
    other = subscriber(context, proxy, b"bl1/main/hamburg/")
    assert not await other.poll(200)


@pytest.mark.parametrize(
    ("frames", "word"),
    [
        ([b"bl1/main/hamburg/trunk-state", trunk("x", 1)], "bad-request"),
        ([b"bl1/other/berlin/trunk-state", trunk("x", 1)], "bad-request"),
        ([b"bl1/main/berlin/", trunk("x", 1)], "bad-request"),
        ([b"bl1/main/berlin/a/b", trunk("x", 1)], "bad-request"),
        ([b"bl1/main/berlin/\xff", trunk("x", 1)], "bad-request"),
        ([TOPIC, b"no JSON"], "bad-request"),
        ([TOPIC], "bad-request"),
        ([TOPIC, trunk("x", 1), b""], "bad-request"),
        ([TOPIC, trunk("x", 1, appliance="hamburg-1")], "foreign"),
    ],
)
async def test_what_is_not_its_own_does_not_pass(
    proxy: TelemetryProxy, context: Sockets, frames: list[bytes], word: str
) -> None:
    source, reader = box(context, proxy), subscriber(context, proxy, b"")
    await send_until(proxy, source, frames, word)
    # the good record overtakes nothing: what comes first is all that passed
    await send_until(proxy, source, [TOPIC, trunk("novel", 7)], "normal")
    _, body = await asyncio.wait_for(reader.recv_multipart(), 15)
    assert msgspec.json.decode(body)["seq"] == 7


async def test_a_revoked_box_is_not_heard(proxy: TelemetryProxy, context: Sockets) -> None:
    source = box(context, proxy)
    await send_until(proxy, source, [TOPIC, trunk("novel", 1)], "normal")
    proxy.allow([])
    await send_until(proxy, source, [TOPIC, trunk("novel", 2)], "not-enrolled")
    assert proxy._newest == {}


async def test_a_stranger_is_turned_away(proxy: TelemetryProxy, context: Sockets) -> None:
    stranger = context.socket(zmq.PUB)
    stranger.curve_serverkey = SERVER_PUBLIC
    stranger.curve_publickey, stranger.curve_secretkey = zmq.curve_keypair()
    stranger.connect(f"tcp://127.0.0.1:{proxy.in_port}")
    await until(lambda: proxy._gate.refused)


async def test_records_of_a_real_publisher_pass(proxy: TelemetryProxy, context: Sockets) -> None:
    publisher = TelemetryPublisher(
        TelemetrySettings(port=free_port()),
        tenant="main",
        site="berlin",
        appliance="berlin-1",
        incarnation=1,
        clock=SystemClock(),
    )
    try:
        keys = HubKeys(SERVER_PUBLIC, PUBLIC, SECRET)
        publisher.connect_hub(f"tcp://127.0.0.1:{proxy.in_port}", keys)
        for name in ("one", "two"):
            publisher.publish(TrunkState(trunk=name, trunk_kind="trunk", up=True))

        def greeted() -> bool:
            publisher.greet()
            return proxy.counts["normal"] >= 2

        await until(greeted)
        reader = subscriber(context, proxy, TOPIC)
        trunks: set[str] = set()
        while trunks != {"one", "two"}:
            _, body = await asyncio.wait_for(reader.recv_multipart(), 15)
            record = decode(body)
            assert isinstance(record, TrunkState)
            trunks.add(record.trunk)
    finally:
        publisher.close()
