"""Written contacts at a seat: each holds a slot of its channel, beside the call and each other.

They have no leg, so a person's word takes the place of what a phone does: accept, decline, done.
As with calls every state has a deadline after which the slot is free again. While the agent is at
one, the two owners assure each other of it, since no leg tells that one of them has forgotten it.
"""

from appliance.base.ids import new_id
from appliance.call.office import Office
from appliance.ledger.records import WrapUpEnded, WrapUpStarted
from appliance.link.messages import (
    CONFIRM_MS,
    SERVING_LAPSE_S,
    SERVING_S,
    Confirm,
    Offer,
    Reached,
    Release,
    Served,
    Serving,
    ServingAck,
)
from appliance.routing.model import Proposal
from appliance.routing.trace import pack
from appliance.seat.board import SeatBoard
from appliance.seat.state import Seat, Work, excluding


class WrittenOffers:
    """Moves written contacts from reservation to notes."""

    def __init__(self, office: Office, board: SeatBoard) -> None:
        self._turn, self._plans = office.turn, office.plans
        self._timers, self._clock = office.timers, office.clock
        self._board = board

    # -- the link ------------------------------------------------------------------------------

    def reserve(self, seat: Seat, proposal: Proposal) -> None:
        """Reserve a slot and offer it to the contact's owner."""
        work = Work(
            reservation=new_id(),
            fence=seat.fence + 1,
            channel=proposal.channel,
            contact=proposal.contact,
            contact_owner=proposal.contact_owner,
            contact_incarnation=proposal.contact_incarnation,
        )
        self._board.add_work(seat, work)
        self._board.changed(seat)
        self._arm(work, CONFIRM_MS / 1000)
        agent = self._plans.agents.get(seat.seat)
        offer = Offer(
            reservation=work.reservation,
            fence=work.fence,
            contact=work.contact,
            contact_incarnation=work.contact_incarnation,
            contact_fence=proposal.contact_fence,
            seat=seat.seat,
            seat_epoch=seat.epoch,
            agent_title=agent.title if agent else seat.seat,
            trace=pack(proposal),
        )
        self._turn.message(work.contact_owner, offer)

    def confirmed(self, peer: str, message: Confirm) -> bool:
        """Show the contact to the agent; return False if it is none of ours."""
        found = self._held(peer, message.reservation, message.fence)
        if found is None:
            return False
        seat, work = found
        if work.phase == "offered":
            work.phase, work.context = "shown", message.context
            self._arm(work, self._ring_s(work))
            self._board.changed(seat)
            self._turn.message(peer, Reached(work.reservation, work.fence, "ringing"))
        return True

    def released(self, peer: str, message: Release) -> None:
        """Free the slot: the contact's owner has it back, or closed it."""
        found = self._held(peer, message.reservation, message.fence)
        if found is None:
            return
        seat, work = found
        if work.phase == "accepted":
            self._wrap_up(seat, work)
        elif work.phase != "wrap-up":
            self.abort(seat, work, message.reason, tell=False)

    def acknowledged(self, peer: str, message: ServingAck) -> None:
        """Go on: the contact's owner knows that the contact is here."""
        found = self._held(peer, message.reservation, message.fence)
        if found is not None and found[1].phase == "accepted":
            self._arm(found[1], SERVING_LAPSE_S)

    def peer_down(self, peer: str) -> None:
        """Free the slots that wait for *peer*; what was accepted may go on for a while."""
        for seat in self._board:
            for work in list(seat.work.values()):
                if work.contact_owner == peer and work.phase == "offered":
                    self.abort(seat, work, "peer-unreachable", tell=False)

    def _held(self, peer: str, reservation: str, fence: int) -> tuple[Seat, Work] | None:
        """Return the seat where *peer* holds a slot by this reservation and fence, and what."""
        seat = self._board.by_work(reservation)
        work = seat.work[reservation] if seat else None
        if seat is None or work is None or work.contact_owner != peer or work.fence != fence:
            return None
        return seat, work

    # -- the agent -----------------------------------------------------------------------------

    def find(self, contact: str) -> tuple[Seat, Work] | None:
        """Return where *contact* is shown, served or noted, and its hold on the seat."""
        for seat in self._board:
            for work in seat.work.values():
                if work.contact == contact and work.phase != "offered":
                    return seat, work
        return None

    def accept(self, seat: Seat, work: Work) -> str:
        """Connect contact and agent; return the reason word against it, or nothing."""
        if work.phase != "shown":
            return "wrong-state"
        work.phase = "accepted"
        self._board.changed(seat)
        self._turn.message(work.contact_owner, Reached(work.reservation, work.fence, "answered"))
        self._serve(work)
        return ""

    def decline(self, seat: Seat, work: Work) -> str:
        """Give the contact back to its place; return the reason word against it, or nothing."""
        if work.phase != "shown":
            return "wrong-state"
        self.abort(seat, work, "declined")
        return ""

    def done(self, seat: Seat, work: Work) -> str:
        """End the contact, or its notes; return the reason word against it, or nothing."""
        if work.phase == "accepted":
            self._turn.message(work.contact_owner, Served(work.reservation, work.fence))
            self._wrap_up(seat, work)
        elif work.phase == "wrap-up":
            self._noted(work.reservation)
        else:
            return "wrong-state"
        return ""

    # -- what ends an offer --------------------------------------------------------------------

    def make_way(self, seat: Seat) -> None:
        """Give back the offers that a call may not wait for: nobody has accepted them."""
        agent = self._plans.agents.get(seat.seat)
        if agent is not None:
            for work in list(excluding(seat, agent, "voice")):
                if not work.answered:
                    self.abort(seat, work, "preempted")

    def close_seat(self, seat: Seat, reason: str) -> None:
        """Give back what was not accepted; all of it, where the agent is gone."""
        for work in list(seat.work.values()):
            if work.phase == "wrap-up" and reason == "seat-gone":
                self._drop(seat, work)
            elif not work.answered or reason == "seat-gone":
                self.abort(seat, work, reason)

    def abort(self, seat: Seat, work: Work, reason: str, *, tell: bool = True) -> None:
        """Free a slot, and give the contact back to its place."""
        if tell:
            self._turn.message(work.contact_owner, Release(work.reservation, work.fence, reason))
        self._drop(seat, work)
        if reason != "seat-gone":
            self._board.changed(seat)

    def adopt(self, seat: Seat) -> None:
        """Go on after a restart: nothing here hangs on a leg."""
        for work in seat.work.values():
            match work.phase:
                case "offered":
                    self._arm(work, CONFIRM_MS / 1000)
                case "shown":
                    self._arm(work, self._ring_s(work))
                case "accepted":
                    self._serve(work)
                case "wrap-up":
                    self._arm_notes(work, max(self._clock.monotonic_s(), work.due))

    def _drop(self, seat: Seat, work: Work) -> None:
        self._timers.cancel(_timer(work))
        self._timers.cancel(_serving(work))
        self._board.drop_work(seat, work)

    # -- deadlines -----------------------------------------------------------------------------

    def _arm(self, work: Work, seconds: float) -> None:
        name, due = work.reservation, self._clock.monotonic_s() + seconds
        self._timers.arm(_timer(work), due, lambda: self._lapsed(name))

    def _lapsed(self, reservation: str) -> None:
        seat = self._board.by_work(reservation)
        if seat is None:
            return
        work = seat.work[reservation]
        if work.phase == "shown":
            self.abort(seat, work, "no-answer")
            self._board.pause(seat, "no-answer")
        elif work.phase == "accepted":
            self.abort(seat, work, "peer-unreachable")
        else:
            self.abort(seat, work, "reservation-expired")

    def _serve(self, work: Work) -> None:
        self._arm(work, SERVING_LAPSE_S)
        self._assure(work.reservation)

    def _assure(self, reservation: str) -> None:
        """Tell the contact's owner that the agent is still at it, again and again."""
        seat = self._board.by_work(reservation)
        work = seat.work[reservation] if seat else None
        if work is None or work.phase != "accepted":
            return
        self._turn.message(work.contact_owner, Serving(work.reservation, work.fence))
        due = self._clock.monotonic_s() + SERVING_S
        self._timers.arm(_serving(work), due, lambda: self._assure(reservation))

    def _wrap_up(self, seat: Seat, work: Work) -> None:
        """Keep the slot for the agent's notes."""
        self._timers.cancel(_serving(work))
        queue = work.context.queue if work.context else ""
        seconds = self._plans.queue(queue or "x").wrap_up_s
        if not seconds:
            self._drop(seat, work)
        else:
            work.phase = "wrap-up"
            self._arm_notes(work, self._clock.monotonic_s() + seconds)
            self._turn.note(work.contact, WrapUpStarted(seat=seat.seat, seconds=seconds))
        self._board.changed(seat)

    def _arm_notes(self, work: Work, due: float) -> None:
        name = work.reservation
        work.due = due
        self._timers.arm(_timer(work), due, lambda: self._noted(name))

    def _noted(self, reservation: str) -> None:
        seat = self._board.by_work(reservation)
        if seat is not None:
            work = seat.work[reservation]
            queue = work.context.queue if work.context else ""
            began = work.due - self._plans.queue(queue or "x").wrap_up_s
            seconds = max(0.0, self._clock.monotonic_s() - began)
            self._turn.note(work.contact, WrapUpEnded(seat=seat.seat, seconds=seconds))
            self._drop(seat, work)
            self._board.changed(seat)

    def _ring_s(self, work: Work) -> float:
        queue = work.context.queue if work.context else ""
        return self._plans.queue(queue or "x").ring_s


def _timer(work: Work) -> str:
    return f"work/{work.reservation}"


def _serving(work: Work) -> str:
    return f"serving/{work.reservation}"
