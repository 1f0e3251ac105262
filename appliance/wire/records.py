"""The records between legs and brain: events and snapshot one way, commands the other.

Times `t…` are CLOCK_MONOTONIC seconds, the same clock in both processes of one boot. A leg's
number is unique within one *epoch* (one life of the legs process). Events are numbered by `seq`
without gaps; commands are harmless when repeated, because each names its own token, play,
bridge or recording.
"""

from typing import Literal

import msgspec

#: version of this protocol, negotiated at attach; N and N-1 are spoken
PROTO = 1

LegKind = Literal["trunk", "phone", "peer", "line"]
LegState = Literal["new", "ringing", "up", "down"]
DigitSource = Literal["inband", "rfc4733", "info", "line"]


class Record(msgspec.Struct, array_like=True, gc=False):
    """Base: an array on the wire, so that a field is only ever added at the end."""


class LegRow(Record, kw_only=True):
    """One leg as the snapshot shows it; also the legs process's own row."""

    leg: int
    out: bool
    kind: LegKind
    #: trunk name, phone account, peer appliance id or line name
    via: str
    state: LegState
    caller: str = ""
    called: str = ""
    caller_name: str = ""
    #: the caller asked for privacy (RFC 3323)
    private: bool = False
    #: token the brain gave with `Dial`, empty for a leg that came in
    tok: str = ""
    #: the leg that this one was dialled for; it ends with it unless they are bridged
    owner: int = 0
    #: id of the bridge it is in, or empty
    bridge: str = ""
    #: reservation and fence a peer's INVITE named
    reservation: str = ""
    fence: int = 0
    t_new: float = 0.0
    t_up: float = 0.0
    t_down: float = 0.0
    reason: str = ""
    #: Q.850 cause
    cause: int = 0
    #: number of the play that runs, or 0
    play: int = 0
    #: id of the recording that runs, or empty
    recording: str = ""
    held: bool = False
    #: number of the last event about it
    seq: int = 0


class Registration(Record):
    """A phone that is there: its account, where it is and until when."""

    account: str
    contact: str
    t_expires: float
    agent: str = ""


class TrunkState(Record):
    """What a trunk or line can do now; *reason* says why when it is not up."""

    name: str
    kind: LegKind
    up: bool
    reason: str = ""
    detail: str = ""


# -- legs to brain -----------------------------------------------------------------------------


class Hello(Record, tag=1):
    """First answer to an attach: who we are and where the numbering stands."""

    proto: int
    epoch: str
    boot: str
    seq: int


class Snapshot(Record, tag=2):
    """A batch of the tables; `SnapshotEnd` follows the last."""

    legs: list[LegRow] = []
    registrations: list[Registration] = []
    trunks: list[TrunkState] = []


class SnapshotEnd(Record, tag=3):
    """The snapshot is whole and stands for all events up to *seq*."""

    seq: int


class Beat(Record, tag=4):
    """Heartbeat, both ways, every 0.5 s."""

    t: float


class LegIn(Record, tag=10):
    """A call came in and waits for a decision; 100 Trying has been sent."""

    seq: int
    t: float
    row: LegRow


class LegOut(Record, tag=11):
    """A dialled leg exists now; *tok* is the one of the `Dial`."""

    seq: int
    t: float
    leg: int
    tok: str


class LegRinging(Record, tag=12):
    """The far end of a dialled leg rings; *early* when it sends media already."""

    seq: int
    t: float
    leg: int
    status: int
    early: bool = False


class LegUp(Record, tag=13):
    """The leg is answered; media flows both ways."""

    seq: int
    t: float
    leg: int


class LegDown(Record, tag=14):
    """The leg has ended; its row is kept as a tombstone until acknowledged."""

    seq: int
    t: float
    leg: int
    reason: str
    cause: int = 0
    #: the far end ended it
    by_far: bool = True


class Digit(Record, tag=15):
    """A digit that the leg's far end sent, once, however it came."""

    seq: int
    t: float
    leg: int
    digit: str
    source: DigitSource
    duration_ms: int = 0


class PlayDone(Record, tag=16):
    """A play has ended; *why* is `end`, `stopped`, `replaced`, `bridged` or a reason word."""

    seq: int
    t: float
    leg: int
    play: int
    why: str


class Bridged(Record, tag=17):
    """These legs hear each other now."""

    seq: int
    t: float
    bridge: str
    legs: list[int]


class Held(Record, tag=18):
    """The far end put us on hold (re-INVITE, RFC 3264 §8.4) or took us back."""

    seq: int
    t: float
    leg: int
    on: bool


class RecordingDone(Record, tag=19):
    """A recording is closed; *reason* is `normal` or says what went wrong."""

    seq: int
    t: float
    leg: int
    recording: str
    path: str
    duration_ms: int
    reason: str = "normal"


class Registered(Record, tag=20):
    """A phone registered or refreshed."""

    seq: int
    t: float
    registration: Registration


