"""Opens a serial port (or a pseudo-terminal) raw, exclusive and non-blocking, for asyncio."""

import asyncio
import errno
import fcntl
import os
import termios
from collections.abc import Callable

import serial

from drivers.errors import DriverError, LineLost

#: USB modems ignore it, real UARTs want it [bit/s]
BAUD = 115200
READ_BYTES = 4096
#: unwritten bytes a port may hold back before it counts as stuck
WRITE_BACKLOG_MAX = 65536


class SerialPort:
    """An open port: bytes to a callback as they come, writes never block."""

    def __init__(self, device: serial.Serial) -> None:
        self._device = device
        self._fd: int = device.fileno()
        self._backlog = bytearray()
        self._on_data: Callable[[bytes], None] | None = None
        self._on_lost: Callable[[str], None] | None = None

    @property
    def fd(self) -> int:
        """The descriptor, raw and non-blocking."""
        return self._fd

    def listen(self, on_data: Callable[[bytes], None], on_lost: Callable[[str], None]) -> None:
        """Hand what arrives to *on_data* until the port goes: then *on_lost* once, with why."""
        self._on_data, self._on_lost = on_data, on_lost
        asyncio.get_running_loop().add_reader(self._fd, self._readable)

    def write(self, data: bytes) -> None:
        """Send *data* as soon as the port takes it; raises `LineLost` when it takes nothing."""
        if self._fd < 0:
            raise LineLost("the port is closed")
        if len(self._backlog) + len(data) > WRITE_BACKLOG_MAX:
            raise LineLost("the port takes no bytes any more")
        self._backlog += data
        self._writable()

    def flush_input(self) -> None:
        """Throw away what has arrived and was not read."""
        try:
            termios.tcflush(self._fd, termios.TCIFLUSH)
            # a driver may hold more than the line discipline; bounded, for it may also keep coming
            for _ in range(16):
                if not os.read(self._fd, READ_BYTES):
                    break
        except (OSError, termios.error):
            return

    def close(self) -> None:
        """Let go of the port; harmless when repeated."""
        if self._fd < 0:
            return
        self._forget()
        self._fd = -1
        self._device.close()

    def _readable(self) -> None:
        try:
            data = os.read(self._fd, READ_BYTES)
        except BlockingIOError:
            return
        except OSError as error:
            self._lose(error.strerror or str(error))
            return
        if not data:
            self._lose("the port was hung up")
        elif self._on_data is not None:
            self._on_data(data)

    def _writable(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            sent = os.write(self._fd, self._backlog) if self._backlog else 0
        except BlockingIOError:
            sent = 0
        except OSError as error:
            self._lose(error.strerror or str(error))
            return
        del self._backlog[:sent]
        if self._backlog:
            loop.add_writer(self._fd, self._writable)
        else:
            loop.remove_writer(self._fd)

    def _lose(self, why: str) -> None:
        self._forget()
        on_lost, self._on_lost = self._on_lost, None
        if on_lost is not None:
            on_lost(why)

    def _forget(self) -> None:
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._fd)
        loop.remove_writer(self._fd)
        self._backlog.clear()


def open_port(path: str) -> SerialPort:
    """Open *path* (`/dev/…`, or a link to a pseudo-terminal) for us alone.

    Raises `DriverError`: `line-lost` when it is not there, `port-busy` when somebody has it.
    """
    try:
        device = serial.Serial(path, BAUD, timeout=0, write_timeout=0, exclusive=True)
    except (OSError, ValueError, termios.error) as error:
        # pyserial's own exception is an OSError; a refused lock carries no errno of its own
        if getattr(error, "errno", None) in {errno.EBUSY, errno.EAGAIN} or "lock" in str(error):
            raise DriverError("port-busy", f"{path} is used by another program") from error
        raise LineLost(f"{path} can't be opened: {error}") from error
    _make_empty_reads_fail(device.fileno())
    _forbid_others(device.fileno())
    return SerialPort(device)


def _make_empty_reads_fail(fd: int) -> None:
    # pyserial sets VMIN 0, with which reading an empty port returns 0 bytes, as a hung-up one
    # does. With VMIN 1 a non-blocking read of an empty port fails with EAGAIN (termios(3)).
    settings = termios.tcgetattr(fd)
    settings[6][termios.VMIN], settings[6][termios.VTIME] = 1, 0
    termios.tcsetattr(fd, termios.TCSANOW, settings)


def _forbid_others(fd: int) -> None:
    # On a pseudo-terminal TIOCEXCL would outlive us as long as the simulator holds its end, and
    # shut us out after a crash: there the lock is enough. A pty is what has no modem lines.
    try:
        fcntl.ioctl(fd, termios.TIOCMGET, b"\0\0\0\0")
    except OSError:
        return
    fcntl.ioctl(fd, termios.TIOCEXCL)
