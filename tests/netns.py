"""Networks of tests: hosts in network namespaces of their own, on wires that can be cut.

A process started within `Host.inside()` lives in the host's namespace: it has its own loopback and
reaches the others by their addresses on the wires only. Needs root, as the images' tests do.
"""

import contextlib
import ctypes
import itertools
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

_CLONE_NEWNET = 0x40000000
_NAMESPACES = Path("/run/netns")
#: what a router of a branch does: many behind one address, and nobody comes in by himself
_NAT = """
table ip nat {
	chain out {
		type nat hook postrouting priority srcnat;
		oifname "wan" masquerade random
	}
}
table ip filter {
	chain through {
		type filter hook forward priority filter; policy drop;
		ct state established,related accept
		iifname "lan" accept
	}
}
"""
_numbers = itertools.count()
_libc = ctypes.CDLL(None, use_errno=True)


def possible() -> bool:
    """Tell whether we may make namespaces."""
    name = f"bl{os.getpid()}-probe"
    made = subprocess.run(["ip", "netns", "add", name], capture_output=True)
    if made.returncode == 0:
        subprocess.run(["ip", "netns", "del", name], check=True)
    return made.returncode == 0


def nat_possible() -> bool:
    """Tell whether we may make namespaces, and NATs in them."""
    if not possible() or shutil.which("nft") is None:
        return False
    with Wire([]) as wire, _inside(wire.router):
        done = subprocess.run(["nft", "-f", "-"], input=_NAT, capture_output=True, text=True)
    return done.returncode == 0


class Host:
    """One machine: a namespace with loopback and one address on the wire."""

    def __init__(self, wire: "Wire", name: str, address: str) -> None:
        self.address = address
        self.namespace = f"{wire.name}-{name}"
        self._wire = wire
        self._port = f"p-{name}"

    def make(self) -> None:
        """Make it and plug it in."""
        self.plug(self.namespace, self.address)

    def plug(self, space: str, address: str) -> None:
        """Make a namespace and plug it into the wire's router."""
        router, port = self._wire.router, self._port
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

    @property
    def names(self) -> tuple[str, ...]:
        """The namespaces that it is made of."""
        return (self.namespace,)

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
    """A machine behind a NAT of its own: it reaches all, and nobody reaches it.

    All such machines have the same address, as branches behind the same make of router do.
    """

    INSIDE = "192.168.7"

    def __init__(self, wire: "Wire", name: str, address: str) -> None:
        super().__init__(wire, f"{name}-nat", address)
        self.nat = self.namespace
        self.namespace = f"{wire.name}-{name}"
        #: what the others see of it
        self.outside = address
        self.address = f"{self.INSIDE}.2"

    @property
    def names(self) -> tuple[str, ...]:
        """The namespaces that it is made of."""
        return (self.namespace, self.nat)

    def make(self) -> None:
        """Make the NAT and plug it in, and the machine behind it."""
        nat, space = self.nat, self.namespace
        self.plug(nat, self.outside)
        with _inside(nat):
            Path("/proc/sys/net/ipv4/ip_forward").write_text("1")
            done = subprocess.run(["nft", "-f", "-"], input=_NAT, capture_output=True, text=True)
        if done.returncode:
            raise OSError(f"nft: {done.stderr.strip()}")
        _ip("netns", "add", space)
        _ip("-n", space, "link", "set", "lo", "up")
        _ip(
            "link", "add", "wan", "netns", space,
            "type", "veth", "peer", "name", "lan", "netns", nat,
        )  # fmt: skip
        _ip("-n", nat, "addr", "add", f"{self.INSIDE}.1/24", "dev", "lan")
        _ip("-n", nat, "link", "set", "lan", "up")
        _ip("-n", space, "addr", "add", f"{self.address}/24", "dev", "wan")
        _ip("-n", space, "link", "set", "wan", "up")
        _ip("-n", space, "route", "add", "default", "via", f"{self.INSIDE}.1")


class Wire:
    """Hosts that are joined by a router; a context manager that leaves nothing behind.

    Those *behind* stand behind a NAT each.
    """

    def __init__(self, names: Sequence[str], behind: Sequence[str] = ()) -> None:
        self.name = f"bl{os.getpid()}-{next(_numbers)}"
        self.router = f"{self.name}-router"
        self.hosts = {
            name: (HiddenHost if name in behind else Host)(self, name, f"10.77.{number}.2")
            for number, name in enumerate((*names, *behind), 1)
        }

    def __enter__(self) -> Self:
        """Make the namespaces."""
        try:
            _ip("netns", "add", self.router)
            with _inside(self.router):
                Path("/proc/sys/net/ipv4/ip_forward").write_text("1")
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
        for name in (*(name for host in self.hosts.values() for name in host.names), self.router):
            if (_NAMESPACES / name).exists():
                _ip("netns", "del", name)


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
