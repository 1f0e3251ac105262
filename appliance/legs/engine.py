"""The media engine's Python face: the only user of the C module `_branchline_media`.

A `MediaEngine` belongs to one thread. Its events are read with `poll()` whenever `fileno()` is
readable (`loop.add_reader`); nothing here calls back from the media thread. Ids of legs, bridges,
plays and recordings are the caller's own integers.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self

from _branchline_media import ffi, lib

from appliance.base.errors import BranchlineError, Verdict

Codec = Literal["PCMU", "PCMA"]
DigitSource = Literal["inband", "rfc4733"]
PlayEnd = Literal["end", "stopped", "replaced", "bridged", "removed"]
#: what a leg is in its bridge; a supervisor who barges in talks
Role = Literal["talk", "listen", "whisper"]
#: why a recording closed: a reason word; `normal` is a whole file
RecordEnd = Literal["normal", "disk-full", "recording-failed"]

RATE_HZ = 8000
#: events taken out of the engine at once
_BATCH = 256


class MediaError(BranchlineError):
    """Raised when the media engine refuses a command."""


@dataclass(frozen=True, slots=True)
class DigitHeard:
    """A DTMF digit's tone was confirmed; told once, at its onset."""

    leg: int
    digit: str
    source: DigitSource
    #: how long it had been heard when it was told
    duration_ms: int


@dataclass(frozen=True, slots=True)
class PlayEnded:
    """A play is over."""

    leg: int
    play: int
    why: PlayEnd


@dataclass(frozen=True, slots=True)
class RecordingClosed:
    """A recording's file is complete, or as complete as it will get."""

    recording: int
    leg: int
    samples: int
    reason: RecordEnd


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
    """The descriptor of a PCM leg ended or failed."""

    leg: int


@dataclass(frozen=True, slots=True)
class TicksLate:
    """Ticks began late since the last such event; at most one event a second."""

    count: int


