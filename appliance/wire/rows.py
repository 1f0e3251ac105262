"""What both sides of the wire speak of: a leg, a phone that is there, a trunk.

Times `t…` are CLOCK_MONOTONIC seconds, the same clock in both processes of one boot. A leg's
number is unique within one *epoch* (one life of the legs process).
"""

from typing import Literal

import msgspec

#: `relay`: half of a call between two other appliances
LegKind = Literal["trunk", "phone", "peer", "line", "relay"]
LegState = Literal["new", "ringing", "up", "down"]
#: how the token of a leg begins that legs dialled for a relayed call
RELAY_CALL = "relay-"
DigitSource = Literal["inband", "rfc4733", "info", "line"]
#: what a leg is in its bridge; a supervisor who barges in talks
Role = Literal["talk", "listen", "whisper"]
#: of a bridge in which too few are left to talk: they end too; those who came in stay where the
#: one who left was lost rather than hung up; they stay
Rest = Literal["end", "stay-if-lost", "stay"]


class Record(msgspec.Struct, array_like=True, gc=False):
    """Base: an array on the wire, so that a field is only ever added at the end."""


class Part(Record):
    """A leg's part in a bridge where it does not simply talk."""

    leg: int
    #: `listen`: it hears all and is heard by nobody; `whisper`: by the leg *to* alone
    role: Role
    to: int = 0


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
    #: its part in the bridge it is in, and whom it whispers to
    role: Role = "talk"
    whispers_to: int = 0
    #: what `Level` made of what it says and hears
    says_db: float = 0.0
    hears_db: float = 0.0
    mute: bool = False
    deaf: bool = False
    #: its recording is paused
    paused: bool = False
    #: its digits are kept out of recordings and taps
    masked: bool = False
    #: ids of the taps that run
    taps: tuple[str, ...] = ()
    #: what it is listened to for, as in `Listen`: tones by name, `fax`, `answer`, `talk`
    listens: tuple[str, ...] = ()
    #: what was found last
    heard: str = ""
    #: somebody talks there now, as far as `talk` is listened for
    talks: bool = False
    #: id of the fax that runs, or empty
    fax: str = ""
    #: its digits are not passed on in its bridge
    keeps_digits: bool = False
    #: nothing may come from it so long before it counts as lost [s]; 0: as the settings say
    silence_s: float = 0.0
    #: the appliance that a peer's call goes through; empty: none
    relay: str = ""


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
