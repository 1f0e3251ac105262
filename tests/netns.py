"""Networks of tests: hosts in network namespaces of their own, on wires that can be cut.

A process started within `Host.inside()` lives in the host's namespace: it has its own loopback and
reaches the others by their addresses on the wires only. Needs root, as the images' tests do.
"""

import contextlib
import ctypes
import itertools
import os
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

_CLONE_NEWNET = 0x40000000
_NAMESPACES = Path("/run/netns")
_numbers = itertools.count()
_libc = ctypes.CDLL(None, use_errno=True)


def possible() -> bool:
    """Tell whether we may make namespaces."""
    name = f"bl{os.getpid()}-probe"
    made = subprocess.run(["ip", "netns", "add", name], capture_output=True)
    if made.returncode == 0:
        subprocess.run(["ip", "netns", "del", name], check=True)
    return made.returncode == 0


class Host:
    """One machine: a namespace with loopback and one address on the wire."""

    def __init__(self, wire: "Wire", name: str, address: str) -> None:
        self.address = address
        self.namespace = f"{wire.name}-{name}"
        self._wire = wire
        self._port = f"p-{name}"

    def make(self) -> None:
        """Make it and plug it in."""
        _plug(self.namespace, self.address, self._wire.router, self._port)

    def cut(self) -> None:
        """Pull its cable, at the far end: the machine itself sees nothing of it."""
        _ip("-n", self._wire.router, "link", "set", self._port, "down")

    def mend(self) -> None:
        """Plug its cable in again."""
        _ip("-n", self._wire.router, "link", "set", self._port, "up")

    @contextlib.contextmanager
    def inside(self) -> Iterator[Self]:
        """Put this thread, and the processes and sockets it makes, on this machine."""
        with _inside(self.namespace):
            yield self


class HiddenHost(Host):
    """One machine behind a router of its own with NAT: it can call out, and nobody can call in."""

    def __init__(self, wire: "Wire", name: str, address: str) -> None:
        super().__init__(wire, name, address.replace("10.77.", "192.168."))
        #: what the others see of it
        self.outside = address
        self.home = f"{self.namespace}-home"

    def make(self) -> None:
        """Make it and its router, and plug them in."""
        _plug(self.home, self.outside, self._wire.router, self._port)
        _plug(self.namespace, self.address, self.home, "lan")
        _forward(self.home)
        for rule in (
            ("-t", "nat", "-A", "POSTROUTING", "-o", "wan", "-j", "MASQUERADE"),
            ("-A", "FORWARD", "-i", "wan", "-m", "conntrack", "--ctstate", "NEW", "-j", "DROP"),
        ):
            _ip("netns", "exec", self.home, "iptables", "-w", *rule)


class Wire:
    """Hosts that are joined by a router; a context manager that leaves nothing behind."""

    def __init__(self, names: Sequence[str], *, hidden: Sequence[str] = ()) -> None:
        self.name = f"bl{os.getpid()}-{next(_numbers)}"
        self.router = f"{self.name}-router"
        #: those of *hidden* sit behind NAT
        self.hosts: dict[str, Host] = {}
        for number, name in enumerate(names, 1):
            make = HiddenHost if name in hidden else Host
            self.hosts[name] = make(self, name, f"10.77.{number}.2")

    def __enter__(self) -> Self:
        """Make the namespaces."""
        try:
            _ip("netns", "add", self.router)
            _forward(self.router)
            for host in self.hosts.values():
                host.make()
        except BaseException:
            self._remove()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Remove them."""
        self._remove()

    def _remove(self) -> None:
        homes = [host.home for host in self.hosts.values() if isinstance(host, HiddenHost)]
        for name in (*(host.namespace for host in self.hosts.values()), *homes, self.router):
            if (_NAMESPACES / name).exists():
                _ip("netns", "del", name)


def _plug(space: str, address: str, router: str, port: str) -> None:
    """Make a namespace with loopback and *address* on a wire to port *port* of *router*."""
    gateway = address.rpartition(".")[0] + ".1"
    _ip("netns", "add", space)
    _ip("-n", space, "link", "set", "lo", "up")
    _ip(
        "link", "add", "wan", "netns", space,
        "type", "veth", "peer", "name", port, "netns", router,
    )  # fmt: skip
    _ip("-n", router, "addr", "add", f"{gateway}/24", "dev", port)
    _ip("-n", router, "link", "set", port, "up")
    _ip("-n", space, "addr", "add", f"{address}/24", "dev", "wan")
    _ip("-n", space, "link", "set", "wan", "up")
    _ip("-n", space, "route", "add", "default", "via", gateway)


def _forward(router: str) -> None:
    """Let a router pass on what is not for itself."""
    with _inside(router):
        Path("/proc/sys/net/ipv4/ip_forward").write_text("1")


def _ip(*words: str) -> None:
    done = subprocess.run(["ip", *words], capture_output=True, text=True, timeout=20)
    if done.returncode:
        raise OSError(f"ip {' '.join(words)}: {done.stderr.strip()}")


@contextlib.contextmanager
def _inside(namespace: str) -> Iterator[None]:
    with _open(Path("/proc/thread-self/ns/net")) as ours:
        with _open(_NAMESPACES / namespace) as its:
            _enter(its)
        try:
            yield
        finally:
            _enter(ours)


@contextlib.contextmanager
def _open(path: Path) -> Iterator[int]:
    number = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield number
    finally:
        os.close(number)


def _enter(namespace: int) -> None:
    if _libc.setns(namespace, _CLONE_NEWNET) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
