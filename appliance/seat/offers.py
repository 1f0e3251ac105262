"""The seat owner's side: a reservation becomes an offer, a ringing phone, a talk.

Every transient state has a deadline after which the seat is free again, so that no agent is ever
stuck in it.
"""

import logging
from collections.abc import Callable

from appliance.base.ids import new_id
from appliance.base.reasons import LOST
from appliance.call.office import Office
from appliance.call.owner import DEAD_SILENCE_S
from appliance.link.messages import (
    CONFIRM_MS,
    CONNECT_MS,
    Confirm,
    Context,
    Offer,
    Reached,
    Release,
)
from appliance.seat.board import SeatBoard
from appliance.seat.state import Reservation, Seat
from appliance.seat.written import WrittenOffers
from appliance.wire.commands import Answer, Bridge, Dial, Hang, Play, Ring, Unbridge, WatchSilence
from appliance.wire.rows import LegRow

log = logging.getLogger(__name__)

#: a phone rings this much longer than the queue says before we give up ourselves [s]
RING_GRACE_S = 2.0
#: a talk that ends for one of these was the phone's fault: the seat is not ready any more
_PHONE_LOST = frozenset({"unreachable", "timeout", "unknown-account", "not-found"})
_EXPECTS_CALL = ("offered", "confirmed")


