"""Calls between two other appliances that do not reach each other: one leg to each, bridged.

A relay decides nothing about contacts or seats and needs no brain: reservation and fence pass
through it as they came, and only their owners can tell whether they are good.
"""

import asyncio
import logging
from collections import Counter

from appliance.base.errors import BranchlineError
from appliance.legs.errors import CommandError
from appliance.legs.events import LegEvents
from appliance.legs.exchange import Exchange
from appliance.legs.gate import (
    FENCE_HEADER,
    RELAY_FROM_HEADER,
    RESERVATION_HEADER,
    SipGate,
)
from appliance.legs.sipcall import SipCall
from appliance.legs.sipside import SipSide, Target
from appliance.wire.commands import Dial
from appliance.wire.events import Relaying
from appliance.wire.rows import RELAY_CALL, LegRow

_log = logging.getLogger(__name__)

#: who asked for the call gives it up long before: its owner's deadlines count (RFC 3261 timer C)
_RING_S = 180.0
#: what has changed is told no more often than this [s]
_TELL_S = 1.0


class CallRelay:
    """Makes the second half of each call that is to be relayed, and ties both together."""

    def __init__(
        self, exchange: Exchange, sip: SipSide, gate: SipGate, events: LegEvents, *, most: int
    ) -> None:
        """*most*: calls at once."""
        self._exchange = exchange
        self._table = exchange.table
        self._sip = sip
        self._gate = gate
        self._events = events
        self._most = most
        #: leg -> the other half, both ways
        self._other: dict[int, int] = {}
        self._refused: Counter[str] = Counter()
        self._calls_in_all = 0
        self._telling: asyncio.TimerHandle | None = None

    @property
    def calls(self) -> int:
        """Calls that are relayed now, those that still ring among them."""
        return len(self._other) // 2

    # -- sipside.Relay -------------------------------------------------------------------------

    def bar(self, row: LegRow) -> str:
        """Return why a call may not be relayed, or nothing."""
        far = self._gate.peer(row.called)
        if far is None or not self._gate.by_tls(far):
            return "unknown-peer"
        if row.called == row.via:
            return "bad-request"
        return "relay-full" if self.calls >= self._most else ""

    def refused(self, reason: str) -> None:
        """Count a call that is not relayed."""
        self._refused[reason] += 1
        self._changed()

    def begin(self, row: LegRow, call: SipCall) -> None:
        """Call the far appliance for a call that was let in."""
        dial = Dial(
            tok=f"{RELAY_CALL}{row.leg}-{self._events.seq}",
            kind="relay",
            via=row.called,
            to=row.via,
            owner=row.leg,
            caller=row.caller,
            caller_name=row.caller_name,
            reservation=row.reservation,
            fence=row.fence,
            codecs=call.offers(),
        )
        try:
            out = self._sip.call_out(dial, self._target(row))
        except BranchlineError as error:
            self._turn_away(row, error.reason)
            return
        if out.leg not in self._table.rows:  # it was over at once
            self._turn_away(row, out.reason)
            return
        self._other[row.leg], self._other[out.leg] = out.leg, row.leg
        self._calls_in_all += 1
        asyncio.get_running_loop().call_later(_RING_S, self._give_up, row)
        self._changed()

    def ringing(self, row: LegRow) -> None:
        """Tell the caller that the far end rings."""
        near = self._near(row)
        if near is not None and near.state == "new":
            near.state = "ringing"
            self._exchange.far(near.leg).ring(early=False)

    def up(self, row: LegRow, call: SipCall) -> None:
        """Answer the caller as soon as the far end has, and let them hear each other."""
        near = self._near(row)
        if near is None or near.bridge:
            return
        try:
            far = self._exchange.far(near.leg)
            if isinstance(far, SipCall) and call.agreed is not None:
                far.prefer(call.agreed.codec)
            far.answer()
            change = self._table.bridge(row.tok, [near.leg, row.leg])
            self._exchange.media.bridged(change)
        except BranchlineError as error:
            _log.warning("relayed call of %s to %s: %s", near.via, row.via, error)
            self._turn_away(near, error.reason)

    def held(self, row: LegRow) -> None:
        """Pass hold on to the other half, as what it is."""
        other = self._other.get(row.leg, 0)
        if other not in self._table.rows:
            return
        far = self._exchange.far(other)
        if isinstance(far, SipCall):
            far.hold(on=row.held)

    def down(self, row: LegRow) -> None:
        """End the other half with the same word; a bridge's end does so by itself."""
        other = self._other.pop(row.leg, 0)
        if not other:
            return
        self._other.pop(other, None)
        self._changed()
        if other in self._table.rows:
            self._exchange.hang(other, row.reason)

    # -- telling -------------------------------------------------------------------------------

    def tell_again(self) -> None:
        """Tell a new brain how many calls there are and were."""
        if self._calls_in_all or self._refused:
            self._tell()

    def _changed(self) -> None:
        if self._telling is None:
            self._telling = asyncio.get_running_loop().call_later(_TELL_S, self._tell)

    def _tell(self) -> None:
        self._telling = None
        self._events.emit(Relaying, self.calls, self._calls_in_all, dict(self._refused))

    # -- within --------------------------------------------------------------------------------

    def _target(self, row: LegRow) -> Target:
        """Return whom to call: by the connection that it keeps to us and no other way."""
        far = self._gate.peer(row.called)
        if far is None:
            raise CommandError("unknown-peer", f"no appliance {row.called}")
        headers = (
            (RESERVATION_HEADER, row.reservation),
            (FENCE_HEADER, str(row.fence)),
            (RELAY_FROM_HEADER, row.via),
        )
        return Target(
            f"sip:{row.reservation}@{far.address}:{far.tls_port};transport=tls",
            (f"sip:{row.caller or 'unknown'}@{self._sip.uri_host()}", row.caller_name),
            headers,
            peer=far.appliance,
            standing=True,
        )

    def _turn_away(self, row: LegRow, reason: str) -> None:
        """Refuse a call that cannot be relayed now; that we have no port is not its affair."""
        told = "relay-full" if reason in ("port-busy", "overload") else reason
        self.refused(told)
        self._exchange.hang(row.leg, told)

    def _near(self, row: LegRow) -> LegRow | None:
        return self._table.rows.get(self._other.get(row.leg, 0)) if row.out else None

    def _give_up(self, row: LegRow) -> None:
        if self._table.rows.get(row.leg) is row and row.state != "up":
            self._exchange.hang(row.leg, "no-answer")
