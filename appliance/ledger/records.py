"""What the ledger records: one type per kind of fact. `docs/ledger.md` explains each.

A contact's journal begins with `contact-arrived` and ends with exactly one `contact-ended`,
whose outcome tells a served caller from one who gave up. Facts are kept for years: fields are
only ever added, with a default, and an old reader skips what it does not know.
"""

import re
from functools import cache
from types import MappingProxyType
from typing import Literal

import msgspec

#: how a contact ended: an agent talked with it; it gave up while it waited; we let it go on
#: purpose (closed, sent elsewhere, done in the menu); something broke; it left a message
Outcome = Literal["served", "abandoned", "released", "failed", "voicemail"]

#: how far a transfer has come: asked for, its target called, agent and target talk, all three do;
#: then one of: the target has the contact, the agent took it back, it failed, it came back
TransferState = Literal[
    "asked", "calling", "talking", "conference", "completed", "cancelled", "failed", "returned"
]


class Fact(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Base of all facts."""

    @classmethod
    def kind(cls) -> str:
        """Return the word of this kind: `ContactArrived` is `contact-arrived`."""
        return _word(cls.__name__)


@cache
def _word(name: str) -> str:
    return re.sub(r"(?<=.)([A-Z])", r"-\1", name).lower()


# -- a contact's way ---------------------------------------------------------------------------


class ContactArrived(Fact, frozen=True, kw_only=True):
    """A contact was minted here and has its place; the first entry of its journal."""

    #: arrival on the hybrid logical clock: with appliance and contact it is the place
    arrival: int
    #: leg and the epoch of the legs process that numbers it; 0 for a contact without a leg
    leg: int = 0
    epoch: str = ""
    channel: str = "voice"
    #: trunk, line, phone or peer it came by
    via: str = ""
    caller: str = ""
    caller_name: str = ""
    called: str = ""
    #: the caller asked for privacy (RFC 3323)
    private: bool = False
    #: what a written contact is about
    subject: str = ""


class ContactAnswered(Fact, frozen=True, kw_only=True):
    """The contact's leg is up: from here on the caller hears us."""


class FlowStepped(Fact, frozen=True, kw_only=True):
    """The contact reached a step of its flow; *digit* is the key or number that led there."""

    flow: str = ""
    step: str
    digit: str = ""
    #: why nobody outside was reached from here: a reason word
    reason: str = ""


class ContactQueued(Fact, frozen=True, kw_only=True):
    """The contact waits in a queue; repeated where it changes queue, class or skills."""

    queue: str
    klass: str = ""
    skills: dict[str, int] = {}
    #: agent it asks for by name
    agent: str = ""
    #: site that it was given to first
    site: str = ""


class WaitAnnounced(Fact, frozen=True, kw_only=True):
    """The caller was told how long it may take: a promise, to be scored later."""

    low_s: float
    high_s: float


class CallBackPromised(Fact, frozen=True, kw_only=True):
    """The caller left a number and was promised a call: from now on, within this window."""

    number: str
    queue: str
    low_s: float
    high_s: float
    klass: str = ""


class ContactLeft(Fact, frozen=True, kw_only=True):
    """The caller left the line; the contact waits on at its place, to be called back."""

    reason: str = "normal"


class ContactReturned(Fact, frozen=True, kw_only=True):
    """The caller called in again, as the contact *was*, and waits on the line at this place."""

    leg: int
    epoch: str = ""
    was: str = ""


class CallBackMade(Fact, frozen=True, kw_only=True):
    """An agent has answered and the caller is being called."""

    number: str
    via: str = ""
    #: calls that are left after this one
    left: int = 0


class CallBackFailed(Fact, frozen=True, kw_only=True):
    """A call back was not answered; *reason* is a reason word."""

    reason: str
    left: int = 0


class CallBackScored(Fact, frozen=True, kw_only=True):
    """What became of the promise: whether the first call came before the window's end."""

    kept: bool
    #: when it came, or was given up, after the promise
    after_s: float
    low_s: float
    high_s: float
    reason: str = ""


class EscrowTaken(Fact, frozen=True, kw_only=True):
    """The contact's owner is gone, and this appliance calls the caller back for it."""

    owner: str
    number: str


class EscrowReturned(Fact, frozen=True, kw_only=True):
    """The owner is back and goes on itself: the contact is no longer here, and not over."""

    owner: str


class EscrowReleased(Fact, frozen=True, kw_only=True):
    """Somebody gave their word that the peer has not called; the contact is its owner's alone."""

    holder: str
    by: str


class EscrowClosed(Fact, frozen=True, kw_only=True):
    """A peer called the caller back meanwhile; the contact's end is in that one's journal."""

    by: str
    outcome: Outcome
    reason: str = ""


class SeatOffered(Fact, frozen=True, kw_only=True):
    """A seat is reserved for the contact and is being reached."""

    seat: str
    #: appliance that owns the seat
    owner: str
    reservation: str
    fence: int = 0
    waited_ms: int = 0
    #: why this agent: the decision's trace (MessagePack), enough to compute it again
    trace: bytes = b""


class OfferEnded(Fact, frozen=True, kw_only=True):
    """An offer came to nothing; *reason* is a reason word."""

    seat: str = ""
    reservation: str
    reason: str


class ContactConnected(Fact, frozen=True, kw_only=True):
    """Contact and agent hear each other: from here on it counts as served."""

    seat: str
    owner: str
    reservation: str = ""
    leg: int = 0
    bridge: str = ""
    waited_ms: int = 0


class ContactHeld(Fact, frozen=True, kw_only=True):
    """The agent put the contact on hold, or took it back."""

    on: bool


class ContactMoved(Fact, frozen=True, kw_only=True):
    """The contact was handed on: to a queue, a flow, a seat or a number outside."""

    to: str
    #: what became of its place
    place: Literal["keep", "waiting-time-only", "new"] = "keep"
    by: str = ""


class TransferStepped(Fact, frozen=True, kw_only=True):
    """A transfer of the contact has come this far."""

    how: Literal["blind", "consult"]
    state: TransferState
    #: target, as the plan writes it
    to: str
    #: agent who asked
    by: str = ""
    #: agent who is reached
    seat: str = ""
    reason: str = ""
    waited_ms: int = 0
    note: str = ""


class TalkEnded(Fact, frozen=True, kw_only=True):
    """Contact and agent no longer hear each other."""

    seat: str = ""
    talked_ms: int = 0
    reason: str = "normal"
    #: who ended it
    by: Literal["caller", "agent", "us"] = "us"


class ContactEnded(Fact, frozen=True, kw_only=True):
    """The contact is over; the last entry of its journal, once."""

    outcome: Outcome
    reason: str = "normal"
    waited_ms: int = 0
    talked_ms: int = 0


class RecordingKept(Fact, frozen=True, kw_only=True):
    """A recording of the contact was closed; *path* is relative to the recordings' folder."""

    path: str
    duration_ms: int
    recording: str = ""
    leg: int = 0
    reason: str = "normal"


class FaxKept(Fact, frozen=True, kw_only=True):
    """A fax of the contact is over; its files, if any, are relative to the faxes' folder."""

    pages: int
    path: str = ""
    pdf: str = ""
    #: what the far end called itself
    station: str = ""
    reason: str = "normal"
    leg: int = 0
    t38: bool = False


class LookedUp(Fact, frozen=True, kw_only=True):
    """A data source was asked about the contact; what it said is not here, but for *data*."""

    flow: str = ""
    step: str
    result: Literal["found", "missing", "failed"]
    #: why it failed: a reason word
    reason: str = "normal"
    took_ms: int = 0
    #: names of what was taken of the answer
    taken: list[str] = []
    #: what the plan says may be journalled
    data: dict[str, str] = {}


class MessageLeft(Fact, frozen=True, kw_only=True):
    """The contact left a message; *path* is relative to the recordings' folder."""

    mailbox: str
    path: str
    duration_ms: int
    reason: str = "normal"
    #: contact by which an agent is offered it
    task: str = ""


class Adopted(Fact, frozen=True, kw_only=True):
    """After a restart of the brain the contact was found again with its leg."""

    leg: int
    epoch: str = ""
    #: what the contact was doing
    state: str = ""


class PlaceCorrected(Fact, frozen=True, kw_only=True):
    """This box's clock was set while the contact was here, and its place went with it."""

    was: int
    #: what it would have been by the clock as it is now
    arrival: int


# -- seats -------------------------------------------------------------------------------------


class SeatChanged(Fact, frozen=True, kw_only=True):
    """A seat is in another state."""

    seat: str
    #: login epoch
    epoch: int
    state: str
    reason: str = ""


class WrapUpStarted(Fact, frozen=True, kw_only=True):
    """The agent has work to do after the talk; at most *seconds* of it."""

    seat: str
    seconds: float = 0.0


class WrapUpEnded(Fact, frozen=True, kw_only=True):
    """The wrap-up is over; it took *seconds*."""

    seat: str
    seconds: float = 0.0


# -- the box -----------------------------------------------------------------------------------


class PlanTaken(Fact, frozen=True, kw_only=True):
    """From here on the plan with this serial is obeyed."""

    serial: int
    #: SHA-256 of the document, hexadecimal
    digest: str = ""


class TrunkChanged(Fact, frozen=True, kw_only=True):
    """A trunk or line came up or went down."""

    trunk: str
    up: bool
    reason: str = ""


class CallRelayed(Fact, frozen=True, kw_only=True):
    """A call between two other appliances that this one relayed is over; no contact of ours.

    After a restart an entry may come twice; each reservation is called once.
    """

    #: the appliances
    caller: str
    called: str
    reservation: str
    talked_ms: int = 0
    reason: str = ""


class MessageTaken(Fact, frozen=True, kw_only=True):
    """A short message that a line received; it may now be deleted on the device."""

    line: str
    sender: str
    text: str
    slot: str = ""


class MessageDeleted(Fact, frozen=True, kw_only=True):
    """A message that a contact left is gone: somebody deleted it, or its time was over."""

    mailbox: str
    path: str
    by: Literal["person", "retention"]


class ClockFlagged(Fact, frozen=True, kw_only=True):
    """A stamp was too far ahead of our clock and was not followed."""

    sender: str
    stamp: int
    ahead_ms: int


class ChainBegun(Fact, frozen=True, kw_only=True):
    """First entry of a chain: why there is a new one, and the head of the one before it."""

    reason: Literal["first", "lost", "broken", "damaged", "renamed"]
    previous_chain: str = ""
    previous_number: int = 0
    previous_hash: bytes = b""


class LedgerOpened(Fact, frozen=True, kw_only=True):
    """A brain opened the ledger: its incarnation and the machine's boot."""

    incarnation: int
    boot: str = ""


class EntriesDropped(Fact, frozen=True, kw_only=True):
    """This many entries were not kept, because the disk took nothing for too long."""

    count: int


#: kind -> record
KINDS: MappingProxyType[str, type[Fact]] = MappingProxyType(
    {
        record.kind(): record
        for record in (
            ContactArrived,
            ContactAnswered,
            FlowStepped,
            ContactQueued,
            WaitAnnounced,
            CallBackPromised,
            ContactLeft,
            ContactReturned,
            CallBackMade,
            CallBackFailed,
            CallBackScored,
            EscrowTaken,
            EscrowReturned,
            EscrowReleased,
            EscrowClosed,
            SeatOffered,
            OfferEnded,
            ContactConnected,
            ContactHeld,
            ContactMoved,
            TransferStepped,
            TalkEnded,
            ContactEnded,
            RecordingKept,
            FaxKept,
            LookedUp,
            MessageLeft,
            Adopted,
            PlaceCorrected,
            SeatChanged,
            WrapUpStarted,
            WrapUpEnded,
            PlanTaken,
            TrunkChanged,
            CallRelayed,
            MessageTaken,
            MessageDeleted,
            ClockFlagged,
            ChainBegun,
            LedgerOpened,
            EntriesDropped,
        )
    }
)
