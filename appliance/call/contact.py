"""A contact as its owner knows it: resumable state, kept whole at the end of each turn."""

from typing import Literal

import msgspec

from appliance.link.messages import Context, Handled
from appliance.plan.actions import FlowState
from appliance.plan.model import Channel
from appliance.plan.transfers import PlaceRule
from appliance.routing.model import ContactRow, ContactState, Given, Place

#: *moving*: between two agents, or on its way outside; *resting*: nobody is offered it for now
Phase = Literal["flow", "waiting", "reserved", "talking", "moving", "resting"]

_PUBLISHED: dict[Phase, ContactState] = {
    "waiting": "waiting",
    "reserved": "reserved",
    "talking": "talking",
    "moving": "connecting",
}


#: agents before, and notes, that go with a contact
MAX_HANDLED = 16


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
    #: the relay appliance that the leg goes through; empty: none
    relay: str = ""


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
    #: queue whose agents are to be offered it
    queue: str = ""
    #: it is being recorded
    open: bool = True
    length_ms: int = 0
    #: how the recording ended, and why the caller went before: reason words
    reason: str = "normal"
    gone: str = ""


class Transfer(msgspec.Struct, kw_only=True):
    """A transfer under way: who asked, where to, how far it is."""

    how: Literal["blind", "consult"]
    #: as the plan writes it
    target: str
    #: *asked*: a seat was asked for; *calling*: its phone, or a number outside, is called;
    #: *talking*: agent and target talk, the caller hears music; *conference*: all three;
    #: *returning*: the agent who asked is asked for again; *recalled*: called again; *failing*:
    #: the agent is told that it failed
    stage: Literal[
        "asked", "calling", "talking", "conference", "returning", "recalled", "failing"
    ] = "asked"
    place: PlaceRule = "keep"
    #: the agent who asked, the owner of that seat, and the queue the contact came by
    by: str
    by_owner: str
    queue: str
    #: the target's reservation, while the agent who asked still has the contact
    booking: Booking | None = None
    #: the same for a number outside
    outside: OutsideCall | None = None
    #: seat that is asked for, its owner, and those that would not
    seat: str = ""
    seat_owner: str = ""
    tried: tuple[str, ...] = ()
    #: why it fails
    reason: str = ""
    #: until then a consulted queue may take to have somebody free [monotonic s]; 0: not asked yet
    until_s: float = 0.0


class Leaving(msgspec.Struct, frozen=True):
    """When a waiting contact leaves its queue, and for which flow."""

    #: [monotonic s]
    due_s: float
    flow: str


class CallBack(msgspec.Struct, kw_only=True):
    """A number that a caller left, and what was promised."""

    #: E.164
    number: str
    trunk: str
    country: str
    queue: str
    klass: str
    skills: dict[str, int]
    ring_s: float
    gap_s: float
    #: calls that are left
    calls: int
    #: when it was promised: monotonic [s] of this boot, and wall clock [us]
    t_promised: float
    boot: str
    wall_us: int
    #: window of the first call, counted from then [s]
    low_s: float
    high_s: float
    #: the caller has left the line: the contact waits without a leg
    waits: bool = False
    #: agent it asks for by name
    agent: str = ""
    #: it was called, or the window has passed, and that is journalled
    scored: bool = False
    #: the call that is being made
    tok: str = ""
    leg: int = 0
    #: end of the rest between two calls [monotonic s]
    due_s: float = 0.0
    #: peer that has it in escrow; number of what it was told last
    holder: str = ""
    told: int = 0
    #: it is not known whether the holder has called meanwhile
    doubt: bool = False
    #: not to be offered: we may not call now
    held: bool = False
    #: appliance that we call for
    owner: str = ""
    #: since when it is held, or was [wall clock, us]
    held_us: int = 0


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
    transfer: Transfer | None = None
    #: agents who have had it
    handled: tuple[Handled, ...] = ()
    notes: tuple[str, ...] = ()
    #: talk with them [s]
    talked_s: float = 0.0
    #: site whose agents are near, where it is another than the caller's
    home: str = ""
    #: waited before its place became a new one [s]
    waited_before_s: float = 0.0
    callback: CallBack | None = None
    #: a contact of another channel than voice has no leg: 0
    channel: Channel = "voice"
    #: what a written contact is about
    subject: str = ""
    #: site whose agents it is for at first
    given: Given | None = None


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
    back = contact.callback
    held = contact.phase == "waiting" and back is not None and back.waits and back.held
    if state is None or held:
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
        channel=contact.channel,
        home=contact.home or site,
        agent=contact.agent,
        given=contact.given if state == "waiting" else None,
    )


def shift(contact: Contact, shift_s: float) -> None:
    """Move all monotonic times of a contact to another clock [s]."""
    contact.t_arrived += shift_s
    if contact.era_ms is not None:
        contact.era_ms -= round(shift_s * 1000)
    if contact.t_queued:
        contact.t_queued += shift_s
    if contact.callback is not None:
        contact.callback.t_promised += shift_s
        contact.callback.due_s += shift_s


def had_agent(contact: Contact) -> bool:
    """Tell whether the contact talks or has talked with an agent: it is not to be called back."""
    return contact.phase in ("talking", "moving") or bool(contact.handled)


def is_away(contact: Contact) -> bool:
    """Tell whether the contact waits without a leg, to be called back."""
    return contact.callback is not None and contact.callback.waits


def context_of(contact: Contact, now_s: float) -> Context:
    """Return what the agent should know before the phone rings."""
    back = contact.callback.number if contact.callback and contact.callback.waits else ""
    return Context(
        caller=back or contact.caller,
        caller_name=contact.caller_name,
        private=contact.private and not back,
        called=contact.called,
        queue=contact.queue,
        klass=contact.klass,
        keys=list(contact.keys),
        waited_ms=round((waited_s(contact, now_s) + contact.waited_before_s) * 1000),
        arrived=contact.arrived,
        data={**contact.data, **_shown(contact, back)},
        handled=list(contact.handled),
        notes=list(contact.notes),
        transfer=_how(contact.transfer),
        by=contact.transfer.by if contact.transfer else "",
    )


def _shown(contact: Contact, back: str) -> dict[str, str]:
    told = {"call-back": back, "subject": contact.subject}
    return {name: text for name, text in told.items() if text}


def _how(transfer: Transfer | None) -> str:
    if transfer is None:
        return ""
    return "returned" if transfer.stage in ("returning", "recalled") else transfer.how


def end_talk(contact: Contact, now_s: float) -> int:
    """Let the contact wait again from now on; return how long it has talked [ms].

    What it had waited before counts on, the talk itself does not.
    """
    waited = waited_s(contact, now_s)
    talked = max(0.0, now_s - contact.t_talk) if contact.t_talk else 0.0
    booking = contact.booking
    if booking is not None and contact.t_talk:
        had_it = Handled(
            seat=booking.seat,
            owner=booking.seat_owner,
            queue=contact.queue,
            waited_ms=round((waited + contact.waited_before_s) * 1000),
            talked_ms=round(talked * 1000),
        )
        contact.handled = (*contact.handled, had_it)[-MAX_HANDLED:]
    contact.talked_s += talked
    contact.t_talk = 0.0
    contact.t_queued = now_s - waited
    contact.on_hold = False
    return round(talked * 1000)
