"""What appliances and hub say to each other. `docs/federation.md` tells the protocol.

Identity never comes from a field: it is the key the session was opened with. Times are durations
on the receiver's clock.
"""

from typing import Literal

import msgspec

from appliance.routing.model import ContactRow, Failure, Proposal, QueueView, SeatRow

#: version of this protocol; N and N-1 interoperate
PROTO = 1
#: heartbeat on every session [s]: three are missed before a peer counts as dead
HEARTBEAT_S = 0.5
#: silence after which the other end counts as dead [s]
DEAD_S = 1.5
#: a seat waits this long for the contact's owner to confirm [ms]
CONFIRM_MS = 2000
#: media must connect within this after a confirmation, or the reservation lapses [ms]
CONNECT_MS = 2000
#: the owners of an accepted written contact and of its seat assure each other of it each [s]
SERVING_S = 5.0
#: without such a word the contact is back at its place, and the seat free, after this [s]: six
#: words lost; longer than the restart of a brain or a short cut, which must not end such work
SERVING_LAPSE_S = 30.0


class LinkRecord(msgspec.Struct, array_like=True):
    """Base: an array on the wire, so that a field is only ever added at the end."""


class Hello(LinkRecord, tag=1):
    """First on every session."""

    proto: int
    role: Literal["appliance", "hub"]
    name: str
    site: str
    incarnation: int
    version: str
    plan_serial: int = 0
    #: fingerprints of the documents it holds: these need not be sent
    held: list[str] = []
    #: it knows that rows go only to those who may propose for them; who does not is sent all
    addressed: bool = False


class Beat(LinkRecord, tag=2):
    """Heartbeat, both ways; it echoes the other end's last one, so that each knows the delay."""

    sent_ms: int
    #: `sent_ms` of the last beat received; -1: none yet
    echo_ms: int = -1
    #: how long ago that beat came [ms]
    held_ms: int = 0
    #: what the sender's hybrid clock shows; 0: it does not say
    stamp: int = 0


class Snapshot(LinkRecord, tag=3):
    """Everything open at the sender; stands for all deltas up to *number*."""

    incarnation: int
    number: int
    contacts: list[ContactRow]
    seats: list[SeatRow]
    failures: list[Failure] = []
    #: peers this appliance reaches now
    reaches: list[str] = []
    #: the sender's branch
    site: str = ""
    #: the sender's access link takes no more calls with other branches
    link_full: bool = False


class Delta(LinkRecord, tag=4):
    """Rows that changed; numbered without gaps. A contact that ended is sent once as `ended`."""

    incarnation: int
    number: int
    contacts: list[ContactRow] = []
    seats: list[SeatRow] = []
    #: seats that are gone
    gone: list[str] = []
    failures: list[Failure] = []
    reaches: list[str] | None = None
    #: None: as before
    link_full: bool | None = None


class Resnapshot(LinkRecord, tag=5):
    """A gap was seen: send a snapshot."""

    expected: int


class Propose(LinkRecord, tag=10):
    """Matchmaker to the seat's owner."""

    proposal: Proposal


class ProposalRefused(LinkRecord, tag=11):
    """An owner to the matchmaker: this proposal came to nothing."""

    contact: str
    seat: str
    reason: str


class Offer(LinkRecord, tag=12, kw_only=True):
    """Seat's owner to contact's owner: the seat is reserved; confirm within `deadline_ms`."""

    reservation: str
    fence: int
    contact: str
    contact_incarnation: int
    contact_fence: int
    seat: str
    seat_epoch: int
    agent_title: str
    deadline_ms: int = CONFIRM_MS
    #: why this seat, as `routing/trace.py` packs it; empty: asked for by name
    trace: bytes = b""


class Handled(LinkRecord, kw_only=True):
    """An agent who has talked with a contact before."""

    seat: str
    owner: str
    queue: str
    #: before that talk, in all [ms]
    waited_ms: int
    talked_ms: int


