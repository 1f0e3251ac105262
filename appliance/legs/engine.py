"""The media engine's Python face: the only user of the C module `_branchline_media`.

A `MediaEngine` belongs to one thread. Its events are read with `poll()` whenever `fileno()` is
readable (`loop.add_reader`); nothing here calls back from the media thread. Ids of legs, bridges,
plays and recordings are the caller's own integers.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Self

from _branchline_media import ffi, lib

from appliance.base.errors import BranchlineError, Verdict
from appliance.legs.enginetypes import (
    PLAIN_PLAY,
    PLAIN_RECORD,
    Browser,
    Codec,
    DeviceGone,
    DigitEnded,
    DigitHeard,
    DigitSource,
    EngineStats,
    FarGone,
    Insecure,
    InsecureReason,
    LegStats,
    MediaEvent,
    MediaSilent,
    MediaStarted,
    Member,
    PathFound,
    PathLost,
    PlayEnd,
    PlayEnded,
    PlayHow,
    RecordEnd,
    RecordGap,
    RecordHow,
    RecordingClosed,
    RecordingGap,
    Role,
    RtpRemote,
    Secured,
    Setup,
    Talk,
    TapEnd,
    TapEnded,
    TelephoneEvent,
    TicksLate,
    Tone,
    TonePart,
)

RATE_HZ = 8000
#: [bytes] of an a=crypto value or a fingerprint, at most
_CRYPTO_ROOM = 512
#: events taken out of the engine at once
_BATCH = 256


class MediaError(BranchlineError):
    """Raised when the media engine refuses a command."""


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
_CODECS: dict[Codec, int] = {
    "PCMU": lib.BL_PCMU,
    "PCMA": lib.BL_PCMA,
    "G722": lib.BL_G722,
    "OPUS": lib.BL_OPUS,
    "L16": lib.BL_L16,
}

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
    lib.BL_PLAY_BARGED_DIGIT: "digit",
    lib.BL_PLAY_BARGED_SPEECH: "speech",
}
_RECORD_ENDS: dict[int, RecordEnd] = {
    lib.BL_RECORD_COMPLETE: "normal",
    lib.BL_RECORD_DISK_FULL: "disk-full",
    lib.BL_RECORD_FAILED: "recording-failed",
    lib.BL_RECORD_LONGEST: "longest",
}
_SUITES: dict[str, int] = {
    "AES_CM_128_HMAC_SHA1_80": lib.BL_SUITE_AES_CM_80,
    "AES_CM_128_HMAC_SHA1_32": lib.BL_SUITE_AES_CM_32,
    "AEAD_AES_128_GCM": lib.BL_SUITE_GCM_128,
    "AEAD_AES_256_GCM": lib.BL_SUITE_GCM_256,
}
_SUITE_NAMES = {number: name for name, number in _SUITES.items()}
_SETUPS: dict[Setup, int] = {"passive": lib.BL_SETUP_PASSIVE, "active": lib.BL_SETUP_ACTIVE}
_INSECURE: dict[int, InsecureReason] = {
    lib.BL_INSECURE_TIMEOUT: "timeout",
    lib.BL_INSECURE_STRANGER: "wrong-fingerprint",
    lib.BL_INSECURE_NO_PROFILE: "no-encryption",
    lib.BL_INSECURE_REFUSED: "refused",
}
_RECORD_GAPS: dict[int, RecordGap] = {lib.BL_GAP_PAUSED: "paused", lib.BL_GAP_LOST: "lost"}
_TAP_ENDS: dict[int, TapEnd] = {
    lib.BL_TAP_STOPPED: "stopped",
    lib.BL_TAP_READER_GONE: "reader-gone",
    lib.BL_TAP_FAILED: "tap-failed",
}


def _check(result: int, what: str) -> int:
    """Return a C function's result, or raise MediaError when it is an error."""
    if result >= 0:
        return result
    reason, verdict, sentence = _ERRORS.get(
        result, ("internal", Verdict.OURS, f"unknown error {result}")
    )
    raise MediaError(reason, f"{what}: {sentence}", verdict=verdict)


