"""The publisher over real sockets: stamped, numbered, repeated to newcomers, never blocking."""

import asyncio
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import zmq
from zmq.auth.thread import ThreadAuthenticator

from appliance.base.clock import HeldClock
from appliance.base.errors import ConfigError
from appliance.config.model import TelemetrySettings
from appliance.telemetry import publisher as publisher_module
from appliance.telemetry.publisher import HubKeys, TelemetryPublisher
from appliance.telemetry.records import ContactChanged, SeatChanged, TrunkState, decode
from tests.ports import free_port

DEADLINE_S = 10
Frames = list[bytes]
Connect = Callable[..., "zmq.Socket[bytes]"]


def made(port: int, **other: Any) -> TelemetryPublisher:
    return TelemetryPublisher(
        TelemetrySettings(port=port),
        **{
            "tenant": "main",
            "site": "berlin",
            "appliance": "box-a",
            "incarnation": 7,
            "clock": HeldClock(),
            **other,
        },
    )


class Sockets:
    """Makes sockets and closes them all."""

    def __init__(self) -> None:
        self.context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._made: list[zmq.Socket[bytes]] = []

    def make(self, kind: int) -> "zmq.Socket[bytes]":
        heard = self.context.socket(kind)
        heard.linger = 0
        heard.rcvtimeo = DEADLINE_S * 1000
        self._made.append(heard)
        return heard

    def close(self) -> None:
        for heard in self._made:
            heard.close()
        self.context.term()


@pytest.fixture
def sockets() -> Iterator[Sockets]:
    sockets = Sockets()
    yield sockets
    sockets.close()


@pytest.fixture
def publisher() -> Iterator[TelemetryPublisher]:
    publisher = made(free_port())
    yield publisher
    publisher.close()


@pytest.fixture
def subscribe(sockets: Sockets, publisher: TelemetryPublisher) -> Connect:
    """Connect a subscriber and wait until the publisher has seen it."""

    def connect(topic: str = "", **options: int) -> "zmq.Socket[bytes]":
        heard = sockets.make(zmq.SUB)
        for name, value in options.items():
            heard.setsockopt(getattr(zmq, name), value)
        heard.subscribe(topic)
        heard.connect(publisher.address)
        until(publisher.greet)
        return heard

    return connect


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true"
        time.sleep(0.002)


def record_of(frames: Frames) -> Any:
    return decode(frames[1])


def test_frames_are_topic_and_stamped_json(
    publisher: TelemetryPublisher, subscribe: Connect
) -> None:
    heard = subscribe()
    publisher.publish(SeatChanged(seat="anna", epoch=3, state="ready"))
    topic, body = heard.recv_multipart()
    assert topic == b"bl1/main/berlin/seat-changed"
    record = decode(body)
    assert record == SeatChanged(
        seq=1,
        ts="2027-01-15T08:00:00.000000Z",
        incarnation=7,
        appliance="box-a",
        seat="anna",
        epoch=3,
        state="ready",
    )


def test_numbers_run_without_gaps_within_each_kind(
    publisher: TelemetryPublisher, subscribe: Connect
) -> None:
    heard = subscribe("bl1/main/berlin/contact-changed")
    for number in range(5):
        publisher.publish(ContactChanged(contact=f"c{number}", state="waiting"))
        publisher.publish(SeatChanged(seat="anna", epoch=3, state="ready"))
    assert [record_of(heard.recv_multipart()).seq for _ in range(5)] == [1, 2, 3, 4, 5]


def test_a_newcomer_is_told_the_newest_state_but_no_old_news(
    publisher: TelemetryPublisher, subscribe: Connect
) -> None:
    publisher.publish(SeatChanged(seat="anna", epoch=3, state="ready"))
    publisher.publish(SeatChanged(seat="anna", epoch=3, state="talking"))
    publisher.publish(SeatChanged(seat="bert", epoch=1, state="paused"))
    publisher.publish(ContactChanged(contact="c1", state="waiting"))
    heard = subscribe()
    told = [record_of(heard.recv_multipart()) for _ in range(2)]
    assert [(record.seat, record.state, record.seq) for record in told] == [
        ("anna", "talking", 2),
        ("bert", "paused", 3),
    ]
    publisher.publish(TrunkState(trunk="sip", trunk_kind="trunk", up=True))
    assert record_of(heard.recv_multipart()).trunk == "sip"
    second = subscribe()
    assert record_of(second.recv_multipart()).seat == "anna", "and so is the next one"


def test_what_is_kept_for_newcomers_is_bounded(
    publisher: TelemetryPublisher, subscribe: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publisher_module, "KEPT_MOST", 2)
    for seat in ("a", "b", "c", "a"):
        publisher.publish(SeatChanged(seat=seat, epoch=1, state="ready"))
    heard = subscribe()
    publisher.publish(SeatChanged(seat="end", epoch=1, state="ready"))
    told = [record_of(heard.recv_multipart()).seat for _ in range(3)]
    assert told == ["a", "b", "end"]


async def test_run_greets_by_itself(publisher: TelemetryPublisher, sockets: Sockets) -> None:
    publisher.publish(SeatChanged(seat="anna", epoch=3, state="ready"))
    heard = sockets.make(zmq.SUB)
    heard.subscribe("")
    heard.connect(publisher.address)
    running = asyncio.create_task(publisher.run())
    await asyncio.to_thread(heard.poll, DEADLINE_S * 1000)
    running.cancel()
    assert record_of(heard.recv_multipart()).seat == "anna"


