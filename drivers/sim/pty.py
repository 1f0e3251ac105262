"""A pseudo-terminal that looks like a device's port: raw, with a link of a lasting name."""

import asyncio
import contextlib
import os
import tty
from collections.abc import Callable
from pathlib import Path

_READ_BYTES = 4096


class Pty:
    """One pretend port; its user opens *link*, we hold the other end.

    We keep the user's end open as well: otherwise reading fails whenever nobody else has it, and
    what is sent meanwhile is lost.
    """

    def __init__(self, link: Path, on_data: Callable[[bytes], None]) -> None:
        self._link = link
        self._on_data = on_data
        self._master = self._slave = -1
        self._rest = b""

    @property
    def is_open(self) -> bool:
        """The port is there."""
        return self._master >= 0

    def open(self) -> None:
        """Make the port appear."""
        self._master, self._slave = os.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        fresh = self._link.with_name(f".{self._link.name}.new")
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(os.ttyname(self._slave))
        fresh.replace(self._link)
        asyncio.get_running_loop().add_reader(self._master, self._readable)

    def close(self) -> None:
        """Make the port vanish: whoever has it open is hung up on."""
        if self._master < 0:
            return
        asyncio.get_running_loop().remove_reader(self._master)
        with contextlib.suppress(OSError):
            self._link.unlink()
        for fd in (self._master, self._slave):
            os.close(fd)
        self._master = self._slave = -1
        self._rest = b""

    def send(self, data: bytes) -> None:
        """Send *data*; what does not fit is lost as a whole, so that samples stay in step."""
        self._rest = self._write(self._rest)
        if not self._rest:
            rest = self._write(data)
            self._rest = rest if len(rest) < len(data) else b""

    def _write(self, data: bytes) -> bytes:
        if self._master < 0:
            return b""
        try:
            return data[os.write(self._master, data) :] if data else b""
        except OSError:
            return data

    def _readable(self) -> None:
        try:
            data = os.read(self._master, _READ_BYTES)
        except OSError:
            return
        if data:
            self._on_data(data)
