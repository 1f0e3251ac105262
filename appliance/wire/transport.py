"""The link between legs and brain: a Unix stream of batches, and one within a process for tests.

Records put in one turn of the event loop leave as one frame, in order. Nothing is ever kept for
a side that is away or does not read: the connection is dropped, and a new attach starts with a
snapshot.
"""

import asyncio
import errno
import logging
import os
import socket
import stat
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Generic, TypeVar, cast

import msgspec

from appliance.base.errors import ConfigError, PeerError
from appliance.wire.codec import (
    HEAD,
    MAX_BATCH,
    MAX_FRAME,
    RecordDecoder,
    brain_decoder,
    encode_frame,
    legs_decoder,
)
from appliance.wire.commands import BrainRecord
from appliance.wire.events import LegsRecord
from appliance.wire.rows import Record

_log = logging.getLogger(__name__)

#: a reader that leaves this much unread is dropped [bytes]; some 40,000 events
MAX_UNREAD = 8 << 20
#: bytes a reader's buffer starts with; it grows to the frame at hand
_FIRST_BUFFER = 1 << 16
#: connections a server holds at once: the brain, its successor and a few that never attach
MAX_CONNECTIONS = 8
#: how long a client waits before it dials again [s]; a local socket costs next to nothing
RETRY_S = 0.1

In = TypeVar("In")
Out = TypeVar("Out", bound=Record)


def _nothing(*_: Any) -> None:
    """Do nothing: what a callback is until it is set."""


class Link(Generic[In, Out]):
    """One end of a link; set the callbacks before it comes up. They run in the event loop."""

    def __init__(self, decoder: RecordDecoder[In]) -> None:
        self._decoder = decoder
        self._batch: list[Out] = []
        self._flush_due = False
        self.up = False
        #: the other side is there
        self.on_up: Callable[[], None] = _nothing
        #: a batch of records, in order
        self.on_records: Callable[[list[In]], None] = _nothing
        #: tags of records of that batch that could not be understood
        self.on_bad: Callable[[list[int]], None] = _nothing
        #: the link has ended, once for each `on_up`; with a reason word
        self.on_down: Callable[[str], None] = _nothing

    def put(self, record: Out) -> None:
        """Send *record* with this turn's batch; dropped while the link is not up."""
        if not self.up:
            return
        self._batch.append(record)
        if not self._flush_due:
            self._flush_due = True
            asyncio.get_running_loop().call_soon(self.flush)

    def flush(self) -> None:
        """Send now what was put."""
        self._flush_due = False
        batch, self._batch = self._batch, []
        for start in range(0, len(batch), MAX_BATCH):
            self._send(batch[start : start + MAX_BATCH])

    def close(self) -> None:
        """End the link, after what was put has left."""
        raise NotImplementedError

    def abort(self, why: str) -> None:
        """End the link now, whatever is still to be sent; `on_down` gets *why*."""
        raise NotImplementedError

    def _send(self, batch: Sequence[Out]) -> None:
        """Send a batch as one frame; a record that is no record, or too long, is left out."""
        if not self.up:
            return
        try:
            frame = encode_frame(batch)
        except (msgspec.MsgspecError, UnicodeError, OverflowError, TypeError) as error:
            frame = bytearray(MAX_FRAME + HEAD + 1)
            _log.debug("> a record cannot be encoded: %s", error)
        if len(frame) <= MAX_FRAME + HEAD:
            self._write(frame)
        elif len(batch) > 1:
            middle = len(batch) // 2
            self._send(batch[:middle])
            self._send(batch[middle:])
        else:
            _log.error("> left out a record that is too long or broken: %s", type(batch[0]))

    def _write(self, frame: bytearray) -> None:
        raise NotImplementedError

    def _take(self, frame: memoryview | bytes) -> None:
        """Hand on the records of a frame; raise PeerError when it is none."""
        records, bad = self._decoder.decode(frame)
        if records:
            self.on_records(records)
        if bad:
            self.on_bad(bad)

    def _went_down(self, why: str) -> None:
        if self.up:
            self.up = False
            self._batch.clear()
            self.on_down(why)


