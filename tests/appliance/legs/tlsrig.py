"""An appliance with TLS, for tests: its certificate lies where enrolment puts it."""

import asyncio
import itertools
import ssl
import tempfile
from pathlib import Path

import msgspec

from appliance.config.model import ApplianceSettings
from appliance.legs.gate import FENCE_HEADER, RESERVATION_HEADER
from tests.appliance.legs.legsrig import LegsRig, settings_for
from tests.certificates import Authority, Pair, write_pair
from tests.ports import free_port
from tests.sippkit import SDP

HERE, THERE = "127.0.0.1", "127.0.0.2"
_numbers = itertools.count(1)


def settings_of(folder: Path, address: str, pair: Pair, authority: Authority) -> ApplianceSettings:
    """Return the settings of an enrolled appliance with TLS."""
    settings = settings_for(folder)
    write_pair(Path(settings.state_dir) / "identity", pair, authority.pem)
    sip = msgspec.structs.replace(settings.sip, address=address, tls_port=free_port(address))
    return msgspec.structs.replace(settings, sip=sip)


def invite_of(rig: LegsRig, via: str, user: str = "r-1") -> bytes:
    """Return what a caller who says to be a peer would send."""
    address, port = rig.sip
    number = next(_numbers)
    lines = [
        f"INVITE sip:{user}@{address}:{port} SIP/2.0",
        f"Via: SIP/2.0/{via} {HERE}:5999;branch=z9hG4bK{number};rport",
        f"From: <sip:100@{HERE}>;tag={number}",
        f"To: <sip:{user}@{address}>",
        f"Call-ID: {number}@{HERE}",
        "CSeq: 1 INVITE",
        f"Contact: <sip:100@{HERE}:5999>",
        "Max-Forwards: 70",
        f"{RESERVATION_HEADER}: r-1",
        f"{FENCE_HEADER}: 7",
        "Content-Type: application/sdp",
    ]
    body = SDP.replace("[local_ip_type]", "4").replace("[local_ip]", HERE)
    body = body.replace("[media_ip_type]", "4").replace("[media_ip]", HERE)
    body = body.replace("[media_port]", "40000").replace("\n", "\r\n")
    return "\r\n".join([*lines, f"Content-Length: {len(body)}", "", body]).encode()


def client_context(pair: Pair | None) -> ssl.SSLContext:
    """Return TLS that believes anybody and shows that certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if pair is not None:
        with tempfile.TemporaryDirectory() as folder:
            path = write_pair(Path(folder), pair, "")
            context.load_cert_chain(path / "certificate.pem", path / "key.pem")
    return context


async def statuses(reader: asyncio.StreamReader) -> list[int]:
    """Return the statuses that come until a final one."""
    found: list[int] = []
    async with asyncio.timeout(20):
        while not found or found[-1] < 200:
            line = await reader.readline()
            assert line, "closed without an answer"
            if line.startswith(b"SIP/2.0 "):
                found.append(int(line.split()[1]))
    return found
