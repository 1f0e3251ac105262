"""The person at the far end of a pretend line: says something, presses keys, listens, hangs up."""

import contextlib
import wave
from array import array
from pathlib import Path

from drivers.errors import DriverError
from drivers.line import PCM_FRAME_BYTES, PCM_FRAME_MS, PCM_RATE_HZ
from drivers.sim.sound import DTMF_HZ, Samples, dtmf, from_bytes, silence, sound_named, to_bytes

_FRAME_SAMPLES = PCM_FRAME_BYTES // 2
_FRAME_S = PCM_FRAME_MS / 1000
#: nobody talks longer to a pretend line, so that a forgotten call ends [s]
TALK_MAX_S = 3600.0


class FarCaller:
    """One far end; its time is counted in frames, so it runs as fast as the line does."""

    def __init__(
        self,
        *,
        say: str = "",
        press: str = "",
        press_after_s: float = 0.0,
        talk_s: float = 20.0,
        record: str = "",
    ) -> None:
        """Take what to say (see `sound_named`), keys to press and when, and how long to talk.

        Raises `DriverError` for a file that can't be read or written and for keys there are not.
        """
        if not DTMF_HZ.keys() >= set(press.upper()) or len(press) > 64:
            raise DriverError("bad-request", f"{press[:40]!r} are not DTMF digits")
        if not (0 < talk_s <= TALK_MAX_S and 0 <= press_after_s <= TALK_MAX_S):
            raise DriverError("bad-request", f"times are between 0 and {TALK_MAX_S:.0f} s")
        self._frames_left = round(talk_s / _FRAME_S)
        self._said = sound_named(say) if say else array("h")
        self._place = 0
        if press:
            self._press_at(round(press_after_s * PCM_RATE_HZ), dtmf(press))
        self._keys: list[tuple[int, str]] = self._key_frames(press.upper(), press_after_s)
        self._frame = 0
        self._file = _Recording(Path(record)) if record else None
        #: what it heard since the last look at it, at most a second of it
        self.heard = array("h")

    @property
    def done(self) -> bool:
        """It has talked for as long as it wanted to."""
        return self._frames_left <= 0

    def speak(self) -> bytes:
        """Return the next frame of what it says."""
        self._frames_left -= 1
        self._frame += 1
        frame = self._said[self._place : self._place + _FRAME_SAMPLES]
        self._place += _FRAME_SAMPLES
        frame += array("h", bytes(2 * (_FRAME_SAMPLES - len(frame))))
        return to_bytes(frame)

    def keys_pressed(self) -> str:
        """Return the keys whose tone ended with the last frame, as the modem's detector sees."""
        pressed = ""
        while self._keys and self._keys[0][0] <= self._frame:
            pressed += self._keys.pop(0)[1]
        return pressed

    def press_now(self, digits: str) -> None:
        """Press these keys from the next frame on."""
        self._press_at(self._place, dtmf(digits))
        self._keys += self._key_frames(digits.upper(), self._frame * _FRAME_S)
        self._keys.sort()

    def hear(self, frame: bytes) -> None:
        """Take a frame of what the line plays to it."""
        if self._file is not None:
            self._file.write(frame)
        self.heard += from_bytes(frame)
        del self.heard[:-PCM_RATE_HZ]

    def leave(self) -> None:
        """Close the recording; harmless when repeated."""
        file, self._file = self._file, None
        if file is not None:
            file.close()

    def _press_at(self, place: int, keys: Samples) -> None:
        gap = place - len(self._said)
        if gap > 0:
            self._said += silence(1000 * gap / PCM_RATE_HZ)
        # whoever presses a key is quiet meanwhile
        self._said[place : place + len(keys)] = keys

    @staticmethod
    def _key_frames(digits: str, after_s: float) -> list[tuple[int, str]]:
        length_s = len(dtmf("1")) / PCM_RATE_HZ
        return [
            (round((after_s + (n + 0.6) * length_s) / _FRAME_S), digit)
            for n, digit in enumerate(digits)
        ]


class _Recording:
    """A WAV file that is written to; a full disk ends it, not the call."""

    def __init__(self, path: Path) -> None:
        try:
            # not by wave.open itself: where that fails it complains once more when collected
            self._file = path.open("wb")
        except OSError as error:
            raise DriverError("missing-file", f"{path}: {error.strerror}") from error
        self._wav = wave.open(self._file, "wb")  # noqa: SIM115 - closed by `close`
        self._wav.setnchannels(1)
        self._wav.setsampwidth(2)
        self._wav.setframerate(PCM_RATE_HZ)

    def write(self, frame: bytes) -> None:
        with contextlib.suppress(OSError):
            self._wav.writeframesraw(frame)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._wav.close()
        with contextlib.suppress(OSError):
            self._file.close()
