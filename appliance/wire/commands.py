"""What the brain asks of legs.

Commands are harmless when repeated, because each names its own token, play, bridge or recording.
"""

from appliance.wire.rows import LegKind, Record
from appliance.wire.session import Ack, Attach, Beat


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
