"""A recorded day, as far as routing goes: who came, who was there, what became of each. Pure.

All times are wall time [µs]: events of one millisecond keep their order. Two entries of one
ledger never stand in the other order than they happened; between ledgers the clocks decide.
"""

from typing import Literal

import msgspec

from appliance.plan.model import Channel
from appliance.routing.model import Place

#: an agent talked with it; it gave up; a flow, or we, let it go; something broke; nobody knows
Outcome = Literal["served", "abandoned", "released", "failed", "voicemail", "open"]

#: what a seat's state comes down to
Use = Literal["ready", "busy", "away"]


class Stay(msgspec.Struct, frozen=True, kw_only=True):
    """What a contact waits for, from joining a queue on."""

    queue: str
    klass: str = ""
    skills: dict[str, int] = {}
    #: agent it asks for by name
    agent: str = ""
    #: site that it was given to first, and serial of the plan by which; -1: not known
    site: str = ""
    serial: int = -1


class Detour(msgspec.Struct, frozen=True, kw_only=True):
    """What a flow did with a contact that waited too long in *queue*."""

    queue: str
    flow: str
    #: from the queue to what came of it; -1: not known
    took_us: int = -1
    #: what it waited for after it; None: it was let go
    stay: Stay | None = None


class Failed(msgspec.Struct, frozen=True):
    """An offer that came to nothing."""

    #: from the offer on
    after_us: int
    reason: str = ""
    #: how long the agent was not ready because of it; 0: not at all, -1: for the rest of the day
    away_us: int = 0


class Visit(msgspec.Struct, frozen=True, kw_only=True):
    """A contact of the day, and what became of it. Durations are in µs; -1: not known."""

    contact: str
    owner: str
    place: Place
    joined_us: int
    stay: Stay
    channel: Channel = "voice"
    #: site whose agents are near
    home: str = ""
    #: it was gone after this wait, unserved; -1: it was not, or a flow let it go
    patience_us: int = -1
    #: what its end was called then
    parting: Outcome = "abandoned"
    #: a flow let it go after this wait; -1: none did
    let_go_us: int = -1
    #: who talked with it, after this wait; empty: nobody
    seat: str = ""
    waited_us: int = 0
    #: from offer to talk, of the talk, and of the notes after it
    setup_us: int = -1
    talk_us: int = -1
    wrap_up_us: int = -1
    #: seat that it was offered to when it gave up, and for how long
    unheard: str = ""
    unheard_us: int = 0
    #: seat -> offers there that came to nothing, in order
    failed: dict[str, tuple[Failed, ...]] = {}
    detours: tuple[Detour, ...] = ()


class Presence(msgspec.Struct, frozen=True, kw_only=True):
    """An agent came, or took a break, or left."""

    at_us: int
    seat: str
    owner: str
    site: str
    there: bool


class Fate(msgspec.Struct, frozen=True, array_like=True):
    """What becomes of a visit."""

    contact: str
    outcome: Outcome
    seat: str = ""
    waited_us: int = 0


# -- the day step by step, for judging each decision -------------------------------------------


class Waits(msgspec.Struct, frozen=True, array_like=True):
    """A contact joined a queue, another one perhaps."""

    at_us: int
    contact: str
    stay: Stay


class Offered(msgspec.Struct, frozen=True, array_like=True):
    """A contact was offered to a seat: somebody had decided so."""

    at_us: int
    contact: str
    seat: str


class Returned(msgspec.Struct, frozen=True, array_like=True):
    """The offer came to nothing; the contact waits on."""

    at_us: int
    contact: str
    reason: str


class Talks(msgspec.Struct, frozen=True, array_like=True):
    """A contact talks with whom it was offered to."""

    at_us: int
    contact: str


class Gone(msgspec.Struct, frozen=True, array_like=True):
    """A contact waits no more: it talks, or is in a flow, or over."""

    at_us: int
    contact: str


class Sits(msgspec.Struct, frozen=True, array_like=True):
    """A seat takes a contact now, or is busy, or the agent is not there."""

    at_us: int
    seat: str
    owner: str
    use: Use
    #: how long it has been without work; an offer that came to nothing does not change that
    idle_us: int = 0
    #: it is busy for a contact of this queue, which agents in reserve served by the plan with this
    #: serial; -1: they did not, or nobody knows
    queue: str = ""
    reserve_by: int = -1


Moment = Waits | Offered | Returned | Talks | Gone | Sits


def recorded(visit: Visit) -> Fate:
    """Return what became of *visit* on the day itself."""
    if visit.seat:
        return Fate(visit.contact, "served", visit.seat, visit.waited_us)
    if visit.let_go_us >= 0:
        return Fate(visit.contact, "released", "", visit.let_go_us)
    if visit.patience_us >= 0:
        return Fate(visit.contact, visit.parting, "", visit.patience_us)
    return Fate(visit.contact, "open")
