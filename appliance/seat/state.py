"""A seat as its owner knows it: resumable state, kept whole at the end of each turn."""

from collections.abc import Iterator
from typing import Literal

import msgspec

from appliance.link.messages import Context
from appliance.plan.model import Agent, Channel
from appliance.routing.model import SeatRow, SeatState

ReservationPhase = Literal["offered", "confirmed", "ringing", "talking"]
#: offered to the contact's owner, shown to the agent, accepted by the agent, notes afterwards
WorkPhase = Literal["offered", "shown", "accepted", "wrap-up"]

#: phone states in which the seat has a call, or the notes of one
_ON_PHONE = frozenset({"reserved", "ringing", "talking", "wrap-up"})


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
    #: the relay appliance that `leg_in` goes through; empty: none
    relay: str = ""


class Work(msgspec.Struct, kw_only=True):
    """A written contact's hold on one slot of a seat, from its reservation to its notes."""

    reservation: str
    fence: int
    channel: Channel
    contact: str
    contact_owner: str
    contact_incarnation: int
    phase: WorkPhase = "offered"
    context: Context | None = None
    #: end of the wrap-up [monotonic s]
    due: float = 0.0

    @property
    def answered(self) -> bool:
        """Tell whether the agent has accepted it."""
        return self.phase in ("accepted", "wrap-up")


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
    #: the call
    reservation: Reservation | None = None
    #: reservation -> written contact
    work: dict[str, Work] = {}
    fence: int = 0


def has_room(seat: Seat, agent: Agent, channel: Channel) -> bool:
    """Tell whether *seat* takes one more contact of *channel*, its state aside.

    A call takes the place of an offer that excludes calls and that nobody has accepted.
    """
    used = sum(work.channel == channel for work in seat.work.values())
    if channel == "voice":
        used = seat.reservation is not None or seat.state in _ON_PHONE
    if used >= agent.slots.get(channel, 0):
        return False
    if channel == "voice":
        return not any(work.answered for work in excluding(seat, agent, channel))
    return not _phone_excludes(seat, agent, channel) and not any(excluding(seat, agent, channel))


def excluding(seat: Seat, agent: Agent, channel: Channel) -> Iterator[Work]:
    """Yield the written contacts that keep contacts of *channel* from the seat."""
    groups = [group for group in agent.exclusive if channel in group]
    for work in seat.work.values():
        if work.channel != channel and any(work.channel in group for group in groups):
            yield work


def _phone_excludes(seat: Seat, agent: Agent, channel: Channel) -> bool:
    on_phone = seat.reservation is not None or seat.state in _ON_PHONE
    return on_phone and any({"voice", channel} <= {*group} for group in agent.exclusive)


def row_of(
    seat: Seat, owner: str, incarnation: int, site: str, now_s: float, agent: Agent | None = None
) -> SeatRow:
    """Return what *seat*'s owner publishes; *agent* says what it takes."""
    held = seat.reservation
    state = seat.state
    also: tuple[Channel, ...] = ()
    if agent is not None:
        if state == "ready" and "voice" in agent.slots and not has_room(seat, agent, "voice"):
            state = "talking"
        others = [channel for channel in sorted(agent.slots) if channel != "voice"]
        also = tuple(channel for channel in others if has_room(seat, agent, channel))
    return SeatRow(
        seat=seat.seat,
        owner=owner,
        incarnation=incarnation,
        epoch=seat.epoch,
        site=site,
        state=state,
        idle_ms=round(max(0.0, now_s - seat.since) * 1000),
        contact=held.contact if held else "",
        fence=seat.fence,
        also=also,
        busy=(held is not None) + len(seat.work),
    )
