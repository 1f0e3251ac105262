"""After a restart: seats are found again from what the ledger kept and which phones are there."""

import logging
from collections.abc import Iterable

import msgspec

from appliance.call.attach import Found
from appliance.seat.board import SEAT_KEY, SeatBoard
from appliance.seat.offers import SeatOffers
from appliance.seat.state import Reservation, Seat
from appliance.wire.rows import LegRow

log = logging.getLogger(__name__)


def kept_seats(states: Iterable[tuple[str, bytes]]) -> list[Seat]:
    """Return the seats among the kept states; one that cannot be read is told and left out."""
    decoder = msgspec.msgpack.Decoder(Seat)
    seats = []
    for key, state in states:
        if not key.startswith(SEAT_KEY):
            continue
        try:
            seats.append(decoder.decode(state))
        except msgspec.MsgspecError as error:
            log.error("%s cannot be adopted: %s", key, error)  # noqa: TRY400
    return seats


def adopt_seats(
    board: SeatBoard, offers: SeatOffers, seats: Iterable[Seat], found: Found, now_s: float
) -> None:
    """Take *seats* in again, then log in every other phone that is there, and out those gone."""
    there = {registration.account for registration in found.registrations}
    for seat in seats:
        seat.since, seat.t_ready = min(seat.since, now_s), min(seat.t_ready, now_s)
        board.add(seat)
        offers.written.adopt(seat)
        held = seat.reservation
        if held is not None:
            _adopt_reservation(board, offers, seat, held, found)
        elif seat.state == "wrap-up":
            board.arm_wrap_up(seat, max(now_s, seat.due))
            board.publish(seat)
        elif seat.state in ("reserved", "ringing", "talking"):
            board.back_to_ready(seat)
        else:
            board.publish(seat)
        if seat.account not in there and seat.reservation is None:
            board.remove(seat)
    for account in there:
        board.phone_there(account)


def _adopt_reservation(
    board: SeatBoard, offers: SeatOffers, seat: Seat, held: Reservation, found: Found
) -> None:
    """Go on with a reservation whose phone leg is there; free the seat of any other."""
    phone = _phone_leg(held, found)
    if phone is None or phone.state == "down":
        if held.phase == "talking":
            offers.leg_down(seat, held.leg_phone, phone.reason if phone else "normal")
        else:
            offers.abort(seat, "owner-restart")
        return
    offers.phone_out(seat, phone.leg)
    if held.phase == "talking":
        offers.on_talk(phone.leg)
        if offers.is_left(held):  # handed on, but the agent's leg was not ended before the kill
            offers.end(held, "transferred")
            return
    if phone.state == "up" and not phone.bridge:
        offers.phone_up(seat)
    elif held.phase != "talking":
        offers.rearm(seat)
    board.publish(seat)


def _phone_leg(held: Reservation, found: Found) -> LegRow | None:
    token = f"{held.reservation}/phone"
    for row in found.legs.values():
        if row.out and (row.leg == held.leg_phone or row.tok == token):
            return row
    return None
