"""A seat as its owner knows it: resumable state, kept whole at the end of each turn."""

from typing import Literal

import msgspec

from appliance.link.messages import Context
from appliance.routing.model import SeatRow, SeatState

ReservationPhase = Literal["offered", "confirmed", "ringing", "talking"]


class Reservation(msgspec.Struct, kw_only=True):
    """One contact's hold on a seat."""

    reservation: str
    fence: int
    contact: str
    contact_owner: str
    contact_incarnation: int
    phase: ReservationPhase = "offered"
    context: Context | None = None
    #: the leg that the agent's phone is called for: the peer's, or the caller's own
    leg_in: int = 0
    #: the agent's phone
    leg_phone: int = 0
    #: the agent has put the caller on hold
    on_hold: bool = False
    #: how far the transfer is that the agent asked for
    transfer: str = ""


class Seat(msgspec.Struct, kw_only=True):
    """An agent logged in here."""

    seat: str
    account: str
    #: login epoch
    epoch: int
    state: SeatState = "ready"
    #: since when [monotonic s]
    since: float = 0.0
    #: when it last became ready; an offer that came to nothing does not change it [monotonic s]
    t_ready: float = 0.0
    #: end of the wrap-up [monotonic s]
    due: float = 0.0
    #: why it is paused: `agent` (star code) or a reason word
    why: str = ""
    #: pause when the running talk is over
    pause_after: bool = False
    reservation: Reservation | None = None
    fence: int = 0


def row_of(seat: Seat, owner: str, incarnation: int, site: str, now_s: float) -> SeatRow:
    """Return what *seat*'s owner publishes."""
    held = seat.reservation
    return SeatRow(
        seat=seat.seat,
        owner=owner,
        incarnation=incarnation,
        epoch=seat.epoch,
        site=site,
        state=seat.state,
        idle_ms=round(max(0.0, now_s - seat.since) * 1000),
        contact=held.contact if held else "",
        fence=seat.fence,
    )
