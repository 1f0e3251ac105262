"""Digits of far ends: each told once, however often it comes, and brought to the bridge's others.

A digit comes as RFC 4733 event or as tone, which the engine hears, by INFO, or from a hardware
line's modem. Some far ends send it in two of these forms at once. Events the engine itself passes
on within a bridge, tones go with the sound; what comes beside the sound is passed on from here,
unless the sound brings it, too.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from appliance.legs.events import LegEvents
from appliance.legs.table import LegTable
from appliance.wire.events import Digit
from appliance.wire.rows import DigitSource

#: forms that come beside the sound
_BESIDE = ("info", "line")
#: the same digit in another form within this time is the same key press [s]
ECHO_S = 1.0
#: what came beside the sound waits so long for its echo there before it is passed on [s]: a
#: jitter buffer's 60 ms, the 40 ms that a tone must last (ITU-T Q.24), some for the network
SETTLE_S = 0.2


@dataclass(slots=True)
class _Heard:
    digit: str
    source: DigitSource
    t: float
    relay: asyncio.TimerHandle | None = None


class LegDigits:
    """The digits of all legs; *send* gives a digit to a leg's far end in the form it wants."""

    def __init__(
        self, table: LegTable, events: LegEvents, send: Callable[[int, str], None]
    ) -> None:
        self._table = table
        self._events = events
        self._send = send
        #: leg -> digits that have shown no echo yet, oldest first
        self._heard: dict[int, list[_Heard]] = {}
        #: legs whose sound brings what comes beside it
        self._doubling: set[int] = set()

    def heard(self, leg: int, digit: str, source: DigitSource, duration_ms: int) -> None:
        """Take a digit in one of its forms."""
        now = asyncio.get_running_loop().time()
        if self._is_echo(leg, digit, source, now):
            return
        self._events.emit(Digit, leg, digit, source, duration_ms)
        heard = _Heard(digit, source, now)
        self._heard.setdefault(leg, []).append(heard)
        if source in _BESIDE and leg not in self._doubling:
            loop = asyncio.get_running_loop()
            heard.relay = loop.call_later(SETTLE_S, self._pass_on, leg, digit)

    def forget(self, leg: int) -> None:
        """Forget a leg that has ended."""
        for heard in self._heard.pop(leg, ()):
            if heard.relay is not None:
                heard.relay.cancel()
        self._doubling.discard(leg)

    def _is_echo(self, leg: int, digit: str, source: DigitSource, now: float) -> bool:
        recent = [one for one in self._heard.get(leg, ()) if now - one.t < ECHO_S]
        self._heard[leg] = recent
        for i, one in enumerate(recent):
            if one.digit == digit and one.source != source:
                if one.relay is not None:
                    one.relay.cancel()
                if one.source in _BESIDE or source in _BESIDE:
                    self._doubling.add(leg)
                del recent[i]
                return True
        return False

    def _pass_on(self, leg: int, digit: str) -> None:
        row = self._table.rows.get(leg)
        if row is None or not row.bridge or row.keeps_digits:
            return
        for other in self._table.bridges.get(row.bridge, ()):
            if other != leg:
                self._send(other, digit)