class SeatOffers:
    """Moves this appliance's seats from reservation to talk."""

    def __init__(self, office: Office, board: SeatBoard) -> None:
        self._turn, self._book, self._plans = office.turn, office.book, office.plans
        self._timers, self._clock = office.timers, office.clock
        self._board = board
        #: whether a reservation is that of a transfer's target
        self.is_target: Callable[[str], bool] = lambda _reservation: False
        #: the relay by which an appliance is reached; empty: directly
        self.relay_of: Callable[[str], str] = lambda _peer: ""
        #: told of an agent's phone that is in a talk now
        self.on_talk: Callable[[int], None] = lambda _leg: None
        #: reserves slots for written contacts
        self.written = WrittenOffers(office, board)
        board.on_closing = self._close

    # -- the link ------------------------------------------------------------------------------

    def hold(self, seat: Seat, contact: str, owner: str, incarnation: int) -> Reservation:
        """Reserve the seat for a contact."""
        self.written.make_way(seat)
        seat.fence += 1
        held = Reservation(
            reservation=new_id(),
            fence=seat.fence,
            contact=contact,
            contact_owner=owner,
            contact_incarnation=incarnation,
        )
        self._board.hold(seat, held)
        self._board.set_state(seat, "reserved")
        held.fence = seat.fence
        self._arm(seat, CONFIRM_MS / 1000)
        return held

    def offer(self, seat: Seat, held: Reservation, contact_fence: int, trace: bytes = b"") -> None:
        """Offer the reserved seat to the contact's owner."""
        agent = self._plans.agents.get(seat.seat)
        offer = Offer(
            reservation=held.reservation,
            fence=held.fence,
            contact=held.contact,
            contact_incarnation=held.contact_incarnation,
            contact_fence=contact_fence,
            seat=seat.seat,
            seat_epoch=seat.epoch,
            agent_title=agent.title if agent else seat.seat,
            trace=trace,
        )
        self._turn.message(held.contact_owner, offer)

    def confirmed(self, peer: str, message: Confirm) -> None:
        """Take the contact: call the phone, or wait for the call from the contact's owner."""
        seat = self.held(peer, message.reservation, message.fence)
        if seat is None or seat.reservation is None:
            release = Release(message.reservation, message.fence, "reservation-expired")
            self._turn.message(peer, release)
            return
        held = seat.reservation
        if held.phase != "offered":
            return
        held.phase, held.context = "confirmed", message.context
        self._arm(seat, CONNECT_MS / 1000)
        self._board.keep(seat)
        if peer == self._board.name:
            contact = self._book.get(held.contact)
            if contact is not None:
                self.call_phone(seat, contact.leg)
        elif held.leg_in:
            self.call_phone(seat, held.leg_in)

    def released(self, peer: str, message: Release) -> None:
        """Free the seat: the contact's owner gave it back."""
        seat = self.held(peer, message.reservation, message.fence)
        if seat is None or seat.reservation is None or seat.reservation.phase == "talking":
            return
        self.abort(seat, message.reason, tell=False)

    def peer_down(self, peer: str) -> None:
        """Free the seats that wait for *peer*; a ringing or talking one is left to its legs.

        A talk goes on while there is sound; where its way is dead, the agent is free soon.
        """
        for seat in self._board:
            held = seat.reservation
            if held is None or held.contact_owner != peer:
                continue
            if held.phase in ("offered", "confirmed"):
                self.abort(seat, "peer-unreachable", tell=False)
            elif held.leg_in:
                self._turn.command(WatchSilence(held.leg_in, DEAD_SILENCE_S))

    def peer_up(self, peer: str) -> None:
        """Let the legs of *peer* be as silent as the settings say, by a way that is there."""
        for seat in self._board:
            held = seat.reservation
            if held is None or held.contact_owner != peer or not held.leg_in:
                continue
            if held.relay == self.relay_of(peer):
                self._turn.command(WatchSilence(held.leg_in))

    def held(self, peer: str, reservation: str, fence: int) -> Seat | None:
        """Return the seat that *peer* holds by this reservation and fence."""
        seat = self._board.by_reservation(reservation)
        held = seat.reservation if seat else None
        if held is None or held.contact_owner != peer or held.fence != fence:
            return None
        return seat

    # -- legs ----------------------------------------------------------------------------------

    def peer_call(self, row: LegRow) -> None:
        """Take the call that a contact's owner promised; a stale one is refused by word."""
        seat = self.held(row.via, row.reservation, row.fence)
        held = seat.reservation if seat else None
        if seat is None or held is None or held.leg_in or held.phase not in _EXPECTS_CALL:
            self._turn.command(Hang(row.leg, "stale-fence"))
            return
        held.leg_in, held.relay = row.leg, row.relay
        self._board.set_leg(seat, row.leg)
        self._board.keep(seat)
        if held.phase == "confirmed":  # else the call was faster than the confirmation
            self.call_phone(seat, row.leg)

    def call_phone(self, seat: Seat, leg_in: int) -> None:
        """Let the agent's phone ring for *leg_in*."""
        held = seat.reservation
        if held is None or held.context is None:
            return
        context = held.context
        ring_s = self._plans.queue(context.queue).ring_s
        dial = Dial(
            tok=f"{held.reservation}/phone",
            kind="phone",
            via=seat.account,
            owner=leg_in,
            caller="anonymous" if context.private else context.caller,
            caller_name=shown(context),
            private=context.private,
            ring_s=ring_s,
        )
        self._turn.command(dial)
        held.phase = "ringing"
        self._arm(seat, ring_s + RING_GRACE_S)
        self._board.keep(seat)

    def phone_out(self, seat: Seat, leg: int) -> None:
        """Note the leg of the agent's phone."""
        held = seat.reservation
        if held is None:
            self._turn.command(Hang(leg, "cancelled"))
            return
        held.leg_phone = leg
        self._board.set_leg(seat, leg)
        self._board.keep(seat)

    def phone_ringing(self, seat: Seat) -> None:
        """Tell the contact's owner, and its caller's side, that the phone rings."""
        held = seat.reservation
        if held is None or seat.state == "ringing":
            return
        self._board.set_state(seat, "ringing")
        if held.leg_in:
            self._turn.command(Ring(held.leg_in))
        reached = Reached(held.reservation, held.fence, "ringing", self._own_leg(held))
        self._turn.message(held.contact_owner, reached)

    def phone_up(self, seat: Seat) -> None:
        """Connect the agent."""
        held = seat.reservation
        if held is None:
            return
        held.phase = "talking"
        self._timers.cancel(_timer(seat))
        self._board.set_state(seat, "talking")
        self.on_talk(held.leg_phone)
        if held.leg_in:
            self._turn.command(Answer(held.leg_in))
            self._turn.command(Bridge(held.reservation, [held.leg_in, held.leg_phone]))
        reached = Reached(held.reservation, held.fence, "answered", self._own_leg(held))
        self._turn.message(held.contact_owner, reached)

    def on_hold(self, seat: Seat, *, on: bool) -> None:
        """The agent held the caller, or took it back: music at the other end, where it is ours."""
        held = seat.reservation
        if held is None or held.phase != "talking" or held.on_hold == on:
            return
        held.on_hold = on
        if held.leg_in and held.context is not None:
            if on:
                music = self._plans.music(held.context.queue, held.context.klass)
                self._turn.command(Unbridge(held.reservation))
                self._turn.command(Play(held.leg_in, seat.fence, music, loop=True))
            else:
                self._turn.command(Bridge(held.reservation, [held.leg_in, held.leg_phone]))
        self._board.keep(seat)

    def leg_down(self, seat: Seat, leg: int, reason: str) -> None:
        """End the talk, or the offer, whose phone or peer leg has ended."""
        held = seat.reservation
        if held is None:
            return
        if held.phase == "talking":
            self._talk_over(seat, held, leg, reason)
        elif leg == held.leg_phone:
            self._phone_failed(seat, reason)
        else:
            self.abort(seat, "caller-gone", tell=False)

    def refused(self, seat: Seat, reason: str) -> None:
        """Give up an offer whose phone could not be called."""
        if seat.reservation is not None and seat.reservation.phase != "talking":
            self._phone_failed(seat, reason)

    def _phone_failed(self, seat: Seat, reason: str) -> None:
        """Ring-no-answer makes the seat not ready; so does a phone that is not there."""
        why = "no-answer" if reason in ("timeout", "normal", "cancelled") else reason
        self.abort(seat, why)
        if why == "no-answer" or why in _PHONE_LOST:
            self._board.pause(seat, why)

    def _talk_over(self, seat: Seat, held: Reservation, leg: int, reason: str) -> None:
        other = held.leg_in if leg == held.leg_phone else held.leg_phone
        if other:
            self._turn.command(Hang(other, reason if reason in LOST else "bridge-ended"))
        wrap_up_s = self._plans.queue(held.context.queue if held.context else "x").wrap_up_s
        self._board.free(seat)
        self._board.wrap_up(seat, wrap_up_s)

    def abort(self, seat: Seat, reason: str, *, tell: bool = True) -> None:
        """Free a seat whose offer came to nothing."""
        if seat.reservation is not None:
            self._give_back(seat, seat.reservation, reason, tell=tell)
            self._board.back_to_ready(seat)

    def _give_back(self, seat: Seat, held: Reservation, reason: str, *, tell: bool) -> None:
        self._timers.cancel(_timer(seat))
        if held.leg_phone:
            self._turn.command(Hang(held.leg_phone, "cancelled"))
        if held.leg_in:
            self._turn.command(Hang(held.leg_in, reason))
        if tell:
            release = Release(held.reservation, held.fence, reason)
            self._turn.message(held.contact_owner, release)
        self._board.free(seat)

    def _close(self, seat: Seat, reason: str) -> None:
        """Give back what a seat that takes nothing more was offered."""
        held = seat.reservation
        if held is not None and held.phase != "talking" and reason == "seat-gone":
            self._give_back(seat, held, reason, tell=True)
        self.written.close_seat(seat, reason)

    def is_left(self, held: Reservation) -> bool:
        """Tell whether a contact of ours no longer has this reservation."""
        ours = held.contact_owner == self._board.name
        known = self._book.by_reservation(held.reservation) or self.is_target(held.reservation)
        return ours and not known

    def end(self, held: Reservation, reason: str) -> None:
        """End the call of an agent whose contact is elsewhere; the rest follows from that."""
        self._turn.command(Hang(held.leg_phone, reason))

    def rearm(self, seat: Seat) -> None:
        """Give an adopted reservation its time again."""
        self._arm(seat, CONNECT_MS / 1000)

    def _arm(self, seat: Seat, seconds: float) -> None:
        name = seat.seat
        due = self._clock.monotonic_s() + seconds
        self._timers.arm(_timer(seat), due, lambda: self._lapsed(name))

    def _lapsed(self, name: str) -> None:
        seat = self._board.get(name)
        if seat is None or seat.reservation is None:
            return
        if seat.reservation.phase == "ringing":
            self._phone_failed(seat, "no-answer")
        else:
            self.abort(seat, "reservation-expired")

    def _own_leg(self, held: Reservation) -> int:
        """Return the phone's leg where the contact is ours too, so that its owner bridges."""
        return held.leg_phone if held.contact_owner == self._board.name else 0


def shown(context: Context) -> str:
    """Return what the phone displays: name, queue, keys pressed and the wait, before it rings."""
    name = "" if context.private else context.data.get("name", "")
    parts = [name, context.queue] if name else [context.queue]
    if "call-back" in context.data:
        parts.insert(0, "call-back")
    if context.keys:
        parts.append("key " + " ".join(digit for _, digit in context.keys))
    if context.by:
        parts.append(f"from {context.by}")
    minutes, seconds = divmod(context.waited_ms // 1000, 60)
    parts.append(f"waited {minutes}:{seconds:02d}")
    return ", ".join(parts)


def _timer(seat: Seat) -> str:
    return f"offer/{seat.seat}"
