"""A SIP stack under test: gathers its events, answers by rule, waits for conditions."""

import select
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self, TypeVar

from appliance.legs.sip import SipStack
from appliance.legs.sipevents import Acked, Answered, Ended, Failed, InviteIn, Offered, SipEvent
from tests.ports import free_port
from tests.sippkit import (
    SDP as SIPP_SDP,
)
from tests.sippkit import (
    Sipp,
    expect,
    in_dialog_response,
    request,
    response,
    send,
)

#: generous: only a broken test waits that long [s]
DEADLINE_S = 20.0

SDP = (
    "v=0\r\no=- 7 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    "m=audio 30000 RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\n"
)

E = TypeVar("E")


class Rig:
    """One stack on a free port of the loopback."""

    def __init__(self, *, queue_limit: int = 20_000) -> None:
        self.stack = SipStack("127.0.0.1", free_port(), queue_limit=queue_limit)
        self.port = self.stack.port
        self.deadline_s = DEADLINE_S
        self.events: list[SipEvent] = []
        self.rules: dict[type, Callable[..., None]] = {}

    def __enter__(self) -> Self:
        self.stack.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stack.close()

    @property
    def at(self) -> tuple[str, int]:
        return "127.0.0.1", self.port

    def on(self, kind: type[E], rule: Callable[[E], None]) -> None:
        self.rules[kind] = rule

    def answers(self, *, ring: bool = True) -> None:
        """Answer every call, and every later offer."""

        def invite(event: InviteIn) -> None:
            if ring:
                self.stack.respond(event.call, 180)
            self.stack.respond(event.call, 200, sdp=SDP)

        self.on(InviteIn, invite)
        self.on(Offered, lambda event: self.stack.respond(event.call, 200, sdp=SDP))

    def pump(self, wait_s: float = 0.05) -> None:
        select.select([self.stack], [], [], wait_s)
        self.take()

    def take(self) -> None:
        for event in self.stack.poll():
            self.events.append(event)
            rule = self.rules.get(type(event))
            if rule:
                rule(event)

    def until(self, done: Callable[[], object]) -> None:
        deadline = time.monotonic() + self.deadline_s
        while not done():
            assert time.monotonic() < deadline, f"did not happen; events: {self.events}"
            self.pump()

    def all(self, kind: type[E]) -> list[E]:
        return [event for event in self.events if isinstance(event, kind)]

    def first(self, kind: type[E]) -> E:
        """Wait for the first event of a kind."""
        self.until(lambda: self.all(kind))
        return self.all(kind)[0]

    def lasts(self, call: int) -> list[SipEvent]:
        """Return the events that told the end of a call."""
        return [e for e in self.events if isinstance(e, Failed | Ended) and e.call == call]

    def over(self, call: int) -> SipEvent:
        """Wait for the end of a call; return the event, the only one."""
        self.until(lambda: self.lasts(call) and self.stack.live() == 0)
        self.pump()
        (last,) = self.lasts(call)
        return last

    def up(self) -> int:
        """Wait until a call is up, ours or theirs; return it."""
        self.until(lambda: self.all(Answered) or self.all(Acked))
        return next(e.call for e in self.events if isinstance(e, Answered | Acked))


FROM = "sip:+4930@127.0.0.1"
ACK = send(request("ACK", to_tag=True), retrans=False)
BYE = send(request("BYE", to_tag=True, cseq=9)) + expect(200)
INVITE = send(request("INVITE", body=SIPP_SDP))
ANSWERED = (
    expect(100, optional=True) + expect(180, optional=True) + expect(200, extra='rrs="true"') + ACK
)
#: a callee that answers, and then does something else
CALLEE = (
    expect("INVITE")
    + send(response(180, "Ringing"), retrans=False)
    + send(response(200, "OK", body=SIPP_SDP))
    + expect("ACK")
)
CALLEE_BYE = expect("BYE") + send(in_dialog_response(200, "OK"), retrans=False)


def call(rig: Rig, callee: Sipp, **options: Any) -> int:
    """Call a sipp."""
    return rig.stack.invite(
        f"sip:bob@127.0.0.1:{callee.port}", from_uri=FROM, sdp=SDP, **options
    )  # fmt: skip


def finish(rig: Rig, sipp: Sipp) -> None:
    """Pump until sipp is done, and see that it is content."""
    rig.until(lambda: not sipp.running())
    result = sipp.wait()
    assert result.ok, str(result)


def capture(header: str, regexp: str, name: str) -> str:
    return (
        f'<action><ereg regexp="{regexp}" search_in="hdr" header="{header}" assign_to="{name}"/>'
        "</action>"
    )
