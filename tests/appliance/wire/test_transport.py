"""The wire over real Unix sockets: batches, hostile bytes, readers that do not read."""

import asyncio
import socket
import stat
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import msgspec
import pytest

from appliance.base.errors import ConfigError
from appliance.wire.codec import HEAD, MAX_FRAME, brain_decoder, encode_frame
from appliance.wire.commands import BrainRecord, Hang
from appliance.wire.rows import LegRow
from appliance.wire.session import Ack, Attach, Beat, Hello, Snapshot
from appliance.wire.transport import (
    MAX_CONNECTIONS,
    BrainStream,
    LegsStream,
    StreamLink,
    WireServer,
    brain_stream,
    keep_connected,
    local_ends,
)

DEADLINE_S = 10


class Heard:
    """What one end of a link was told."""

    def __init__(self) -> None:
        self.records: list[object] = []
        self.bad: list[int] = []
        self.ups = 0
        self.downs: list[str] = []
        self._changed = asyncio.Event()

    def watch(self, link: "LegsStream | BrainStream") -> None:
        def note(where: list[object]) -> Callable[[list[object]], None]:
            def take(what: list[object]) -> None:
                where.extend(what)
                self._changed.set()

            return take

        def up() -> None:
            self.ups += 1
            self._changed.set()

        def down(why: str) -> None:
            self.downs.append(why)
            self._changed.set()

        link.on_records = note(self.records)  # type: ignore[assignment]
        link.on_bad = note(self.bad)  # type: ignore[arg-type,assignment]
        link.on_up = up
        link.on_down = down

    async def until(self, true: Callable[[], bool]) -> None:
        async with asyncio.timeout(DEADLINE_S):
            while not true():
                self._changed.clear()
                await self._changed.wait()


class Listener:
    """A server and the links it took."""

    def __init__(self, path: Path) -> None:
        self.links: list[LegsStream] = []
        self.heard = Heard()
        self.server = WireServer(path, self._accept)

    def _accept(self, link: LegsStream) -> None:
        self.heard.watch(link)
        self.links.append(link)


@pytest.fixture
async def listener(tmp_path: Path) -> AsyncIterator[Listener]:
    listening = Listener(tmp_path / "legs.sock")
    await listening.server.start()
    yield listening
    await listening.server.close()


@pytest.fixture
async def brain(listener: Listener) -> AsyncIterator[tuple[BrainStream, Heard]]:
    link = brain_stream()
    heard = Heard()
    heard.watch(link)
    task = asyncio.create_task(keep_connected(link, listener.server.path, retry_s=0.01))
    await heard.until(lambda: heard.ups == 1)
    yield link, heard
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_records_cross_both_ways_in_order(
    listener: Listener, brain: tuple[BrainStream, Heard]
) -> None:
    link, heard = brain
    for leg in range(2000):
        link.put(Hang(leg))
    await listener.heard.until(lambda: len(listener.heard.records) == 2000)
    assert listener.heard.records == [Hang(leg) for leg in range(2000)]
    listener.links[0].put(Hello(1, "e", "b", 7))
    await heard.until(lambda: bool(heard.records))
    assert heard.records == [Hello(1, "e", "b", 7)]


async def test_one_turn_is_one_frame(tmp_path: Path) -> None:
    server, client = socket.socketpair()
    link: StreamLink[BrainRecord, Hello] = StreamLink(brain_decoder())
    loop = asyncio.get_running_loop()
    await loop.create_connection(lambda: link, sock=server)
    for seq in range(3):
        link.put(Hello(1, "e", "b", seq))
    client.setblocking(False)
    head = await loop.sock_recv(client, HEAD)
    body = await loop.sock_recv(client, int.from_bytes(head, "little"))
    assert [row[-1] for row in msgspec.msgpack.decode(body)] == [0, 1, 2]
    link.abort("gone")
    client.close()


