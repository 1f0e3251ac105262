"""Malformed and hostile messages over real UDP and TCP: the process lives and still answers.

The samples follow the descriptions of RFC 4475; the seeded mutations of them follow nothing.
"""

import os
import random
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Self

import pytest

from tests.ports import free_port

#: what a real user does with the events: reads every body, checks every credential, answers
VICTIM = """
import select, sys
from appliance.legs.digest import Authority
from appliance.legs.sdp import Local, SdpError, answer, parse
from appliance.legs.sip import SipStack
from appliance.legs.sipevents import InviteIn, Offered, RegisterIn
stack = SipStack("127.0.0.1", int(sys.argv[1]))
authority = Authority("x")
def reply(event):
    try:
        text, _ = answer(parse(event.sdp), Local("127.0.0.1", 9, 1))
        stack.respond(event.call, 200, sdp=text)
    except SdpError as error:
        stack.respond(event.call, 488 if error.reason == "no-codec" else 400)
stack.start()
print("ready", flush=True)
while True:
    ready, _, _ = select.select([stack, sys.stdin], [], [])
    for event in stack.poll():
        if isinstance(event, InviteIn | Offered):
            reply(event)
        elif isinstance(event, RegisterIn):
            authority.check("REGISTER", event.authorization, lambda name: None)
            stack.respond(event.call, 401, headers=authority.challenge())
    if sys.stdin in ready:
        break
stack.close()
stack.poll()
print("closed", stack.live(), flush=True)
"""
SDP = (
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    "m=audio 9 RTP/AVP 8\r\n"
)
SDP_TYPE = "Content-Type: application/sdp\r\n"
MUTATIONS = 6000
#: generous: a healthy stack answers within a millisecond [s]
DEADLINE_S = 20.0


