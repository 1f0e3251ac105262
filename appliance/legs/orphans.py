"""What happens to callers while the brain is away: they ring, hear music, go somewhere else.

Talks are never touched. Nothing here decides who is served when: the times and the number of last
resort are settings.
"""

import asyncio
import logging
from typing import Protocol

from appliance.base.errors import BranchlineError
from appliance.legs.attach import BrainSide
from appliance.legs.events import LegEvents
from appliance.legs.exchange import Exchange
from appliance.wire.commands import Dial, Fallback, Level
from appliance.wire.rows import LegRow

_log = logging.getLogger(__name__)

#: how often the waiting are looked at [s]
LOOK_S = 0.25
#: plays of our own, which no brain can have asked for
MUSIC_PLAY = -1
APOLOGY_PLAY = -2
_MUSIC = (["moh"], ["tone:ringback"])
_APOLOGY = ["im-sorry", "please-try-call-later"]
#: an apology that does not end is cut off; the two prompts take 4 s
_APOLOGY_S = 8.0
#: the fallback number rings no longer than this [s]
_FALLBACK_RING_S = 30.0


class Caller(Protocol):
    """Who calls out and bridges."""

    def dial(self, dial: Dial) -> None:
        """Call out; raise CommandError."""


class _Waiting:
    """What has been done for one waiting caller."""

    def __init__(self) -> None:
        self.music_tries = 0
        self.fallback_tok = ""
        self.sorry_since: float | None = None


class OrphanPolicy:
    """Looks after callers while no brain is attached."""

    def __init__(
        self,
        exchange: Exchange,
        brain: BrainSide,
        caller: Caller,
        events: LegEvents,
        *,
        new_s: float,
        waiting_s: float,
        fallback: Fallback,
    ) -> None:
        self._exchange = exchange
        self._table = exchange.table
        self._brain = brain
        self._caller = caller
        self._events = events
        self._new_s = new_s
        self._waiting_s = waiting_s
        self.fallback = fallback
        self._waiting: dict[int, _Waiting] = {}
        self._rung: set[int] = set()

    async def keep_looking(self) -> None:
        """Look after the waiting until cancelled."""
        while True:
            await asyncio.sleep(LOOK_S)
            self.look()

    def look(self) -> None:
        """Look after every caller once."""
        away_since = self._brain.away_since
        if away_since is None:
            self._hand_back()
            return
        now = self._events.now_s()
        for row in list(self._table.rows.values()):
            if row.leg not in self._table.rows or row.out or row.kind == "relay":
                continue
            if row.state in ("new", "ringing"):
                self._new(row, now - max(row.t_new, away_since))
            elif row.state == "up" and not row.bridge and not row.fax:
                self._wait(row, now - max(row.t_up, away_since), now)
        for leg in [leg for leg in self._waiting if leg not in self._table.rows]:
            del self._waiting[leg]

    def _new(self, row: LegRow, alone_s: float) -> None:
        if alone_s > self._new_s:
            self._exchange.hang(row.leg, "orphaned")
        elif row.leg not in self._rung:
            # its row stays as it is: the brain that comes back has not rung it
            self._rung.add(row.leg)
            self._exchange.far(row.leg).ring(early=False)

    def _wait(self, row: LegRow, alone_s: float, now: float) -> None:
        waiting = self._waiting.setdefault(row.leg, _Waiting())
        if waiting.sorry_since is not None:
            if row.play != APOLOGY_PLAY or now - waiting.sorry_since > _APOLOGY_S:
                self._exchange.hang(row.leg, "orphaned")
        elif alone_s > self._waiting_s and self._last_resort(row, waiting):
            waiting.sorry_since = now
            self._play(row.leg, APOLOGY_PLAY, _APOLOGY, loop=False)
        elif not row.play and waiting.music_tries < len(_MUSIC):
            items = _MUSIC[waiting.music_tries]
            waiting.music_tries += 1
            self._play(row.leg, MUSIC_PLAY, items, loop=True)

    def _last_resort(self, row: LegRow, waiting: _Waiting) -> bool:
        """Call the fallback number, bridge when it answers; return whether it is hopeless."""
        if not self.fallback.number:
            return True
        if not waiting.fallback_tok:
            return not self._call_fallback(row, waiting)
        leg = self._table.tokens.get(waiting.fallback_tok)
        dialled = self._table.rows.get(leg or 0)
        if dialled is None:
            return True
        if dialled.state == "up":
            self._exchange.media.level(Level(row.leg))
            change = self._table.bridge(waiting.fallback_tok, [row.leg, dialled.leg])
            self._exchange.media.bridged(change)
        return False

    def _call_fallback(self, row: LegRow, waiting: _Waiting) -> bool:
        waiting.fallback_tok = f"orphan-{row.leg}-{self._events.seq}"
        dial = Dial(
            tok=waiting.fallback_tok,
            kind="trunk",
            via=self.fallback.trunk,
            to=self.fallback.number,
            owner=row.leg,
            caller=row.caller,
            caller_name=row.caller_name,
            private=row.private,
            ring_s=_FALLBACK_RING_S,
        )
        try:
            self._caller.dial(dial)
        except BranchlineError as error:
            _log.error("leg %d: the fallback number cannot be called: %s", row.leg, error)
            return False
        return True

    def _play(self, leg: int, play: int, items: list[str], *, loop: bool) -> None:
        try:
            self._exchange.media.play(leg, play, items, loop=loop)
        except BranchlineError as error:
            _log.error("leg %d: %s", leg, error)

    def _hand_back(self) -> None:
        """Leave callers to the brain again; a fallback that has not answered is given up."""
        for waiting in self._waiting.values():
            leg = self._table.tokens.get(waiting.fallback_tok, 0)
            dialled = self._table.rows.get(leg)
            if dialled is not None and not dialled.bridge:
                self._exchange.hang(leg, "cancelled")
        self._waiting.clear()
        self._rung.clear()
