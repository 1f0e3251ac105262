"""A far end's sound on a socket of its own beside sipp: its packets out, ours in."""

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator
from dataclasses import dataclass

from tests.appliance.legs.legsrig import DEADLINE_S, TRUNK_ADDRESS
from tests.audio import FRAME, Sound, frames, g711_encode
from tests.ports import free_port
from tests.sippkit import (
    SDP,
    expect,
    in_dialog_response,
    request,
    response,
    scenario,
    send,
)

#: one packet's worth of sound, and of time [s]
PACKET_S = 0.02
HEAD = SDP[: SDP.index("m=")]


@dataclass(frozen=True)
class Packet:
    """One RTP packet (RFC 3550 §5.1)."""

    payload_type: int
    marker: bool
    timestamp: int
    payload: bytes

    def after(self, other: "Packet") -> int:
        """Return by how much its timestamp is later."""
        return (self.timestamp - other.timestamp) & 0xFFFFFFFF


class FarRtp(asyncio.DatagramProtocol):
    """The RTP of a far end, which sends to where it is sent from."""

    def __init__(self) -> None:
        self.packets: list[Packet] = []
        self.port = 0
        self._there: tuple[str, int] | None = None
        self._transport: asyncio.DatagramTransport
        self._came = asyncio.Event()
        self._seq = 0
        self.timestamp = 1000

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        """Learn our own port."""
        self._transport = transport
        self.port = transport.get_extra_info("sockname")[1]

    def datagram_received(self, data: bytes, there: tuple[str, int]) -> None:
        """Keep a packet, and learn where it came from; reports of RTCP are not kept."""
        if 64 <= data[1] & 0x7F <= 95:  # RFC 5761 §4
            return
        self._there = there
        (timestamp,) = struct.unpack_from("!I", data, 4)
        kind, marker = data[1] & 0x7F, bool(data[1] & 0x80)
        self.packets.append(Packet(kind, marker, timestamp, data[12:]))
        self._came.set()

    def of(self, payload_type: int) -> list[Packet]:
        """Return the packets of that type."""
        return [packet for packet in self.packets if packet.payload_type == payload_type]

    async def get(self, count: int, payload_type: int) -> list[Packet]:
        """Wait for so many packets of that type."""
        async with asyncio.timeout(DEADLINE_S):
            while len(self.of(payload_type)) < count:
                self._came.clear()
                await self._came.wait()
        return self.of(payload_type)

    def send(self, payload_type: int, payload: bytes, *, marker: bool = False) -> None:
        """Send one packet."""
        assert self._there is not None
        kind = payload_type | (0x80 if marker else 0)
        head = struct.pack("!BBHII", 0x80, kind, self._seq & 0xFFFF, self.timestamp, 7)
        self._seq += 1
        self._transport.sendto(head + payload, self._there)

    async def say(self, sound: Sound, codec: str = "PCMA", payload_type: int = 8) -> None:
        """Send G.711 packet by packet, as fast as it is spoken."""
        async with asyncio.timeout(DEADLINE_S):
            for i, frame in enumerate(frames(sound, FRAME)):
                self.send(payload_type, g711_encode(frame, codec), marker=i == 0)
                self.timestamp += FRAME
                await asyncio.sleep(PACKET_S)

    async def rest(self, seconds: float, hz: int = 8000) -> None:
        """Say nothing while the clock goes on."""
        await asyncio.sleep(seconds)
        self.timestamp += round(seconds * hz)


@contextlib.asynccontextmanager
async def far_rtp() -> AsyncIterator[FarRtp]:
    """Open a far end's RTP."""
    transport, far = await asyncio.get_running_loop().create_datagram_endpoint(
        FarRtp, local_addr=(TRUNK_ADDRESS, free_port(TRUNK_ADDRESS))
    )
    try:
        yield far
    finally:
        transport.close()


def caller(media: str) -> str:
    """Return somebody who calls with that media, until he is hung up on."""
    return scenario(
        send(request("INVITE", body=HEAD + media)),
        expect(100, optional=True),
        expect(180, optional=True),
        expect(200),
        send(request("ACK", to_tag=True), retrans=False),
        expect("BYE"),
        send(in_dialog_response(200, "OK"), retrans=False),
    )


def callee(media: str) -> str:
    """Return somebody who answers with that media, until he is hung up on."""
    return scenario(
        expect("INVITE"),
        send(response(200, "OK", body=HEAD + media)),
        expect("ACK"),
        expect("BYE"),
        send(in_dialog_response(200, "OK"), retrans=False),
    )