class Victim:
    """A stack in a process of its own, and a socket to throw things at it."""

    def __init__(self) -> None:
        self.port = free_port()
        self.process = subprocess.Popen(
            [sys.executable, "-c", VICTIM, str(self.port)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind(("127.0.0.1", 0))
        self.mine: int = self.sock.getsockname()[1]
        self.count = 0

    def __enter__(self) -> Self:
        assert self.process.stdout
        assert self.process.stdout.readline() == b"ready\n"
        return self

    def __exit__(self, *_: object) -> None:
        self.sock.close()
        self.process.kill()
        self.process.communicate()

    def message(
        self,
        method: str = "OPTIONS",
        uri: str = "sip:x@127.0.0.1",
        *,
        extra: str = "",
        body: str = "",
        length: int | None = None,
        via: str = "",
        cseq: str = "",
        to: str = "<sip:x@127.0.0.1>",
        version: str = "SIP/2.0",
    ) -> bytes:
        self.count += 1
        via = via or f"Via: SIP/2.0/UDP 127.0.0.1:{self.mine};branch=z9hG4bKt{self.count};rport"
        return (
            f"{method} {uri} {version}\r\n{via}\r\nMax-Forwards: 70\r\n"
            f"From: <sip:a@127.0.0.1>;tag=f{self.count}\r\nTo: {to}\r\n"
            f"Call-ID: c{self.count}-{os.getpid()}\r\nCSeq: {cseq or '1 ' + method}\r\n"
            f"Contact: <sip:a@127.0.0.1:{self.mine}>\r\n{extra}"
            f"Content-Length: {len(body) if length is None else length}\r\n\r\n{body}"
        ).encode("latin-1")

    def throw(self, message: bytes) -> None:
        self.sock.sendto(message, ("127.0.0.1", self.port))

    def answers(self) -> bool:
        """Whether it lives and answers OPTIONS with 200."""
        deadline = time.monotonic() + DEADLINE_S
        while time.monotonic() < deadline and self.process.poll() is None:
            self.throw(self.message())
            tag = f"c{self.count}-{os.getpid()}".encode()
            self.sock.settimeout(0.5)
            try:
                while True:
                    data = self.sock.recv(65535)
                    if data.startswith(b"SIP/2.0 200") and tag in data:
                        return True
            except TimeoutError:
                continue
        return False

    def closes(self) -> bool:
        """Whether it ends by itself, with no call left over."""
        out, _ = self.process.communicate(b"\n", timeout=60)
        return self.process.returncode == 0 and out == b"closed 0\n"


@pytest.fixture
def victim() -> Iterator[Victim]:
    with Victim() as one:
        yield one


def samples(v: Victim) -> dict[str, bytes]:
    m = v.message
    return {
        "folded and odd white space": (
            "INVITE sip:v@127.0.0.1;unknownparam SIP/2.0\r\nTO :\r\n sip:v@127.0.0.1 ;   "
            'tag    = 1918181833n\r\nfrom   : "J Rosenberg \\\\\\""       <sip:j@127.0.0.1>\r\n'
            "  ;\r\n  tag = 98asjd8\r\nMaX-fOrWaRdS: 0068\r\nCall-ID: ws@1\r\n"
            "Content-Length   : 0\r\ncseq: 0009\r\n  INVITE\r\nVia  : SIP  /   2.0\r\n /UDP\r\n"
            f"    127.0.0.1:{v.mine};branch=z9hG4bKws\r\ns :\r\nNewHeader:   newfangled value\r\n"
            ' continued\r\nm:"Quoted \\"\\"" <sip:j@127.0.0.1> ; newparam =\r\n'
            "      newvalue ;\r\n  secondparam ; q = 0.33\r\n\r\n"
        ).encode(),
        "length beyond the packet": m("INVITE", body=SDP, length=9999, extra=SDP_TYPE),
        "negative length": m("INVITE", body=SDP, length=-999, extra=SDP_TYPE),
        "overlarge numbers": m(
            "REGISTER",
            cseq="36893488147419103232 REGISTER",
            extra="Expires: 10000000000000000000000000\r\n",
        ),
        "commas and semicolons": m(
            "INVITE",
            extra='Contact: "Joe" <sip:joe@127.0.0.1>;;;;\r\n',
            via=f"Via: SIP/2.0/UDP 127.0.0.1:{v.mine};;,;,,",
        ),
        "unbalanced quote": m(to='"Mr. J. User <sip:j@127.0.0.1>'),
        "brackets in the request line": m(uri="<sip:x@127.0.0.1>"),
        "space in the request line": m(uri="sip:x@127.0.0.1; lr"),
        "escaped request line": m(uri="sip:sips%3Auser%40example.com@127.0.0.1"),
        "other version": m(version="SIP/7.0"),
        "method mismatch": m(cseq="8 INVITE"),
        "bad date": m(extra="Date: Fri, 01 Jan 2010 16:00:00 EST\r\n"),
        "headers twice": m(
            extra="CSeq: 2 INVITE\r\nCall-ID: z\r\nTo: <sip:b@1>\r\nFrom: <sip:c@1>;tag=1\r\n"
        ),
        "headers missing": (
            b"INVITE sip:x@127.0.0.1 SIP/2.0\r\nCSeq: 1 INVITE\r\n"
            b"Via: SIP/2.0/UDP 127.0.0.1:%d;branch=z9hG4bKi\r\nContent-Length: 0\r\n\r\n" % v.mine
        ),
        "unknown scheme": m(uri="nobodyKnowsThisScheme:totallyopaque"),
        "unknown extensions": m(extra="Require: nothingSupportsThis, northis\r\n"),
        "unknown body": m(
            "INVITE", body="\x00\x01\xff<x>", extra="Content-Type: application/unknown\r\n"
        ),
        "register with escapes": m(
            "REGISTER", extra="Contact: sip:u@127.0.0.1?Route=%3Csip:x%3E\r\n"
        ),
        "no forwards left": m(extra="Max-Forwards: 0\r\n"),
        "long header": m(extra="X-Branchline-Long: " + "a" * 55000 + "\r\n"),
        "long identity": m("INVITE", extra="P-Asserted-Identity: " + "a" * 20000 + "\r\n"),
        "many headers": m(
            "INVITE", extra="".join(f"X-Branchline-{i}: {i}\r\n" for i in range(2000))
        ),
        "many contacts": m("REGISTER", extra="Contact: <sip:a@b>\r\n" * 2000),
        "many parameters": m(uri="sip:x@127.0.0.1" + ";p=1" * 8000),
        "NUL bytes": m(uri="sip:x\x00y@127.0.0.1", extra="X: \x00\x00\r\n"),
        "odd method": m("!interesting-Method0123456789_*+`.%indeed'~"),
        "response to nobody": (
            "SIP/2.0 4294967301 better not break\r\n"
            f"Via: SIP/2.0/UDP 127.0.0.1:{v.mine};branch=z9hG4bKq\r\nFrom: <sip:a@b>;tag=1\r\n"
            "To: <sip:c@d>;tag=2\r\nCall-ID: br\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n"
        ).encode(),
        "keep-alive": b"\r\n\r\n",
        "empty": b"",
        "garbage": random.Random(3).randbytes(1200),
        "unterminated credentials": m(
            "REGISTER", extra='Authorization: Digest username="a, realm\r\n'
        ),
        "credentials without end": m(
            "REGISTER", extra="Authorization: Digest " + "a=b," * 4000 + "\r\n"
        ),
        "evil SDP": m(
            "INVITE",
            body="v=0\r\no=\r\nm=audio 99999999999 RTP/AVP" + " 8" * 3000 + "\r\na=\r\n=\r\n",
            extra=SDP_TYPE,
        ),
        "broken multipart": m(
            "INVITE",
            body="--b\r\nContent-Type: application/sdp\r\n\r\nv=0",
            extra="Content-Type: multipart/mixed;boundary=b\r\n",
        ),
        "BYE out of nowhere": m("BYE", to="<sip:x@127.0.0.1>;tag=nobody"),
        "ACK out of nowhere": m("ACK", to="<sip:x@127.0.0.1>;tag=nobody"),
        "CANCEL out of nowhere": m("CANCEL"),
        "PRACK out of nowhere": m("PRACK", extra="RAck: 1 1 INVITE\r\n"),
        "REFER": m("REFER", extra="Refer-To: <sip:z@127.0.0.1>\r\n"),
        "SUBSCRIBE": m("SUBSCRIBE", extra="Event: presence\r\n"),
        "good call": m("INVITE", body=SDP, extra=SDP_TYPE),
    }


def test_torture_messages(victim: Victim) -> None:
    for name, message in samples(victim).items():
        victim.throw(message)
        assert victim.answers(), name
    assert victim.closes()


def _mutate(rng: random.Random, seed: bytes) -> bytes:
    text = bytearray(seed)
    for _ in range(rng.randint(1, 6)):
        kind, at = rng.random(), rng.randrange(len(text))
        if kind < 0.5:
            text[at] = rng.randrange(256)
        elif kind < 0.7:
            del text[at : at + rng.randint(1, 40)]
        elif kind < 0.9:
            bits = [b"\r\n", b";", b'"', b"<", b",", b"%", b":", b"\0", b"a" * 200, b"\r\n "]
            text[at:at] = rng.choice(bits)
        else:
            text[at:at] = text[at // 2 : at]
        if len(text) < 2:
            break
    return bytes(text[:60000])


def test_mutations(victim: Victim) -> None:
    rng = random.Random(1)
    seeds = [text for text in samples(victim).values() if 50 < len(text) < 3000]
    for i in range(MUTATIONS):
        victim.throw(_mutate(rng, rng.choice(seeds)))
        if i % 200 == 199:
            assert victim.answers(), f"after {i} messages"
    assert victim.closes()


def test_tcp_rubbish(victim: Victim) -> None:
    rng = random.Random(2)
    good = victim.message("INVITE", body=SDP, extra=SDP_TYPE).replace(b"/UDP", b"/TCP")
    endless = good.split(b"Content-Length")[0]
    for data in (
        rng.randbytes(5000),
        good[:100],
        good * 3,
        endless + b"X: " + b"a" * 300_000,
        b"",
    ):
        with socket.create_connection(("127.0.0.1", victim.port), timeout=5) as conn:
            try:
                conn.sendall(data)
            except OSError:
                continue  # hung up on us: as good as any answer
            finally:
                assert victim.answers()
    for _ in range(200):
        with socket.create_connection(("127.0.0.1", victim.port), timeout=5) as conn:
            conn.sendall(_mutate(rng, good))
    assert victim.answers()
    assert victim.closes()
