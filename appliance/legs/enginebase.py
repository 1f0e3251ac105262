"""What the parts of the media engine's Python face share: its handle, its errors, its tones."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from _branchline_media import lib

from appliance.base.errors import BranchlineError, Verdict
from appliance.legs.enginetypes import Tone, TonePart


class MediaError(BranchlineError):
    """Raised when the media engine refuses a command."""


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


def check(result: int, what: str) -> int:
    """Return a C function's result, or raise MediaError when it is an error."""
    if result >= 0:
        return result
    reason, verdict, sentence = _ERRORS.get(
        result, ("internal", Verdict.OURS, f"unknown error {result}")
    )
    raise MediaError(reason, f"{what}: {sentence}", verdict=verdict)


@contextmanager
def unless_gone() -> Iterator[None]:
    """Take it as done where the engine has ended the thing by itself and is about to tell so."""
    try:
        yield
    except MediaError as error:
        if error.reason != "gone":
            raise


def fill_tone(raw: Any, tone: Tone) -> None:
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


class EngineBase:
    """The C engine, for as long as it is not closed."""

    _engine: Any

    def _alive(self) -> Any:
        """Return the C engine; raise MediaError when it was closed."""
        if self._engine is None:
            raise MediaError("wrong-state", "the engine is closed")
        return self._engine
