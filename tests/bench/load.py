"""The load of the benches: a thousand phones, callers, and their sound."""

import json
import re
import secrets
import socket
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import md5
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.baresipkit import wait_for
from tests.bench.capture import SipMessage
from tests.bench.child import Child
from tests.bench.machine import compiled
from tests.sippkit import (
    Sipp,
    expect,
    in_dialog_response,
    pause,
    request,
    response,
    scenario,
    send,
)
from tests.spine.branch import REALM, SECRET, Branch, loopback

PHONES_PORT = 5080
#: phones that are left alone end themselves [s]
PHONES_LIMIT_S = 300
#: registrations that may be under way at once
_AT_ONCE = 20


def sdp(address: str, port: int = 0) -> str:
    """Return an SDP whose sound comes and goes at *address*; port 0: one of each call's own."""
    return (
        f"v=0\no=bench 1 1 IN IP4 {address}\ns=-\nc=IN IP4 {address}\nt=0 0\n"
        f"m=audio {port or '[auto_media_port]'} RTP/AVP 8 101\n"
        "a=rtpmap:101 telephone-event/8000\n"
    )


def agent_scenario(body: str) -> str:
    """Return phones that ring, answer at once, and wait until the far end hangs up."""
    return scenario(
        expect("INVITE"),
        send(response(180, "Ringing"), retrans=False),
        send(response(200, "OK", body=body)),
        expect("ACK"),
        expect("BYE"),
        send(in_dialog_response(200, "OK"), retrans=False),
    )


def caller_scenario(body: str, talk_ms: int) -> str:
    """Return callers, each with a number of its own, that hang up after *talk_ms*."""
    return scenario(
        send(request("INVITE", body=body)),
        expect(100, optional=True),
        expect(180, optional=True),
        expect(183, optional=True),
        expect(200),
        send(request("ACK", to_tag=True), retrans=False),
        pause(talk_ms),
        send(request("BYE", cseq=2, to_tag=True)),
        expect(200),
    ).replace("<sip:sipp@", "<sip:9[call_number]@")


def media_ports(first: int) -> tuple[str, ...]:
    """Return sipp's option for where `[auto_media_port]` begins; 0: as it is."""
    return ("-mp", str(first)) if first else ()


class Phones:
    """One sipp that is the phone of every account, each registered by digest."""

    def __init__(
        self, branch: Branch, accounts: Sequence[str], body: str, first_port: int = 0
    ) -> None:
        self.address = loopback()
        register(branch, accounts, self.address)
        wait_for("the seats", lambda: len(branch.seats()) >= len(accounts))
        self._sipp = Sipp(
            agent_scenario(body),
            address=self.address,
            port=PHONES_PORT,
            calls=1_000_000,
            limit_s=PHONES_LIMIT_S,
            args=media_ports(first_port),
        )

    def __enter__(self) -> Self:
        self._sipp.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._sipp.__exit__(kind, error, trace)


class IdlePhones:
    """Phones that are only registered, and answer when they are asked whether they are there."""

    def __init__(self, branch: Branch, accounts: Sequence[str]) -> None:
        address = loopback()
        register(branch, accounts, address)
        self._sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self._sock.bind((address, PHONES_PORT))
        self._thread = threading.Thread(target=self._answer, daemon=True)
        self._thread.start()

    def _answer(self) -> None:
        while True:
            request, source = self._sock.recvfrom(65536)
            if not request:
                return
            lines = [
                line
                for line in request.decode("latin-1").split("\r\n")
                if line.startswith(("Via:", "From:", "To:", "Call-ID:", "CSeq:"))
            ]
            text = "\r\n".join(["SIP/2.0 200 OK", *lines, "Content-Length: 0", "", ""])
            self._sock.sendto(text.encode("latin-1"), source)

    def close(self) -> None:
        """Answer no more."""
        self._sock.sendto(b"", self._sock.getsockname())
        self._thread.join()
        self._sock.close()