#: the C event's kind -> what it is to us
_EVENTS: dict[int, Callable[[Any], MediaEvent]] = {
    lib.BL_EVENT_DIGIT: lambda raw: DigitHeard(
        raw.leg, chr(raw.code), _DIGIT_SOURCES[raw.id], raw.value
    ),
    lib.BL_EVENT_DIGIT_ENDED: lambda raw: DigitEnded(raw.leg, chr(raw.code), raw.value),
    lib.BL_EVENT_TELEPHONE: lambda raw: TelephoneEvent(raw.leg, raw.code),
    lib.BL_EVENT_TALK: lambda raw: Talk(raw.leg, bool(raw.code)),
    lib.BL_EVENT_FAR_GONE: lambda raw: FarGone(raw.leg),
    lib.BL_EVENT_PLAY_ENDED: lambda raw: PlayEnded(
        raw.leg, raw.id, _PLAY_ENDS[raw.code], raw.value
    ),
    lib.BL_EVENT_RECORD_GAP: lambda raw: RecordingGap(
        raw.id, raw.leg, raw.value, _RECORD_GAPS[raw.code]
    ),
    lib.BL_EVENT_TAP_ENDED: lambda raw: TapEnded(raw.id, raw.leg, raw.value, _TAP_ENDS[raw.code]),
    lib.BL_EVENT_RECORD_CLOSED: lambda raw: RecordingClosed(
        raw.id, raw.leg, raw.value, _RECORD_ENDS[raw.code]
    ),
    lib.BL_EVENT_MEDIA_STARTED: lambda raw: MediaStarted(raw.leg),
    lib.BL_EVENT_MEDIA_SILENT: lambda raw: MediaSilent(raw.leg),
    lib.BL_EVENT_DEVICE_GONE: lambda raw: DeviceGone(raw.leg),
    lib.BL_EVENT_SECURED: lambda raw: Secured(raw.leg, _SUITE_NAMES.get(raw.code, "")),
    lib.BL_EVENT_INSECURE: lambda raw: Insecure(raw.leg, _INSECURE[raw.code]),
    lib.BL_EVENT_PATH: lambda raw: PathFound(raw.leg),
    lib.BL_EVENT_PATH_LOST: lambda raw: PathLost(raw.leg),
    lib.BL_EVENT_FAR_CLOSED: lambda raw: FarGone(raw.leg),
    lib.BL_EVENT_TICKS_LATE: lambda raw: TicksLate(raw.value),
}


def _browser(raw: Any) -> Browser:
    """Return the C answer's parts as ours."""
    return Browser(*(ffi.string(text).decode() for text in (raw.ufrag, raw.pwd, raw.fingerprint)))


