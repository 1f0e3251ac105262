"""rtpengine in user space, told of calls by its control protocol (ng: bencode over UDP)."""

import os
import re
import socket
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from appliance.legs.enginetypes import Codec
from tests.baresipkit import wait_for
from tests.bench.enginehost import PAYLOAD_TYPES
from tests.processes import end
from tests.spine.branch import loopback

_NG_PORT = 2223
_PORTS = (10_000, 60_000)
_LOG_WARNING = 4
#: the payload type that it offers telephone-event with
_EVENTS = 96


class Rtpengine:
    """One rtpengine on a loopback address of its own, pinned to *cpu*."""

    def __init__(self, folder: Path, cpu: int) -> None:
        self.address = loopback()
        self._sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._sock.bind((self.address, 0))
        self._sock.connect((self.address, _NG_PORT))
        self._sock.settimeout(2)
        self._asked = 0
        first, last = _PORTS
        command = [
            "taskset", "-c", str(cpu), "rtpengine", "--foreground", "--log-stderr",
            "--config-file=none", "--table=-1", f"--interface={self.address}",
            f"--listen-ng={self.address}:{_NG_PORT}", f"--port-min={first}", f"--port-max={last}",
            f"--log-level={_LOG_WARNING}", "--num-threads=1", "--endpoint-learning=immediate",
        ]  # fmt: skip
        with (folder / "rtpengine.log").open("wb") as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    @property
    def pid(self) -> int:
        """Return the process's id."""
        return self._process.pid

    def calls(
        self,
        count: int,
        far: str,
        first_port: int,
        codecs: tuple[Codec, Codec],
        *,
        digits: bool = False,
    ) -> tuple[str, list[int]]:
        """Relay calls whose far ends are at every second port of *far*.

        Where the codecs differ it transcodes; with *digits* it makes the tones of one side
        telephone-events for the other (RFC 4733). Return its address and ports.
        """
        ports: list[int] = []
        for number in range(count):
            caller, called = (first_port + 2 * (len(ports) + side) for side in (0, 1))
            told: dict[str, Any] = {"call-id": f"call{number}", "from-tag": "caller",
                                    "ICE": "remove", "rtcp-mux": ["accept", "offer"]}  # fmt: skip
            if codecs[0] != codecs[1]:
                told["codec"] = {"mask": [codecs[0]], "transcode": [codecs[1]]}
            elif digits:
                told["codec"] = {"transcode": ["telephone-event"]}
            to_called = self._ask(told, command="offer", sdp=_sdp(far, caller, codecs[0]))
            told["to-tag"] = "called"
            answer = _sdp(far, called, codecs[1], digits=digits)
            to_caller = self._ask(told, command="answer", sdp=answer)
            ports += [_port(to_caller, codecs[0]), _port(to_called, codecs[1])]
        return self.address, ports

    def _ask(self, told: dict[str, Any], **more: str) -> str:
        """Send one command; return the SDP of its answer."""
        self._asked += 1
        cookie = b"%d " % self._asked
        self._sock.send(cookie + _bencode(told | more))
        answer = self._sock.recv(65536)
        if not answer.startswith(cookie) or b"6:result2:ok" not in answer:
            raise AssertionError(f"rtpengine: {answer!r}")
        return answer.decode()

    def __enter__(self) -> Self:
        """Wait until it answers."""
        try:
            wait_for("rtpengine", self._answers)
        except AssertionError:
            end(self._process)
            raise
        with suppress(PermissionError):  # as the media engine's threads
            for task in Path(f"/proc/{self.pid}/task").iterdir():
                os.sched_setscheduler(int(task.name), os.SCHED_RR, os.sched_param(10))
        return self

    def _answers(self) -> bool:
        try:
            self._sock.send(b"0 " + _bencode({"command": "ping"}))
            return b"pong" in self._sock.recv(4096)
        except OSError:
            time.sleep(0.05)
            return False

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        end(self._process)
        self._sock.close()


def _bencode(value: Any) -> bytes:
    if isinstance(value, str):
        return b"%d:%s" % (len(value.encode()), value.encode())
    if isinstance(value, list):
        return b"l" + b"".join(map(_bencode, value)) + b"e"
    return b"d" + b"".join(_bencode(key) + _bencode(value[key]) for key in sorted(value)) + b"e"


def _sdp(address: str, port: int, codec: Codec, *, digits: bool = False) -> str:
    number = PAYLOAD_TYPES[codec]
    types = f"{number} {_EVENTS}" if digits else f"{number}"
    events = f"a=rtpmap:{_EVENTS} telephone-event/8000\r\na=fmtp:{_EVENTS} 0-15\r\n"
    return (
        f"v=0\r\no=- 1 1 IN IP4 {address}\r\ns=-\r\nc=IN IP4 {address}\r\nt=0 0\r\n"
        f"m=audio {port} RTP/AVP {types}\r\na=rtpmap:{number} {codec}/8000\r\n"
        f"{events if digits else ''}a=rtcp-mux\r\na=ptime:20\r\n"
    )


def _port(answer: str, codec: Codec) -> int:
    found = re.search(rf"m=audio (\d+) RTP/AVP {PAYLOAD_TYPES[codec]}[ \r]", answer)
    if not found:
        raise AssertionError(f"rtpengine offers other codecs: {answer}")
    return int(found[1])
