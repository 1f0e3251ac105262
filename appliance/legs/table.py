"""The table of legs and bridges, and the few rules that hold without a brain. No I/O."""

import itertools
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import msgspec

from appliance.base.reasons import LOST
from appliance.legs.events import LegEvents
from appliance.wire.commands import Dial
from appliance.wire.events import (
    Bridged,
    Held,
    LegDown,
    LegIn,
    LegOut,
    LegRinging,
    LegUp,
    PlayDone,
)
from appliance.wire.rows import LegRow, Part, Rest

_log = logging.getLogger(__name__)

#: ended legs kept for a brain that stays away; their snapshot stays below the link's bound
MAX_TOMBS = 10_000


@dataclass(frozen=True, slots=True)
class Consequence:
    """A leg that has to end because another did."""

    leg: int
    reason: str


@dataclass(slots=True)
class BridgeChange:
    """What a command about bridges changed: bridges with their legs now, and those dissolved."""

    changed: dict[str, list[int]] = field(default_factory=dict)
    dissolved: list[str] = field(default_factory=list)


class LegTable:
    """Rows of living legs, tombstones of ended ones, tokens and bridges."""

    def __init__(self, events: LegEvents) -> None:
        self._events = events
        self._numbers = itertools.count(1)
        #: leg number -> its row, while it lives
        self.rows: dict[int, LegRow] = {}
        #: leg number -> its row, from its end until the brain has acknowledged that
        self.tombs: dict[int, LegRow] = {}
        #: token of a `Dial` -> leg, as long as row or tombstone is there
        self.tokens: dict[str, int] = {}
        #: bridge id -> legs
        self.bridges: dict[str, list[int]] = {}
        self._rest: dict[str, Rest] = {}
        self._dialled_for: dict[int, set[int]] = {}

    def snapshot(self) -> Iterable[LegRow]:
        """Return all rows, tombstones last."""
        return itertools.chain(self.rows.values(), self.tombs.values())

    # -- the life of a leg -----------------------------------------------------------------------

    def come_in(self, row: LegRow) -> LegRow:
        """Enter a leg that came in; *row* says who and how, the rest is filled in here."""
        row.leg = next(self._numbers)
        row.t_new = self._events.now_s()
        self.rows[row.leg] = row
        row.seq = self._events.seq + 1
        self._events.emit(LegIn, msgspec.structs.replace(row))
        return row

    def go_out(self, dial: Dial) -> LegRow:
        """Enter the leg of a `Dial`, whose token must be new."""
        leg = next(self._numbers)
        row = LegRow(
            leg=leg,
            out=True,
            kind=dial.kind,
            via=dial.via,
            state="new",
            caller=dial.caller,
            caller_name=dial.caller_name,
            called=dial.to,
            private=dial.private,
            tok=dial.tok,
            owner=dial.owner,
            reservation=dial.reservation,
            fence=dial.fence,
            relay=dial.relay,
            t_new=self._events.now_s(),
        )
        self.rows[leg] = row
        self.tokens[dial.tok] = leg
        if dial.owner:
            self._dialled_for.setdefault(dial.owner, set()).add(leg)
        row.seq = self._events.emit(LegOut, leg, dial.tok)
        return row

    def ringing(self, leg: int, status: int, *, early: bool) -> None:
        """Note that a leg's far end rings."""
        row = self.rows[leg]
        if row.state in ("new", "ringing"):
            row.state = "ringing"
            row.seq = self._events.emit(LegRinging, leg, status, early)

    def up(self, leg: int) -> None:
        """Note that a leg is answered."""
        row = self.rows[leg]
        if row.state != "up":
            row.state = "up"
            row.t_up = self._events.now_s()
            row.seq = self._events.emit(LegUp, leg)

    def held(self, leg: int, *, on: bool) -> None:
        """Note that the far end put us on hold, or took us back."""
        row = self.rows[leg]
        if row.held != on:
            row.held = on
            row.seq = self._events.emit(Held, leg, on)

    def down(
        self, leg: int, reason: str, *, cause: int = 0, by_far: bool = True
    ) -> list[Consequence]:
        """Bury a leg; return the legs that have to end with it."""
        row = self.rows.pop(leg)
        row.state = "down"
        row.t_down = self._events.now_s()
        row.reason = reason
        row.cause = cause
        row.play = 0
        row.seq = self._events.emit(LegDown, leg, reason, cause, by_far)
        self._entomb(row)
        rest = self._rest.get(row.bridge, "end")
        lost = reason in LOST
        ends = [
            Consequence(other, reason if lost else "bridge-ended")
            for other in self._leave_bridge(row)
            if rest == "end" or (rest == "stay-if-lost" and (not lost or self.rows[other].out))
        ]
        for other in self._dialled_for.pop(leg, ()):
            dialled = self.rows.get(other)
            if dialled is not None and not dialled.bridge:
                ends.append(Consequence(other, "caller-gone"))
        self._dialled_for.get(row.owner, set()).discard(leg)
        return ends

    def ack(self, seq: int) -> None:
        """Forget the tombstones whose end the brain has written down."""
        while self.tombs:
            oldest = next(iter(self.tombs.values()))
            if oldest.seq > seq:
                break
            self._forget(oldest.leg)

    def _entomb(self, row: LegRow) -> None:
        self.tombs[row.leg] = row
        if len(self.tombs) > MAX_TOMBS:
            oldest = next(iter(self.tombs))
            _log.warning("leg %d is forgotten before a brain heard of its end", oldest)
            self._forget(oldest)

    def _forget(self, leg: int) -> None:
        row = self.tombs.pop(leg)
        self.tokens.pop(row.tok, None)

    # -- plays ---------------------------------------------------------------------------------

    def playing(self, leg: int, play: int) -> None:
        """Note that *play* is what a leg is to hear now."""
        self.rows[leg].play = play

    def played(self, leg: int, play: int, why: str) -> None:
        """Note that *play* has ended on a leg, unless that has ended too."""
        row = self.rows.get(leg)
        if row is not None:
            if row.play == play:
                row.play = 0
            row.seq = self._events.emit(PlayDone, leg, play, why)

    # -- bridges ---------------------------------------------------------------------------------

    def bridge(
        self,
        bridge: str,
        legs: Sequence[int],
        parts: Sequence[Part] = (),
        rest: Rest = "end",
    ) -> BridgeChange:
        """Put *legs*, which must live, and no others in *bridge*; who has no part talks.

        *rest* says what becomes of those who are left when too few of them talk.
        """
        change = BridgeChange()
        for leg in legs:
            row = self.rows[leg]
            if row.bridge and row.bridge != bridge:
                self._move_out(row, change)
        for leg in self.bridges.get(bridge, ()):
            if leg not in legs:
                _free(self.rows[leg])
        self.bridges[bridge] = list(legs)
        self._rest[bridge] = rest
        change.changed[bridge] = self.bridges[bridge]
        seq = self._events.emit(Bridged, bridge, list(legs), tuple(parts))
        part_of = {part.leg: part for part in parts}
        for leg in legs:
            row = self.rows[leg]
            part = part_of.get(leg)
            row.bridge = bridge
            row.role, row.whispers_to = (part.role, part.to) if part else ("talk", 0)
            row.seq = seq
        return change

    def unbridge(self, bridge: str) -> bool:
        """Dissolve *bridge* and leave its legs; return whether there was one."""
        legs = self.bridges.pop(bridge, None)
        self._rest.pop(bridge, None)
        for leg in legs or ():
            _free(self.rows[leg])
        return legs is not None

    def hides_digits(self, leg: int) -> bool:
        """Tell whether a leg, or one that it hears, has its digits kept out of recordings."""
        row = self.rows.get(leg)
        if row is None:  # nothing more is to come
            return True
        return row.masked or any(self.rows[one].masked for one in self.bridges.get(row.bridge, ()))

    def move_out(self, leg: int) -> BridgeChange:
        """Take a leg out of its bridge, if it is in one."""
        change = BridgeChange()
        row = self.rows[leg]
        if row.bridge:
            self._move_out(row, change)
        return change

    def _move_out(self, row: LegRow, change: BridgeChange) -> None:
        """Take a leg out of its bridge; a bridge of one leg is none."""
        old = row.bridge
        rest = self._others(row)
        _free(row)
        if len(rest) > 1:
            self.bridges[old] = change.changed[old] = rest
        else:
            self.unbridge(old)
            change.changed.pop(old, None)
            change.dissolved.append(old)

    def _leave_bridge(self, row: LegRow) -> list[int]:
        """Take an ended leg out of its bridge; return those who would have nobody to talk to.

        A supervisor who goes takes nobody along, but is not left behind either.
        """
        bridge = row.bridge
        if not bridge:
            return []
        talked = row.role == "talk"
        rest = self._others(row)
        _free(row)
        talkers = sum(self.rows[leg].role == "talk" for leg in rest)
        if len(rest) > 1 and (talkers > 1 or not talked):
            self.bridges[bridge] = rest
            return []
        del self.bridges[bridge]
        self._rest.pop(bridge, None)
        for leg in rest:
            _free(self.rows[leg])
        return rest if talked else []

    def _others(self, row: LegRow) -> list[int]:
        """Return the others of a leg's bridge; who whispered to it only listens from now on."""
        rest = [leg for leg in self.bridges[row.bridge] if leg != row.leg]
        for leg in rest:
            other = self.rows[leg]
            if other.whispers_to == row.leg:
                other.role, other.whispers_to = "listen", 0
        return rest


def _free(row: LegRow) -> None:
    """Let a leg be in no bridge."""
    row.bridge, row.role, row.whispers_to = "", "talk", 0
