"""SIP messages as they passed on the wire, with the kernel's time of each."""

import secrets
import socket
import struct
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from appliance.base.clock import SystemClock
from tests.baresipkit import wait_for

#: nobody listens there (RFC 863)
DISCARD = 9
#: "BYE ": those of a restarted legs come from another port
_IS_BYE = "udp[8:4] = 0x42594520"
#: a packet record of the file: seconds, nanoseconds, bytes kept, bytes on the wire
_RECORD = struct.Struct("<IIII")
#: nanosecond stamps, little-endian (pcap file format)
_MAGIC = 0xA1B23C4D
_ETHERNET, _UDP_HEADER = 14, 8


@dataclass(frozen=True, slots=True)
class SipMessage:
    """One message on the wire."""

    t_s: float
    source: str
    target: str
    text: str

    @property
    def method(self) -> str:
        """Return a request's method; empty for a response."""
        word = self.text.split(" ", 1)[0]
        return "" if word.startswith("SIP/") else word

    def header(self, name: str) -> str:
        """Return the first header called *name*, or nothing."""
        for line in self.text.split("\r\n\r\n", 1)[0].split("\r\n")[1:]:
            key, _, value = line.partition(":")
            if key.strip().lower() == name.lower():
                return value.strip()
        return ""

    def sdp_port(self) -> int:
        """Return the port of the audio in its SDP; 0: it has none."""
        for line in self.text.partition("\r\n\r\n")[2].split("\r\n"):
            if line.startswith("m=audio "):
                return int(line.split()[1])
        return 0


class Capture:
    """tcpdump on the SIP of *addresses*, as long as the context lasts."""

    def __init__(self, folder: Path, *addresses: str) -> None:
        hosts = " or ".join(f"host {address}" for address in addresses)
        self._path = folder / "sip.pcap"
        self._log = folder / "tcpdump.log"
        self._command = [
            *("tcpdump", "-i", "lo", "-Z", "root", "-B", "16384", "-s", "4096"),
            *("--immediate-mode", "-U", "--time-stamp-precision=nano", "-w", str(self._path)),
            f"udp and ({hosts}) and (port 5060 or port {DISCARD} or {_IS_BYE})",
        ]
        self._mark = (addresses[0], DISCARD)
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(self._command, stderr=subprocess.PIPE)
        assert self._process.stderr
        said = self._process.stderr.readline()
        if b"listening" not in said:
            self._process.wait(5)
            raise RuntimeError(f"tcpdump: {said.decode()}")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._process
        try:
            if kind is None:
                self._settle()
        finally:
            self._process.terminate()
            self._process.communicate(timeout=10)

    def _settle(self) -> None:
        """Send a mark: when it is in the file, so is all that came before."""
        mark = secrets.token_bytes(16)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.sendto(mark, self._mark)
        wait_for("the end of the capture", lambda: mark in self._path.read_bytes())

    def messages(self) -> Iterator[SipMessage]:
        """Yield what was captured, once the context is over."""
        data = self._path.read_bytes()
        if len(data) < 24 or struct.unpack_from("<I", data)[0] != _MAGIC:
            raise RuntimeError(f"{self._path} is no capture of tcpdump's")
        at = 24
        while at + _RECORD.size <= len(data):
            seconds, nanoseconds, kept, _ = _RECORD.unpack_from(data, at)
            at += _RECORD.size
            packet = data[at + _ETHERNET : at + kept]
            at += kept
            message = _message(seconds + nanoseconds / 1e9, packet)
            if "SIP/2.0" in message.text[:400]:
                yield message


def _message(t_s: float, packet: bytes) -> SipMessage:
    """Return the SIP message in an IPv4 packet."""
    begin = (packet[0] & 15) * 4
    source, target = (".".join(map(str, packet[i : i + 4])) for i in (12, 16))
    return SipMessage(t_s, source, target, packet[begin + _UDP_HEADER :].decode("latin-1"))


def first_offer(messages: Iterable[SipMessage], branch: str, after_s: float) -> float:
    """Return when the branch at that address first called a phone after *after_s*."""
    offers = [
        message.t_s
        for message in messages
        if message.method == "INVITE" and message.source == branch and message.t_s > after_s
    ]
    assert offers, "no phone was called"
    return min(offers)


def now_s() -> float:
    """Return wall time, as the capture's stamps."""
    return SystemClock().wall_us() / 1e6