def _fill_tone(raw: Any, tone: Tone) -> None:
    """Write *tone* into a C `struct bl_tone`, whose arrays have a fixed size."""
    parts = tone.parts or tuple(
        TonePart(tone.hz, on_ms, off_ms, tone.level_dbm0) for on_ms, off_ms in tone.cadence_ms
    )
    if not 1 <= len(parts) <= len(raw.parts):
        raise MediaError("bad-request", "a tone has 1 to 8 parts")
    for slot, part in zip(raw.parts, parts, strict=False):
        if len(part.hz) > len(slot.hz):
            raise MediaError("bad-request", "a tone has at most 4 frequencies at a time")
        for i, hz in enumerate(part.hz):
            slot.hz[i], slot.level_dbm0[i] = hz, part.level_dbm0
        slot.modulate_hz = part.modulate_hz
        slot.on_ms, slot.off_ms = part.on_ms, part.off_ms
    raw.count, raw.times = len(parts), tone.times


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
                "rate": remote.rate_hz,
                "rtcp_port": remote.rtcp_port,
                "bitrate": remote.bitrate,
                "fec": remote.fec,
                "dtx": remote.dtx,
            },
        )
        _check(
            lib.bl_leg_remote(self._alive(), leg, raw),
            f"leg {leg}: remote {remote.address} port {remote.port}",
        )

    def make_crypto(self, tag: int, suite: str) -> str:
        """Return an `a=crypto` value (RFC 4568) with a new random key of that suite."""
        text = ffi.new("char[]", _CRYPTO_ROOM)
        _check(lib.bl_crypto_make(tag, _SUITES[suite], text, _CRYPTO_ROOM), f"key for {suite}")
        return str(ffi.string(text).decode())

    def secure(self, leg: int, ours: str, theirs: str) -> None:
        """Speak SRTP from now on, with the keys of the two agreed `a=crypto` values.

        New ones change the keys without a gap. Raises MediaError `wrong-state` where *theirs* is
        well formed but nothing that we speak.
        """
        _check(
            lib.bl_leg_secure(self._alive(), leg, ours.encode(), theirs.encode()),
            f"leg {leg}: keys",
        )

    def fingerprint(self) -> str:
        """Return our own certificate's, for `a=fingerprint`."""
        text = ffi.new("char[]", _CRYPTO_ROOM)
        _check(lib.bl_fingerprint(self._alive(), text, _CRYPTO_ROOM), "fingerprint")
        return str(ffi.string(text).decode())

    def dtls(self, leg: int, setup: Setup, fingerprint: str) -> None:
        """Shake hands with a leg's far end, whose certificate has that fingerprint."""
        _check(
            lib.bl_leg_dtls(self._alive(), leg, _SETUPS[setup], fingerprint.encode()),
            f"leg {leg}: DTLS",
        )

    def open_browser_port(self, address: str, port: int) -> int:
        """Open the UDP port that all browser legs share; return it."""
        return _check(
            lib.bl_browser_open(self._alive(), address.encode(), port),
            f"browsers at {address} port {port}",
        )

    def add_browser_leg(self, leg: int, setup: Setup, fingerprint: str) -> Browser:
        """Add a leg by WebRTC (ICE-lite, DTLS-SRTP); return what the answer must hold."""
        out = ffi.new("struct bl_browser *")
        _check(
            lib.bl_leg_add_browser(self._alive(), leg, _SETUPS[setup], fingerprint.encode(), out),
            f"browser leg {leg}",
        )
        return _browser(out)

    def restart_browser_leg(self, leg: int) -> Browser:
        """Return new ICE credentials; keys, SSRC and the paths in use go on."""
        out = ffi.new("struct bl_browser *")
        _check(lib.bl_leg_restart(self._alive(), leg, out), f"browser leg {leg}: restart")
        return _browser(out)

    def set_flow(self, leg: int, *, send: bool, receive: bool) -> None:
        """Let sound out of and into a leg, or hold either."""
        _check(lib.bl_leg_flow(self._alive(), leg, send, receive), f"leg {leg}: flow")

    def detect_digits(self, leg: int, on: bool) -> None:
        """Look for DTMF tones in what the leg says; RFC 4733 digits are always told."""
        _check(lib.bl_leg_detect(self._alive(), leg, on), f"leg {leg}: digits")

    def watch_talk(self, leg: int, on: bool) -> None:
        """Tell `Talk` when somebody begins and stops to talk."""
        _check(lib.bl_leg_voice(self._alive(), leg, on), f"leg {leg}: talk")

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

    def load_prompt(self, samples: bytes | memoryview, rate_hz: int = RATE_HZ) -> Prompt:
        """Return a prompt of s16le samples; it lives as long as it is referred to."""
        octets = memoryview(samples).cast("B")
        count = len(octets) // 2
        out = ffi.new("struct bl_prompt **")
        with ffi.from_buffer("int16_t[]", octets[: count * 2]) as pcm:
            _check(lib.bl_prompt_new(pcm, count, rate_hz, out), f"prompt of {count} samples")
        return Prompt(ffi.gc(out[0], lib.bl_prompt_free), count)

    def play(
        self,
        leg: int,
        play: int,
        items: Sequence[Prompt | Tone],
        *,
        loop: bool = False,
        how: PlayHow = PLAIN_PLAY,
    ) -> None:
        """Play the items to the leg instead of its bridge, or as *how* says."""
        raw = ffi.new("struct bl_play_item[]", len(items))
        for slot, item in zip(raw, items, strict=True):
            if isinstance(item, Prompt):
                slot.prompt = item.handle
            else:
                _fill_tone(slot.tone, item)
        spec = ffi.new(
            "struct bl_play_spec *",
            {
                "items": raw,
                "count": len(items),
                "loop": lib.BL_LOOP_ALL if loop else lib.BL_LOOP_NONE,
                "barge": (lib.BL_BARGE_DIGIT if how.barge_digit else 0)
                | (lib.BL_BARGE_SPEECH if how.barge_speech else 0),
                "start_ms": how.start_ms,
                "gain_db": how.gain_db,
                "append": how.append,
                "over": how.over,
            },
        )
        if how.loop_last:
            spec.loop = lib.BL_LOOP_LAST
        _check(lib.bl_play(self._alive(), leg, play, spec), f"leg {leg}: play {play}")

    def stop_play(self, leg: int, play: int = 0) -> None:
        """End one play of the leg's queue, or with 0 all that it is being played."""
        _check(lib.bl_play_stop(self._alive(), leg, play), f"leg {leg}: stop play")

    def pause_play(self, leg: int, on: bool) -> None:
        """Hold the play that sounds, or let it go on."""
        _check(lib.bl_play_pause(self._alive(), leg, on), f"leg {leg}: pause play")

    def seek_play(self, leg: int, ms: int, *, relative: bool = False) -> None:
        """Set the play that sounds to a place, or forward and back from where it is."""
        _check(lib.bl_play_seek(self._alive(), leg, ms, relative), f"leg {leg}: seek {ms} ms")

    def gain_play(self, leg: int, gain_db: float) -> None:
        """Make the play that sounds louder or softer, -60 to 20 dB."""
        _check(lib.bl_play_gain(self._alive(), leg, gain_db), f"leg {leg}: gain of the play")

    def send_digits(self, leg: int, digits: str) -> None:
        """Send up to 64 digits 0-9 * # A-D: as RFC 4733 where the far end knows it, else tones."""
        text = digits.encode("ascii", "replace")
        _check(lib.bl_digits_send(self._alive(), leg, text), f"leg {leg}: digits {digits!r}")

    def record(self, recording: int, leg: int, path: str, how: RecordHow = PLAIN_RECORD) -> None:
        """Record to a new file: left what the leg says, right what it hears."""
        text = ffi.new("char[]", path.encode())
        spec = ffi.new(
            "struct bl_record_spec *",
            {
                "path": text,
                "format": lib.BL_RECORD_OPUS if how.opus else lib.BL_RECORD_WAV,
                "longest_ms": how.longest_ms,
                "mono": how.mono,
                "mask_digits": how.mask_digits,
            },
        )
        _check(
            lib.bl_record(self._alive(), recording, leg, spec),
            f"leg {leg}: recording {recording} to {path}",
        )

    def pause_record(self, recording: int, on: bool) -> None:
        """Leave out what is said from now on; a beep stands for it in the file."""
        _check(lib.bl_record_pause(self._alive(), recording, on), f"recording {recording}: pause")

    def mute_record(self, recording: int, *, says: bool, hears: bool) -> None:
        """Record silence in place of either side."""
        sides = (lib.BL_SIDE_SAYS if says else 0) | (lib.BL_SIDE_HEARS if hears else 0)
        _check(lib.bl_record_mute(self._alive(), recording, sides), f"recording {recording}: mute")

    def tap(
        self, tap: int, leg: int, fd: int, *, says: bool, hears: bool, mask_digits: bool = False
    ) -> None:
        """Copy the leg's sides, as they are, into a connected socket or pipe.

        The descriptor is duplicated; docs/media-engine.md tells what is written into it.
        """
        sides = (lib.BL_SIDE_SAYS if says else 0) | (lib.BL_SIDE_HEARS if hears else 0)
        _check(
            lib.bl_tap(self._alive(), tap, leg, fd, sides, mask_digits), f"leg {leg}: tap {tap}"
        )

    def stop_tap(self, tap: int) -> None:
        """End a tap; `TapEnded` follows."""
        _check(lib.bl_tap_stop(self._alive(), tap), f"tap {tap}")

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
            for i in range(count):
                raw = self._events[i]
                events.append(_EVENTS[raw.kind](raw))
            if count < _BATCH:
                return events

    def _alive(self) -> Any:
        """Return the C engine; raise MediaError when it was closed."""
        if self._engine is None:
            raise MediaError("wrong-state", "the engine is closed")
        return self._engine