async def test_a_snapshot_larger_than_a_buffer_arrives_whole(
    listener: Listener, brain: tuple[BrainStream, Heard]
) -> None:
    _, heard = brain
    rows = [
        LegRow(leg=leg, out=False, kind="trunk", via="t" * 500, state="up") for leg in range(2000)
    ]
    listener.links[0].put(Snapshot(rows))
    await heard.until(lambda: bool(heard.records))
    assert heard.records == [Snapshot(rows)]


async def test_frames_arrive_byte_by_byte(listener: Listener) -> None:
    _, writer = await asyncio.open_unix_connection(str(listener.server.path))
    for byte in bytes(encode_frame([Ack(1), Ack(2)]) + encode_frame([Hang(300, "busy")])):
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(0)
    await listener.heard.until(lambda: len(listener.heard.records) == 3)
    assert listener.heard.records == [Ack(1), Ack(2), Hang(300, "busy")]
    writer.close()


async def test_a_bad_record_is_refused_and_its_batch_is_kept(listener: Listener) -> None:
    _, writer = await asyncio.open_unix_connection(str(listener.server.path))
    batch = [[41, 3], [99, "of a later version"], [44, "no number"], "noise", [41, 4]]
    payload = msgspec.msgpack.encode(batch)
    writer.write(len(payload).to_bytes(HEAD, "little") + payload)
    await listener.heard.until(lambda: len(listener.heard.bad) == 3)
    assert listener.heard.records == [Ack(3), Ack(4)]
    assert listener.heard.bad == [99, 44, 0]
    assert listener.links[0].up
    writer.close()


async def test_a_field_added_by_a_later_version_is_left_out(listener: Listener) -> None:
    _, writer = await asyncio.open_unix_connection(str(listener.server.path))
    payload = msgspec.msgpack.encode([[41, 3, "added later"]])
    writer.write(len(payload).to_bytes(HEAD, "little") + payload)
    await listener.heard.until(lambda: bool(listener.heard.records))
    assert listener.heard.records == [Ack(3)]
    writer.close()


@pytest.mark.parametrize(
    "noise",
    [
        pytest.param(b"GET / HTTP/1.1\r\n\r\n", id="a length of 1.2 GB"),
        pytest.param((MAX_FRAME + 1).to_bytes(4, "little"), id="one byte too long"),
        pytest.param(b"\x01\0\0\0\xc1", id="no MessagePack"),
        pytest.param(b"\x01\0\0\0\x05", id="no array"),
        pytest.param(b"\0\0\0\0", id="empty frame"),
        pytest.param(b"\x00\x00\x10\x00" + b"\x91" * (1 << 20), id="nested a million deep"),
    ],
)
async def test_bytes_that_are_no_batch_end_the_connection(
    listener: Listener, noise: bytes
) -> None:
    reader, writer = await asyncio.open_unix_connection(str(listener.server.path))
    writer.write(noise)
    async with asyncio.timeout(DEADLINE_S):
        assert await reader.read() == b""
    assert listener.heard.downs == ["bad-request"]
    assert listener.heard.records == []
    writer.close()


async def test_the_next_connection_after_noise_is_served(
    listener: Listener, brain: tuple[BrainStream, Heard]
) -> None:
    link, _ = brain
    _, writer = await asyncio.open_unix_connection(str(listener.server.path))
    writer.write(b"\xff" * 64)
    await listener.heard.until(lambda: listener.heard.downs == ["bad-request"])
    link.put(Ack(9))
    await listener.heard.until(lambda: listener.heard.records == [Ack(9)])
    writer.close()


async def test_a_reader_that_does_not_read_is_dropped(listener: Listener) -> None:
    _, writer = await asyncio.open_unix_connection(str(listener.server.path))
    await listener.heard.until(lambda: listener.heard.ups == 1)
    writer.transport.pause_reading()  # type: ignore[attr-defined]
    row = LegRow(leg=1, out=False, kind="trunk", via="t" * 1000, state="up")
    for _ in range(20_000):
        listener.links[0].put(Snapshot([row]))
        if not listener.links[0].up:
            break
        await asyncio.sleep(0)
    await listener.heard.until(lambda: bool(listener.heard.downs))
    assert listener.heard.downs == ["overload"]
    writer.close()


