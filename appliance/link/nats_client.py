"""Our connection to the servers of a NATS cluster: kept up, and made again when it is given up.

What is published while a server dies may be lost, and nobody tells: whoever sends numbers what it
sends, and notices at the other end.
"""

import asyncio
import logging
import re
import ssl
from collections.abc import Callable
from pathlib import Path
from random import shuffle, uniform
from typing import Any
from urllib.parse import urlsplit

import msgspec
import nkeys
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError

from appliance.base.errors import ConfigError, PeerError

_log = logging.getLogger(__name__)

#: how long a server may take to answer [s]
CONNECT_S = 2
#: first and longest wait after none of the servers could be had [s]
FIRST_WAIT_S = 0.25
LONGEST_WAIT_S = 2.0
#: servers that are remembered, of those that a cluster tells of
MAX_SERVERS = 64
#: a server that has answered none of two pings is left: a hung one within 3 s
PING_S = 1
PINGS = 2
#: bytes that wait for the server's socket before publishing waits
PENDING_BYTES = 1 << 20
#: bytes that wait for our own loop before messages are dropped, which ends their sessions
TAKE_BYTES = 16 << 20
_CREDENTIALS_MARK = b"BEGIN NATS USER JWT"
#: a user's seed on a line of its own
_SEED = re.compile(rb"^SU[A-Z2-7]+$", re.MULTILINE)


class NatsSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How to reach a NATS cluster."""

    servers: tuple[str, ...]
    #: file with a user's JWT and seed, or with an nkey seed; empty: none
    credentials: str = ""
    #: file with the certificates that servers must be signed by; empty: the system's
    ca: str = ""

    def check(self) -> None:
        """Raise ConfigError `bad-config` or `missing-file` where this cannot work."""
        if not self.servers:
            raise ConfigError("bad-config", "nats_servers is empty: name a server of the cluster")
        for server in self.servers:
            _check_server(server)
        self.login()
        self.tls()

    def login(self) -> dict[str, Any]:
        """Return what tells the client who we are."""
        if not self.credentials:
            return {}
        content = _read("nats_credentials", self.credentials)
        creds = _CREDENTIALS_MARK in content
        found = _SEED.search(content)
        seed = found[0] if found and (creds or found[0] == content.strip()) else b""
        try:
            nkeys.from_seed(bytearray(seed))
        except (nkeys.NkeysError, ValueError) as error:
            raise ConfigError(
                "bad-config",
                f"nats_credentials: {self.credentials} is neither a .creds file "
                "nor the seed of a user's nkey (SU…)",
            ) from error
        return {"user_credentials" if creds else "nkeys_seed": self.credentials}

    def tls(self) -> ssl.SSLContext | None:
        """Return what checks the servers' certificates; None: the servers decide."""
        if not self.ca and not any(server.startswith("tls://") for server in self.servers):
            return None
        if self.ca:
            _read("nats_ca", self.ca)
        try:
            return ssl.create_default_context(cafile=self.ca or None)
        except ssl.SSLError as error:
            message = f"nats_ca: {self.ca} holds no certificate (PEM)"
            raise ConfigError("bad-config", message) from error