def test_a_subscriber_that_does_not_read_holds_up_nobody(
    publisher: TelemetryPublisher, subscribe: Connect
) -> None:
    slow = subscribe(RCVHWM=1, RCVBUF=4096)
    news = ContactChanged(contact="x" * 2000, state="waiting")
    sent = 20_000
    for _ in range(sent):
        publisher.publish(news)
    publisher.publish(TrunkState(trunk="sip", trunk_kind="trunk", up=True))
    seen = 0
    while slow.poll(500):
        seen += record_of(slow.recv_multipart()).seq > 0
    assert seen < sent, "this test must fill the queue to mean anything"
    fresh = subscribe("bl1/main/berlin/trunk-state")
    assert record_of(fresh.recv_multipart()).trunk == "sip"


def test_rubbish_from_a_subscriber_is_ignored(
    publisher: TelemetryPublisher,
    subscribe: Connect,
    sockets: Sockets,
) -> None:
    hostile = sockets.make(zmq.XSUB)
    hostile.connect(publisher.address)
    for message in (b"", b"\x00", b"\x01" * 900, b"\xff\xfe", b"\x02hello", b"\x00never"):
        hostile.send(message)
    # one of them is a subscription: it must not be taken for the one below
    until(publisher.greet)
    heard = subscribe()
    publisher.publish(SeatChanged(seat="anna", epoch=3, state="ready"))
    assert record_of(heard.recv_multipart()).seat == "anna"


def test_a_busy_port_is_named(publisher: TelemetryPublisher, sockets: Sockets) -> None:
    port = int(publisher.address.rpartition(":")[2])
    with pytest.raises(ConfigError, match=str(port)) as caught:
        made(port)
    assert caught.value.reason == "port-busy"


@pytest.mark.parametrize("bad", [{"tenant": "a/b"}, {"site": ""}, {"site": "Berlin"}])
def test_topics_are_made_of_slugs(bad: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match="slugs"):
        made(1, **bad)


class Hub:
    """The hub's end: an XSUB heard that admits one key only."""

    def __init__(self, sockets: Sockets, admitted: bytes) -> None:
        self.public, secret = zmq.curve_keypair()
        self._auth = ThreadAuthenticator(sockets.context)
        self._auth.start()
        self._auth.configure_curve_callback(credentials_provider=self)
        self._admitted = admitted
        self.asked = 0
        self.socket = sockets.make(zmq.XSUB)
        self.socket.curve_server = True
        self.socket.curve_secretkey = secret
        self.socket.curve_publickey = self.public
        self.socket.rcvhwm = 10
        self.socket.rcvbuf = 4096
        port = self.socket.bind_to_random_port("tcp://127.0.0.1")
        self.address = f"tcp://127.0.0.1:{port}"
        self.socket.send(b"\x01")

    def callback(self, _domain: str, key: bytes) -> bool:
        self.asked += 1
        return key == self._admitted

    def greeted_by(self, publisher: TelemetryPublisher) -> None:
        """Wait until *publisher* has seen us; a bound socket admits peers only while it polls."""
        until(lambda: self.socket.poll(0) or publisher.greet())

    def close(self) -> None:
        self.socket.close(linger=0)
        self._auth.stop()


@pytest.fixture
def keys() -> tuple[bytes, bytes]:
    return zmq.curve_keypair()


@pytest.fixture
def hub(sockets: Sockets, keys: tuple[bytes, bytes]) -> Iterator[Hub]:
    hub = Hub(sockets, keys[0])
    yield hub
    hub.close()


def test_the_hub_hears_the_same_and_first_the_state(
    publisher: TelemetryPublisher, hub: Hub, keys: tuple[bytes, bytes]
) -> None:
    publisher.publish(SeatChanged(seat="anna", epoch=3, state="ready"))
    publisher.connect_hub(hub.address, HubKeys(hub.public, *keys))
    hub.greeted_by(publisher)
    publisher.publish(ContactChanged(contact="c1", state="waiting"))
    assert hub.socket.recv_multipart()[0] == b"bl1/main/berlin/seat-changed"
    assert hub.socket.recv_multipart()[0] == b"bl1/main/berlin/contact-changed"
    publisher.connect_hub(hub.address, HubKeys(hub.public, *keys))
    hub.greeted_by(publisher)
    assert record_of(hub.socket.recv_multipart()).seat == "anna", "after a new session too"


def test_a_stranger_is_not_heard_by_the_hub(publisher: TelemetryPublisher, hub: Hub) -> None:
    publisher.connect_hub(hub.address, HubKeys(hub.public, *zmq.curve_keypair()))
    until(lambda: hub.asked > 0)
    publisher.publish(SeatChanged(seat="anna", epoch=3, state="ready"))
    assert not publisher.greet()
    assert hub.socket.poll(100) == 0


def test_what_a_slow_hub_misses_is_counted(
    publisher: TelemetryPublisher, hub: Hub, keys: tuple[bytes, bytes]
) -> None:
    publisher.connect_hub(hub.address, HubKeys(hub.public, *keys))
    hub.greeted_by(publisher)
    news = ContactChanged(contact="x" * 2000, state="waiting")
    sent = 0
    while not publisher.dropped:
        publisher.publish(news)
        sent += 1
        assert sent < 100_000
    assert publisher.dropped == 1
    publisher.disconnect_hub()
    publisher.publish(news)
    assert publisher.dropped == 1