async def test_a_client_comes_back_by_itself(
    listener: Listener, brain: tuple[BrainStream, Heard]
) -> None:
    link, heard = brain
    listener.links[0].abort("gone")
    await heard.until(lambda: heard.ups == 2)
    assert heard.downs == ["gone"]
    link.put(Ack(5))
    await listener.heard.until(lambda: listener.heard.records == [Ack(5)])


async def test_what_is_put_while_down_is_never_sent(listener: Listener) -> None:
    link = brain_stream()
    heard = Heard()
    heard.watch(link)
    link.put(Ack(1))
    task = asyncio.create_task(keep_connected(link, listener.server.path, retry_s=0.01))
    await heard.until(lambda: heard.ups == 1)
    link.put(Ack(2))
    await listener.heard.until(lambda: bool(listener.heard.records))
    assert listener.heard.records == [Ack(2)]
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_record_that_cannot_be_sent_is_left_out(
    listener: Listener, brain: tuple[BrainStream, Heard]
) -> None:
    _, heard = brain
    legs_end = listener.links[0]
    legs_end.put(Beat(1.0))
    legs_end.put(Hello(1, "e" * (MAX_FRAME + 1), "b", 0))
    legs_end.put(Hello(1, "\udc80", "b", 0))
    legs_end.put(Beat(2.0))
    await heard.until(lambda: len(heard.records) == 2)
    assert heard.records == [Beat(1.0), Beat(2.0)]


async def test_connections_are_bounded(listener: Listener) -> None:
    held = [
        await asyncio.open_unix_connection(str(listener.server.path))
        for _ in range(MAX_CONNECTIONS)
    ]
    await listener.heard.until(lambda: listener.heard.ups == MAX_CONNECTIONS)
    reader, writer = await asyncio.open_unix_connection(str(listener.server.path))
    async with asyncio.timeout(DEADLINE_S):
        assert await reader.read() == b""
    for _, other in [*held, (reader, writer)]:
        other.close()


async def test_only_owner_and_group_may_use_the_socket(listener: Listener) -> None:
    mode = listener.server.path.stat().st_mode
    assert stat.S_IMODE(mode) == 0o660


async def test_a_stale_socket_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "legs.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    again = Listener(path)
    await again.server.start()
    link = brain_stream()
    heard = Heard()
    heard.watch(link)
    task = asyncio.create_task(keep_connected(link, path))
    await heard.until(lambda: heard.ups == 1)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await again.server.close()
    assert not path.exists()


async def test_a_live_socket_is_left_alone(listener: Listener) -> None:
    with pytest.raises(ConfigError, match="port-busy"):
        await Listener(listener.server.path).server.start()
    assert listener.server.path.exists()


async def test_a_file_that_is_no_socket_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "legs.sock"
    path.write_text("precious")
    with pytest.raises(ConfigError, match="bad-config"):
        await Listener(path).server.start()
    assert path.read_text() == "precious"


async def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot listen"):
        await Listener(tmp_path / "nowhere" / "legs.sock").server.start()


async def test_the_link_within_a_process_behaves_alike() -> None:
    legs_end, brain_end = local_ends()
    legs, mind = Heard(), Heard()
    legs.watch(legs_end)  # type: ignore[arg-type]
    mind.watch(brain_end)  # type: ignore[arg-type]
    legs_end.put(Beat(0.0))
    legs_end.join(brain_end)
    await legs.until(lambda: legs.ups == 1)
    brain_end.put(Attach(1, "test"))
    row = LegRow(leg=1, out=False, kind="trunk", via="t", state="up")
    legs_end.put(Snapshot([row]))
    row.state = "down"
    await mind.until(lambda: bool(mind.records))
    await legs.until(lambda: bool(legs.records))
    assert legs.records == [Attach(1, "test")]
    assert mind.records == [Snapshot([row])]
    brain_end.close()
    await legs.until(lambda: bool(legs.downs))
    await mind.until(lambda: bool(mind.downs))
    assert (legs.downs, mind.downs) == (["normal"], ["normal"])
