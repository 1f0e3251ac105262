"""A contact as its owner knows it: resumable state, kept whole at the end of each turn."""

from typing import Literal

import msgspec

from appliance.link.messages import Context
from appliance.plan.actions import FlowState
from appliance.routing.model import ContactRow, ContactState, Place

Phase = Literal["flow", "waiting", "reserved", "talking"]

_PUBLISHED: dict[Phase, ContactState] = {
    "waiting": "waiting",
    "reserved": "reserved",
    "talking": "talking",
}


class Booking(msgspec.Struct, kw_only=True):
    """The reservation that a contact holds at a seat, as the contact's owner sees it."""

    reservation: str
    fence: int
    seat: str
    seat_owner: str
    agent_title: str
    #: the leg to the agent: a peer leg, or the agent's phone where the seat is ours
    leg: int = 0
    ringing: bool = False


class OutsideCall(msgspec.Struct, kw_only=True):
    """The call to the outside that a flow makes for a contact."""

    tok: str
    leg: int = 0
    up: bool = False


class Looked(msgspec.Struct, kw_only=True):
    """What data sources said of a contact that its queue has yet to hear."""

    skills: dict[str, int] = {}
    agent: str = ""


class Message(msgspec.Struct, kw_only=True):
    """The message that a contact leaves, until it is kept or thrown away."""

    recording: str
    #: in the recordings' folder
    path: str
    mailbox: str
    longest_s: float
    #: it is being recorded
    open: bool = True
    length_ms: int = 0
    #: how the recording ended, and why the caller went before: reason words
    reason: str = "normal"
    gone: str = ""


class Leaving(msgspec.Struct, frozen=True):
    """When a waiting contact leaves its queue, and for which flow."""

    #: [monotonic s]
    due_s: float
    flow: str


class Contact(msgspec.Struct, kw_only=True):
    """Everything that must survive a kill of the brain for one caller."""

    contact: str
    place: Place
    #: life of the legs process that `leg` belongs to
    epoch: str
    leg: int
    kind: str
    via: str
    caller: str
    caller_name: str
    private: bool
    called: str
    #: arrival, wall clock [RFC 3339] and monotonic [s]
    arrived: str
    t_arrived: float
    #: the caller's leg is answered
    up: bool = False
    phase: Phase = "flow"
    #: flow to begin with, decided on arrival
    entry: str = ""
    flow: FlowState | None = None
    keys: tuple[tuple[str, str], ...] = ()
    queue: str = ""
    klass: str = ""
    skills: dict[str, int] = {}
    #: agent it asks for by name
    agent: str = ""
    outside: OutsideCall | None = None
    #: number of the last question to a data source, and what came of them
    asked: int = 0
    looked: Looked = msgspec.field(default_factory=Looked)
    #: what the agent is to see
    data: dict[str, str] = {}
    message: Message | None = None
    #: messages begun, messages left
    takes: int = 0
    messages: int = 0
    leaving: Leaving | None = None
    #: overflow rules that were applied to it: (queue, flow)
    taken: tuple[tuple[str, str], ...] = ()
    #: joined its first queue, connected to an agent [monotonic s]
    t_queued: float = 0.0
    t_talk: float = 0.0
    #: number of the last play
    play: int = 0
    booking: Booking | None = None
    #: the agent has put the caller on hold
    on_hold: bool = False
    #: reservations that came to nothing
    attempts: int = 0
    fence: int = 0
    #: wall less monotonic time of the clock that the place was minted by [ms]; None: not kept then
    era_ms: int | None = None


def waited_s(contact: Contact, now_s: float) -> float:
    """Return how long *contact* has waited since it first joined a queue [s]."""
    if not contact.t_queued:
        return 0.0
    return max(0.0, (contact.t_talk or now_s) - contact.t_queued)


def row_of(
    contact: Contact, owner: str, incarnation: int, site: str, now_s: float
) -> ContactRow | None:
    """Return what *contact*'s owner publishes; None while it is in a flow."""
    state = _PUBLISHED.get(contact.phase)
    if state is None:
        return None
    return ContactRow(
        contact=contact.contact,
        owner=owner,
        incarnation=incarnation,
        place=contact.place,
        queue=contact.queue,
        klass=contact.klass,
        skills=contact.skills,
        state=state,
        age_ms=round(waited_s(contact, now_s) * 1000),
        seat=contact.booking.seat if contact.booking else "",
        fence=contact.fence,
        home=site,
        agent=contact.agent,
    )


def context_of(contact: Contact, now_s: float) -> Context:
    """Return what the agent should know before the phone rings."""
    return Context(
        caller=contact.caller,
        caller_name=contact.caller_name,
        private=contact.private,
        called=contact.called,
        queue=contact.queue,
        klass=contact.klass,
        keys=list(contact.keys),
        waited_ms=round(waited_s(contact, now_s) * 1000),
        arrived=contact.arrived,
        data=dict(contact.data),
    )
