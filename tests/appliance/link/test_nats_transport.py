"""The link over a real NATS cluster: strangers, replays, slow readers, servers that die."""

import asyncio
from collections.abc import AsyncIterator
from random import Random

import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg

from appliance.link.codec import encode
from appliance.link.messages import Beat, Document, LinkMessage, Resnapshot
from appliance.link.nats_transport import (
    NatsTransport,
    subject_of,
)
from appliance.link.sealed_handshake import Dialling, Kind, key_bytes
from appliance.link.sealed_transport import HELLOS_PER_S, MAX_SESSIONS_PER_KEY
from tests.appliance.link.nats_rig import NatsCluster, NatsNode, joined, nats_pair
from tests.appliance.link.rig import RealNode, hello, until


@pytest.fixture
async def stranger(cluster: NatsCluster) -> AsyncIterator[Client]:
    """Somebody who may publish and hear everything on the servers, but has no link key."""
    client = Client()
    settings = cluster.settings()
    await client.connect(list(settings.servers), nkeys_seed=cluster.other_credentials)
    yield client
    await client.close()


class Tape:
    """Everything that was published on the link's subjects."""

    def __init__(self) -> None:
        self.messages: list[tuple[str, bytes]] = []

    async def record(self, client: Client) -> None:
        async def keep(message: Msg) -> None:
            self.messages.append((message.subject, message.data))

        await client.subscribe("branchline.link.*", cb=keep)
        await client.flush()

    def of(self, kind: Kind) -> list[tuple[str, bytes]]:
        return [held for held in self.messages if held[1][0] == kind]


# -- strangers -----------------------------------------------------------------------------------


async def test_what_a_stranger_publishes_is_counted_and_harmless(
    nodes: list[RealNode], cluster: NatsCluster, stranger: Client
) -> None:
    hub, box = await nats_pair(nodes, cluster)
    tape = Tape()
    await tape.record(stranger)
    box.node.send("hub", Resnapshot(1))
    await until(lambda: hub.seen.messages and tape.of(Kind.MESSAGE))
    session = tape.of(Kind.MESSAGE)[0][1][1:33]
    chance = Random(1)
    subject = subject_of(key_bytes(hub.key))
    forged = [bytes((Kind.MESSAGE,)) + session + chance.randbytes(60) for _ in range(50)]
    noise = [chance.randbytes(chance.randrange(200)) for _ in range(200)]
    for data in (*forged, *noise, b"", bytes(900_000)):
        await stranger.publish(subject, data)
    await stranger.flush()
    await until(lambda: hub.transport.ignored.total() >= 252)
    assert hub.transport.ignored["bad-signature"] >= 1
    assert hub.transport.ignored["bad-request"] >= 1
    box.node.send("hub", Resnapshot(2))
    await until(lambda: len(hub.seen.messages) == 2)
    assert hub.seen.downs == box.seen.downs == []


async def test_whatever_is_replayed_is_refused(
    nodes: list[RealNode], cluster: NatsCluster, stranger: Client
) -> None:
    tape = Tape()
    await tape.record(stranger)
    hub, box = await nats_pair(nodes, cluster)
    for number in range(20):
        box.node.send("hub", Resnapshot(number))
        await until(lambda n=number: len(hub.seen.messages) == n + 1)  # type: ignore[misc]
    await until(lambda: len(tape.of(Kind.MESSAGE)) >= 20)
    assert {data[0] for _, data in tape.messages} == {*Kind} - {Kind.REFUSED}
    opened = len(hub.transport._sessions)
    messages = list(tape.messages)
    for subject, data in messages:
        await stranger.publish(subject, data)
    await stranger.flush()
    total = len(messages) - len(tape.of(Kind.HELLO))
    both = (hub.transport.ignored, box.transport.ignored)
    await until(lambda: sum(ignored["duplicate"] for ignored in both) >= total - 1)
    box.node.send("hub", Resnapshot(20))
    await until(lambda: len(hub.seen.messages) == 21)
    assert [m for _, m in hub.seen.messages] == [Resnapshot(n) for n in range(21)]
    assert len(hub.transport._sessions) == opened
    assert len(hub.seen.ups) == len(box.seen.ups) == 1


