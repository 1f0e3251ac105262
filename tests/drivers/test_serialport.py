"""Opening ports: raw, for us alone, and honest about emptiness and loss."""

import asyncio
import fcntl
import os
import termios
import tty
from collections.abc import Iterator

import pytest

from drivers.errors import DriverError
from drivers.serialport import WRITE_BACKLOG_MAX, open_port
from tests.drivers.rig import until


@pytest.fixture
def pair() -> Iterator[tuple[int, str]]:
    master, slave = os.openpty()
    tty.setraw(slave)
    yield master, os.ttyname(slave)
    for fd in (master, slave):
        os.close(fd)


async def test_bytes_pass_unchanged_both_ways(pair: tuple[int, str]) -> None:
    master, path = pair
    port = open_port(path)
    got: list[bytes] = []
    port.listen(got.append, lambda why: pytest.fail(why))
    blob = bytes(range(256)) * 4
    os.write(master, blob)
    port.write(blob)
    await until(lambda: len(b"".join(got)) >= len(blob))
    assert b"".join(got) == blob
    assert os.read(master, 4096) == blob
    port.close()
    port.close()


async def test_empty_port_is_not_taken_for_a_lost_one(pair: tuple[int, str]) -> None:
    port = open_port(pair[1])
    with pytest.raises(BlockingIOError):
        os.read(port.fd, 1)
    port.close()


async def test_second_user_is_told_that_it_is_busy(pair: tuple[int, str]) -> None:
    port = open_port(pair[1])
    with pytest.raises(DriverError, match="port-busy"):
        open_port(pair[1])
    port.close()
    open_port(pair[1]).close()


@pytest.mark.parametrize("path", ["/dev/no-such-port", "/etc/hostname", "/dev"])
def test_what_is_no_port_is_refused(path: str) -> None:
    with pytest.raises(DriverError) as caught:
        open_port(path)
    assert caught.value.reason == "line-lost"


async def test_hang_up_is_told_once() -> None:
    master, slave = os.openpty()
    tty.setraw(slave)
    port = open_port(os.ttyname(slave))
    os.close(slave)
    told: list[str] = []
    port.listen(lambda _: None, told.append)
    os.close(master)
    await until(lambda: bool(told))
    for _ in range(10):
        await asyncio.sleep(0)
    assert len(told) == 1
    port.close()


async def test_stuck_port_is_lost_not_hoarded(pair: tuple[int, str]) -> None:
    port = open_port(pair[1])
    port.listen(lambda _: None, lambda _: None)

    def write_for_ever() -> None:
        for _ in range(100):
            port.write(bytes(WRITE_BACKLOG_MAX // 8))

    with pytest.raises(DriverError, match="line-lost"):
        write_for_ever()
    port.close()


async def test_flush_forgets_what_came(pair: tuple[int, str]) -> None:
    master, path = pair
    port = open_port(path)
    os.write(master, b"old" * 100)
    await until(lambda: _waiting(port.fd) > 0)
    port.flush_input()
    with pytest.raises(BlockingIOError):
        os.read(port.fd, 1)
    port.close()


def _waiting(fd: int) -> int:
    return int.from_bytes(fcntl.ioctl(fd, termios.FIONREAD, b"\0\0\0\0"), "little")
