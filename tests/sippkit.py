"""sipp for tests: run a scenario, bounded in calls and time, and read what it says about itself.

A scenario is XML, or the name of one that sipp has built in (`uac`, `uas`). `element` and
`scenario` put XML together from plain SIP text, so that a test shows the messages it means.
"""

import contextlib
import re
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.ports import free_port

#: a run that takes longer is killed [s]
LIMIT_S = 30.0

#: an offer or answer of sipp's
SDP = (
    "v=0\no=sipp 1 1 IN IP4 [local_ip]\ns=-\nc=IN IP4 [local_ip]\nt=0 0\n"
    "m=audio [media_port] RTP/AVP 8 0 101\na=rtpmap:101 telephone-event/8000\n"
)


def send(text: str, *, retrans: bool = True, extra: str = "") -> str:
    """Return a `<send>` element with a SIP message written with plain line breaks."""
    again = ' retrans="500"' if retrans else ""
    return f"<send{again} {extra}><![CDATA[\n\n{text.strip(chr(10))}\n\n]]></send>\n"


def expect(what: str | int, *, optional: bool = False, extra: str = "", inner: str = "") -> str:
    """Return a `<recv>` element for a response (a number) or a request (a method)."""
    kind = "response" if isinstance(what, int) else "request"
    maybe = ' optional="true"' if optional else ""
    return f'<recv {kind}="{what}"{maybe} {extra}>{inner}</recv>\n'


def pause(ms: int) -> str:
    """Return a `<pause>` element."""
    return f'<pause milliseconds="{ms}"/>\n'


def scenario(*elements: str) -> str:
    """Return a whole scenario."""
    head = '<?xml version="1.0" encoding="ISO-8859-1"?>\n<scenario name="test">\n'
    return head + "".join(elements) + "</scenario>\n"


def request(
    method: str, *headers: str, body: str = "", cseq: int = 1, to_tag: bool = False
) -> str:
    """Return a request of a sipp that calls; `[remote_ip]` and the like are sipp's to fill in."""
    tag = "[peer_tag_param]" if to_tag else ""
    lines = [
        f"{method} sip:[service]@[remote_ip]:[remote_port] SIP/2.0",
        "Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]",
        "From: sipp <sip:sipp@[local_ip]:[local_port]>;tag=[pid]t[call_number]",
        f"To: <sip:[service]@[remote_ip]:[remote_port]>{tag}",
        "Call-ID: [call_id]",
        f"CSeq: {cseq} {method}",
        "Contact: <sip:sipp@[local_ip]:[local_port]>",
        "Max-Forwards: 70",
        *headers,
    ]
    return _with_body(lines, body)


def response(status: int, phrase: str, *headers: str, body: str = "") -> str:
    """Return a response to the last request received, with a tag of its own."""
    lines = [
        f"SIP/2.0 {status} {phrase}",
        "[last_Via:]",
        "[last_From:]",
        "[last_To:];tag=[pid]u[call_number]",
        "[last_Call-ID:]",
        "[last_CSeq:]",
        "Contact: <sip:sipp@[local_ip]:[local_port]>",
        *headers,
    ]
    return _with_body(lines, body)


def in_dialog_response(status: int, phrase: str, *headers: str, body: str = "") -> str:
    """Return a response within a dialog: To has its tag already."""
    return response(status, phrase, *headers, body=body).replace(";tag=[pid]u[call_number]", "")