async def test_nobody_reads_what_the_servers_carry(
    nodes: list[RealNode], cluster: NatsCluster, stranger: Client
) -> None:
    tape = Tape()
    await tape.record(stranger)
    hub, box = await nats_pair(nodes, cluster)
    box.node.send("hub", Document("plan", 1, b"a word that stands out", bytes(64)))
    await until(lambda: hub.seen.messages)
    await until(lambda: tape.of(Kind.MESSAGE))
    assert not any(b"stands out" in data for _, data in tape.messages)


async def test_hellos_of_strangers_are_answered_sparingly(
    nodes: list[RealNode], cluster: NatsCluster, stranger: Client
) -> None:
    hub, box = await nats_pair(nodes, cluster)
    tape = Tape()
    await tape.record(stranger)
    outsider = NatsNode(cluster, "b")
    far = key_bytes(hub.key)
    for _ in range(20 * HELLOS_PER_S):
        dialling = Dialling(outsider.transport._own, far)
        await stranger.publish(subject_of(far), dialling.hello())
    await stranger.flush()
    await until(lambda: hub.transport.ignored["not-enrolled"] == 20 * HELLOS_PER_S)
    assert hub.transport.ignored["overload"] >= 10 * HELLOS_PER_S
    # and who is enrolled is answered all the while
    number = box.transport.dial("hub", "", 1, hub.key)
    await until(lambda: box.transport._sessions[number].seal is not None)


# -- bounds --------------------------------------------------------------------------------------


async def test_a_frame_of_many_parts_passes(nodes: list[RealNode], cluster: NatsCluster) -> None:
    hub, box = await nats_pair(nodes, cluster)
    body = Random(2).randbytes(20 << 20)
    record = Document("plan", 1, body, bytes(64))
    [session] = hub.node._sessions.values()
    session.sent += 1
    assert hub.transport.send(session.number, encode(session.sent, [record]))
    await until(lambda: box.seen.messages, 60)
    assert box.seen.messages == [("hub", record)]
    assert hub.seen.downs == box.seen.downs == []


async def test_what_an_enrolled_key_may_not_send_ends_its_session(
    nodes: list[RealNode], cluster: NatsCluster
) -> None:
    hub, box = await nats_pair(nodes, cluster)
    [session] = box.transport._sessions.values()
    assert session.seal is not None
    box.transport._answer(session.key, "", session.seal.close(b"\x09"))
    await until(lambda: hub.seen.downs and box.seen.downs)
    assert hub.seen.downs == [("a", "bad-request")]
    # and a new one begins
    await until(lambda: len(hub.seen.ups) == len(box.seen.ups) == 2)


async def test_garbage_from_an_enrolled_key_is_harmless(
    nodes: list[RealNode], cluster: NatsCluster
) -> None:
    hub, box = await nats_pair(nodes, cluster)
    [number] = box.node._sessions
    box.transport.send(number, b"\xc1\xc1\xc1")
    box.node.send("hub", Resnapshot(1))
    await until(lambda: hub.seen.messages)
    assert hub.node.ignored["bad-request"] == 1
    assert hub.seen.messages == [("a", Resnapshot(1))]


async def test_one_key_has_few_sessions(nodes: list[RealNode], cluster: NatsCluster) -> None:
    hub, box = await nats_pair(nodes, cluster)
    most = 0
    for _ in range(3 * MAX_SESSIONS_PER_KEY):
        number = box.transport.dial("hub", "", 1, hub.key)
        box.transport.send(number, b"no frame")
        seen = hub.node.ignored["bad-request"]
        await until(lambda s=seen: hub.node.ignored["bad-request"] > s)  # type: ignore[misc]
        most = max(most, len(hub.transport._sessions))
    assert most == MAX_SESSIONS_PER_KEY


class Deaf(NatsTransport):
    """A transport that talks, but takes nothing in once it is told so."""

    deaf = False

    def _take(self, data: bytes, way: str) -> None:
        if not self.deaf:
            super()._take(data, way)


