"""BYE for dialogs whose process has died: built from what was kept, sent by a new process.

After `kill -9` the far ends of all calls would sit in silence. What `Answered` and `Acked` tell
of a dialog is enough to end it from outside (RFC 3261 section 12.2.1.1).
"""

import asyncio
import contextlib
import ipaddress
import logging
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

_log = logging.getLogger(__name__)


class SipAddressError(ValueError):
    """Raised when a dialog's addresses cannot be used."""


@dataclass(frozen=True, slots=True)
class Dialog:
    """Our side of a confirmed dialog (RFC 3261 section 12)."""

    call_id: str
    local_tag: str
    remote_tag: str
    local_uri: str
    remote_uri: str
    #: remote target: the far end's Contact URI
    target: str
    #: route set, first hop first, each a Route header value
    routes: tuple[str, ...] = ()
    #: CSeq of our last request, 0 when we have sent none
    local_cseq: int = 0


#: RFC 3261 section 17.1.2.2: first and longest wait between two tries [s]
T1_S = 0.5
T2_S = 4.0
#: nobody is waited for longer than this [s]
LIMIT_S = 5.0
#: requests sent before the loop gets its turn, so that a thousand do not overrun a socket
BURST = 50
#: highest CSeq there is (RFC 3261 section 8.1.1.5): above all that the dead process sent
LAST_CSEQ = 2**31 - 1

_HOST = re.compile(
    r"sips?:(?:[^@]*@)?(\[[0-9A-Fa-f:.]+\]|[^@\s:;?>\[\]]+)(?::(\d{1,5}))?(?=[;?>]|$)", re.I
)
_STATUS = re.compile(rb"SIP/2\.0 ([1-6]\d\d) ")
_VIA = re.compile(rb"^(?:Via|v)\s*:[^\r\n]*?branch\s*=\s*([^\s;,\r\n]+)", re.I | re.M)


def new_branch() -> str:
    """Return a branch no other request has (RFC 3261 section 8.1.1.7)."""
    return f"z9hG4bK-bye-{secrets.token_hex(12)}"


def next_hop(dialog: Dialog) -> tuple[str, int]:
    """Return host and port where a request of this dialog goes first."""
    match = _HOST.search(dialog.routes[0] if dialog.routes else dialog.target)
    if not match or not 1 <= int(match[2] or 5060) <= 65535:
        raise SipAddressError(f"no host in {(*dialog.routes, dialog.target)[0][:80]!r}")
    return match[1].strip("[]"), int(match[2] or 5060)


def bye_request(dialog: Dialog, via_address: str, via_port: int, branch: str) -> bytes:
    """Return the BYE that ends *dialog* (RFC 3261 section 12.2.1.1)."""
    request_uri, routes = dialog.target, list(dialog.routes)
    if routes and ";lr" not in routes[0].lower():
        # a strict router: it wants to be the Request-URI, and the target comes last
        request_uri = routes.pop(0).strip().strip("<>")
        routes.append(f"<{dialog.target}>")
    host = f"[{via_address}]" if ":" in via_address else via_address
    lines = [
        f"BYE {request_uri} SIP/2.0",
        f"Via: SIP/2.0/UDP {host}:{via_port};branch={branch};rport",
        "Max-Forwards: 70",
        *(f"Route: {route}" for route in routes),
        f"From: <{dialog.local_uri}>;tag={dialog.local_tag}",
        f"To: <{dialog.remote_uri}>;tag={dialog.remote_tag}",
        f"Call-ID: {dialog.call_id}",
        f"CSeq: {LAST_CSEQ} BYE",
        'Reason: Q.850;cause=41;text="legs-restart"',
        "Content-Length: 0",
    ]
    if any("\r" in line or "\n" in line for line in lines):
        raise SipAddressError("a line break in a dialog")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


class _Responses(asyncio.DatagramProtocol):
    """Remembers the final response to each branch."""

    def __init__(self) -> None:
        self.status: dict[str, int] = {}
        self.changed = asyncio.Event()

    def datagram_received(self, data: bytes, addr: object) -> None:  # noqa: ARG002
        line, via = _STATUS.match(data), _VIA.search(data[:4096])
        if line and via and int(line[1]) >= 200:
            self.status.setdefault(via[1].decode("latin-1"), int(line[1]))
            self.changed.set()

    def error_received(self, exc: Exception) -> None:
        """A port that is closed now may be open at the next try."""


@dataclass(frozen=True, slots=True)
class _Bye:
    branch: str
    request: bytes
    hop: tuple[str, int]


def _prepare(dialogs: Sequence[Dialog], address: str, port: int) -> list[_Bye | None]:
    out: list[_Bye | None] = []
    for dialog in dialogs:
        branch = new_branch()
        try:
            hop = next_hop(dialog)
            ipaddress.ip_address(hop[0])  # names would cost time that the far end sits in silence
            out.append(_Bye(branch, bye_request(dialog, address, port, branch), hop))
        except ValueError as exc:
            _log.warning("no BYE for %s: %s", dialog.call_id, exc)
            out.append(None)
    return out


async def _send_all(transport: asyncio.DatagramTransport, byes: Sequence[_Bye]) -> None:
    for i, bye in enumerate(byes, 1):
        transport.sendto(bye.request, bye.hop)
        if i % BURST == 0:
            await asyncio.sleep(0.001)


async def _until_answered(
    transport: asyncio.DatagramTransport, responses: _Responses, byes: Sequence[_Bye]
) -> None:
    wait_s = T1_S
    while waiting := [bye for bye in byes if bye.branch not in responses.status]:
        await _send_all(transport, waiting)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait_s):
                while any(bye.branch not in responses.status for bye in waiting):
                    responses.changed.clear()
                    await responses.changed.wait()
        wait_s = min(2 * wait_s, T2_S)


async def send_byes(
    dialogs: Sequence[Dialog], address: str, port: int = 0, *, limit_s: float = LIMIT_S
) -> list[int]:
    """End dialogs over UDP from *address*, *port* (0: any), each retransmitted until answered.

    Returns the final status for each, 0 where none came within *limit_s*. Sending from the dead
    process's own port gets through most firewalls; it must be done before the new stack binds it.
    """
    loop = asyncio.get_running_loop()
    transport, responses = await loop.create_datagram_endpoint(
        _Responses, local_addr=(address, port)
    )
    try:
        bound: int = transport.get_extra_info("sockname")[1]
        prepared = _prepare(dialogs, address, bound)
        byes = [bye for bye in prepared if bye]
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(limit_s):
                await _until_answered(transport, responses, byes)
        return [responses.status.get(bye.branch, 0) if bye else 0 for bye in prepared]
    finally:
        transport.close()