class StreamLink(Link[In, Out], asyncio.BufferedProtocol):
    """A link over a Unix stream; may be connected anew when it has gone down."""

    def __init__(self, decoder: RecordDecoder[In], *, max_unread: int = MAX_UNREAD) -> None:
        super().__init__(decoder)
        self._max_unread = max_unread
        self._transport: asyncio.Transport | None = None
        self._why = "gone"
        #: for whoever keeps the connection: it is lost
        self.when_lost: Callable[[], None] = _nothing
        self._reset()

    def _reset(self) -> None:
        self._buffer = bytearray(_FIRST_BUFFER)
        self._start = 0
        self._end = 0

    def close(self) -> None:
        """End the connection after what was put has left."""
        self.flush()
        self._why = "normal"
        if self._transport is not None:
            self._transport.close()

    def abort(self, why: str) -> None:
        """End the connection now, whatever is still to be sent; `on_down` gets *why*."""
        self._why = why
        if self._transport is not None:
            self._transport.abort()

    # -- asyncio.BufferedProtocol ----------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin: asyncio has connected us."""
        self._transport = cast("asyncio.Transport", transport)
        self._why = "gone"
        self._reset()
        self.up = True
        self.on_up()

    def connection_lost(self, exc: Exception | None) -> None:
        """End: asyncio has lost the connection."""
        if exc is not None:
            _log.info("connection lost: %s", exc)
        self._transport = None
        self._went_down(self._why)
        self.when_lost()

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - asyncio's signature
        """Return where the next bytes are to be put, with room for the rest of the frame."""
        held = self._end - self._start
        needed = _FIRST_BUFFER
        if held >= HEAD:
            needed = HEAD + self._frame_length()
        if self._start and len(self._buffer) - self._start < max(needed, held + 1):
            self._buffer[:held] = self._buffer[self._start : self._end]
            self._start, self._end = 0, held
        if len(self._buffer) - self._start < needed:
            grown = bytearray(needed)
            grown[:held] = self._buffer[self._start : self._end]
            self._buffer, self._start, self._end = grown, 0, held
        return memoryview(self._buffer)[self._end :]

    def buffer_updated(self, nbytes: int) -> None:
        """Take what has arrived: hand on each whole frame."""
        self._end += nbytes
        try:
            while self._end - self._start >= HEAD:
                length = self._frame_length()
                first = self._start + HEAD
                if self._end < first + length:
                    break
                self._start = first + length
                self._take(bytes(self._buffer[first : self._start]))
        except PeerError as error:
            _log.warning("< %s", error)
            self._start = self._end = 0
            self.abort(error.reason)
        if self._start == self._end:
            self._start = self._end = 0

    def _frame_length(self) -> int:
        length = int.from_bytes(self._buffer[self._start : self._start + HEAD], "little")
        if length > MAX_FRAME:
            raise PeerError("bad-request", f"a frame of {length} bytes is too long")
        return length

    def _write(self, frame: bytearray) -> None:
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        transport.write(frame)
        if transport.get_write_buffer_size() > self._max_unread:
            _log.warning("> the other side does not read: connection dropped")
            self.abort("overload")


class LocalLink(Link[In, Out]):
    """A link to another part of the same process, through the same bytes."""

    def __init__(self, decoder: RecordDecoder[In]) -> None:
        super().__init__(decoder)
        self._other: LocalLink[Any, Any] | None = None

    def join(self, other: "LocalLink[Any, Any]") -> None:
        """Connect both ends; each is told so in the next turn of the loop."""
        loop = asyncio.get_running_loop()
        for one, two in ((self, other), (other, self)):
            one._other = two  # noqa: SLF001 - the other end is of the same class
            loop.call_soon(one._come_up)  # noqa: SLF001

    def close(self) -> None:
        """End the link at both ends."""
        self.flush()
        other, self._other = self._other, None
        if other is not None:
            loop = asyncio.get_running_loop()
            loop.call_soon(self._went_down, "normal")
            loop.call_soon(other.close)

    def abort(self, why: str) -> None:
        """End the link at both ends now; this end is told *why*."""
        self._batch.clear()
        other, self._other = self._other, None
        self._went_down(why)
        if other is not None:
            asyncio.get_running_loop().call_soon(other.close)

    def _come_up(self) -> None:
        self.up = True
        self.on_up()

    def _write(self, frame: bytearray) -> None:
        if self._other is not None:
            payload = bytes(frame[HEAD:])
            asyncio.get_running_loop().call_soon(self._other._arrive, payload)  # noqa: SLF001

    def _arrive(self, payload: bytes) -> None:
        if self.up:
            self._take(payload)