class Context(LinkRecord, kw_only=True):
    """What the agent should know before the phone rings."""

    caller: str
    caller_name: str
    private: bool
    called: str
    queue: str
    klass: str
    #: keys the caller pressed, in order: (step, digit)
    keys: list[tuple[str, str]]
    waited_ms: int
    arrived: str
    data: dict[str, str] = {}
    #: who had it before, the first first
    handled: list[Handled] = []
    #: what those agents noted
    notes: list[str] = []
    #: how it is handed on: `blind`, `consult` or `returned`; empty: it comes from a queue
    transfer: str = ""
    #: whoever asked for that
    by: str = ""


class Confirm(LinkRecord, tag=13):
    """Contact's owner to seat's owner: it is yours; the call follows with this id and fence."""

    reservation: str
    fence: int
    context: Context


class Release(LinkRecord, tag=14):
    """Either owner: the reservation is over, for this reason."""

    reservation: str
    fence: int
    reason: str


class Reached(LinkRecord, tag=15):
    """Seat's owner to contact's owner: how the agent's phone fares (`ringing`, `answered`)."""

    reservation: str
    fence: int
    state: Literal["ringing", "answered"]
    #: the agent's leg, where both owners are one appliance
    leg: int = 0


class QueueViews(LinkRecord, tag=16):
    """Whoever proposes to appliances, each 5 s while anything changes: the queues it sees."""

    views: list[QueueView]


class Document(LinkRecord, tag=20):
    """A signed document from control: plan, roster or peer directory."""

    kind: Literal["plan", "roster", "directory"]
    serial: int
    body: bytes
    #: Ed25519 over `kind ‖ 0 ‖ body` (RFC 8032)
    signature: bytes


class DocumentAck(LinkRecord, tag=21):
    """What became of a document; *reason* is `normal` or a reason word."""

    kind: str
    serial: int
    reason: str
    detail: str = ""


class Part(LinkRecord, tag=22):
    """A piece of a document too long for one frame: zlib (RFC 1950) over a frame that holds it."""

    data: bytes
    #: the document is complete with this
    last: bool


class SignedHead(LinkRecord):
    """The last entry that control holds of a chain, countersigned by control's key."""

    appliance: str
    chain: str
    number: int
    hash: bytes
    #: Ed25519 over `ledger-head ‖ 0 ‖ [appliance, chain, number, hash]` (RFC 8032)
    signature: bytes


class Serving(LinkRecord, tag=60):
    """Seat's owner to contact's owner: the agent is still at this written contact."""

    reservation: str
    fence: int


class ServingAck(LinkRecord, tag=61):
    """Contact's owner to seat's owner: it is still yours. `Release` says that it is not."""

    reservation: str
    fence: int


class Served(LinkRecord, tag=62):
    """Seat's owner to contact's owner: the agent has dealt with this written contact."""

    reservation: str
    fence: int


class LedgerAsk(LinkRecord, tag=40):
    """Appliance to control, asking how far it has these chains."""

    chains: list[str]


class LedgerHeads(LinkRecord, tag=41):
    """Control's answer: every end it holds of those chains, and the newest of them all."""

    heads: list[SignedHead]
    latest: SignedHead | None = None


class LedgerBatch(LinkRecord, tag=42):
    """Entries of the ledger that follow each other; the next goes out after the answer."""

    #: comes back with the answer
    serial: int
    appliance: str
    chain: str
    #: number of the first entry, and the hash of the one before it
    first: int
    after: bytes
    #: as `appliance/ledger/upload.py` packs them
    data: bytes


class LedgerAck(LinkRecord, tag=43):
    """What became of a batch: *reason* is `normal`, or a reason word against (the rest of) it."""

    serial: int
    reason: str
    detail: str = ""
    #: last entry that is kept, also where the rest was refused
    head: SignedHead | None = None


class TransferAsk(LinkRecord, tag=50, kw_only=True):
    """Seat's owner to contact's owner: the agent of this reservation wants the contact moved."""

    reservation: str
    fence: int
    do: Literal["blind", "consult", "complete", "back", "conference"]
    #: as the agent typed it, or a target as the plan writes them
    target: str = ""
    #: empty: as the plan says
    place: Literal["", "keep", "waiting-time-only", "new"] = ""
    note: str = ""


