"""The media engine's Python face: the only user of the C module.

A `MediaEngine` belongs to one thread. Its events are read with `poll()` whenever `fileno()` is
readable (`loop.add_reader`); nothing here calls back from the media thread. Ids of legs, bridges,
plays, recordings and faxes are the caller's own integers.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

from _branchline_media import ffi, lib

from appliance.legs.enginebase import check, fill_tone
from appliance.legs.engineevents import EVENTS
from appliance.legs.enginefax import FaxCalls
from appliance.legs.enginesecure import SecureCalls
from appliance.legs.enginestats import EngineStats, LegStats
from appliance.legs.enginetypes import (
    PLAIN_PLAY,
    PLAIN_RECORD,
    Codec,
    Device,
    DeviceFormat,
    Member,
    PlayHow,
    RecordHow,
    Role,
    RtpRemote,
    Tone,
)
from appliance.legs.enginewatch import WatchCalls
from appliance.legs.mediaevents import MediaEvent

RATE_HZ = 8000
#: events taken out of the engine at once
_BATCH = 256


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
_DEVICE_FORMATS: dict[DeviceFormat, int] = {
    "s16le": lib.BL_DEVICE_S16LE,
    "u8": lib.BL_DEVICE_U8,
    "s8": lib.BL_DEVICE_S8,
    "PCMU": lib.BL_DEVICE_PCMU,
    "PCMA": lib.BL_DEVICE_PCMA,
}


class MediaEngine(SecureCalls, WatchCalls, FaxCalls):
    """One media engine: legs, bridges, plays, recordings, and the events they make."""

    def __init__(
        self,
        *,
        stepped: bool = False,
        max_legs: int = 4096,
        cpu: int | None = None,
        workers: int = 0,
        batched: bool = True,
    ) -> None:
        """*workers*: threads that share each tick; 0: one for each CPU.

        *batched*: many packets with one system call, where the kernel allows io_uring.
        """
        config = ffi.new(
            "struct bl_engine_config *",
            {
                "stepped": stepped,
                "max_legs": max_legs,
                "cpu": -1 if cpu is None else cpu,
                "workers": workers,
                "unbatched": not batched,
            },
        )
        out = ffi.new("struct bl_engine **")
        check(lib.bl_engine_new(config, out), "new engine")
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
        check(lib.bl_engine_start(self._alive()), "start")

    def close(self) -> None:
        """Stop and free the engine; its recordings are completed, its sockets closed."""
        if self._engine is not None:
            ffi.release(self._engine)
            self._engine = None

    def step(self, ticks: int = 1) -> None:
        """Run ticks of 20 ms by hand; for a stepped engine only."""
        check(lib.bl_engine_step(self._alive(), ticks), "step")

    def add_rtp_leg(self, leg: int, address: str, first_port: int, last_port: int) -> int:
        """Return the even UDP port of a new leg; with first port 0 the system chooses one."""
        return check(
            lib.bl_leg_add_rtp(self._alive(), leg, address.encode(), first_port, last_port),
            f"leg {leg} at {address}",
        )

    def add_device_leg(self, leg: int, fd: int, device: Device) -> None:
        """Add a leg on a device's descriptor, which is duplicated and made non-blocking.

        The caller closes its own copy. The device is always written to, be it silence; nobody
        else may read it while the leg is there.
        """
        config = ffi.new(
            "struct bl_device_config *",
            {
                "format": _DEVICE_FORMATS[device.format],
                "rate": device.rate_hz,
                "block": device.block,
                "echo_ms": device.echo_ms,
                "suppress": device.suppress,
                "shielded": device.shielded,
                "in_db": device.in_db,
                "out_db": device.out_db,
            },
        )
        check(lib.bl_leg_add_device(self._alive(), leg, fd, config), f"leg {leg} on device {fd}")

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
                "event_rate": remote.event_rate_hz,
                "payload_type_in": remote.payload_type_in,
                "event_payload_type_in": remote.event_payload_type_in,
                "rate": remote.rate_hz,
                "rtcp_port": remote.rtcp_port,
                "bitrate": remote.bitrate,
                "fec": remote.fec,
                "dtx": remote.dtx,
            },
        )
        if remote.noise_payload_type is not None:
            raw.cn_payload_type = remote.noise_payload_type
        check(
            lib.bl_leg_remote(self._alive(), leg, raw),
            f"leg {leg}: remote {remote.address} port {remote.port}",
        )

    def set_flow(self, leg: int, *, send: bool, receive: bool) -> None:
        """Let sound out of and into a leg, or hold either."""
        check(lib.bl_leg_flow(self._alive(), leg, send, receive), f"leg {leg}: flow")

    def remove(self, leg: int) -> None:
        """Remove a leg; it leaves its bridge, its play and recording end."""
        check(lib.bl_leg_remove(self._alive(), leg), f"leg {leg}")

    def gain(self, leg: int, says_db: float, hears_db: float) -> None:
        """Make what a leg says and hears louder or softer, -60 to 20 dB; `-math.inf`: mute."""
        check(lib.bl_leg_gain(self._alive(), leg, says_db, hears_db), f"leg {leg}: gain")

    def bridge(self, bridge: int, members: Sequence[int | Member]) -> None:
        """Make a bridge, or give it exactly these legs; a bare number is a leg that talks."""
        raw = ffi.new("struct bl_member[]", len(members))
        for slot, member in zip(raw, members, strict=True):
            one = Member(member) if isinstance(member, int) else member
            slot.leg, slot.to, slot.role = one.leg, one.to, _ROLES[one.role]
        check(lib.bl_bridge(self._alive(), bridge, raw, len(members)), f"bridge {bridge}")

    def unbridge(self, bridge: int) -> None:
        """End a bridge; its legs stay."""
        check(lib.bl_unbridge(self._alive(), bridge), f"bridge {bridge}")

    def load_prompt(self, samples: bytes | memoryview, rate_hz: int = RATE_HZ) -> Prompt:
        """Return a prompt of s16le samples; it lives as long as it is referred to."""
        octets = memoryview(samples).cast("B")
        count = len(octets) // 2
        out = ffi.new("struct bl_prompt **")
        with ffi.from_buffer("int16_t[]", octets[: count * 2]) as pcm:
            check(lib.bl_prompt_new(pcm, count, rate_hz, out), f"prompt of {count} samples")
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
                fill_tone(slot.tone, item)
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
        check(lib.bl_play(self._alive(), leg, play, spec), f"leg {leg}: play {play}")

    def stop_play(self, leg: int, play: int = 0) -> None:
        """End one play of the leg's queue, or with 0 all that it is being played."""
        check(lib.bl_play_stop(self._alive(), leg, play), f"leg {leg}: stop play")

    def pause_play(self, leg: int, on: bool) -> None:
        """Hold the play that sounds, or let it go on."""
        check(lib.bl_play_pause(self._alive(), leg, on), f"leg {leg}: pause play")

    def seek_play(self, leg: int, ms: int, *, relative: bool = False) -> None:
        """Set the play that sounds to a place, or forward and back from where it is."""
        check(lib.bl_play_seek(self._alive(), leg, ms, relative), f"leg {leg}: seek {ms} ms")

    def gain_play(self, leg: int, gain_db: float) -> None:
        """Make the play that sounds louder or softer, -60 to 20 dB."""
        check(lib.bl_play_gain(self._alive(), leg, gain_db), f"leg {leg}: gain of the play")

    def send_digits(self, leg: int, digits: str) -> None:
        """Send up to 64 digits 0-9 * # A-D: as RFC 4733 where the far end knows it, else tones."""
        text = digits.encode("ascii", "replace")
        check(lib.bl_digits_send(self._alive(), leg, text), f"leg {leg}: digits {digits!r}")

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
        check(
            lib.bl_record(self._alive(), recording, leg, spec),
            f"leg {leg}: recording {recording} to {path}",
        )

    def pause_record(self, recording: int, on: bool) -> None:
        """Leave out what is said from now on; a beep stands for it in the file."""
        check(lib.bl_record_pause(self._alive(), recording, on), f"recording {recording}: pause")

    def mute_record(self, recording: int, *, says: bool, hears: bool) -> None:
        """Record silence in place of either side."""
        sides = (lib.BL_SIDE_SAYS if says else 0) | (lib.BL_SIDE_HEARS if hears else 0)
        check(lib.bl_record_mute(self._alive(), recording, sides), f"recording {recording}: mute")

    def mask_record(self, recording: int, on: bool) -> None:
        """Record silence in place of what is dialled from now on, or no more."""
        check(lib.bl_record_mask(self._alive(), recording, on), f"recording {recording}: mask")

    def tap(
        self, tap: int, leg: int, fd: int, *, says: bool, hears: bool, mask_digits: bool = False
    ) -> None:
        """Copy the leg's sides, as they are, into a connected socket or pipe.

        The descriptor is duplicated; docs/media-engine.md tells what is written into it.
        """
        sides = (lib.BL_SIDE_SAYS if says else 0) | (lib.BL_SIDE_HEARS if hears else 0)
        check(lib.bl_tap(self._alive(), tap, leg, fd, sides, mask_digits), f"leg {leg}: tap {tap}")

    def mask_tap(self, tap: int, on: bool) -> None:
        """Hide what is dialled from now on, or no more; a masked tap comes 60 ms later."""
        check(lib.bl_tap_mask(self._alive(), tap, on), f"tap {tap}: mask")

    def stop_tap(self, tap: int) -> None:
        """End a tap; `TapEnded` follows."""
        check(lib.bl_tap_stop(self._alive(), tap), f"tap {tap}")

    def stop_record(self, recording: int) -> None:
        """End a recording; `RecordingClosed` follows."""
        check(lib.bl_record_stop(self._alive(), recording), f"recording {recording}")

    def stats(self, leg: int) -> LegStats:
        """Return what a leg has counted up to the last tick."""
        raw = ffi.new("struct bl_leg_stats *")
        check(lib.bl_leg_stats(self._alive(), leg, raw), f"leg {leg}: stats")
        return LegStats(**{name: getattr(raw, name) for name in LegStats.__slots__})

    def engine_stats(self) -> EngineStats:
        """Return what the engine has counted up to now."""
        raw = ffi.new("struct bl_engine_stats *")
        check(lib.bl_engine_stats(self._alive(), raw), "stats")
        return EngineStats(**{name: getattr(raw, name) for name in EngineStats.__slots__})

    def poll(self) -> list[MediaEvent]:
        """Return all events that wait, and make `fileno()` unreadable."""
        events: list[MediaEvent] = []
        while True:
            count = check(lib.bl_engine_poll(self._alive(), self._events, _BATCH), "poll")
            for i in range(count):
                raw = self._events[i]
                if raw.kind == lib.BL_EVENT_FAX:
                    events.extend(self._fax_events(raw.id, raw.leg))
                else:
                    events.append(EVENTS[raw.kind](raw))
            if count < _BATCH:
                return events
