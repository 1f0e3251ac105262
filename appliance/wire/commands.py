"""What the brain asks of legs.

Commands are harmless when repeated, because each names its own token, play, bridge or recording.
"""

from typing import Literal

from appliance.wire.rows import LegKind, Part, Record, Rest
from appliance.wire.session import Ack, Attach, Beat

#: of a leg: what its far end says, what that hears
Sides = Literal["says", "hears", "both"]


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
    #: the appliance that a call to a peer goes through; empty: none
    relay: str = ""
    #: the only codecs to offer, best first; none: as the settings say
    codecs: tuple[str, ...] = ()


class Play(Record, tag=46):
    """Play to a leg, replacing what plays; items are prompts, `tone:NAME` or `recording:PATH`."""

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
    #: of the legs that do not simply talk
    parts: tuple[Part, ...] = ()
    #: what becomes of those who are left when too few talk
    rest: Rest = "end"


class Unbridge(Record, tag=49):
    """Dissolve a bridge without ending its legs."""

    bridge: str


class RecordLeg(Record, tag=50):
    """Record both sides of a leg, left what it says, right what it hears."""

    leg: int
    recording: str
    path: str
    #: a message: only what the leg says, in one channel, without its digits
    message: bool = False
    #: 0: no limit
    longest_ms: int = 0


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
    #: where it takes calls by TLS; 0: it does not
    tls_port: int = 0
    #: it relays calls between appliances that do not reach each other
    relay: bool = False


class Peers(Record, tag=54):
    """The enrolled appliances; replaces what was known."""

    appliance: str
    peers: list[Peer]
    #: we are to relay calls between them
    relay: bool = False


class Fallback(Record, tag=55):
    """Where waiting callers go when the brain stays away: a trunk and a number, or nothing."""

    trunk: str
    number: str


class Level(Record, tag=56):
    """How loud a leg is, -60 to 20 dB, whatever was said of it before."""

    leg: int
    says_db: float = 0.0
    hears_db: float = 0.0
    #: nobody hears it, nor does its recording
    mute: bool = False
    #: it hears nothing
    deaf: bool = False


class PauseRecord(Record, tag=57):
    """Leave out of a recording what is said from now on, or go on; a beep stands for the gap."""

    recording: str
    on: bool = True


class MaskDigits(Record, tag=58):
    """Keep a leg's digits out of all recordings and taps that could hear them, or no more."""

    leg: int
    on: bool = True


class Tap(Record, tag=59):
    """Copy sides of a leg, live, to whoever listens on a Unix socket.

    *path* is inside the folder of taps; docs/media-engine.md tells what is written there.
    """

    leg: int
    tap: str
    path: str
    sides: Sides = "both"


class StopTap(Record, tag=60):
    """End a tap."""

    tap: str


class Seek(Record, tag=61):
    """Move to a place of the play that runs, or forward and back from where it is.

    A *relative* move is made once for each *number*, which rises within a play.
    """

    leg: int
    play: int
    ms: int
    relative: bool = False
    number: int = 0


class Listen(Record, tag=62):
    """What to listen to a leg for, and nothing else; what already is goes on undisturbed."""

    leg: int
    #: up to 16 tones by name: `busy`, `ringback`, `congestion`, `sit`, …, or a frequency in Hz
    tones: tuple[str, ...] = ()
    #: tones of faxes and modems
    fax: bool = False
    #: who or what answers from now on
    answer: bool = False
    #: when somebody begins and stops to talk
    talk: bool = False


class KeepDigits(Record, tag=76):
    """Tell a leg's digits and pass none of them on in its bridge, or pass them on again.

    Tones in its sound are still heard; `Level` silences them.
    """

    leg: int
    on: bool = True


class WatchSilence(Record, tag=77):
    """How long nothing may come from a leg until it counts as lost [s]; 0: as the settings say."""

    leg: int
    after_s: float = 0.0


class ReceiveFax(Record, tag=64):
    """Receive a fax from a leg's far end into a new TIFF file, beside which a PDF is made."""

    leg: int
    fax: str
    #: in the faxes' folder, ending in `.tif`
    path: str
    #: our number as the far end shows it (CSI of T.30); empty: the settings' own
    station: str = ""


class SendFax(Record, tag=65):
    """Send the pages of a TIFF file in the faxes' folder to a leg's far end."""

    leg: int
    fax: str
    path: str
    #: our number as the far end shows it (TSI of T.30); empty: the settings' own
    station: str = ""
    #: stands above each page; empty: the settings' own
    header: str = ""


class StopFax(Record, tag=66):
    """End a fax; what came whole is kept."""

    fax: str


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
    | Level
    | PauseRecord
    | MaskDigits
    | Tap
    | StopTap
    | Seek
    | Listen
    | KeepDigits
    | WatchSilence
    | ReceiveFax
    | SendFax
    | StopFax
)
