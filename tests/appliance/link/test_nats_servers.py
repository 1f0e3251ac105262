"""NATS servers that die, hang, refuse us or cannot be trusted; and what is said of it."""

import asyncio
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from appliance.link.messages import Hello, LinkMessage, Resnapshot
from appliance.link.sealed_handshake import OVERHEAD
from tests.appliance.link.nats_rig import NatsCluster, NatsNode, joined, nats_pair, new_user
from tests.appliance.link.rig import RealNode, until

# -- servers that die ----------------------------------------------------------------------------


class Stream:
    """Numbered records from one node to another, and what arrived of them, by session."""

    def __init__(self, sender: NatsNode, receiver: NatsNode) -> None:
        self._sender, self._receiver = sender, receiver
        #: what was handed over, and what has come, since each session came up
        self.sent: list[list[int]] = []
        self.came: list[list[int]] = []
        self._number = self._looked = 0
        self._follow(sender, self.sent)
        self._follow(receiver, self.came)
        taken = receiver.seen.on_message

        def on_message(peer: str, message: LinkMessage) -> None:
            taken(peer, message)
            if isinstance(message, Resnapshot):
                self.came[-1].append(message.expected)

        receiver.seen.on_message = on_message  # type: ignore[method-assign]

    @staticmethod
    def _follow(node: NatsNode, lists: list[list[int]]) -> None:
        begun = node.seen.on_up
        lists.append([])

        def on_up(peer: str, hello: Hello) -> None:
            begun(peer, hello)
            lists.append([])

        node.seen.on_up = on_up  # type: ignore[method-assign]

    async def run(self, seconds: float) -> None:
        """Send 1,000 records a second."""
        loop = asyncio.get_running_loop()
        end_s = loop.time() + seconds
        while loop.time() < end_s:
            self.send(10)
            await asyncio.sleep(0.01)

    def send(self, count: int) -> None:
        for _ in range(count):
            self._number += 1
            if self._sender.node.send(self._receiver.name, Resnapshot(self._number)):
                self.sent[-1].append(self._number)

    def flows(self) -> bool:
        """Tell whether all that was sent on the present session has come; send more if not."""
        self._looked += 1
        if self.came[-1] and self.came[-1] == self.sent[-1]:
            return True
        if self._looked % 30 == 0:
            self.send(10)
        return False

    def check(self) -> None:
        """Each session brought what was sent on it, from its first record on, without a gap."""
        for came in filter(None, self.came):
            [sent] = [sent for sent in self.sent if came[0] in sent]
            assert came == sent[: len(came)]
        assert max(Counter(number for came in self.came for number in came).values()) == 1


@pytest.mark.parametrize("together", [True, False])
async def test_a_killed_server_loses_and_doubles_nothing(
    nodes: list[RealNode], own_cluster: NatsCluster, together: bool
) -> None:
    hub, box = await nats_pair(nodes, own_cluster, hub=0, box=0 if together else 1)
    streams = [Stream(box, hub), Stream(hub, box)]
    work = [asyncio.create_task(stream.run(2.5)) for stream in streams]
    await until(lambda: len(streams[0].came[-1]) > 300)
    own_cluster.servers[0].kill()
    await asyncio.gather(*work)
    await until(lambda: streams[0].flows() and streams[1].flows(), 40)
    for stream in streams:
        stream.check()
        assert sum(map(len, stream.came)) > 1000
    assert hub.transport.client.connections == 2
    assert box.transport.client.connections == 1 + int(together)
    for _, reason in [*hub.seen.downs, *box.seen.downs]:
        assert reason in ("unreachable", "duplicate")


async def test_a_session_outlives_its_server_where_nothing_is_lost(
    own_cluster: NatsCluster,
) -> None:
    async with joined(own_cluster) as (here, there):
        own_cluster.servers[0].kill()
        await until(lambda: here.transport.client.connections == 2)
        here.transport.send(here.sessions[0], b"after")
        await until(lambda: there.frames == [b"before", b"after"])
        there.transport.send(there.sessions[0], b"back")
        await until(lambda: here.frames == [b"back"])
        assert here.closed == there.closed == []


