"""Star codes that an agent types in mid-talk: read here, asked of the contact's owner by the link.

A phone's digits come to us alone (`KeepDigits`). What begins no code is passed on as it comes;
while a code is typed the agent's voice is kept back too, so that nobody hears it, in whatever form
the phone sends it.
"""

from collections.abc import Callable
from typing import Literal, NamedTuple

from appliance.call.office import Office
from appliance.link.messages import TransferAsk
from appliance.plan.transfers import Transfers
from appliance.seat.state import Seat
from appliance.wire.commands import KeepDigits, Level, SendDigits
from appliance.wire.events import Digit

#: a code is given up after this long without a digit [s]
PATIENCE_S = 5.0
#: digits of a target, at most
MAX_TARGET = 32
#: forms of a digit that others have heard already, with the sound
_HEARD = ("inband",)

Do = Literal["blind", "consult", "complete", "back", "conference"]


class Asked(NamedTuple):
    """A whole code."""

    do: Do
    target: str = ""


def read(rules: Transfers, typed: str) -> Asked | bool:
    """Return what *typed* asks for; True: it may still become a code, False: it is none."""
    for code, do in rules.codes().items():
        if not typed.startswith(code):
            continue
        rest = typed.removeprefix(code)
        if do == "back" or do == "conference":
            return Asked("back" if do == "back" else "conference") if not rest else False
        if rest.endswith("#"):
            target = rest[:-1]
            if not target:
                return Asked("complete")
            return Asked("blind" if do == "blind" else "consult", target)
        return len(rest) <= MAX_TARGET and all(digit.isdigit() for digit in rest)
    return any(code.startswith(typed) for code in rules.codes())


class StarCodes:
    """Collects the digits of each agent who talks."""

    def __init__(self, office: Office) -> None:
        self._turn, self._plans = office.turn, office.plans
        self._timers, self._clock = office.timers, office.clock
        #: leg of a phone -> what was typed
        self._typed: dict[int, str] = {}
        #: who hears a leg of an agent whose contact is ours
        self.partners: Callable[[str, int], list[int]] = lambda _contact, _leg: []

    def listen(self, leg: int) -> None:
        """Take a phone's digits for ourselves from now on."""
        self._typed.pop(leg, None)
        self._turn.command(KeepDigits(leg))
        self._turn.command(Level(leg))

    def digit(self, seat: Seat, record: Digit) -> None:
        """Take a digit of an agent's phone."""
        held, leg = seat.reservation, record.leg
        if held is None or held.phase != "talking" or leg != held.leg_phone:
            return
        typed = self._typed.get(leg, "") + record.digit
        asked = read(self._plans.plan.transfers, typed)
        if asked is True:
            if leg not in self._typed:
                self._turn.command(Level(leg, mute=True))
            self._typed[leg] = typed
            due = self._clock.monotonic_s() + PATIENCE_S
            self._timers.arm(_timer(leg), due, lambda: self._forget(leg))
            return
        was_code = leg in self._typed
        self._forget(leg)
        if isinstance(asked, Asked):
            ask = TransferAsk(
                reservation=held.reservation, fence=held.fence, do=asked.do, target=asked.target
            )
            self._turn.message(held.contact_owner, ask)
        elif was_code or record.source not in _HEARD:
            self._pass_on(seat, leg, typed)

    def gone(self, leg: int) -> None:
        """Forget a phone that has hung up."""
        self._typed.pop(leg, None)
        self._timers.cancel(_timer(leg))

    def _forget(self, leg: int) -> None:
        if self._typed.pop(leg, None) is not None:
            self._turn.command(Level(leg))
        self._timers.cancel(_timer(leg))

    def _pass_on(self, seat: Seat, leg: int, digits: str) -> None:
        """Send digits that are no code to whoever hears the agent."""
        held = seat.reservation
        if held is not None:
            hears = [held.leg_in] if held.leg_in else self.partners(held.contact, leg)
            for other in hears:
                self._turn.command(SendDigits(other, digits))


def _timer(leg: int) -> str:
    return f"star-code/{leg}"
