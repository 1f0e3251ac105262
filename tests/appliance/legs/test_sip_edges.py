"""What surrounds calls: ports, bad arguments, overload, the end of the stack, odd far ends."""

import re
import socket
from collections.abc import Iterator

import pytest

from appliance.base.errors import Verdict
from appliance.legs.sip import SipStack
from appliance.legs.sipevents import (
    Acked,
    Answered,
    Ended,
    Failed,
    InviteIn,
    Offered,
    OfferResult,
    OptionsResult,
)
from appliance.legs.sipnative import SipError
from tests import sippkit
from tests.appliance.legs.siprig import (
    ACK,
    ANSWERED,
    BYE,
    DEADLINE_S,
    FROM,
    INVITE,
    SDP,
    Rig,
    finish,
)
from tests.ports import free_port
from tests.sippkit import SDP as SIPP_SDP
from tests.sippkit import Sipp, expect, request, scenario, send


def test_options_both_ways() -> None:
    with Rig() as rig, Rig() as other:
        rig.stack.options(f"sip:127.0.0.1:{other.port}")
        assert rig.first(OptionsResult).status == 200


@pytest.mark.parametrize("kind", [socket.SOCK_DGRAM, socket.SOCK_STREAM])
def test_port_busy(kind: socket.SocketKind) -> None:
    port = free_port()
    with socket.socket(socket.AF_INET, kind) as sock:
        sock.bind(("127.0.0.1", port))
        if kind == socket.SOCK_STREAM:
            sock.listen()
        with pytest.raises(SipError) as caught:
            SipStack("127.0.0.1", port).start()
    assert caught.value.reason == "port-busy"
    assert caught.value.verdict is Verdict.CONFIG


@pytest.mark.parametrize(("address", "port"), [("nowhere", 5060), ("127.0.0.1", 0), ("", 5060)])
def test_bad_address(address: str, port: int) -> None:
    with pytest.raises(SipError) as caught:
        SipStack(address, port).start()
    assert caught.value.reason == "bad-config"


def test_a_stack_may_start_again_on_its_port() -> None:
    with Rig() as rig:
        port = rig.port
    with Rig() as other:
        again = SipStack("127.0.0.1", port)
        again.start()
        again.options(f"sip:127.0.0.1:{other.port}")
        again.close()


@pytest.mark.parametrize(
    "headers",
    [[("X-A", "1\r\nX-B: 2")], [("X-A\r\nX-B", "1")], [("X A", "1")], [("X-A", "\0")]],
)
def test_headers_cannot_be_forged(headers: list[tuple[str, str]]) -> None:
    with Rig() as rig:
        with pytest.raises(SipError) as caught:
            rig.stack.respond(1, 200, headers=headers)
        assert caught.value.reason == "bad-request"


@pytest.mark.parametrize(
    "uri", ["", "sip:", "bob", "sip:a@b\r\nX: 1", "sip:a b@c", "sip:a@b>", "tel:+49", "sip:a@\0"]
)
def test_uris_are_checked(uri: str) -> None:
    with Rig() as rig:
        with pytest.raises(SipError) as caught:
            rig.stack.invite(uri, from_uri=FROM, sdp=SDP)
        assert caught.value.reason == "bad-request"
        with pytest.raises(SipError):
            rig.stack.options(uri)


def test_a_target_nua_cannot_use_fails_the_call() -> None:
    with Rig() as rig:
        handle = rig.stack.invite("sip:@@@:99999999", from_uri=FROM, sdp=SDP)
        assert isinstance(rig.over(handle), Failed)


def test_commands_for_no_call_do_nothing() -> None:
    with Rig() as rig:
        rig.stack.respond(4711, 200, sdp=SDP)
        rig.stack.end(4711)
        rig.stack.reoffer(4711, SDP)
        rig.stack.unregister(4711)
        rig.pump()
        assert rig.events == []