def _with_body(lines: Sequence[str], body: str) -> str:
    if not body:
        return "\n".join([*lines, "Content-Length: 0", "", ""])
    return "\n".join(
        [*lines, "Content-Type: application/sdp", "Content-Length: [len]", "", body.rstrip("\n")]
    )


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a run."""

    returncode: int
    successful: int
    failed: int
    #: sipp's error log: unexpected messages with their text
    errors: str
    #: every message sent and received
    messages: str

    @property
    def ok(self) -> bool:
        """Whether every call went as the scenario says, and there was at least one."""
        return self.returncode == 0 and self.failed == 0 and self.successful > 0

    def __str__(self) -> str:
        """Return what a failed assertion should show."""
        return (
            f"sipp rc={self.returncode} ok={self.successful} failed={self.failed}\n"
            f"{self.errors}\n{self.messages[-6000:]}"
        )


class Sipp:
    """One run of sipp; a context manager that never leaves it running."""

    def __init__(
        self,
        xml: str,
        *,
        remote: tuple[str, int] | None = None,
        address: str = "127.0.0.1",
        port: int = 0,
        calls: int = 1,
        rate: float = 10.0,
        limit_s: float = LIMIT_S,
        service: str = "service",
        tcp: bool = False,
        args: Sequence[str] = (),
    ) -> None:
        self.address = address
        self.port = port or free_port(address)
        self.limit_s = limit_s
        self._folder = tempfile.TemporaryDirectory(prefix="sipp-")
        self._path = Path(self._folder.name)
        built_in = re.fullmatch(r"[a-z_0-9]+", xml) is not None
        if not built_in:
            (self._path / "scenario.xml").write_text(xml, encoding="latin-1")
        self._command = [
            *("sipp", "-sn" if built_in else "-sf", xml if built_in else "scenario.xml"),
            *("-i", address, "-p", str(self.port), "-t", "t1" if tcp else "u1"),
            *("-m", str(calls), "-r", str(rate), "-s", service, "-mp", str(free_port(address))),
            *("-timeout", str(int(limit_s)), "-timeout_error", "-nostdin"),
            *("-trace_err", "-error_file", "errors.log"),
            *("-trace_msg", "-message_file", "messages.log"),
            *("-trace_stat", "-stf", "stat.csv"),
            *args,
            *([f"{remote[0]}:{remote[1]}"] if remote else []),
        ]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> Self:
        """Begin; a server is listening when this returns."""
        with (self._path / "out.log").open("wb") as out:
            self._process = subprocess.Popen(
                self._command, cwd=self._path, stdout=out, stderr=out, stdin=subprocess.DEVNULL
            )
        self._wait_bound()
        return self

    def _wait_bound(self) -> None:
        """Wait until its socket is bound; short runs may be over before we look."""
        assert self._process
        want = f"{int(self.port):04X}"
        while self._process.poll() is None:
            rows = Path("/proc/net/udp").read_text() + Path("/proc/net/tcp").read_text()
            if re.search(rf"^ *\d+: [0-9A-F]{{8}}:{want} ", rows, re.MULTILINE):
                return
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(0.02)

    @property
    def pid(self) -> int:
        """Process id of the run."""
        assert self._process
        return self._process.pid

    def running(self) -> bool:
        """Whether it still runs."""
        return self._process is not None and self._process.poll() is None

    def wait(self) -> Result:
        """Wait for the end, within the limit, and read the result."""
        assert self._process
        try:
            code = self._process.wait(self.limit_s + 5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait()
        successful, failed = self._counts()
        errors = self._read("errors.log") + (self._read("out.log")[-800:] if code else "")
        return Result(code, successful, failed, errors, self._read("messages.log"))

    def _read(self, name: str) -> str:
        path = self._path / name
        return path.read_text(encoding="latin-1") if path.exists() else ""

    def _counts(self) -> tuple[int, int]:
        rows = [line.split(";") for line in self._read("stat.csv").splitlines() if line]
        if len(rows) < 2:
            return 0, 0
        last = dict(zip(rows[0], rows[-1], strict=False))
        return int(last.get("SuccessfulCall(C)", 0)), int(last.get("FailedCall(C)", 0))

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._process and self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        self._folder.cleanup()


def run(xml: str, **options: Any) -> Result:
    """Run a scenario to its end; *options* are those of `Sipp`."""
    with Sipp(xml, **options) as sipp:
        return sipp.wait()
