"""What an appliance tells monitoring systems: one type per kind. `docs/telemetry.md`.

Version rule: fields and kinds are only ever added; a subscriber skips what it does not know, and
takes any word in `state`, `outcome` and `reason`. Something else gets another topic prefix.
No record holds a caller's number or name.
"""

from typing import Any, ClassVar

import msgspec

#: first part of every topic; changes only where old subscribers would misread
PREFIX = "bl1"


def _word(name: str) -> str:
    """`BoxState` is `box-state`."""
    return "".join(f"-{c.lower()}" if c.isupper() else c for c in name).lstrip("-")


class TelemetryRecord(msgspec.Struct, kw_only=True, tag_field="kind", tag=_word):
    """Base: who says it, when, and its number; filled in by the publisher."""

    #: counts the records of this kind from this appliance and incarnation, without gaps from 1
    seq: int = 0
    #: when it was said, RFC 3339 UTC with microseconds
    ts: str = ""
    #: number of the appliance's life; `seq` begins anew with it
    incarnation: int = 0
    appliance: str = ""

    #: the newest record about each subject is repeated to new subscribers
    repeats: ClassVar[bool] = True

    def subject(self) -> str:
        """Return what it is about, among the records of its kind."""
        return ""


class BoxState(TelemetryRecord, kw_only=True):
    """How the appliance fares as a whole; every 5 s and at each change."""

    version: str
    uptime_s: float
    #: serial of the plan it obeys; 0: none
    plan_serial: int
    #: the legs process is attached
    legs_up: bool
    #: a hub is in reach; otherwise it works as an island
    hub_up: bool
    #: other appliances in reach
    peers: list[str]
    contacts_open: int
    seats: int
    #: last entry of the ledger, and the last that survives a power cut
    ledger_number: int
    ledger_synced: int
    #: room left where ledger and recordings are kept [MiB]
    disk_free_mib: int
    #: last entry of the ledger that control has countersigned since the brain started; 0: none
    ledger_acknowledged: int = 0
    #: messages that callers left and nobody has deleted
    messages: int = 0
    #: other appliances that are reached through a relay, and that relay
    relays: dict[str, str] = {}
    #: calls between other appliances that are relayed now
    relayed: int = 0
    #: those since legs began, and those that were not relayed
    relayed_total: int = 0
    relay_refused: int = 0
    #: calls with other branches, and how many the access link carries; 0: any number
    link_calls: int = 0
    link_calls_limit: int = 0
    #: what they take of the link at most, and what they may, each way [kbit/s]; 0: all of it
    link_kbit_s: int = 0
    link_kbit_s_limit: int = 0


class SeatChanged(TelemetryRecord, kw_only=True):
    """A seat is in another state: `ready reserved ringing talking wrap-up paused away`."""

    seat: str
    #: login epoch
    epoch: int
    state: str
    #: contact it serves or is reserved for
    contact: str = ""
    #: why, where it did not change by itself
    reason: str = ""

    def subject(self) -> str:
        """Return the seat."""
        return self.seat


class ContactChanged(TelemetryRecord, kw_only=True):
    """A contact is in another state: `waiting reserved connecting talking ended`."""

    repeats: ClassVar[bool] = False
    contact: str
    channel: str = "voice"
    queue: str = ""
    klass: str = ""
    state: str
    seat: str = ""
    waited_ms: int = 0
    talked_ms: int = 0
    #: once ended: `served abandoned released failed voicemail`
    outcome: str = ""
    reason: str = ""


class TrunkState(TelemetryRecord, kw_only=True):
    """A trunk or line came up or went down."""

    trunk: str
    #: `trunk` (SIP) or `line` (hardware port)
    trunk_kind: str
    up: bool
    reason: str = ""
    detail: str = ""

    def subject(self) -> str:
        """Return the trunk."""
        return self.trunk


class QueueGauge(TelemetryRecord, kw_only=True):
    """How a queue fares here; every 5 s where anything changed, else once a minute."""

    queue: str
    waiting: int
    #: age of the contact that waits longest [ms]
    oldest_ms: int
    seats_ready: int
    seats_talking: int
    #: contacts since the incarnation began; offered = the others + those still open
    offered: int = 0
    served: int = 0
    abandoned: int = 0
    released: int = 0
    failed: int = 0
    voicemail: int = 0

    def subject(self) -> str:
        """Return the queue."""
        return self.queue


class LegQuality(TelemetryRecord, kw_only=True):
    """What was heard on a leg over its life."""

    repeats: ClassVar[bool] = False
    leg: int
    #: `trunk phone peer line relay`
    leg_kind: str
    #: trunk, phone account, peer or line
    via: str
    packets_in: int
    packets_out: int
    lost: int
    #: came too late to be played
    late: int
    #: interarrival jitter (RFC 3550 §6.4.1) [ms]
    jitter_ms: float
    #: malformed, from strangers, forged or replayed
    refused: int = 0
    #: frames made up for what was lost [20 ms]
    concealed: int = 0
    #: packets of ours, as the far end's RTCP says
    far_lost: int = 0
    #: by RTCP [ms]; 0: the far end sends none
    round_trip_ms: float = 0.0
    #: how it sounded here (ITU-T G.107, MOS-LQ), 1 to 4.5; 0: too short to tell
    mos_lq: float = 0.0
    #: the same with its delay (MOS-CQ)
    mos_cq: float = 0.0


class EngineHealth(TelemetryRecord, kw_only=True):
    """How well the media engine keeps its 20 ms; every 5 s."""

    ticks: int
    #: ticks that began more than one period late
    ticks_late: int
    worst_late_us: int
    legs: int
    bridges: int
    #: events that found the ring full
    events_dropped: int = 0


class Alarm(TelemetryRecord, kw_only=True):
    """Someone has to act, or no longer has to; the same words as the log and `docs/errors.md`."""

    #: what is wrong, as a word: `trunk-down`, `ledger`, `ledger-refused`, `legs-gone`,
    #: `lookup`, `access-link`
    alarm: str
    #: trunk, seat or part that it is about
    about: str = ""
    raised: bool
    reason: str
    #: who has to act: `ours caller carrier config hardware peer`
    verdict: str
    message: str = ""

    def subject(self) -> str:
        """Return the alarm and what it is about."""
        return f"{self.alarm} {self.about}"


AnyRecord = (
    BoxState
    | SeatChanged
    | ContactChanged
    | TrunkState
    | QueueGauge
    | LegQuality
    | EngineHealth
    | Alarm
)

KINDS: tuple[type[TelemetryRecord], ...] = (
    BoxState,
    SeatChanged,
    ContactChanged,
    TrunkState,
    QueueGauge,
    LegQuality,
    EngineHealth,
    Alarm,
)

_decoder: msgspec.json.Decoder[AnyRecord] = msgspec.json.Decoder(AnyRecord)
encode = msgspec.json.Encoder().encode


def kind_of(record: TelemetryRecord | type[TelemetryRecord]) -> str:
    """Return the word of a record's kind; the last part of its topic."""
    return str(record.__struct_config__.tag)


def topic(tenant: str, site: str, kind: str) -> bytes:
    """Return the topic: `bl1/<tenant>/<site>/<kind>`."""
    return f"{PREFIX}/{tenant}/{site}/{kind}".encode()


def decode(body: bytes) -> AnyRecord | dict[str, Any] | None:
    """Return the record in *body*, plain names and values of an unknown kind, None for rubbish."""
    try:
        return _decoder.decode(body)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        pass
    try:
        return msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None


def schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of all kinds."""
    return msgspec.json.schema(AnyRecord)
