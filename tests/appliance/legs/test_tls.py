"""SIP by TLS: appliances that prove themselves to each other, strangers, hostile visitors."""

import asyncio
import contextlib
import socket
import ssl
import warnings
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random

import msgspec
import pytest

from appliance.config.model import LinkSettings
from appliance.wire.commands import Dial, Hang, Peer, Peers, Play, RecordLeg
from appliance.wire.events import LegDown, LegIn, LegUp, RecordingDone
from tests.appliance.legs.legsrig import (
    LegsRig,
    ScriptedBrain,
    answered,
    legs_running,
)
from tests.appliance.legs.phonerig import first_channel, loudest_hz
from tests.appliance.legs.tlsrig import (
    HERE,
    THERE,
    client_context,
    invite_of,
    settings_of,
    statuses,
)
from tests.certificates import Authority, Pair


def peer_of(name: str, rig: LegsRig) -> Peer:
    """Return an appliance as the others know it."""
    return Peer(name, *rig.sip, tls_port=rig.daemon.settings.sip.tls_port)


class Pairing:
    """Two appliances that know each other."""

    def __init__(self, here: LegsRig, there: LegsRig) -> None:
        self.here, self.there = here, there
        self.brain_here: ScriptedBrain
        self.brain_there: ScriptedBrain

    async def acquaint(self) -> None:
        """Tell both of each other."""
        self.brain_here, self.brain_there = await self.here.brain(), await self.there.brain()
        self.brain_here.put(Peers("box-a", [peer_of("box-b", self.there)]))
        self.brain_there.put(Peers("box-b", [peer_of("box-a", self.here)]))

    def dial(self, ring_s: float = 20.0) -> None:
        """Let here call there."""
        self.brain_here.put(
            Dial(tok="d", kind="peer", via="box-b", reservation="r-1", fence=7, ring_s=ring_s)
        )


@contextlib.asynccontextmanager
async def two(
    folder: Path, here: tuple[Pair, Authority], there: tuple[Pair, Authority]
) -> AsyncIterator[Pairing]:
    """Run two appliances with those certificates, each with the authority that it believes."""
    one, other = settings_of(folder / "a", HERE, *here), settings_of(folder / "b", THERE, *there)
    async with legs_running(one) as a, legs_running(other) as b:
        pairing = Pairing(a, b)
        await pairing.acquaint()
        yield pairing


async def test_two_appliances_call_each_other_by_tls_and_dtls(tmp_path: Path) -> None:
    ours = Authority()
    async with two(tmp_path, (ours.pair("box-a"), ours), (ours.pair("box-b"), ours)) as pairing:
        pairing.dial()
        incoming = (await pairing.brain_there.event(LegIn)).row
        assert (incoming.kind, incoming.via) == ("peer", "box-a")
        assert (incoming.reservation, incoming.fence) == ("r-1", 7)
        callee = await answered(pairing.brain_there)
        caller = (await pairing.brain_here.event(LegUp)).leg
        pairing.brain_here.put(Play(caller, 1, ["tone:440"], loop=True))
        pairing.brain_there.put(RecordLeg(callee, "talk", "talk.wav"))
        path = tmp_path / "b/state/recordings/talk.wav"
        async with asyncio.timeout(20):
            while not path.exists() or path.stat().st_size < 200_000:  # noqa: ASYNC110
                await asyncio.sleep(0.1)
        pairing.brain_there.put(Hang(callee))
        assert (await pairing.brain_here.event(LegDown)).reason == "normal"
        await pairing.brain_there.event(RecordingDone)
    assert loudest_hz(*first_channel(path)) == 440


@pytest.mark.parametrize("wrong", ["other-authority", "other-name", "expired"])
async def test_an_appliance_is_called_only_where_its_certificate_is(
    tmp_path: Path, wrong: str
) -> None:
    ours, theirs = Authority(), Authority("stranger")
    there = {
        "other-authority": (theirs.pair("box-b"), theirs),
        "other-name": (ours.pair("box-c"), ours),
        "expired": (ours.pair("box-b", days=-1), ours),
    }[wrong]
    async with two(tmp_path, (ours.pair("box-a"), ours), there) as pairing:
        pairing.dial(ring_s=15.0)
        down = await pairing.brain_here.event(LegDown)
        assert down.reason == "wrong-certificate"
        assert not pairing.brain_there.heard(LegIn)


async def asked_by_tls(rig: LegsRig, context: ssl.SSLContext) -> list[int]:
    """Call as a peer by TLS; return what comes back."""
    port = rig.daemon.settings.sip.tls_port
    reader, writer = await asyncio.open_connection(rig.sip[0], port, ssl=context)
    writer.write(invite_of(rig, "TLS"))
    try:
        return await statuses(reader)
    finally:
        writer.close()
        with contextlib.suppress(OSError, ssl.SSLError):
            await writer.wait_closed()


