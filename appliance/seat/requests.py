"""Seats that are asked for by name, for transfers; and how far those of our own agents are."""

from appliance.call.turn import Turn
from appliance.link.messages import ProposalRefused, SeatWanted, TransferTold
from appliance.seat.board import SeatBoard
from appliance.seat.offers import SeatOffers


class SeatRequests:
    """The seat owner's side of transfers."""

    def __init__(self, turn: Turn, board: SeatBoard, offers: SeatOffers) -> None:
        self._turn = turn
        self._board = board
        self._offers = offers

    def wanted(self, peer: str, message: SeatWanted) -> None:
        """Reserve a seat that a contact's owner asks for by name, for a transfer."""
        seat = self._board.get(message.seat)
        held = seat.reservation if seat else None
        if seat is None:
            reason = "seat-gone"
        elif held is not None and (held.contact, held.contact_owner) == (message.contact, peer):
            if held.phase == "offered":
                self._offers.offer(seat, held, message.contact_fence)
                return
            reason = "seat-busy"
        elif seat.state == "ready" and not self._board.has_room(seat, "voice"):
            reason = "seat-busy"
        elif full := self._board.budget.against(peer, self._leaves(peer, message)):
            reason = full
        elif seat.state == "ready" or (message.recall and seat.state == "wrap-up"):
            self._board.cut_wrap_up(seat)
            held = self._offers.hold(seat, message.contact, peer, message.contact_incarnation)
            self._offers.offer(seat, held, message.contact_fence)
            return
        else:
            reason = "seat-paused" if seat.state == "paused" else "seat-busy"
        self._turn.message(peer, ProposalRefused(message.contact, message.seat, reason))

    def _leaves(self, peer: str, message: SeatWanted) -> str:
        """Return the reservation that is given up for the wanted one; only its own counts."""
        seat = self._board.by_reservation(message.leaves)
        held = seat.reservation if seat else None
        ours = held is not None and (held.contact, held.contact_owner) == (message.contact, peer)
        return message.leaves if ours else ""

    def told(self, peer: str, message: TransferTold) -> None:
        """Note how far the transfer is that our agent asked for."""
        seat = self._offers.held(peer, message.reservation, message.fence)
        if seat is not None and seat.reservation is not None:
            seat.reservation.transfer = message.reason or message.state
            self._board.keep(seat)
