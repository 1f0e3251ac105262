"""Sounds for the far end of a pretend line: tones, DTMF, WAV files; 8 kHz mono, 16 bits."""

import math
import sys
import wave
from array import array
from functools import lru_cache
from pathlib import Path
from typing import TypeAlias

from drivers.errors import DriverError
from drivers.line import PCM_RATE_HZ

#: ITU-T Q.23: digit -> low and high frequency [Hz]
DTMF_HZ = {
    digit: (low, high)
    for low, row in zip((697, 770, 852, 941), ("123A", "456B", "789C", "*0#D"), strict=True)
    for high, digit in zip((1209, 1336, 1477, 1633), row, strict=True)
}
#: one tone of a DTMF pair, of full scale: about -9 dBm0, within ITU-T Q.24's range
DTMF_AMPLITUDE = 0.25
#: ITU-T Q.24 asks for 40 ms at least; people press longer
DTMF_ON_MS = 120
DTMF_OFF_MS = 100
TONE_AMPLITUDE = 0.3
#: longest file that is read [s]
FILE_MAX_S = 120

Samples: TypeAlias = "array[int]"


def silence(duration_ms: float) -> Samples:
    """Return silence."""
    return array("h", bytes(2 * round(duration_ms * PCM_RATE_HZ / 1000)))


def tones(hz: tuple[float, ...], duration_ms: float, amplitude: float) -> Samples:
    """Return the sum of sine tones, each of *amplitude* (of full scale)."""
    steps = [2 * math.pi * frequency / PCM_RATE_HZ for frequency in hz]
    count = round(duration_ms * PCM_RATE_HZ / 1000)
    scale = 32767 * amplitude
    return array(
        "h", (round(scale * sum(math.sin(step * n) for step in steps)) for n in range(count))
    )


def dtmf(digits: str) -> Samples:
    """Return *digits* as DTMF (ITU-T Q.23), each followed by a pause; others are left out."""
    samples = array("h")
    for digit in digits.upper():
        if digit in DTMF_HZ:
            samples += tones(DTMF_HZ[digit], DTMF_ON_MS, DTMF_AMPLITUDE)
            samples += silence(DTMF_OFF_MS)
    return samples


def sound_named(name: str) -> Samples:
    """Return what *name* says: `tone:440` (ten seconds) or the path of a 16-bit WAV file.

    Raises `DriverError`: `missing-file` when it can't be read, `bad-request` when it is not one.
    """
    kind, _, value = name.partition(":")
    if kind == "tone":
        if not value.isdigit() or not 50 <= int(value) <= PCM_RATE_HZ // 2 - 100:
            raise DriverError("bad-request", f"{name!r}: a tone has 50 to 3900 Hz")
        return array("h", _ten_seconds(int(value)))
    try:
        with wave.open(str(Path(name)), "rb") as file:
            if file.getsampwidth() != 2 or not 1 <= file.getnchannels() <= 2:
                raise DriverError("bad-request", f"{name}: 16-bit mono or stereo is wanted")
            rate_hz, channels = file.getframerate(), file.getnchannels()
            samples = array("h", file.readframes(FILE_MAX_S * rate_hz))
    except OSError as error:
        raise DriverError("missing-file", f"{name}: {error.strerror}") from error
    except (wave.Error, EOFError, ValueError) as error:
        raise DriverError("bad-request", f"{name} is no WAV file: {error}") from error
    if sys.byteorder == "big":
        samples.byteswap()
    return _resampled(samples[::channels], rate_hz)


def level_dbfs(samples: Samples) -> float:
    """Return the level of *samples* against full scale, -96 for silence [dBFS]."""
    if not samples:
        return -96.0
    power = sum(sample * sample for sample in samples) / len(samples)
    return max(-96.0, 10 * math.log10(power / 32768**2)) if power else -96.0


def to_bytes(samples: Samples) -> bytes:
    """Return *samples* as signed 16-bit little-endian."""
    if sys.byteorder == "big":
        samples = array("h", samples)
        samples.byteswap()
    return samples.tobytes()


def from_bytes(data: bytes) -> Samples:
    """Return the samples of signed 16-bit little-endian *data*; an odd byte is left out."""
    samples = array("h", data[: len(data) & ~1])
    if sys.byteorder == "big":
        samples.byteswap()
    return samples


@lru_cache(maxsize=8)
def _ten_seconds(hz: int) -> bytes:
    return tones((hz,), 10_000, TONE_AMPLITUDE).tobytes()


def _resampled(samples: Samples, rate_hz: int) -> Samples:
    # linear: good enough for a demonstration's voice, and needs no library
    if rate_hz == PCM_RATE_HZ or len(samples) < 2:
        return samples
    step = rate_hz / PCM_RATE_HZ
    out = array("h")
    for n in range(int((len(samples) - 1) / step)):
        place = n * step
        left = int(place)
        part = place - left
        out.append(round(samples[left] * (1 - part) + samples[left + 1] * part))
    return out
