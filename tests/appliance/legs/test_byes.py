"""BYE after death: the process that held the calls is killed, a new one ends them."""

import asyncio
import json
import signal
import subprocess
import sys
from dataclasses import asdict
from typing import Any

import pytest

from appliance.legs.byes import (
    LAST_CSEQ,
    Dialog,
    SipAddressError,
    bye_request,
    new_branch,
    next_hop,
    send_byes,
)
from tests.ports import free_port
from tests.sippkit import (
    SDP,
    Sipp,
    expect,
    in_dialog_response,
    request,
    response,
    scenario,
    send,
)

DIALOG = Dialog(
    call_id="c-1@x",
    local_tag="lt",
    remote_tag="rt",
    local_uri="sip:us@192.0.2.1",
    remote_uri="sip:them@192.0.2.2",
    target="sip:them@192.0.2.3:5070;transport=udp",
    local_cseq=77,
)
#: a process that answers or makes one call, tells its dialog, and then waits to be killed
VICTIM = """
import json, select, sys
from dataclasses import asdict
from appliance.legs.sip import SipStack
from appliance.legs.sipevents import Acked, Answered, InviteIn
port, target, sdp = int(sys.argv[1]), sys.argv[2], sys.argv[3]
stack = SipStack("127.0.0.1", port)
stack.start()
if target:
    stack.invite(target, from_uri="sip:us@127.0.0.1", sdp=sdp)
print("ready", flush=True)
while True:
    select.select([stack], [], [])
    for event in stack.poll():
        if isinstance(event, InviteIn):
            stack.respond(event.call, 200, sdp=sdp)
        if isinstance(event, Acked | Answered):
            print(json.dumps(asdict(event.dialog)), flush=True)
"""
LOCAL_SDP = SDP.replace("[local_ip]", "127.0.0.1").replace("[media_port]", "9").replace(
    "\n", "\r\n"
)  # fmt: skip
BYE = expect("BYE") + send(in_dialog_response(200, "OK"), retrans=False)


def test_request_is_what_the_rfc_wants() -> None:
    text = bye_request(DIALOG, "192.0.2.1", 5060, "z9hG4bKx").decode()
    assert text == (
        "BYE sip:them@192.0.2.3:5070;transport=udp SIP/2.0\r\n"
        "Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKx;rport\r\n"
        "Max-Forwards: 70\r\n"
        "From: <sip:us@192.0.2.1>;tag=lt\r\n"
        "To: <sip:them@192.0.2.2>;tag=rt\r\n"
        "Call-ID: c-1@x\r\n"
        f"CSeq: {LAST_CSEQ} BYE\r\n"
        'Reason: Q.850;cause=41;text="legs-restart"\r\n'
        "Content-Length: 0\r\n\r\n"
    )


def _with(**changes: Any) -> Dialog:
    return Dialog(**{**asdict(DIALOG), **changes})


def test_loose_routes() -> None:
    dialog = _with(routes=("<sip:192.0.2.8;lr>", "<sip:192.0.2.9:5080;lr>"))
    text = bye_request(dialog, "192.0.2.1", 5060, "b").decode()
    assert text.startswith("BYE sip:them@192.0.2.3:5070;transport=udp SIP/2.0\r\n")
    assert "Route: <sip:192.0.2.8;lr>\r\nRoute: <sip:192.0.2.9:5080;lr>\r\n" in text
    assert next_hop(dialog) == ("192.0.2.8", 5060)


def test_strict_route() -> None:
    dialog = _with(routes=("<sip:192.0.2.8>", "<sip:192.0.2.9;lr>"))
    text = bye_request(dialog, "192.0.2.1", 5060, "b").decode()
    assert text.startswith("BYE sip:192.0.2.8 SIP/2.0\r\n")
    routes = [line for line in text.split("\r\n") if line.startswith("Route")]
    assert routes == ["Route: <sip:192.0.2.9;lr>", f"Route: <{DIALOG.target}>"]