def test_offers_that_cross_are_told_as_pending() -> None:
    """RFC 3261 section 14.1: one at a time, whoever makes it."""
    again = send(request("INVITE", body=SIPP_SDP, to_tag=True, cseq=2))
    ack = send(request("ACK", to_tag=True, cseq=2), retrans=False)
    theirs_first = scenario(
        INVITE, ANSWERED, again, expect(100, optional=True), expect(200), ack, BYE
    )
    with Rig() as rig, Sipp(theirs_first, remote=rig.at) as sipp:
        rig.on(InviteIn, lambda event: rig.stack.respond(event.call, 200, sdp=SDP))
        offered = rig.first(Offered)
        rig.stack.reoffer(offered.call, SDP)
        assert rig.first(OfferResult).status == 491
        rig.stack.respond(offered.call, 200, sdp=SDP)
        rig.over(offered.call)
        finish(rig, sipp)
    ours_first = scenario(
        INVITE,
        ANSWERED,
        expect("INVITE"),
        again,
        expect(100, optional=True),
        expect(491),
        ack,
        BYE,
    )
    with Rig() as rig, Sipp(ours_first, remote=rig.at) as sipp:
        rig.answers(ring=False)
        rig.stack.reoffer(rig.up(), SDP)
        finish(rig, sipp)
        assert not rig.all(Offered)


def test_overload_is_refused_before_anyone_hears_of_it() -> None:
    xml = scenario(
        INVITE,
        expect(100, optional=True),
        expect(503, extra='crlf="true"'),
        ACK,
    )
    with Rig(queue_limit=3) as rig:
        fill = scenario(INVITE, expect(100), expect(503, optional=True))
        sippkit.run(fill, remote=rig.at, calls=3, limit_s=5, args=("-deadcall_wait", "0"))
        result = sippkit.run(xml, remote=rig.at, calls=5)
        assert result.ok, str(result)
        assert "Retry-After: 5" in result.messages
        rig.take()
        assert len(rig.all(InviteIn)) == 3


def test_close_tells_the_end_of_every_call() -> None:
    with Rig() as rig, Rig() as other:
        nobody = free_port()
        up = rig.stack.invite(f"sip:x@127.0.0.1:{other.port}", from_uri=FROM, sdp=SDP)
        other.answers()
        other.first(Acked)
        rig.first(Answered)
        other.rules.clear()
        ringing = rig.stack.invite(f"sip:x@127.0.0.1:{other.port}", from_uri=FROM, sdp=SDP)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as deaf:
            deaf.bind(("127.0.0.1", nobody))
            lost = rig.stack.invite(f"sip:x@127.0.0.1:{nobody}", from_uri=FROM, sdp=SDP)
            other.until(lambda: len(other.all(InviteIn)) == 2)
            other.stack.invite(f"sip:y@127.0.0.1:{rig.port}", from_uri=FROM, sdp=SDP)
            came = rig.first(InviteIn).call
            rig.stack.close()
        rig.take()
        assert [type(rig.lasts(c)[0]) for c in (up, ringing, lost, came)] == [
            Ended,
            Failed,
            Failed,
            Failed,
        ]
        assert all(len(rig.lasts(c)) == 1 for c in (up, ringing, lost, came))
        assert rig.stack.live() == 0
        with pytest.raises(SipError) as caught:
            rig.stack.end(up)
        assert caught.value.reason == "shutdown"


# -- far ends that break the rules -------------------------------------------------------------

#: a dialog with such a target or route cannot be ended with BYE
UNUSABLE = [
    ("Contact", "<tel:+49>"),
    ("Contact", "<http://x>"),
    ("Contact", "<nobody:x>"),
    ("Contact", "*"),
    ("Record-Route", "<tel:+49;lr>"),
    ("Record-Route", "<sip:127.0.0.1;lr>, <http://x>"),
]