def register(branch: Branch, accounts: Sequence[str], address: str) -> None:
    """Register *accounts* at *branch* from the phones' address and port, for an hour."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((address, PHONES_PORT))
        sock.settimeout(5)
        waiting = list(reversed(accounts))
        under_way = 0
        while waiting or under_way:
            while waiting and under_way < _AT_ONCE:
                sock.sendto(_register(waiting.pop(), address, branch), (branch.address, 5060))
                under_way += 1
            answer = sock.recv(65536).decode("latin-1")
            if answer.startswith("SIP/2.0 401"):
                account = _found(r"(?im)^From: <sip:([^@]+)@", answer)
                nonce = _found(r'nonce="([^"]+)"', answer)
                again = _register(account, address, branch, nonce)
                sock.sendto(again, (branch.address, 5060))
            elif answer.startswith("SIP/2.0 200"):
                under_way -= 1
            elif not answer.startswith("SIP/2.0 1"):
                raise RuntimeError(f"a registration fails: {answer[:60]}")


def _register(account: str, address: str, branch: Branch, nonce: str = "") -> bytes:
    to = f"sip:{account}@{branch.address}"
    where = f"sip:{account}@{address}:{PHONES_PORT}"
    lines = [
        f"REGISTER sip:{branch.address} SIP/2.0",
        f"Via: SIP/2.0/UDP {address}:{PHONES_PORT};branch=z9hG4bK{secrets.token_hex(8)}",
        f"From: <{to}>;tag={account}",
        f"To: <{to}>",
        f"Call-ID: {account}@{address}",
        f"CSeq: {2 if nonce else 1} REGISTER",
        f"Contact: <{where}>",
        "Expires: 3600",
        "Max-Forwards: 70",
    ]
    if nonce:
        lines.append(_authorization(account, f"sip:{branch.address}", nonce))
    return "\r\n".join([*lines, "Content-Length: 0", "", ""]).encode()


def _authorization(account: str, uri: str, nonce: str) -> str:
    """Return the digest of RFC 2617 with qop, which every registrar takes."""
    secret = _md5(f"{account}:{REALM}:{SECRET}")
    answer = _md5(f"{secret}:{nonce}:00000001:bench:auth:{_md5(f'REGISTER:{uri}')}")
    return (
        f'Authorization: Digest username="{account}", realm="{REALM}", nonce="{nonce}", '
        f'uri="{uri}", response="{answer}", algorithm=MD5, cnonce="bench", qop=auth, nc=00000001'
    )


def _md5(text: str) -> str:
    return md5(text.encode(), usedforsecurity=False).hexdigest()


def _found(pattern: str, text: str) -> str:
    match = re.search(pattern, text)
    if match is None:
        raise RuntimeError(f"no {pattern} in {text[:200]}")
    return match.group(1)


# -- sound ------------------------------------------------------------------------------------


class Sink:
    """Where sound goes that nobody listens to: dropped by the kernel when full, never refused."""

    def __init__(self) -> None:
        self._sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._sock.bind((loopback(), 0))

    def sdp(self) -> str:
        """Return an SDP for it."""
        address, port = self._sock.getsockname()
        return sdp(address, port)

    def close(self) -> None:
        """Give the port back."""
        self._sock.close()


@dataclass(frozen=True, slots=True)
class Stream:
    """One direction's ends: the port at our side, and where the far end wants its sound."""

    port: int
    remote: str
    remote_port: int
    #: RFC 3551 §6; A-law
    payload_type: int = 8


def streams(messages: Iterable[SipMessage], branch: str) -> list[Stream]:
    """Return the streams that the SDPs in *messages* agreed on with *branch*."""
    ours: dict[str, int] = {}
    theirs: dict[str, int] = {}
    for message in messages:
        port = message.sdp_port()
        if port:
            side = theirs if message.source == branch else ours
            side[message.header("Call-ID")] = port
    return [Stream(ours[call], branch, theirs[call]) for call in ours if call in theirs]


class Sound(Child):
    """The generator of both ends' sound."""

    def __init__(self, folder: Path, address: str, *options: str) -> None:
        program = compiled("rtpgen.c", folder, "-lm")
        super().__init__([str(program), address, *options], end_s=5)

    def add(self, found: Iterable[Stream]) -> None:
        """Begin to speak and to listen on *found*."""
        for one in found:
            self.say(f"STREAM {one.port} {one.remote} {one.remote_port} {one.payload_type}")

    def report(self) -> dict[str, Any]:
        """Return what was sent and received since the last report."""
        self.say("REPORT")
        found: dict[str, Any] = json.loads(self.answer())
        return found
