"""One session of the link: Hello first, then beats and records. Pure: no socket, no clock."""

from collections import deque
from typing import Literal

import msgspec

from appliance.link.bulk import Assembly
from appliance.link.dialler import ATTEMPT_S
from appliance.link.messages import PROTO, Beat, Hello, LedgerBatch, LinkMessage, Part

#: versions of the protocol that this end can speak with: N-1, N and N+1 (which speaks N)
SPOKEN = range(max(1, PROTO - 1), PROTO + 2)

SessionState = Literal["hello", "up", "leaving"]


class Peer(msgspec.Struct, frozen=True, kw_only=True):
    """Someone the link knows: a name, and the key it proves itself with."""

    name: str
    #: CURVE public key, Z85
    key: str
    role: Literal["appliance", "hub"] = "appliance"
    #: site its Hello must name; empty: any
    site: str = ""
    #: where it can be dialled; port 0: it cannot
    address: str = ""
    port: int = 0
    #: it carries for peers that cannot dial each other
    relay: bool = False


class LinkSession:
    """What is known of one session, and what waits to be sent on it."""

    def __init__(
        self,
        number: int,
        peer: Peer,
        *,
        dialled: bool,
        now_s: float,
        limit_s: float = ATTEMPT_S,
        relay: str = "",
    ) -> None:
        self.number = number
        self.peer = peer
        #: who carries it; empty: it is direct
        self.relay = relay
        #: we dialled it
        self.dialled = dialled
        self.state: SessionState = "hello"
        self.opened_s = now_s
        #: how long after that the other end's Hello may come
        self.limit_s = limit_s
        self.heard_s = now_s
        #: when a session that is leaving is cut
        self.cut_s = 0.0
        self.hello: Hello | None = None
        self.out: list[LinkMessage] = []
        #: what waits for its turn behind everything else; parts of documents that have come
        self.bulk: deque[Part | LedgerBatch] = deque()
        self.assembly = Assembly()
        #: number of the last frame, each way
        self.sent = 0
        self.received = 0
        #: round trip to the other end's event loop and back [ms]; -1: not known yet
        self.delay_ms = -1
        self._beat_s = -1e9
        self._echo_ms = -1
        self._echo_at_ms = 0

    @property
    def leaving(self) -> bool:
        """Tell whether Goodbye was said: nothing more is taken from it."""
        return self.state == "leaving"

    def refusal(self, hello: Hello) -> tuple[str, str] | None:
        """Return reason word and sentence against *hello*, or None where it is as it must be."""
        peer = self.peer
        if hello.proto not in SPOKEN:
            spoken = f"{SPOKEN.start} to {SPOKEN.stop - 1}"
            detail = f"{peer.name} speaks version {hello.proto} of the link, this end {spoken}"
            return "old-version", detail
        if (hello.name, hello.role) != (peer.name, peer.role):
            said = f"{hello.role} {hello.name!r}"
            return "not-enrolled", f"the key of {peer.role} {peer.name!r} said it is {said}"
        if peer.site and hello.site != peer.site:
            detail = f"{peer.name!r} is enrolled at {peer.site!r}, not at {hello.site!r}"
            return "not-enrolled", detail
        return None

    def beat_due(self, now_s: float, interval_s: float) -> Beat | None:
        """Return a beat where it is time for one."""
        if now_s - self._beat_s < interval_s:
            return None
        self._beat_s = now_s
        now_ms = round(now_s * 1000)
        held_ms = now_ms - self._echo_at_ms if self._echo_ms >= 0 else 0
        return Beat(sent_ms=now_ms, echo_ms=self._echo_ms, held_ms=held_ms)

    def take_beat(self, beat: Beat, now_s: float) -> None:
        """Note a beat: its time is echoed, and its echo tells the delay."""
        now_ms = round(now_s * 1000)
        self._echo_ms, self._echo_at_ms = beat.sent_ms, now_ms
        if beat.echo_ms >= 0:
            self.delay_ms = max(0, now_ms - beat.echo_ms - max(0, beat.held_ms))
