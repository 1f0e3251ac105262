"""What the media engine is given: plain values, without the C module."""

from dataclasses import dataclass, field
from typing import Literal

Codec = Literal["PCMU", "PCMA", "G722", "OPUS", "L16"]
#: how a device's samples are written; all are mono
DeviceFormat = Literal["s16le", "u8", "s8", "PCMU", "PCMA"]
#: what a leg is in its bridge; a supervisor who barges in talks
Role = Literal["talk", "listen", "whisper"]
Setup = Literal["passive", "active"]


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
class Browser:
    """What the answer to a browser's offer must hold."""

    ufrag: str
    pwd: str = field(repr=False)
    fingerprint: str = ""


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