async def test_a_peer_that_does_not_read_is_dropped(
    nodes: list[RealNode], cluster: NatsCluster
) -> None:
    hub, box = NatsNode(cluster, "hub"), NatsNode(cluster, "a")
    nodes.append(hub)
    hub.start()
    hub.node.allow([box.peer(dialable=False)])
    heard: list[int] = []

    class Events:
        def on_open(self, session: int, key: str) -> None: ...
        def on_frame(self, session: int, frame: bytes) -> None:
            heard.append(session)

        def on_close(self, session: int, reason: str) -> None: ...

    deaf = Deaf(cluster.settings(), public_key=box.key, secret_key=box.secret)
    deaf.start(Events())
    number = deaf.dial("hub", "", 1, hub.key)
    deaf.send(number, encode(1, [box.says]))
    await until(lambda: hub.node.peers() == {"a"} and heard)
    deaf.deaf = True
    body = Random(1).randbytes(60_000)
    sent = 1

    def sent_until_dropped() -> bool:
        nonlocal sent
        for serial in range(20):
            hub.node.send("a", Document("plan", serial, body, b""))
            hub.node.flush()
        sent += 1
        deaf.send(number, encode(sent, [Beat(1)]))
        return bool(hub.seen.downs)

    await until(sent_until_dropped, 60)
    assert hub.seen.downs == [("a", "overload")]
    deaf.close()
    await deaf.gone()


# -- sessions ------------------------------------------------------------------------------------


async def test_both_dialling_leaves_one_session(
    nodes: list[RealNode], cluster: NatsCluster
) -> None:
    a, b = NatsNode(cluster, "a"), NatsNode(cluster, "b")
    nodes += [a, b]
    for node, other in ((a, b), (b, a)):
        node.start()
        node.node.allow([other.peer()])
        node.node.dial(other.name)
    await until(lambda: a.node.peers() == {"b"} and b.node.peers() == {"a"})
    await until(lambda: len(a.node._sessions) == len(b.node._sessions) == 1)
    await until(lambda: len(a.transport._sessions) == len(b.transport._sessions) == 1)


async def test_a_new_life_of_a_peer_replaces_it_at_once(
    nodes: list[RealNode], cluster: NatsCluster
) -> None:
    hub, box = await nats_pair(nodes, cluster)
    await box.die()
    box.says = hello("a", incarnation=2)
    box.make()
    box.start()
    box.node.allow([hub.peer()])
    box.node.dial("hub")
    await until(lambda: len(hub.seen.ups) == 2)
    assert [said.incarnation for _, said in hub.seen.ups] == [1, 2]


async def test_goodbye_arrives_before_the_end(nodes: list[RealNode], cluster: NatsCluster) -> None:
    hub, box = await nats_pair(nodes, cluster)
    await box.stop()
    await until(lambda: hub.seen.downs)
    assert hub.seen.downs == [("a", "shutdown")]


async def test_beats_tell_the_delay(nodes: list[RealNode], cluster: NatsCluster) -> None:
    hub, box = await nats_pair(nodes, cluster)
    await until(lambda: hub.node.delay_ms("a") >= 0 and box.node.delay_ms("hub") >= 0)
    assert hub.node.delay_ms("a") < 1500


async def test_who_is_no_longer_allowed_is_cut_by_the_transport_itself(
    cluster: NatsCluster,
) -> None:
    async with joined(cluster) as (here, there):
        there.transport.allow([])
        assert there.closed == ["not-enrolled"]
        assert not there.transport.send(there.sessions[0], b"more")
        await until(lambda: here.closed == ["unreachable"])
        here.sessions.append(here.transport.dial("there", "", 1, there.node.key))
        await until(lambda: here.closed == ["unreachable", "not-enrolled"])
        assert there.sessions == there.sessions[:1]


async def test_a_fault_of_ours_is_reported_by_the_loop_and_ends_nothing(
    nodes: list[RealNode], cluster: NatsCluster
) -> None:
    hub, box = await nats_pair(nodes, cluster)
    told: list[object] = []
    asyncio.get_running_loop().set_exception_handler(
        lambda _loop, context: told.append(context.get("exception"))
    )
    taken, fault = hub.seen.on_message, RuntimeError("a fault of ours")

    def once(peer: str, message: LinkMessage) -> None:
        hub.seen.on_message = taken  # type: ignore[method-assign]
        raise fault

    hub.seen.on_message = once  # type: ignore[method-assign]
    for number in (1, 2):
        box.node.send("hub", Resnapshot(number))
        await until(lambda: told)
    await until(lambda: ("a", Resnapshot(2)) in hub.seen.messages)
    assert told == [fault]
    assert hub.seen.downs == []