MediaEvent = (
    DigitHeard | PlayEnded | RecordingClosed | MediaStarted | MediaSilent | DeviceGone | TicksLate
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


@dataclass(frozen=True, slots=True)
class Member:
    """A leg's part in a bridge: `talk`, `listen`, or `whisper` to one leg of it only."""

    leg: int
    role: Role = "talk"
    #: of a whisper: the leg that hears it
    to: int = 0


@dataclass(frozen=True, slots=True)
class Tone:
    """A tone of one or two frequencies; *cadence_ms* are up to four (on, off) pairs."""

    hz: tuple[float, ...]
    cadence_ms: tuple[tuple[int, int], ...]
    level_dbm0: float = -13.0


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


@dataclass(frozen=True, slots=True)
class Prompt:
    """Sound that can be played, shared among any number of plays."""

    handle: Any
    samples: int


_ROLES: dict[Role, int] = {
    "talk": lib.BL_ROLE_TALK,
    "listen": lib.BL_ROLE_LISTEN,
    "whisper": lib.BL_ROLE_WHISPER,
}
_CODECS: dict[Codec, int] = {"PCMU": lib.BL_PCMU, "PCMA": lib.BL_PCMA}

#: C's word -> reason word, verdict, sentence
_ERRORS: dict[int, tuple[str, Verdict, str]] = {
    lib.BL_EINVAL: ("bad-request", Verdict.OURS, "an argument is out of its range"),
    lib.BL_ENOMEM: ("overload", Verdict.OURS, "no memory, or the engine's legs are all taken"),
    lib.BL_ENOENT: ("gone", Verdict.OURS, "no such leg, bridge or recording"),
    lib.BL_EEXIST: ("duplicate", Verdict.OURS, "the id is in use"),
    lib.BL_EBUSY: ("overload", Verdict.OURS, "the engine's command ring stays full"),
    lib.BL_EPORT: ("port-busy", Verdict.CONFIG, "no free port in the range at that address"),
    lib.BL_EIO: ("recording-failed", Verdict.OURS, "the file, device or thread cannot be opened"),
    lib.BL_ENOSPC: ("disk-full", Verdict.HARDWARE, "the disk is full"),
    lib.BL_ESTATE: ("wrong-state", Verdict.OURS, "not possible in the engine's state"),
}

_DIGIT_SOURCES: dict[int, DigitSource] = {
    lib.BL_DIGIT_INBAND: "inband",
    lib.BL_DIGIT_RFC4733: "rfc4733",
}
_PLAY_ENDS: dict[int, PlayEnd] = {
    lib.BL_PLAY_END: "end",
    lib.BL_PLAY_STOPPED: "stopped",
    lib.BL_PLAY_REPLACED: "replaced",
    lib.BL_PLAY_BRIDGED: "bridged",
    lib.BL_PLAY_REMOVED: "removed",
}
_RECORD_ENDS: dict[int, RecordEnd] = {
    lib.BL_RECORD_COMPLETE: "normal",
    lib.BL_RECORD_DISK_FULL: "disk-full",
    lib.BL_RECORD_FAILED: "recording-failed",
}


def _check(result: int, what: str) -> int:
    """Return a C function's result, or raise MediaError when it is an error."""
    if result >= 0:
        return result
    reason, verdict, sentence = _ERRORS.get(
        result, ("internal", Verdict.OURS, f"unknown error {result}")
    )
    raise MediaError(reason, f"{what}: {sentence}", verdict=verdict)


def _event(raw: Any) -> MediaEvent:
    """Return the C event as one of ours."""
    kind: int = raw.kind
    if kind == lib.BL_EVENT_DIGIT:
        return DigitHeard(raw.leg, chr(raw.code), _DIGIT_SOURCES[raw.id], raw.value)
    if kind == lib.BL_EVENT_PLAY_ENDED:
        return PlayEnded(raw.leg, raw.id, _PLAY_ENDS[raw.code])
    if kind == lib.BL_EVENT_RECORD_CLOSED:
        return RecordingClosed(raw.id, raw.leg, raw.value, _RECORD_ENDS[raw.code])
    if kind == lib.BL_EVENT_MEDIA_STARTED:
        return MediaStarted(raw.leg)
    if kind == lib.BL_EVENT_MEDIA_SILENT:
        return MediaSilent(raw.leg)
    if kind == lib.BL_EVENT_DEVICE_GONE:
        return DeviceGone(raw.leg)
    return TicksLate(raw.value)


def _fill_tone(raw: Any, tone: Tone) -> None:
    """Write *tone* into a C `struct bl_tone`, whose arrays have a fixed size."""
    if not 1 <= len(tone.hz) <= len(raw.hz) or not 1 <= len(tone.cadence_ms) <= len(raw.on_ms):
        raise MediaError("bad-request", "a tone has 1 or 2 frequencies and 1 to 4 on/off pairs")
    for i, hz in enumerate(tone.hz):
        raw.hz[i] = hz
        raw.level_dbm0[i] = tone.level_dbm0
    for i, (on_ms, off_ms) in enumerate(tone.cadence_ms):
        raw.on_ms[i] = on_ms
        raw.off_ms[i] = off_ms
    raw.segments = len(tone.cadence_ms)


class MediaEngine:
    """One media engine: legs, bridges, plays, recordings, and the events they make."""

    def __init__(
        self,
        *,
        stepped: bool = False,
        max_legs: int = 4096,
        cpu: int | None = None,
        workers: int = 0,
    ) -> None:
        """*workers*: threads that share each tick; 0: one for each CPU."""
        config = ffi.new(
            "struct bl_engine_config *",
            {
                "stepped": stepped,
                "max_legs": max_legs,
                "cpu": -1 if cpu is None else cpu,
                "workers": workers,
            },
        )
        out = ffi.new("struct bl_engine **")
        _check(lib.bl_engine_new(config, out), "new engine")
        self._engine: Any = ffi.gc(out[0], lib.bl_engine_free)
        self._events = ffi.new("struct bl_event[]", _BATCH)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def fileno(self) -> int:
        """Return the descriptor that is readable when `poll()` has something."""
        return int(lib.bl_engine_fd(self._alive()))

    def start(self) -> None:
        """Start the threads of an engine that is not stepped."""
        _check(lib.bl_engine_start(self._alive()), "start")

    def close(self) -> None:
        """Stop and free the engine; its recordings are completed, its sockets closed."""
        if self._engine is not None:
            ffi.release(self._engine)
            self._engine = None

    def step(self, ticks: int = 1) -> None:
        """Run ticks of 20 ms by hand; for a stepped engine only."""
        _check(lib.bl_engine_step(self._alive(), ticks), "step")

    def add_rtp_leg(self, leg: int, address: str, first_port: int, last_port: int) -> int:
        """Return the even UDP port of a new leg; with first port 0 the system chooses one."""
        return _check(
            lib.bl_leg_add_rtp(self._alive(), leg, address.encode(), first_port, last_port),
            f"leg {leg} at {address}",
        )

    def add_pcm_leg(self, leg: int, fd: int) -> None:
        """Add a leg on a descriptor of raw s16le samples, 8 kHz mono.

        The descriptor is duplicated and made non-blocking; the caller closes its own copy.
        """
        _check(lib.bl_leg_add_pcm(self._alive(), leg, fd), f"leg {leg} on descriptor {fd}")

    def set_remote(self, leg: int, remote: RtpRemote) -> None:
        """Say where an RTP leg's far end is; nothing is sent or taken before."""
        address = ffi.new("char[]", remote.address.encode())
        event = remote.event_payload_type
        raw = ffi.new(
            "struct bl_remote *",
            {
                "address": address,
                "port": remote.port,
                "payload_type": remote.payload_type,
                "codec": _CODECS[remote.codec],
                "event_payload_type": -1 if event is None else event,
            },
        )
        _check(
            lib.bl_leg_remote(self._alive(), leg, raw),
            f"leg {leg}: remote {remote.address} port {remote.port}",
        )

    def set_flow(self, leg: int, *, send: bool, receive: bool) -> None:
        """Let sound out of and into a leg, or hold either."""
        _check(lib.bl_leg_flow(self._alive(), leg, send, receive), f"leg {leg}: flow")

    def detect_digits(self, leg: int, on: bool) -> None:
        """Look for DTMF tones in what the leg says; RFC 4733 digits are always told."""
        _check(lib.bl_leg_detect(self._alive(), leg, on), f"leg {leg}: digits")

    def silence_timeout(self, leg: int, ms: int) -> None:
        """Tell `MediaSilent` when nothing was received for so long; 0: never."""
        _check(lib.bl_leg_silence(self._alive(), leg, ms), f"leg {leg}: silence after {ms} ms")

    def remove(self, leg: int) -> None:
        """Remove a leg; it leaves its bridge, its play and recording end."""
        _check(lib.bl_leg_remove(self._alive(), leg), f"leg {leg}")

    def gain(self, leg: int, says_db: float, hears_db: float) -> None:
        """Make what a leg says and hears louder or softer, -60 to 20 dB; `-math.inf`: mute."""
        _check(lib.bl_leg_gain(self._alive(), leg, says_db, hears_db), f"leg {leg}: gain")

    def bridge(self, bridge: int, members: Sequence[int | Member]) -> None:
        """Make a bridge, or give it exactly these legs; a bare number is a leg that talks."""
        raw = ffi.new("struct bl_member[]", len(members))
        for slot, member in zip(raw, members, strict=True):
            one = Member(member) if isinstance(member, int) else member
            slot.leg, slot.to, slot.role = one.leg, one.to, _ROLES[one.role]
        _check(lib.bl_bridge(self._alive(), bridge, raw, len(members)), f"bridge {bridge}")

    def unbridge(self, bridge: int) -> None:
        """End a bridge; its legs stay."""
        _check(lib.bl_unbridge(self._alive(), bridge), f"bridge {bridge}")

    def load_prompt(self, samples: bytes | memoryview) -> Prompt:
        """Return a prompt of s16le samples at 8 kHz; it lives as long as it is referred to."""
        octets = memoryview(samples).cast("B")
        count = len(octets) // 2
        out = ffi.new("struct bl_prompt **")
        with ffi.from_buffer("int16_t[]", octets[: count * 2]) as pcm:
            _check(lib.bl_prompt_new(pcm, count, out), f"prompt of {count} samples")
        return Prompt(ffi.gc(out[0], lib.bl_prompt_free), count)

    def play(
        self, leg: int, play: int, items: Sequence[Prompt | Tone], *, loop: bool = False
    ) -> None:
        """Play the items to the leg instead of its bridge; replaces what was playing."""
        raw = ffi.new("struct bl_play_item[]", len(items))
        for slot, item in zip(raw, items, strict=True):
            if isinstance(item, Prompt):
                slot.prompt = item.handle
            else:
                _fill_tone(slot.tone, item)
        _check(
            lib.bl_play(self._alive(), leg, play, raw, len(items), loop), f"leg {leg}: play {play}"
        )

    def stop_play(self, leg: int) -> None:
        """End what the leg is being played, if anything."""
        _check(lib.bl_play_stop(self._alive(), leg), f"leg {leg}: stop play")

    def send_digits(self, leg: int, digits: str) -> None:
        """Send up to 64 digits 0-9 * # A-D: as RFC 4733 where the far end knows it, else tones."""
        text = digits.encode("ascii", "replace")
        _check(lib.bl_digits_send(self._alive(), leg, text), f"leg {leg}: digits {digits!r}")

    def record(self, recording: int, leg: int, path: str) -> None:
        """Record to a new stereo WAV file: left what the leg says, right what it hears."""
        _check(
            lib.bl_record(self._alive(), recording, leg, path.encode()),
            f"leg {leg}: recording {recording} to {path}",
        )

    def stop_record(self, recording: int) -> None:
        """End a recording; `RecordingClosed` follows."""
        _check(lib.bl_record_stop(self._alive(), recording), f"recording {recording}")

    def stats(self, leg: int) -> LegStats:
        """Return what a leg has counted up to the last tick."""
        raw = ffi.new("struct bl_leg_stats *")
        _check(lib.bl_leg_stats(self._alive(), leg, raw), f"leg {leg}: stats")
        return LegStats(**{name: getattr(raw, name) for name in LegStats.__slots__})

    def engine_stats(self) -> EngineStats:
        """Return what the engine has counted up to now."""
        raw = ffi.new("struct bl_engine_stats *")
        _check(lib.bl_engine_stats(self._alive(), raw), "stats")
        return EngineStats(**{name: getattr(raw, name) for name in EngineStats.__slots__})

    def poll(self) -> list[MediaEvent]:
        """Return all events that wait, and make `fileno()` unreadable."""
        events: list[MediaEvent] = []
        while True:
            count = _check(lib.bl_engine_poll(self._alive(), self._events, _BATCH), "poll")
            events.extend(_event(self._events[i]) for i in range(count))
            if count < _BATCH:
                return events

    def _alive(self) -> Any:
        """Return the C engine; raise MediaError when it was closed."""
        if self._engine is None:
            raise MediaError("wrong-state", "the engine is closed")
        return self._engine
