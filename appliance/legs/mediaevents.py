"""What the media engine tells: plain values, without the C module."""

from dataclasses import dataclass
from typing import Literal

from appliance.legs.faxtypes import FaxEvent

DigitSource = Literal["inband", "rfc4733", "device"]
#: why a device is gone: a reason word
DeviceEnd = Literal["ended", "hung-up", "failed", "finished"]
PlayEnd = Literal["end", "stopped", "replaced", "bridged", "removed", "digit", "speech"]
#: why a recording closed: a reason word; `normal` is a whole file
RecordEnd = Literal["normal", "disk-full", "recording-failed", "longest"]
#: why a recording has a beep in place of what was said
RecordGap = Literal["paused", "lost"]
InsecureReason = Literal["timeout", "wrong-fingerprint", "no-encryption", "refused"]
TapEnd = Literal["stopped", "reader-gone", "tap-failed"]
#: ITU-T T.30 and V.25 (CNG, CED), V.8 (ANSam); `reversed`: with phase reversals
AnswerToneKind = Literal["cng", "ced", "ced-reversed", "ansam", "ansam-reversed"]
#: `beep` comes after `machine`, when that begins to record
AnswerKind = Literal["human", "machine", "fax", "silence", "unknown", "beep"]


@dataclass(frozen=True, slots=True)
class DigitHeard:
    """A DTMF digit's tone was confirmed; told once, at its onset."""

    leg: int
    digit: str
    source: DigitSource
    #: how long it had been heard when it was told
    duration_ms: int


@dataclass(frozen=True, slots=True)
class DigitEnded:
    """A digit that came as RFC 4733 events is over; *duration_ms* is its whole length."""

    leg: int
    digit: str
    duration_ms: int


@dataclass(frozen=True, slots=True)
class TelephoneEvent:
    """An RFC 4733 event that is no digit began, such as flash (16)."""

    leg: int
    number: int


@dataclass(frozen=True, slots=True)
class Talk:
    """Somebody begins to talk, or has stopped; told where `watch_talk` asked for it."""

    leg: int
    begins: bool


@dataclass(frozen=True, slots=True)
class ToneHeard:
    """One of the tones that `watch_tones` was given is certain."""

    leg: int
    #: its key
    tone: int


@dataclass(frozen=True, slots=True)
class AnswerTone:
    """A fax or a modem calls (`cng`) or answers; told where `watch_answer_tones` asked for it."""

    leg: int
    tone: AnswerToneKind


@dataclass(frozen=True, slots=True)
class Answered:
    """Who or what answered, and how long after `watch_greeting`."""

    leg: int
    who: AnswerKind
    at_ms: int


@dataclass(frozen=True, slots=True)
class FarGone:
    """The far end said goodbye by RTCP."""

    leg: int


@dataclass(frozen=True, slots=True)
class Secured:
    """A DTLS handshake gave keys: sound goes as SRTP of that suite."""

    leg: int
    suite: str


@dataclass(frozen=True, slots=True)
class Insecure:
    """A DTLS handshake failed; there will be no keys, and so no sound."""

    leg: int
    reason: InsecureReason


@dataclass(frozen=True, slots=True)
class PathFound:
    """ICE found a path to the browser, the first or one come back."""

    leg: int


@dataclass(frozen=True, slots=True)
class PathLost:
    """The browser has checked no path for 30 s (RFC 7675)."""

    leg: int


@dataclass(frozen=True, slots=True)
class PlayEnded:
    """A play is over."""

    leg: int
    play: int
    why: PlayEnd
    #: how far it had come; in a loop: within its round
    position_ms: int = 0


@dataclass(frozen=True, slots=True)
class RecordingClosed:
    """A recording's file is complete, or as complete as it will get."""

    recording: int
    leg: int
    length_ms: int
    reason: RecordEnd


@dataclass(frozen=True, slots=True)
class RecordingGap:
    """Something is left out of a recording, and how far into the file that is."""

    recording: int
    leg: int
    at_ms: int
    why: RecordGap


@dataclass(frozen=True, slots=True)
class TapEnded:
    """A tap is over; *lost* frames did not fit into its reader's socket."""

    tap: int
    leg: int
    lost: int
    reason: TapEnd


@dataclass(frozen=True, slots=True)
class MediaStarted:
    """The leg's first packet or samples came."""

    leg: int


@dataclass(frozen=True, slots=True)
class MediaSilent:
    """Nothing came for the leg's silence time; told again only after it had come back."""

    leg: int


@dataclass(frozen=True, slots=True)
class DeviceGone:
    """The descriptor of a device's leg ended or failed; told once."""

    leg: int
    reason: DeviceEnd = "ended"
    #: errno where there is one, else 0
    error: int = 0


@dataclass(frozen=True, slots=True)
class DeviceCode:
    """A voice modem said something behind DLE that is no digit (ITU-T V.253): `b`, busy."""

    leg: int
    code: str


@dataclass(frozen=True, slots=True)
class TicksLate:
    """Ticks began late since the last such event; at most one event a second."""

    count: int


MediaEvent = (
    DigitHeard
    | DigitEnded
    | TelephoneEvent
    | Talk
    | FarGone
    | ToneHeard
    | AnswerTone
    | Answered
    | FaxEvent
    | Secured
    | Insecure
    | PathFound
    | PathLost
    | PlayEnded
    | RecordingGap
    | TapEnded
    | RecordingClosed
    | MediaStarted
    | MediaSilent
    | DeviceGone
    | DeviceCode
    | TicksLate
)