class Unregistered(Record, tag=21):
    """A phone is gone: it said so, its time ran out, or it no longer answers."""

    seq: int
    t: float
    account: str
    reason: str


class TrunkChanged(Record, tag=22):
    """A trunk or line came up or went down."""

    seq: int
    t: float
    trunk: TrunkState


class LegQuality(Record, tag=23):
    """What was heard on a leg over its life; sent before its `LegDown`."""

    seq: int
    t: float
    leg: int
    packets_in: int
    packets_out: int
    lost: int
    late: int
    jitter_ms: float
    kind: str = ""
    via: str = ""
    #: packets that were not what was agreed: malformed, from strangers, forged or replayed
    refused: int = 0
    #: frames made up for what was lost [20 ms]
    concealed: int = 0
    #: of ours, as the far end's reports say
    far_lost: int = 0
    #: 0: the far end sends no reports
    round_trip_ms: float = 0.0
    #: as it sounded here, and with its delay (ITU-T G.107), 1 to 4.5; 0: too short to tell
    mos_lq: float = 0.0
    mos_cq: float = 0.0


class Message(Record, tag=24):
    """A short message that a line received; deleted on the device once acknowledged."""

    seq: int
    t: float
    line: str
    sender: str
    text: str
    slot: str


class Refused(Record, tag=30):
    """A command was not carried out; *command* is its record's tag, *about* its leg or token."""

    seq: int
    t: float
    command: int
    about: str
    reason: str


# -- brain to legs -----------------------------------------------------------------------------


class Attach(Record, tag=40):
    """The brain is here; only the latest attach is obeyed."""

    proto: int
    who: str


class Ack(Record, tag=41):
    """All events up to *seq* are in the ledger; their tombstones may go."""

    seq: int


class Answer(Record, tag=42):
    """Answer an incoming leg."""

    leg: int


class Ring(Record, tag=43):
    """Tell an incoming leg's far end that it rings (180), or that it hears us early (183)."""

    leg: int
    early: bool = False


class Hang(Record, tag=44):
    """End a leg, or refuse it, for this reason."""

    leg: int
    reason: str = "normal"


class Dial(Record, tag=45, kw_only=True):
    """Call out for *owner* (0: for nobody); a repeated token is the same call."""

    tok: str
    kind: LegKind
    #: phone account, trunk name, peer appliance id or line name
    via: str
    #: number or user; empty for a phone
    to: str = ""
    owner: int = 0
    caller: str = ""
    caller_name: str = ""
    private: bool = False
    reservation: str = ""
    fence: int = 0
    #: give up when not answered within [s]
    ring_s: float = 30.0


class Play(Record, tag=46):
    """Play prompts to a leg, replacing what plays; items are prompt paths or `tone:NAME`."""

    leg: int
    play: int
    items: list[str]
    loop: bool = False


class StopPlay(Record, tag=47):
    """Stop what plays on a leg."""

    leg: int


class Bridge(Record, tag=48):
    """Let these legs, and no others, hear each other; a repeated bridge id changes it."""

    bridge: str
    legs: list[int]


class Unbridge(Record, tag=49):
    """Dissolve a bridge without ending its legs."""

    bridge: str


class RecordLeg(Record, tag=50):
    """Record both sides of a leg, left what it says, right what it hears."""

    leg: int
    recording: str
    path: str


class StopRecord(Record, tag=51):
    """Close a recording."""

    recording: str


class SendDigits(Record, tag=52):
    """Send digits to a leg's far end."""

    leg: int
    digits: str


class Account(Record):
    """A phone's account: what the registrar needs (RFC 7616), never the secret itself."""

    account: str
    ha1_md5: str
    ha1_sha256: str = ""


class Accounts(Record, tag=53):
    """The phones that may register; replaces what was known."""

    realm: str
    accounts: list[Account]


class Peer(Record):
    """An enrolled appliance that may call and be called, and where its SIP is."""

    appliance: str
    address: str
    port: int


class Peers(Record, tag=54):
    """The enrolled appliances; replaces what was known."""

    appliance: str
    peers: list[Peer]


class Fallback(Record, tag=55):
    """Where waiting callers go when the brain stays away: a trunk and a number, or nothing."""

    trunk: str
    number: str


LegsRecord = (
    Hello
    | Snapshot
    | SnapshotEnd
    | Beat
    | LegIn
    | LegOut
    | LegRinging
    | LegUp
    | LegDown
    | Digit
    | PlayDone
    | Bridged
    | Held
    | RecordingDone
    | Registered
    | Unregistered
    | TrunkChanged
    | LegQuality
    | Message
    | Refused
)

BrainRecord = (
    Attach
    | Ack
    | Beat
    | Answer
    | Ring
    | Hang
    | Dial
    | Play
    | StopPlay
    | Bridge
    | Unbridge
    | RecordLeg
    | StopRecord
    | SendDigits
    | Accounts
    | Peers
    | Fallback
)