class Raw:
    """A far end made by hand: one UDP socket."""

    def __init__(self) -> None:
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind(("127.0.0.1", 0))
        self.port: int = self.sock.getsockname()[1]
        self.sock.settimeout(DEADLINE_S)
        self.peer = ("127.0.0.1", 0)

    def take(self, start: str) -> str:
        """Return the next message that begins so."""
        while True:
            data, self.peer = self.sock.recvfrom(65535)
            text = data.decode("latin-1")
            if text.startswith(start):
                return text

    def send(self, text: str) -> None:
        self.sock.sendto(text.replace("\n", "\r\n").encode("latin-1"), self.peer)

    def invite(self, port: int, contact: tuple[str, str]) -> None:
        good = "" if contact[0] == "Contact" else f"Contact: <sip:a@127.0.0.1:{self.port}>\n"
        self.peer = ("127.0.0.1", port)
        self.send(
            f"INVITE sip:x@127.0.0.1 SIP/2.0\nVia: SIP/2.0/UDP 127.0.0.1:{self.port};"
            f"branch=z9hG4bKraw\nMax-Forwards: 70\nFrom: <sip:a@127.0.0.1>;tag=f\n"
            f"To: <sip:x@127.0.0.1>\nCall-ID: raw\nCSeq: 1 INVITE\n{good}"
            f"{contact[0]}: {contact[1]}\nContent-Length: 0\n\n"
        )

    def answer(self, invite: str, tag: str, contact: tuple[str, str]) -> None:
        kept = ("Via:", "From:", "To:", "Call-ID:", "CSeq:")
        lines = [line for line in invite.split("\r\n") if line.startswith(kept)]
        head = "\n".join(f"{line};tag={tag}" if line[:3] == "To:" else line for line in lines)
        good = "" if contact[0] == "Contact" else f"Contact: <sip:b@127.0.0.1:{self.port}>\n"
        body = SDP.replace("\r", "")
        self.send(
            f"SIP/2.0 200 OK\n{head}\n{good}{contact[0]}: {contact[1]}\n"
            f"Content-Type: application/sdp\nContent-Length: {len(SDP)}\n\n{body}"
        )


@pytest.fixture
def raw() -> Iterator[Raw]:
    one = Raw()
    yield one
    one.sock.close()


@pytest.mark.parametrize("contact", UNUSABLE)
def test_caller_without_a_usable_target_is_refused(raw: Raw, contact: tuple[str, str]) -> None:
    with Rig() as rig:
        raw.invite(rig.port, contact)
        assert raw.take("SIP/2.0 4").startswith("SIP/2.0 400 ")
        rig.pump()
        assert rig.events == []


@pytest.mark.parametrize("contact", UNUSABLE)
def test_callee_without_a_usable_target_is_dropped(raw: Raw, contact: tuple[str, str]) -> None:
    with Rig() as rig:
        handle = rig.stack.invite(f"sip:b@127.0.0.1:{raw.port}", from_uri=FROM, sdp=SDP)
        raw.answer(raw.take("INVITE"), "t1", contact)
        last = rig.over(handle)
        assert isinstance(last, Failed)
        assert (last.status, last.cause) == (502, 111)
        rig.stack.options(f"sip:127.0.0.1:{rig.port}")
        assert rig.first(OptionsResult).status == 200


@pytest.mark.parametrize("contact", UNUSABLE[:4])
def test_caller_that_moves_to_an_unusable_target_is_dropped(contact: tuple[str, str]) -> None:
    again = request("INVITE", to_tag=True, cseq=2, body=SIPP_SDP)
    again = re.sub("Contact: .*", f"Contact: {contact[1]}", again)
    xml = scenario(INVITE, ANSWERED, send(again), expect(100, optional=True), expect(400))
    with Rig() as rig:
        rig.answers()
        with Sipp(xml, remote=rig.at) as sipp:
            finish(rig, sipp)
        last = rig.over(rig.first(InviteIn).call)
        assert isinstance(last, Ended)
        assert last.cause == 111


@pytest.mark.long
def test_caller_that_never_acknowledges_is_given_up(raw: Raw) -> None:
    """64 × T1 = 32 s (RFC 3261 section 13.3.1.4); the BYE is not answered either."""
    with Rig() as rig:
        rig.answers()
        raw.invite(rig.port, ("Contact", f"<sip:a@127.0.0.1:{raw.port}>"))
        call = rig.first(InviteIn).call
        raw.sock.settimeout(60)
        assert "Reason: SIP;cause=408" in raw.take("BYE")
        rig.deadline_s = 60
        assert isinstance(rig.over(call), Ended)


def test_a_second_callee_is_sent_away(raw: Raw) -> None:
    contact = ("Contact", f"<sip:b@127.0.0.1:{raw.port}>")
    with Rig() as rig:
        handle = rig.stack.invite(f"sip:b@127.0.0.1:{raw.port}", from_uri=FROM, sdp=SDP)
        invite = raw.take("INVITE")
        raw.answer(invite, "first", contact)
        assert "tag=first" in raw.take("ACK")
        raw.answer(invite, "second", contact)
        assert "tag=second" in raw.take("BYE")
        rig.pump()
        assert rig.lasts(handle) == []
        assert rig.stack.live() == 1
