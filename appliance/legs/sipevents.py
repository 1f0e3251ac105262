"""What the SIP stack tells: one type for each kind of event.

`call` is the stack's handle of the call, registration or OPTIONS; `t` is when the stack saw it,
in seconds of CLOCK_MONOTONIC. Bodies are not shown, as keys may stand in them.
"""

from dataclasses import dataclass, field

from appliance.legs.byes import Dialog


@dataclass(frozen=True, slots=True)
class InviteIn:
    """A call came in; 100 Trying has been sent and it waits for `respond`."""

    call: int
    t: float
    request_uri: str
    from_uri: str
    from_name: str
    to_uri: str
    pai: str
    privacy: str
    call_id: str
    source: str
    source_port: int
    authorization: str
    user_agent: str
    extras: dict[str, str]
    sdp: str = field(repr=False)
    #: it came by TLS
    tls: bool = False
    #: the appliance whose certificate the sender has shown, empty for none
    peer: str = ""


@dataclass(frozen=True, slots=True)
class Progress:
    """The far end of our call rings or sends early media (1xx but 100)."""

    call: int
    t: float
    status: int
    sdp: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Answered:
    """Our call was answered; ACK has been sent."""

    call: int
    t: float
    sdp: str = field(repr=False)
    dialog: Dialog


@dataclass(frozen=True, slots=True)
class Acked:
    """The caller acknowledged our 2xx; with a body when it had left the offer to us."""

    call: int
    t: float
    dialog: Dialog
    sdp: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Failed:
    """The call is over and never was answered. The last event of a call."""

    call: int
    t: float
    status: int
    cause: int
    retry_after_s: int
    #: text of its Reason header, as appliances send our own words
    word: str = ""


@dataclass(frozen=True, slots=True)
class Ended:
    """The call is over and had been answered. The last event of a call."""

    call: int
    t: float
    cause: int
    word: str = ""


@dataclass(frozen=True, slots=True)
class Cancelled:
    """The caller gave up before an answer; `Failed` follows."""

    call: int
    t: float


@dataclass(frozen=True, slots=True)
class Offered:
    """A re-INVITE, or an UPDATE with a body: answer it with `respond`."""

    call: int
    t: float
    sdp: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class OfferResult:
    """What became of our `reoffer`."""

    call: int
    t: float
    status: int
    sdp: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class RegisterIn:
    """A phone registers, refreshes or goes: answer it with `respond`."""

    call: int
    t: float
    aor: str
    contacts: list[str]
    #: the Expires header, or -1 without one
    expires_s: int
    authorization: str
    source: str
    source_port: int
    user_agent: str


@dataclass(frozen=True, slots=True)
class RegisterResult:
    """What a registrar said to our registration, at first, at each refresh, and at the end."""

    call: int
    t: float
    status: int
    expires_s: int


@dataclass(frozen=True, slots=True)
class OptionsResult:
    """The final response to our OPTIONS; 408 when nobody answered."""

    call: int
    t: float
    status: int


@dataclass(frozen=True, slots=True)
class InfoIn:
    """An INFO within a call, such as a digit; 200 has been sent."""

    call: int
    t: float
    content_type: str
    body: str


SipEvent = (
    InviteIn
    | Progress
    | Answered
    | Acked
    | Failed
    | Ended
    | Cancelled
    | Offered
    | OfferResult
    | RegisterIn
    | RegisterResult
    | OptionsResult
    | InfoIn
)
