"""What goes into the media engine and comes out of it: plain values, without the C module."""

from dataclasses import dataclass, field
from typing import Literal

from appliance.legs.faxtypes import FaxEvent

Codec = Literal["PCMU", "PCMA", "G722", "OPUS", "L16"]
DigitSource = Literal["inband", "rfc4733", "device"]
#: why a device is gone: a reason word
DeviceEnd = Literal["ended", "hung-up", "failed", "finished"]
#: how a device's samples are written; all are mono
DeviceFormat = Literal["s16le", "u8", "s8", "PCMU", "PCMA"]
PlayEnd = Literal["end", "stopped", "replaced", "bridged", "removed", "digit", "speech"]
#: what a leg is in its bridge; a supervisor who barges in talks
Role = Literal["talk", "listen", "whisper"]
#: why a recording closed: a reason word; `normal` is a whole file
RecordEnd = Literal["normal", "disk-full", "recording-failed", "longest"]
#: why a recording has a beep in place of what was said
RecordGap = Literal["paused", "lost"]
Setup = Literal["passive", "active"]
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
class Greeting:
    """How a human is told from a machine."""

    #: longer before any word: `silence`
    initial_silence_ms: int = 2500
    #: a longer greeting: `machine`
    greeting_ms: int = 1500
    #: so much after the greeting: `human`
    after_silence_ms: int = 800
    #: longer altogether: `unknown`
    total_ms: int = 5000
    #: shorter is a noise, no word
    word_ms: int = 100
    #: a shorter pause is inside a word
    between_words_ms: int = 50
    #: more of them: `machine`
    words: int = 3


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
class Browser:
    """What the answer to a browser's offer must hold."""

    ufrag: str
    pwd: str = field(repr=False)
    fingerprint: str = ""


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
    samples: int
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
class PlayHow:
    """How a play begins, sounds and ends; by default at once, and from beginning to end."""

    #: what the leg does that ends it at once
    barge_digit: bool = False
    barge_speech: bool = False
    #: after what plays; else it replaces all that
    append: bool = False
    #: the leg goes on hearing its bridge, the play is added to it
    over: bool = False
    #: the last item again and again
    loop_last: bool = False
    start_ms: int = 0
    gain_db: float = 0.0


PLAIN_PLAY = PlayHow()


@dataclass(frozen=True, slots=True)
class RecordHow:
    """What a recording's file is like; as it stands: stereo WAV, without a limit."""

    opus: bool = False
    mono: bool = False
    #: what is dialled is silence in the file
    mask_digits: bool = False
    #: 0: no limit
    longest_ms: int = 0


PLAIN_RECORD = RecordHow()


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


@dataclass(frozen=True, slots=True)
class RtpRemote:
    """Where a leg's sound goes and how it is coded, as the SDP said."""

    address: str
    port: int
    payload_type: int
    codec: Codec
    #: payload type of telephone-event (RFC 4733), or None
    event_payload_type: int | None = None
    #: of the events' timestamps; 0: the codec's clock (RFC 4733 §2.1)
    event_rate_hz: int = 0
    #: in what comes to us, where that differs (RFC 3264 §6.1); 0: the same
    payload_type_in: int = 0
    event_payload_type_in: int = 0
    #: of our samples; 0: the codec's usual, 16,000 for G.722 and Opus
    rate_hz: int = 0
    #: where its RTCP goes; 0: the port after, the same number: RTP's own (RFC 5761), -1: none
    rtcp_port: int = 0
    #: Opus only: [bit/s], 0: chosen by rate; error correction; nothing sent in silence
    bitrate: int = 0
    fec: bool = False
    dtx: bool = False
    #: of comfort noise (RFC 3389) that G.711 sends instead of silence; None: it sends silence
    noise_payload_type: int | None = None


@dataclass(frozen=True, slots=True)
class Member:
    """A leg's part in a bridge: `talk`, `listen`, or `whisper` to one leg of it only."""

    leg: int
    role: Role = "talk"
    #: of a whisper: the leg that hears it
    to: int = 0


@dataclass(frozen=True, slots=True)
class TonePart:
    """Up to four frequencies that sound for *on_ms*, and the silence after them."""

    hz: tuple[float, ...]
    on_ms: int
    off_ms: int = 0
    level_dbm0: float = -13.0
    #: of the first frequency's amplitude (`f1 x f2` in ITU-T E.180); 0: none
    modulate_hz: float = 0.0


@dataclass(frozen=True, slots=True)
class Device:
    """How a device on a descriptor gives and takes its samples."""

    format: DeviceFormat = "s16le"
    rate_hz: int = 8000
    #: samples of each read and write, as DAHDI channels have it; 0: any number
    block: int = 0
    #: tail of the echo canceller, 16 to 128 ms; 0: none
    echo_ms: int = 0
    #: also suppress what the canceller leaves
    suppress: bool = False
    #: a voice modem's stream, with DLE codes in it (ITU-T V.253)
    shielded: bool = False
    in_db: float = 0.0
    out_db: float = 0.0


@dataclass(frozen=True, slots=True)
class Tone:
    """Frequencies with a cadence of up to eight (on, off) pairs; or *parts* that differ."""

    hz: tuple[float, ...] = ()
    cadence_ms: tuple[tuple[int, int], ...] = ()
    level_dbm0: float = -13.0
    parts: tuple[TonePart, ...] = ()
    #: how often all of it is played; -1: without end
    times: int = 1


@dataclass(frozen=True, slots=True)
class LegStats:
    """What a leg has counted so far; `cext/include/branchline_media.h` explains each."""

    packets_in: int
    packets_out: int
    bytes_in: int
    bytes_out: int
    lost: int
    late: int
    duplicate: int
    reordered: int
    unknown: int
    malformed: int
    foreign: int
    concealed: int
    send_errors: int
    jitter_us: int
    buffer_ms: int
    record_lost: int
    replayed: int
    forged: int
    recovered: int
    rtcp_in: int
    rtcp_malformed: int
    round_trip_us: int
    far_lost: int
    far_jitter_us: int
    r_factor: int
    mos_lq_hundredths: int
    mos_cq_hundredths: int
    level_dbm0_below: int


@dataclass(frozen=True, slots=True)
class EngineStats:
    """What the engine has counted so far."""

    ticks: int
    late_ticks: int
    skipped_ticks: int
    busy_ns: int
    longest_tick_ns: int
    events_dropped: int
    legs: int
    #: payloads made; one that many legs hear counts once
    encodes: int