async def test_a_server_that_hangs_is_left(
    nodes: list[RealNode], own_cluster: NatsCluster
) -> None:
    hub, box = await nats_pair(nodes, own_cluster)
    at = {server.url.removeprefix("nats://"): server for server in own_cluster.servers}
    victim = at[hub.transport.client.server]
    victim.signal(signal.SIGSTOP)
    try:
        await until(lambda: hub.seen.downs and box.seen.downs)
        await until(lambda: len(hub.seen.ups) == 2 and len(box.seen.ups) == 2, 30)
        assert hub.transport.client.server != victim.url.removeprefix("nats://")
    finally:
        victim.signal(signal.SIGCONT)


async def test_a_cluster_that_is_gone_comes_back(
    nodes: list[RealNode], own_cluster: NatsCluster
) -> None:
    hub, box = await nats_pair(nodes, own_cluster)
    own_cluster.stop()
    await until(lambda: hub.seen.downs and box.seen.downs)
    await asyncio.to_thread(own_cluster.start)
    await until(lambda: hub.node.peers() == {"a"} and box.node.peers() == {"hub"}, 30)


# -- errors in words -----------------------------------------------------------------------------


async def logged_by(
    caplog: pytest.LogCaptureFixture, node: NatsNode, look: Callable[[str], bool]
) -> None:
    node.start()
    try:
        await until(lambda: look(caplog.text))
    finally:
        await node.stop()


async def test_who_is_not_let_in_reads_what_to_do(
    cluster: NatsCluster, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    node = NatsNode(cluster, "a")
    settings = cluster.settings()
    seed, _ = new_user(tmp_path / "unknown.nk")
    other = type(settings)(servers=settings.servers, credentials=seed)
    node.transport.client._settings = other
    await logged_by(caplog, node, lambda text: "check nats_credentials" in text)


async def test_servers_that_take_short_messages_only_are_refused(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    small = NatsCluster(tmp_path, size=1, more="max_payload: 4096")
    try:
        small.start()
        node = NatsNode(small, "a")
        await logged_by(caplog, node, lambda text: "raise max_payload" in text)
        assert f"needs {OVERHEAD + 1 + 65_536}" in caplog.text
    finally:
        small.stop()


@pytest.fixture
def tls_cluster(tmp_path: Path) -> Iterator[NatsCluster]:
    """Two servers with a certificate, and clients that check it."""
    ca = certificate(tmp_path)
    files = f'cert_file: "{tmp_path}/server.pem", key_file: "{tmp_path}/server.key"'
    made = NatsCluster(tmp_path, size=2, more=f"tls {{ {files} }}")
    made.tls, made.ca = True, ca
    try:
        made.start()
        yield made
    finally:
        made.stop()


async def test_servers_prove_themselves_by_their_certificate(
    nodes: list[RealNode], tls_cluster: NatsCluster
) -> None:
    _, box = await nats_pair(nodes, tls_cluster, hub=0, box=1)
    tls_cluster.servers[1].kill()
    # the other was learnt from the first, and its certificate is checked as well
    await until(lambda: box.transport.client.connections == 2)


async def test_a_server_without_a_good_certificate_is_not_talked_to(
    tls_cluster: NatsCluster, caplog: pytest.LogCaptureFixture
) -> None:
    tls_cluster.ca = ""
    node = NatsNode(tls_cluster, "b")
    await logged_by(caplog, node, lambda text: "check nats_ca" in text)
    assert node.transport.client.connections == 0


async def test_a_server_without_tls_is_refused_where_tls_was_asked_for(
    own_cluster: NatsCluster, caplog: pytest.LogCaptureFixture
) -> None:
    own_cluster.tls = True
    node = NatsNode(own_cluster, "a")
    await logged_by(caplog, node, lambda text: "offers no TLS" in text)
    assert not node.transport.client.connected


def certificate(folder: Path) -> str:
    """Write a certificate for 127.0.0.1 that vouches for itself; return its path."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "nats")])
    now = datetime.now(UTC)
    address = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(address, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / "server.pem"
    path.write_bytes(made.public_bytes(Encoding.PEM))
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "server.key").write_bytes(pem)
    return str(path)


async def test_no_server_is_told_and_dialled_peers_are_unreachable(
    nodes: list[RealNode], own_cluster: NatsCluster, caplog: pytest.LogCaptureFixture
) -> None:
    own_cluster.stop()
    hub, box = NatsNode(own_cluster, "hub"), NatsNode(own_cluster, "a")
    nodes.append(box)
    box.start()
    box.node.allow([hub.peer()])
    box.node.dial("hub")
    await until(lambda: box.node.trouble.get("hub", ("",))[0] == "unreachable")
    assert own_cluster.servers[0].url in caplog.text