class NatsClient:
    """A connection with one subscription."""

    def __init__(self, settings: NatsSettings, subject: str, *, longest: int) -> None:
        settings.check()
        self._settings = settings
        self._subject = subject
        self._take: Callable[[bytes], None] = lambda _data: None
        self._changed: Callable[[], None] = lambda: None
        self._longest = longest
        #: what we are connected by, and what is to be
        self._client: Client | None = None
        self._made: Client | None = None
        #: servers to try, the next one first -> the name that its certificate must bear
        self._servers = dict.fromkeys(settings.servers, "")
        self._closed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._ended = False
        self._said: set[str] = set()
        #: connections that were made
        self.connections = 0

    @property
    def connected(self) -> bool:
        """Tell whether there is a server now."""
        return self._client is not None and self._client.is_connected

    @property
    def server(self) -> str:
        """Return the address of the server we are connected to; empty: none."""
        url = self._client.connected_url if self._client is not None else None
        return url.netloc if url is not None else ""

    def start(self, take: Callable[[bytes], None], changed: Callable[[], None]) -> None:
        """Connect, and keep connected until `close`; *changed* is told when it comes and goes."""
        self._take, self._changed = take, changed
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def publish(self, subject: str, payload: bytes) -> None:
        """Publish; waits while the server takes nothing. Raises PeerError `unreachable`."""
        if self._client is None or not self._client.is_connected:
            raise PeerError("unreachable", "no NATS server")
        try:
            await self._client.publish(subject, payload)
        except NatsError as error:
            raise PeerError("unreachable", f"NATS: {error}") from error

    async def flush(self, seconds: float) -> None:
        """Wait until the server has what was published."""
        if self._client is not None and self._client.is_connected:
            await self._client.flush(timeout=seconds)  # type: ignore[arg-type] # a float will do

    async def close(self) -> None:
        """End the connection."""
        task, self._task = self._task, None
        if task is not None:
            self._ended = True
            self._closed.set()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await self._give_up()

    # -- inside --------------------------------------------------------------------------------

    async def _run(self) -> None:
        """Connect to one server after the other, each time by a client of its own.

        The client can move by itself, but may go on doing so after it was closed.
        """
        servers = list(self._servers)
        shuffle(servers)
        self._servers = {server: self._servers[server] for server in servers}
        failures = 0
        while not self._ended:
            self._closed.clear()
            try:
                await self._connect(next(iter(self._servers)))
                failures = 0
                await self._closed.wait()
                _log.warning("NATS: the connection is lost")
            except Exception as error:  # noqa: BLE001 - a fault of the client ends no link
                failures += 1
                self._say(error)
            await self._give_up()
            self._changed()
            if failures and failures % len(self._servers) == 0:
                rounds = min(10, failures // len(self._servers) - 1)
                wait_s = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2**rounds)
                # from half to the whole: boxes that lost a cluster do not come back in step
                await asyncio.sleep(wait_s * uniform(0.5, 1.0))  # noqa: S311 - no secret

    async def _give_up(self) -> None:
        made, self._made, self._client = self._made, None, None
        if made is not None:
            await made.close()

    async def _connect(self, server: str) -> None:
        # whatever comes of it, this one is the last to be tried again
        name = self._servers.pop(server)
        self._servers[server] = name
        options: dict[str, Any] = self._settings.login()
        tls = self._settings.tls()
        if tls is not None:
            options["tls"] = tls
        if name:
            options["tls_hostname"] = name
        client = self._made = Client()
        await client.connect(
            servers=[server],
            error_cb=self._on_error,
            closed_cb=self._on_closed,
            allow_reconnect=False,
            max_reconnect_attempts=1,
            reconnect_time_wait=0,
            connect_timeout=CONNECT_S,
            ping_interval=PING_S,
            max_outstanding_pings=PINGS,
            pending_size=PENDING_BYTES,
            **options,
        )
        offered = client._server_info.get("tls_required")  # noqa: SLF001 - not told otherwise
        if tls is not None and not offered:
            raise ConfigError("bad-config", f"{_without_secret(server)} offers no TLS")
        if client.max_payload < self._longest:
            raise ConfigError(
                "bad-config",
                f"the NATS server takes messages of {client.max_payload} bytes, the link needs "
                f"{self._longest}: raise max_payload in its configuration",
            )
        await client.subscribe(self._subject, cb=self._on_message, pending_bytes_limit=TAKE_BYTES)
        await client.flush(CONNECT_S)
        self._learn(server, client)
        self._client = client
        self._said.clear()
        self.connections += 1
        _log.info("NATS: connected to %s, listening on %s", self.server, self._subject)
        self._changed()

    def _learn(self, server: str, client: Client) -> None:
        """Remember the servers that this one tells of; their certificates bear its name."""
        told = urlsplit(server)
        name = self._servers[server] or told.hostname or ""
        user, mark, _ = told.netloc.rpartition("@")
        for found in client.discovered_servers:
            if len(self._servers) < MAX_SERVERS:
                url = f"{told.scheme}://{user}{mark}{found.netloc}"
                self._servers.setdefault(url, name)

    async def _on_message(self, message: Msg) -> None:
        # now, not in the next turn of the loop: behind the client's own turns it is one of four
        try:
            self._take(message.data)
        except Exception as error:  # noqa: BLE001 - ours: the loop's to report, not the client's
            context = {"message": "taking in a message of NATS", "exception": error}
            asyncio.get_running_loop().call_exception_handler(context)

    async def _on_error(self, error: Exception) -> None:
        self._say(error)

    async def _on_closed(self) -> None:
        self._closed.set()

    def _say(self, error: Exception) -> None:
        """Log an error once, until there is a connection again."""
        text = f"{type(error).__name__}: {error}"
        if text not in self._said and len(self._said) < MAX_SERVERS:
            self._said.add(text)
            servers = ", ".join(_without_secret(server) for server in self._settings.servers)
            known = isinstance(error, NatsError | ConfigError | OSError)
            trace = None if known else error
            advice = _advice(text)
            _log.warning("NATS: %s (nats_servers: %s)%s", text, servers, advice, exc_info=trace)


def _advice(text: str) -> str:
    """Return what to do about an error of the server, where we know."""
    small = text.lower()
    if "authorization" in small:
        return "; the server refuses us: check nats_credentials and the server's users"
    if "permissions violation" in small:
        return "; let this user subscribe to its own subject and publish to branchline.link.*"
    if "offers no tls" in small:
        return "; give the server a certificate, or write nats:// and leave nats_ca empty"
    if "certificate" in small:
        return "; check nats_ca"
    return ""


def _check_server(server: str) -> None:
    """Raise ConfigError unless *server* is an address the client can use."""
    wanted = "write nats://host:4222 or tls://host:4222"
    try:
        parts = urlsplit(server)
        good = parts.scheme in ("nats", "tls") and parts.hostname and (parts.port or 4222)
    except ValueError:
        good = False
    if not good or server != server.strip():
        message = f"nats_servers: {_without_secret(server)!r} is no server: {wanted}"
        raise ConfigError("bad-config", message)


def _without_secret(server: str) -> str:
    """Return the address without user and password."""
    scheme, mark, rest = server.rpartition("://")
    return scheme + mark + rest.rpartition("@")[2]


def _read(setting: str, path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        message = f"{setting}: {path} cannot be read: {error.strerror}"
        raise ConfigError("missing-file", message) from error
