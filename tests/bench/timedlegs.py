"""What stands in for the legs process in benches of many brains: calls without media and SIP."""

import asyncio
import itertools
import random
from collections.abc import Callable
from functools import partial

from appliance.base.clock import SystemClock
from appliance.wire.commands import Answer, BrainRecord, Bridge, Dial, Hang, Ring
from appliance.wire.events import LegDown, LegIn, LegOut, LegRinging, LegsRecord, LegUp, Registered
from appliance.wire.rows import LegKind, LegRow, Registration


class Times:
    """How long phones ring and people talk, from and to [s]; may be changed for what comes."""

    def __init__(
        self, chance: random.Random, ring_s: tuple[float, float], talk_s: tuple[float, float]
    ) -> None:
        self.chance = chance
        self.ring_s = ring_s
        self.talk_s = talk_s


class _Leg:
    """One end of a call: what it leads to elsewhere, what it hears here."""

    __slots__ = ("bridged", "dialled", "far", "kind", "number", "owner", "up")

    def __init__(self, number: int, kind: LegKind, owner: "Legs") -> None:
        self.number = number
        self.kind = kind
        self.owner = owner
        self.far: _Leg | None = None
        self.bridged: _Leg | None = None
        #: leg that was dialled for this one, and is not yet bridged with it
        self.dialled: _Leg | None = None
        self.up = False


class Legs:
    """What stands in for the legs process of one appliance."""

    def __init__(self, name: str, times: Times, clock: SystemClock) -> None:
        self._name = name
        self._times = times
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._numbers = itertools.count(1)
        self._seq = itertools.count(1)
        self._legs: dict[int, _Leg] = {}
        self.event: Callable[[LegsRecord], None] = lambda _record: None
        #: finds another appliance's
        self.legs_of: Callable[[str], Legs] = lambda _name: self
        self._on: dict[type, Callable[..., None]] = {
            Answer: self._answer,
            Ring: self._ring,
            Hang: self._hang,
            Dial: self._dial,
            Bridge: self._bridge,
        }

    @property
    def open(self) -> int:
        """Legs that have not ended."""
        return len(self._legs)

    def call_in(self, called: str) -> None:
        """A caller calls."""
        leg = self._made("trunk")
        self._came_in(leg, via="provider", caller="+33123456789", called=called)

    def hang_up(self, number: int) -> None:
        """A caller hangs up."""
        leg = self._legs.get(number)
        if leg is not None:
            self._down(leg, "normal")

    def is_up(self, number: int) -> bool:
        """Tell whether a leg is there, and in a talk."""
        leg = self._legs.get(number)
        return leg is not None and leg.bridged is not None

    def register(self, account: str) -> None:
        """A phone is there."""
        registration = Registration(account, "sip:x", self._clock.monotonic_s() + 1e6)
        self.event(Registered(next(self._seq), self._clock.monotonic_s(), registration))

    def take(self, record: BrainRecord) -> None:
        """Follow a command; its events come later, as those of another process do."""
        act = self._on.get(type(record))
        if act is not None:
            act(record)

    # -- commands ------------------------------------------------------------------------------

    def _answer(self, record: Answer) -> None:
        leg = self._legs.get(record.leg)
        if leg is not None:
            self._soon(self._is_up, leg)
            if leg.far is not None:
                self._soon(self._is_up, leg.far)

    def _ring(self, record: Ring) -> None:
        leg = self._legs.get(record.leg)
        if leg is not None and leg.far is not None:
            far = leg.far
            self._soon(far.owner._tell, LegRinging, far.number, 180)

    def _hang(self, record: Hang) -> None:
        leg = self._legs.get(record.leg)
        if leg is not None:
            self._soon(self._down, leg, record.reason)

    def _dial(self, record: Dial) -> None:
        leg = self._made(record.kind)
        self._soon(self._tell, LegOut, leg.number, record.tok)
        caller = self._legs.get(record.owner)
        if caller is None:
            self._soon(self._down, leg, "gone")
            return
        caller.dialled = leg
        if record.kind == "phone":
            self._soon(self._tell, LegRinging, leg.number, 180)
            self._loop.call_later(
                self._times.chance.uniform(*self._times.ring_s), self._is_up, leg
            )
        else:
            there = self.legs_of(record.via)
            far = leg.far = there._made("peer")
            far.far = leg
            came_in = partial(
                there._came_in,
                via=self._name,
                reservation=record.reservation,
                fence=record.fence,
            )
            self._soon(came_in, far)

    def _bridge(self, record: Bridge) -> None:
        one, other = (self._legs.get(number) for number in record.legs)
        if one is None or other is None:
            return
        one.bridged, other.bridged = other, one
        one.dialled = None
        if one.kind == "trunk":
            self._loop.call_later(
                self._times.chance.uniform(*self._times.talk_s), self._down, one, "normal"
            )

    # -- events --------------------------------------------------------------------------------

    def _made(self, kind: LegKind) -> _Leg:
        leg = _Leg(next(self._numbers), kind, self)
        self._legs[leg.number] = leg
        return leg

    def _came_in(self, leg: _Leg, **fields: str | int) -> None:
        now_s = self._clock.monotonic_s()
        row = LegRow(
            leg=leg.number,
            out=False,
            kind=leg.kind,
            state="new",
            t_new=now_s,
            **fields,  # type: ignore[arg-type]
        )
        self.event(LegIn(next(self._seq), now_s, row))

    def _is_up(self, leg: _Leg) -> None:
        if leg.number in leg.owner._legs and not leg.up:
            leg.up = True
            leg.owner._tell(LegUp, leg.number)

    def _down(self, leg: _Leg, reason: str) -> None:
        """End a leg, and what hangs on it: its far end, its bridge, what was dialled for it."""
        if leg.owner._legs.pop(leg.number, None) is None:
            return
        leg.owner._tell(LegDown, leg.number, reason, 16)
        for other, why in (
            (leg.far, reason),
            (leg.bridged, "bridge-ended"),
            (leg.dialled, "caller-gone"),
        ):
            if other is not None:
                self._soon(self._down, other, why)
        leg.far = leg.bridged = leg.dialled = None  # no circle is left to the collector

    def _tell(self, kind: type, *fields: object) -> None:
        self.event(kind(next(self._seq), self._clock.monotonic_s(), *fields))

    def _soon(self, call: Callable[..., None], *given: object) -> None:
        self._loop.call_soon(partial(call, *given))