@pytest.mark.parametrize(
    ("target", "hop"),
    [
        ("sip:192.0.2.3", ("192.0.2.3", 5060)),
        ("sip:a:b@192.0.2.3:99", ("192.0.2.3", 99)),
        ("sip:a@[2001:db8::1]:99;x=y", ("2001:db8::1", 99)),
        ("sips:host.example", ("host.example", 5060)),
    ],
)
def test_next_hop(target: str, hop: tuple[str, int]) -> None:
    assert next_hop(_with(target=target)) == hop


@pytest.mark.parametrize("target", ["", "tel:+49", "sip:", "sip:a@1.2.3.4:99999", "sip:a@:5060"])
def test_no_next_hop(target: str) -> None:
    with pytest.raises(SipAddressError):
        next_hop(_with(target=target))


def test_line_breaks_are_refused() -> None:
    with pytest.raises(SipAddressError):
        bye_request(_with(remote_uri="sip:a@b>\r\nX: 1"), "192.0.2.1", 5060, "b")


def test_branches_differ() -> None:
    assert new_branch() != new_branch()
    assert new_branch().startswith("z9hG4bK")


async def test_nobody_there_is_given_up() -> None:
    dead = _with(target=f"sip:x@127.0.0.1:{free_port()}")
    named = _with(target="sip:x@host.invalid")
    assert await send_byes([dead, named], "127.0.0.1", limit_s=0.3) == [0, 0]


async def test_retransmits_until_answered() -> None:
    loop = asyncio.get_running_loop()
    seen: list[bytes] = []

    class Deaf(asyncio.DatagramProtocol):
        def connection_made(self, transport: Any) -> None:
            self.transport = transport

        def datagram_received(self, data: bytes, addr: Any) -> None:
            seen.append(data)
            via = data.split(b"\r\n")[1]
            self.transport.sendto(b"garbage", addr)
            self.transport.sendto(b"SIP/2.0 100 Trying\r\n" + via + b"\r\n\r\n", addr)
            if len(seen) == 2:
                self.transport.sendto(b"SIP/2.0 481 Gone\r\n" + via + b"\r\n\r\n", addr)

    transport, _ = await loop.create_datagram_endpoint(Deaf, local_addr=("127.0.0.1", 0))
    port = transport.get_extra_info("sockname")[1]
    assert await send_byes([_with(target=f"sip:x@127.0.0.1:{port}")], "127.0.0.1") == [481]
    assert len(seen) == 2
    assert seen[0] == seen[1]
    transport.close()


def _kill_and_tell(sipp: Sipp, port: int, target: str) -> Dialog:
    victim = subprocess.Popen(
        [sys.executable, "-c", VICTIM, str(port), target, LOCAL_SDP], stdout=subprocess.PIPE
    )
    try:
        assert victim.stdout
        assert victim.stdout.readline() == b"ready\n"
        if not target:
            sipp.start()
        return Dialog(**json.loads(victim.stdout.readline()))
    finally:
        victim.send_signal(signal.SIGKILL)
        victim.communicate()


async def test_calls_that_came_in_are_ended_after_death() -> None:
    xml = scenario(
        send(request("INVITE", body=SDP)),
        expect(100, optional=True),
        expect(200, extra='rrs="true"'),
        send(request("ACK", to_tag=True), retrans=False),
        BYE,
    )
    port = free_port()
    sipp = Sipp(xml, remote=("127.0.0.1", port))
    try:
        dialog = _kill_and_tell(sipp, port, "")
        assert await send_byes([dialog], "127.0.0.1", port) == [200]
        result = sipp.wait()
        assert result.ok, str(result)
    finally:
        sipp.__exit__(None, None, None)


async def test_calls_that_we_made_are_ended_after_death() -> None:
    # the process may die before its ACK has left
    acked = expect("ACK", optional=True)
    xml = scenario(expect("INVITE"), send(response(200, "OK", body=SDP)), acked, BYE)
    with Sipp(xml) as sipp:
        target = f"sip:bob@127.0.0.1:{sipp.port}"
        port = free_port()
        dialog = _kill_and_tell(sipp, port, target)
        assert await send_byes([dialog], "127.0.0.1", port) == [200]
        result = sipp.wait()
        assert result.ok, str(result)
