"""What the pages get of the live floor: JSON of `LiveFloor`, and of each `LiveChange` after it."""

import msgspec

from appliance.routing.model import ContactState, SeatState


class LiveAppliance(msgspec.Struct, kw_only=True):
    """An approved box."""

    name: str
    site: str
    up: bool = False
    #: since when it is up or down, RFC 3339 UTC; empty: not seen since the hub started
    since: str = ""
    version: str = ""
    #: why it is down or was refused: reason word and sentence
    reason: str = ""
    detail: str = ""
    #: serial of the plan it obeys; 0: none
    plan_serial: int = 0
    #: what it answered to the newest plan: reason word, `normal` where it obeys; empty: nothing
    plan_ack: str = ""
    plan_ack_detail: str = ""
    #: round trip of the link [ms]; -1: not known
    link_ms: int = -1
    #: how far its clock is ahead of the hub's [ms]; 0: not more than half a second
    clock_ms: int = 0
    #: peers it says it reaches
    reaches: list[str] = []


class LiveContact(msgspec.Struct, kw_only=True):
    """A contact that is open; no caller's number, no name."""

    contact: str
    owner: str
    queue: str
    klass: str
    state: ContactState
    #: since it arrived [ms]
    age_ms: int
    #: seat that serves it or is reserved for it
    seat: str


class LiveSeat(msgspec.Struct, kw_only=True):
    """A seat that is logged in."""

    seat: str
    owner: str
    site: str
    state: SeatState
    #: for how long it has been in this state [ms]
    for_ms: int
    contact: str


class LiveQueue(msgspec.Struct, kw_only=True):
    """What a queue holds."""

    queue: str
    waiting: int = 0
    #: reserved or connecting
    offered: int = 0
    talking: int = 0
    #: age of the contact that has waited longest [ms]
    longest_ms: int = 0


class LiveGone(msgspec.Struct, kw_only=True):
    """Names of what is no longer there."""

    appliances: list[str] = []
    contacts: list[str] = []
    seats: list[str] = []
    queues: list[str] = []


class LiveFloor(msgspec.Struct, kw_only=True):
    """Everything; stands for all changes up to *number*."""

    number: int
    #: RFC 3339 UTC
    at: str
    #: serial of the plan the hub decides by; 0: none
    plan_serial: int
    appliances: list[LiveAppliance]
    contacts: list[LiveContact]
    seats: list[LiveSeat]
    queues: list[LiveQueue]


class LiveChange(msgspec.Struct, kw_only=True):
    """What changed; numbered without gaps."""

    number: int
    at: str
    plan_serial: int
    appliances: list[LiveAppliance] = []
    contacts: list[LiveContact] = []
    seats: list[LiveSeat] = []
    queues: list[LiveQueue] = []
    gone: LiveGone