#: the end that the legs process holds, and the end that the brain holds
LegsEnd = Link[BrainRecord, LegsRecord]
BrainEnd = Link[LegsRecord, BrainRecord]
BrainStream = StreamLink[LegsRecord, BrainRecord]
LegsStream = StreamLink[BrainRecord, LegsRecord]


def local_ends() -> tuple[LocalLink[BrainRecord, LegsRecord], LocalLink[LegsRecord, BrainRecord]]:
    """Return the legs' end and the brain's end of a link in one process; `join` connects them."""
    return LocalLink(brain_decoder()), LocalLink(legs_decoder())


def brain_stream() -> BrainStream:
    """Return the brain's end of a stream, for `keep_connected`."""
    return StreamLink(legs_decoder())


async def keep_connected(
    link: StreamLink[Any, Any], path: Path, *, retry_s: float = RETRY_S
) -> None:
    """Connect *link* to the socket at *path*, again whenever it goes down, until cancelled."""
    loop = asyncio.get_running_loop()
    lost = asyncio.Event()
    link.when_lost = lost.set
    try:
        while True:
            lost.clear()
            try:
                await loop.create_unix_connection(lambda: link, str(path))
            except OSError as error:
                _log.debug("%s: %s", path, error)
            else:
                await lost.wait()
            await asyncio.sleep(retry_s)
    finally:
        link.close()


class WireServer:
    """Listens for brains on a Unix socket; *accept* gets each new link before it is up."""

    def __init__(self, path: Path, accept: Callable[[LegsStream], None]) -> None:
        self.path = path
        self._accept = accept
        self._server: asyncio.Server | None = None
        self._links: set[LegsStream] = set()

    async def start(self) -> None:
        """Bind and listen; raise ConfigError `port-busy` or `bad-config`."""
        _remove_stale(self.path)
        listener = _bind(self.path)
        loop = asyncio.get_running_loop()
        self._server = await loop.create_unix_server(self._connection, sock=listener)

    async def close(self) -> None:
        """End all links and remove the socket."""
        if self._server is not None:
            self._server.close()
            for link in tuple(self._links):
                link.close()
            await self._server.wait_closed()
            self.path.unlink(missing_ok=True)

    def _connection(self) -> asyncio.BaseProtocol:
        if len(self._links) >= MAX_CONNECTIONS:
            _log.warning("a connection too many on %s is refused", self.path)
            return _Refusal()
        link: LegsStream = StreamLink(brain_decoder())
        link.when_lost = lambda: self._links.discard(link)
        self._links.add(link)
        self._accept(link)
        return link


class _Refusal(asyncio.Protocol):
    """A connection that is closed at once."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.close()


def _remove_stale(path: Path) -> None:
    """Remove a socket that nobody listens on; never anything else."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise ConfigError("bad-config", f"{path} is there and is not a socket")
    with socket.socket(socket.AF_UNIX) as probe:
        answer = probe.connect_ex(str(path))
    if answer == 0:
        raise ConfigError("port-busy", f"another legs process listens on {path}")
    if answer != errno.ECONNREFUSED:
        raise ConfigError("bad-config", f"{path} cannot be probed: {os.strerror(answer)}")
    path.unlink(missing_ok=True)


def _bind(path: Path) -> socket.socket:
    """Return a socket bound to *path* that only owner and group may use, from the first."""
    listener = socket.socket(socket.AF_UNIX)
    before = os.umask(0o117)
    try:
        listener.bind(str(path))
    except OSError as error:
        listener.close()
        raise ConfigError("bad-config", f"cannot listen on {path}: {error}") from error
    finally:
        os.umask(before)
    return listener
