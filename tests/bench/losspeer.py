"""A baresip that is called, hears packets with loss and jitter, and plays what it makes of them.

Its player is joined to its microphone (aubridge): each frame that it plays comes back at once as
a packet, so that the moment of its play is seen on the wire.
"""

import re
import selectors
import socket
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import numpy.typing as npt

from tests.baresipkit import MODULES, wait_for
from tests.ports import free_port
from tests.processes import end

_CONFIG = """\
module_path {modules}
module stdio.so
module g711.so
module opus.so
{conceal}module aubridge.so
module sndfile.so
module_app account.so
module_app menu.so
sip_listen 127.0.0.1:{port}
audio_source aubridge,loop
audio_player aubridge,loop
audio_alert aubridge,alert
ring_aufile none
snd_path {folder}
rtp_ports {rtp}-{rtp_last}
"""

_RTPMAP = {0: "0 PCMU/8000", 120: "120 opus/48000/2"}
_BIND = "127.0.0.1"
_HEADER = 12
#: before the first packet, in which all that comes back is taken: before it some may be lost
LEAD_S = 0.5


@dataclass(slots=True)
class Heard:
    """A packet that came back."""

    t_s: float
    timestamp: int
    payload: bytes


@dataclass(slots=True)
class LossPeer:
    """One call to one baresip; *codec* is the RTP payload type."""

    folder: Path
    codec: int
    back: list[Heard] = field(default_factory=list)
    sock: socket.socket = field(init=False)
    _sip: socket.socket = field(init=False)
    _process: subprocess.Popen[bytes] = field(init=False)
    _port: int = field(init=False)
    _far: int = field(init=False, default=0)
    _tag: str = field(init=False, default="")

    def __enter__(self) -> Self:
        """Start it, and call it."""
        self.folder.mkdir(parents=True)
        self._port, rtp = free_port(_BIND), free_port(_BIND) & ~1
        config = _CONFIG.format(
            modules=MODULES, conceal="" if self.codec else "module plc.so\n",
            port=self._port, folder=self.folder, rtp=rtp, rtp_last=rtp + 3,
        )  # fmt: skip
        (self.folder / "config").write_text(config)
        account = f"<sip:peer@{_BIND}:{self._port}>;regint=0;answermode=auto\n"
        (self.folder / "accounts").write_text(account)
        self._sip = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        for one in (self._sip, self.sock):
            one.bind((_BIND, 0))
        self._sip.settimeout(0.5)
        with (self.folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                ["baresip", "-f", str(self.folder), "-t", "170", "-v"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
        log_file = self.folder / "log"
        wait_for("baresip", lambda: b"baresip is ready" in log_file.read_bytes())
        self._call()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._request("BYE")  # or it would wait for an answer to its own
        self._sip.recv(4096)
        end(self._process)
        self._sip.close()
        self.sock.close()

    def _request(self, method: str, body: str = "") -> None:
        here = f"{_BIND}:{self._sip.getsockname()[1]}"
        tag = f";tag={self._tag}" if self._tag else ""
        lines = [
            f"{method} sip:peer@{_BIND}:{self._port} SIP/2.0",
            f"Via: SIP/2.0/UDP {here};branch=z9hG4bK{method}{id(self)}",
            f"From: <sip:bench@{here}>;tag=bench",
            f"To: <sip:peer@{_BIND}:{self._port}>{tag}",
            f"Call-ID: {id(self)}@bench",
            f"CSeq: {2 if method == 'BYE' else 1} {method}",
            f"Contact: <sip:bench@{here}>",
            "Max-Forwards: 70",
            *(["Content-Type: application/sdp"] if body else []),
            f"Content-Length: {len(body)}",
        ]
        message = "\r\n".join(lines) + "\r\n\r\n" + body
        self._sip.sendto(message.encode(), (_BIND, self._port))

    def _call(self) -> None:
        port = self.sock.getsockname()[1]
        body = (
            f"v=0\r\no=- 1 1 IN IP4 {_BIND}\r\ns=-\r\nc=IN IP4 {_BIND}\r\nt=0 0\r\n"
            f"m=audio {port} RTP/AVP {self.codec}\r\na=rtpmap:{_RTPMAP[self.codec]}\r\n"
            "a=ptime:20\r\na=sendrecv\r\n"
        )
        self._request("INVITE", body)
        limit = time.monotonic() + 10
        while time.monotonic() < limit:
            try:
                answer = self._sip.recv(4096).decode()
            except TimeoutError:
                continue
            if answer.startswith("SIP/2.0 200"):
                tag = re.search(r"^To:.*;tag=(\S+)", answer, re.MULTILINE)
                media = re.search(r"^m=audio (\d+)", answer, re.MULTILINE)
                assert tag
                assert media
                self._far, self._tag = int(media[1]), tag[1]
                self._request("ACK")
                return
        raise AssertionError("baresip did not answer: " + (self.folder / "log").read_text())

    def send(self, number: int, step: int, payload: bytes) -> None:
        """Send packet *number*."""
        head = bytes([0x80, self.codec]) + (number & 0xFFFF).to_bytes(2)
        head += (number * step & 0xFFFFFFFF).to_bytes(4) + b"loss"
        self.sock.sendto(head + payload, (_BIND, self._far))

    def take(self) -> None:
        """Note a packet that came back."""
        data = self.sock.recv(4096)
        if len(data) > _HEADER and data[1] & 0x7F == self.codec:
            stamp = int.from_bytes(data[4:8])
            self.back.append(Heard(time.monotonic(), stamp, data[_HEADER:]))

    def dump(self) -> Path:
        """Return the file of what it decoded."""
        return next(iter(self.folder.glob("dump-*-dec.wav")))


@dataclass(frozen=True, slots=True)
class Feed:
    """Packets for a peer: when each is to come, below 0: never."""

    peer: LossPeer
    payloads: Sequence[bytes]
    arrivals_ms: npt.NDArray[np.float64]
    #: between two packets, of the RTP clock
    step: int
    #: by how much later than that each was sent
    late_ms: list[float] = field(default_factory=list)


def play(feeds: Sequence[Feed]) -> float:
    """Send all packets at their moments; return the moment that they are counted from."""
    plan = sorted(
        (at, number, index)
        for index, feed in enumerate(feeds)
        for number, at in enumerate(feed.arrivals_ms)
        if at >= 0
    )
    begin = time.monotonic() + 2 * LEAD_S
    with selectors.DefaultSelector() as selector:
        for feed in feeds:
            selector.register(feed.peer.sock, selectors.EVENT_READ, feed.peer)
        for at, number, index in [*plan, (plan[-1][0] + 500, -1, -1)]:
            while (left := begin + at / 1000 - time.monotonic()) > 0:
                for key, _ in selector.select(left):
                    key.data.take()
            if index >= 0:
                feed = feeds[index]
                feed.peer.send(number, feed.step, feed.payloads[number])
                feed.late_ms.append(1000 * (time.monotonic() - begin) - at)
    return begin
