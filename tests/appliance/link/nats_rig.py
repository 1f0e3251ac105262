"""A real NATS cluster on loopback, and nodes of the link over it."""

import asyncio
import json
import secrets
import subprocess
import time
import urllib.request
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import nkeys

from appliance.link.nats_client import NatsSettings
from appliance.link.nats_transport import NatsTransport
from appliance.link.transport import Transport
from tests.appliance.link.rig import RealNode, pair, until

SERVER = "/usr/sbin/nats-server"


class NatsServer:
    """One `nats-server`; its ports stay the same when it is started again."""

    def __init__(self, folder: Path, name: str, config: str) -> None:
        self._folder = folder / name
        self._folder.mkdir(parents=True)
        self._name = name
        self._config = config
        self._process: subprocess.Popen[bytes] | None = None
        self.port = self.cluster_port = self.monitor_port = -1

    def start(self, seed: str = "") -> None:
        """Start, and wait until it listens; *seed* is the cluster's address of another."""
        path = self._folder / "nats.conf"
        routes = f'routes: ["nats://{seed}"]' if seed else ""
        path.write_text(
            f"""
            server_name: {self._name}
            listen: "127.0.0.1:{self.port}"
            http: "127.0.0.1:{self.monitor_port}"
            ports_file_dir: "{self._folder}"
            cluster {{ name: test, listen: "127.0.0.1:{self.cluster_port}", {routes} }}
            {self._config}
            """
        )
        for old in self._folder.glob("*.ports"):
            old.unlink()
        self._process = subprocess.Popen(
            [SERVER, "--config", str(path), "--log", str(self._folder / "log")],
            stderr=subprocess.DEVNULL,
        )
        ports = wait(self._read_ports)
        self.port = _port(ports["nats"])
        self.cluster_port = _port(ports["cluster"])
        self.monitor_port = _port(ports["monitoring"])

    def signal(self, number: int) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def kill(self) -> None:
        """End it as a power cut would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def clients(self) -> int:
        return int(self.ask("connz")["num_connections"])

    def routes(self) -> int:
        return len({route["remote_id"] for route in self.ask("routez")["routes"] or []})

    def ask(self, page: str) -> Any:
        url = f"http://127.0.0.1:{self.monitor_port}/{page}"
        with urllib.request.urlopen(url, timeout=5) as answer:
            return json.load(answer)

    @property
    def url(self) -> str:
        return f"nats://127.0.0.1:{self.port}"

    def _read_ports(self) -> Any:
        for path in self._folder.glob("*.ports"):
            text = path.read_text()
            if text:
                return json.loads(text)
        return None


class NatsCluster:
    """Three servers that know each other, and the users they let in."""

    def __init__(self, folder: Path, *, size: int = 3, more: str = "") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        #: clients ask for TLS, and check by these certificates
        self.tls, self.ca = False, ""
        self.credentials, public = new_user(folder / "link.nk")
        self.other_credentials, other = new_user(folder / "other.nk")
        config = f"""
            authorization {{ users: [ {{ nkey: {public} }}, {{ nkey: {other} }} ] }}
            {more}
        """
        self.servers = [NatsServer(folder, f"n{number}", config) for number in range(size)]

    def start(self) -> None:
        first, *others = self.servers
        first.start()
        for server in others:
            server.start(f"127.0.0.1:{first.cluster_port}")
        self.settle()

    def settle(self) -> None:
        """Wait until all know each other."""
        wait(lambda: all(s.routes() == len(self.servers) - 1 for s in self.servers))

    def stop(self) -> None:
        for server in self.servers:
            server.kill()

    def settings(self, *, first: int | None = None) -> NatsSettings:
        """Return how to reach the cluster, or at first one server of it only."""
        servers = self.servers if first is None else [self.servers[first]]
        urls = [server.url for server in servers]
        if self.tls:
            urls = [url.replace("nats://", "tls://") for url in urls]
        return NatsSettings(servers=tuple(urls), credentials=self.credentials, ca=self.ca)


class NatsNode(RealNode):
    """A node over a NATS cluster."""

    transport: NatsTransport

    def __init__(self, cluster: NatsCluster, name: str, **options: Any) -> None:
        self.cluster = cluster
        self.first: int | None = options.pop("first", None)
        super().__init__(name, **options)

    def make_transport(self, port: int) -> Transport:
        self.transport = NatsTransport(
            self.cluster.settings(first=self.first),
            public_key=self.key,
            secret_key=self.secret,
        )
        return self.transport

    @property
    def port(self) -> int:
        return 1

    @property
    def refused(self) -> int:
        return self.transport.ignored["not-enrolled"]

    async def die(self) -> None:
        self.transport._sessions.clear()
        self.transport._events = None
        await self.transport.client.close()
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


async def nats_pair(
    nodes: list[RealNode], cluster: NatsCluster, **options: int
) -> tuple[NatsNode, NatsNode]:
    firsts = iter((options.get("hub"), options.get("box")))
    hub, box = await pair(nodes, lambda name: NatsNode(cluster, name, first=next(firsts)))
    assert isinstance(hub, NatsNode)
    assert isinstance(box, NatsNode)
    return hub, box


class End:
    """A transport by itself: nobody beats, so nothing is on its way unless it is sent."""

    def __init__(self, cluster: NatsCluster, first: int) -> None:
        self.node = NatsNode(cluster, "a", first=first)
        self.transport = self.node.transport
        self.sessions: list[int] = []
        self.frames: list[bytes] = []
        self.closed: list[str] = []

    def on_open(self, session: int, key: str) -> None:
        self.sessions.append(session)

    def on_frame(self, session: int, frame: bytes) -> None:
        self.frames.append(frame)

    def on_close(self, session: int, reason: str) -> None:
        self.closed.append(reason)


@asynccontextmanager
async def joined(cluster: NatsCluster) -> AsyncIterator[tuple[End, End]]:
    """Two ends at different servers, with a session on which a frame has come."""
    here, there = End(cluster, 0), End(cluster, 1)
    try:
        for end, other in ((here, there), (there, here)):
            end.transport.start(end)
            end.transport.allow([other.node.key])
        here.sessions.append(here.transport.dial("there", "", 1, there.node.key))
        here.transport.send(here.sessions[0], b"before")
        await until(lambda: there.frames == [b"before"])
        yield here, there
    finally:
        for end in (here, there):
            end.transport.close()
            await end.transport.gone()


def new_user(path: Path) -> tuple[str, str]:
    """Write the seed of a new user; return its path and the public key."""
    seed = nkeys.encode_seed(secrets.token_bytes(32), nkeys.PREFIX_BYTE_USER)
    path.write_bytes(seed)
    return str(path), nkeys.from_seed(bytearray(seed)).public_key.decode()


def wait(look: Callable[[], Any], seconds: float = 20.0) -> Any:
    """Return what *look* sees once it is something."""
    deadline = time.monotonic() + seconds
    while not (seen := look()):
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.02)
    return seen


def _port(urls: list[str]) -> int:
    return int(urls[0].rsplit(":", 1)[1])
