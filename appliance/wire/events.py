"""What legs tells the brain: events, numbered by `seq` without gaps."""

from typing import Literal

from appliance.wire.rows import DigitSource, LegRow, Part, Record, Registration, TrunkState
from appliance.wire.session import Beat, Hello, Snapshot, SnapshotEnd

#: what was heard: a call-progress tone, a tone of a fax or modem, who answered
HeardKind = Literal["tone", "fax", "answer"]


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
    #: of the legs that do not simply talk
    parts: tuple[Part, ...] = ()


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


class TapEnded(Record, tag=25):
    """A tap is over; *reason* is `stopped` or says why."""

    seq: int
    t: float
    leg: int
    tap: str
    reason: str
    #: frames its reader was too slow for
    lost: int = 0


class Heard(Record, tag=26):
    """Something that `Listen` asked for was found.

    A `tone` is told by its name in `Listen`; a `fax` is `cng`, `ced`, `ced-reversed`, `ansam` or
    `ansam-reversed`; an `answer` is `human`, `machine`, `fax`, `silence`, `unknown`, or `beep`
    after a machine.
    """

    seq: int
    t: float
    leg: int
    kind: HeardKind
    what: str
    #: of an answer: how long after the `Listen`
    after_ms: int = 0


class Talking(Record, tag=27):
    """Somebody has begun to talk on a leg, or has stopped."""

    seq: int
    t: float
    leg: int
    on: bool


class RecordingGap(Record, tag=28):
    """A recording goes on after something was left out: it was `paused`, or the disk `lost` it."""

    seq: int
    t: float
    leg: int
    recording: str
    #: place in the file where a beep stands for it
    at_ms: int
    why: str


class FaxPage(Record, tag=29):
    """One more page of a fax is through."""

    seq: int
    t: float
    leg: int
    fax: str
    #: so far
    pages: int
    #: what the far end calls itself
    station: str = ""


class Refused(Record, tag=30):
    """A command was not carried out; *command* is its record's tag, *about* its leg or token."""

    seq: int
    t: float
    command: int
    about: str
    reason: str


class FaxDone(Record, tag=31):
    """A fax is over and its files are closed; *reason* is `normal` or says what went wrong.

    Pages that came whole are kept whatever the reason; without any there is no file.
    """

    seq: int
    t: float
    leg: int
    fax: str
    reason: str
    pages: int
    #: what the far end calls itself
    station: str = ""
    #: TIFF and PDF, as the command wrote the path; empty: there is none
    path: str = ""
    pdf: str = ""
    #: over T.38, with error correction, at how much [bit/s] at last
    t38: bool = False
    ecm: bool = False
    bit_rate: int = 0


class Relaying(Record, tag=80):
    """How many calls between other appliances are relayed now and were in all, and refused why."""

    seq: int
    t: float
    calls: int
    total: int
    #: reason word -> how many
    refused: dict[str, int]


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
    | TapEnded
    | Heard
    | Talking
    | RecordingGap
    | FaxPage
    | Refused
    | FaxDone
    | Relaying
)