@contextlib.asynccontextmanager
async def one(folder: Path, ours: Authority) -> AsyncIterator[tuple[LegsRig, ScriptedBrain]]:
    """Run one appliance that has a peer at our own address."""
    settings = settings_of(folder, HERE, ours.pair("box-a"), ours)
    settings = msgspec.structs.replace(settings, link=LinkSettings(srtp="off"))
    async with legs_running(settings) as rig:
        brain = await rig.brain()
        brain.put(Peers("box-a", [Peer("box-b", HERE, 5999, tls_port=5998)]))
        yield rig, brain


async def test_who_calls_as_a_peer_must_have_its_certificate(tmp_path: Path) -> None:
    ours = Authority()
    async with one(tmp_path, ours) as (rig, brain):
        stranger = Authority("stranger").pair("box-b")
        for pair in (None, stranger, ours.pair("box-c"), ours.pair("box-b", days=-1)):
            assert (await asked_by_tls(rig, client_context(pair)))[-1] == 403
        assert not brain.heard(LegIn)
        asking = asyncio.create_task(asked_by_tls(rig, client_context(ours.pair("box-b"))))
        row = (await brain.event(LegIn)).row
        assert (row.kind, row.via, row.reservation) == ("peer", "box-b", "r-1")
        brain.put(Hang(row.leg, "busy"))
        assert (await asking)[-1] == 486


async def test_a_peer_that_has_tls_is_a_stranger_without_it(tmp_path: Path) -> None:
    ours = Authority()
    async with one(tmp_path, ours) as (rig, brain):
        reader, writer = await asyncio.open_connection(*rig.sip)
        writer.write(invite_of(rig, "TCP"))
        assert (await statuses(reader))[-1] == 403
        writer.close()
        await writer.wait_closed()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.bind((HERE, 0))
            sock.settimeout(20)
            for via in ("UDP", "TLS"):  # whatever it claims
                sock.sendto(invite_of(rig, via), rig.sip)
                answer = b""
                while not answer.startswith(b"SIP/2.0 4"):
                    answer = await asyncio.to_thread(sock.recv, 4096)
                assert answer.startswith(b"SIP/2.0 403")
        assert not brain.heard(LegIn)


async def test_old_versions_of_tls_are_refused(tmp_path: Path) -> None:
    ours = Authority()
    async with one(tmp_path, ours) as (rig, _):
        context = client_context(None)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
        context.set_ciphers("ALL:@SECLEVEL=0")
        port = rig.daemon.settings.sip.tls_port
        with pytest.raises((ssl.SSLError, OSError)):
            await asyncio.open_connection(rig.sip[0], port, ssl=context)
        context = client_context(None)
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        _, writer = await asyncio.open_connection(rig.sip[0], port, ssl=context)
        assert writer.get_extra_info("cipher")[1] == "TLSv1.2"
        writer.close()
        await writer.wait_closed()


def hello() -> bytes:
    """Return the first flight of a real client."""
    outgoing = ssl.MemoryBIO()
    client = client_context(None).wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname="box-a")
    with contextlib.suppress(ssl.SSLWantReadError):
        client.do_handshake()
    return outgoing.read()


async def visit(address: tuple[str, int], said: bytes) -> socket.socket:
    """Connect, say that, and stay."""
    sock = socket.socket()
    sock.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(sock, address)
    with contextlib.suppress(ConnectionError):
        await loop.sock_sendall(sock, said)
    return sock


async def test_broken_handshakes_do_not_disturb(tmp_path: Path) -> None:
    ours, chance = Authority(), Random(7)
    good = hello()
    async with one(tmp_path, ours) as (rig, brain):
        address = (rig.sip[0], rig.daemon.settings.sip.tls_port)
        visitors = []
        for number in range(300):
            broken = bytearray(good)
            for _ in range(number % 7):
                broken[chance.randrange(len(broken))] = chance.randrange(256)
            said = (b"", bytes(broken), bytes(broken[: number % 90]), chance.randbytes(400))
            visitors.append(await visit(address, said[number % 4]))
            if number % 3 == 0:
                visitors.pop().close()
        asking = asyncio.create_task(asked_by_tls(rig, client_context(ours.pair("box-b"))))
        row = (await brain.event(LegIn)).row
        assert row.via == "box-b"
        brain.put(Hang(row.leg, "busy"))
        assert (await asking)[-1] == 486
        reader, writer = await asyncio.open_connection(*rig.sip)
        writer.write(invite_of(rig, "TCP"))
        assert (await statuses(reader))[-1] == 403
        writer.close()
        await writer.wait_closed()
        for visitor in visitors:
            visitor.close()