class TransferTold(LinkRecord, tag=51):
    """Contact's owner to seat's owner: how far the transfer of this reservation's contact is."""

    reservation: str
    fence: int
    state: str
    reason: str = ""


class SeatWanted(LinkRecord, tag=52, kw_only=True):
    """Contact's owner to seat's owner: offer me this seat, by name, for a transfer.

    Answered with `Offer` or `ProposalRefused`.
    """

    contact: str
    contact_incarnation: int
    contact_fence: int
    seat: str
    #: it comes back to the agent who handed it on; a wrap-up may be cut short for it
    recall: bool = False
    #: reservation at the same owner that is given up for it: its call takes that one's room
    leaves: str = ""


class SeatAsk(LinkRecord, tag=64):
    """Contact's owner to whoever proposes for it: the best free seat of *target*."""

    contact: str
    #: as the plan writes it
    target: str
    #: seats that would not
    tried: tuple[str, ...] = ()
    #: the owner's access link has no room for a call with another branch
    link_full: bool = False


class SeatTold(LinkRecord, tag=65):
    """The answer: a seat and its owner, or a reason word why there is none."""

    contact: str
    target: str
    seat: str = ""
    owner: str = ""
    reason: str = ""


class EscrowPut(LinkRecord, tag=55):
    """Owner to the peer that stands in for it: a caller to be called back, sealed for that peer.

    Only the highest *number* of a contact counts; nothing sealed: forget it.
    """

    contact: str
    number: int
    sealed: bytes = b""


class EscrowGot(LinkRecord, tag=56):
    """The peer's answer: on disk."""

    contact: str
    number: int
    #: it heeds claims against itself alone, so that what lies with it may be moved
    moves: bool = False


class LeaseAsk(LinkRecord, tag=57):
    """To a voter: I want to call back the callers of *about*, for the next seconds."""

    about: str
    number: int
    #: of *about* itself: contacts that it has called and that its peer may not know of yet;
    #: `contact/peer`: which that peer holds no more
    claims: list[str] = []


class LeaseAnswer(LinkRecord, tag=58):
    """The voter's answer; *claims* are what *about* said last."""

    about: str
    number: int
    granted: bool
    claims: list[str] = []
    #: to *about* itself: its claims are on disk
    kept: bool = False


class Settled(LinkRecord):
    """What became of a contact in escrow.

    `free`: nothing, it is forgotten here; `busy`: it is being called; `over`: by *outcome*.
    """

    contact: str
    state: Literal["free", "busy", "over"] = "free"
    outcome: str = ""
    reason: str = ""
    #: calls that are left; -1: as many as there were
    calls: int = -1


class EscrowSettle(LinkRecord, tag=59):
    """Owner, back again, to the peer, asking what became of these; and the answer."""

    ask: bool
    contacts: list[Settled]


class Carry(LinkRecord, tag=68):
    """To a relay appliance: bring this packet to that appliance, with which you have a session."""

    to: str
    packet: bytes


class Carried(LinkRecord, tag=69):
    """From a relay appliance: a packet, it says, of *sender*; the packet itself proves whose."""

    sender: str
    packet: bytes


class NotCarried(LinkRecord, tag=70):
    """A relay appliance's answer: nothing goes to that appliance now, for this reason."""

    to: str
    reason: str


class Goodbye(LinkRecord, tag=30):
    """The session ends on purpose."""

    reason: str
    #: a sentence for people
    detail: str = ""


LinkMessage = (
    Hello
    | Beat
    | Snapshot
    | Delta
    | Resnapshot
    | Propose
    | ProposalRefused
    | Offer
    | Confirm
    | Release
    | Reached
    | QueueViews
    | Document
    | DocumentAck
    | Part
    | Goodbye
    | LedgerAsk
    | LedgerHeads
    | LedgerBatch
    | LedgerAck
    | TransferAsk
    | TransferTold
    | SeatWanted
    | SeatAsk
    | SeatTold
    | EscrowPut
    | EscrowGot
    | LeaseAsk
    | LeaseAnswer
    | EscrowSettle
    | Serving
    | ServingAck
    | Served
    | Carry
    | Carried
    | NotCarried
)
