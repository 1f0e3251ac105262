"""Sound for tests: make tones, code them as G.711, and find tones again by their frequency.

Sound is a numpy array of int16 at 8 kHz. Levels are dBm0: a sine that just reaches 32768 is
+3.14 dBm0 (ITU-T G.711 table 1).
"""

import wave
from pathlib import Path

import numpy as np
import numpy.typing as npt

Sound = npt.NDArray[np.int16]

RATE_HZ = 8000
#: samples in the 20 ms that a packet usually carries
FRAME = 160
FULL_SCALE_DBM0 = 3.14
#: what `level_dbm0` says of complete silence
SILENCE_DBM0 = -200.0


def peak_of(level_dbm0: float) -> float:
    """Return the peak of a sine of that level."""
    return float(32768.0 * 10 ** ((level_dbm0 - FULL_SCALE_DBM0) / 20))


def tone(hz: float, ms: float, level_dbm0: float = -10.0, phase: float = 0.0) -> Sound:
    """Return a sine."""
    t = np.arange(int(ms * RATE_HZ / 1000)) / RATE_HZ
    return np.asarray(
        np.rint(peak_of(level_dbm0) * np.sin(2 * np.pi * hz * t + phase)), dtype=np.int16
    )


def silence(ms: float) -> Sound:
    """Return nothing to be heard."""
    return np.zeros(int(ms * RATE_HZ / 1000), dtype=np.int16)


def noise(ms: float, level_dbm0: float, seed: int = 1) -> Sound:
    """Return white noise of that total level."""
    sigma = peak_of(level_dbm0) / np.sqrt(2)
    samples = np.random.default_rng(seed).normal(0, sigma, int(ms * RATE_HZ / 1000))
    return np.asarray(np.clip(np.rint(samples), -32768, 32767), dtype=np.int16)


def mix(*sounds: Sound) -> Sound:
    """Return the sum of sounds of the same length, saturated."""
    total = np.sum([sound.astype(np.int32) for sound in sounds], axis=0)
    return np.asarray(np.clip(total, -32768, 32767), dtype=np.int16)


_LOW_HZ, _HIGH_HZ = (697, 770, 852, 941), (1209, 1336, 1477, 1633)
_KEYS = ("123A", "456B", "789C", "*0#D")


def digit(key: str, ms: float = 100.0, level_dbm0: float = -8.0) -> Sound:
    """Return a DTMF digit (ITU-T Q.23), each of its two tones at that level."""
    row = next(i for i, keys in enumerate(_KEYS) if key in keys)
    column = _KEYS[row].index(key)
    return mix(tone(_LOW_HZ[row], ms, level_dbm0), tone(_HIGH_HZ[column], ms, level_dbm0))


def _window(sound: Sound) -> npt.NDArray[np.float64]:
    return np.asarray(np.blackman(len(sound)), dtype=np.float64)


def level_dbm0(sound: Sound, hz: float) -> float:
    """Return the level of the sine of that frequency in *sound* (at least 50 ms of it)."""
    window = _window(sound)
    turn = np.exp(-2j * np.pi * hz * np.arange(len(sound)) / RATE_HZ)
    peak = 2 * abs(np.sum(sound * window * turn)) / np.sum(window)
    return _decibel(peak)


def total_dbm0(sound: Sound) -> float:
    """Return the level of all of *sound*."""
    if not len(sound):
        return SILENCE_DBM0
    return _decibel(float(np.sqrt(2 * np.mean(sound.astype(np.float64) ** 2))))


def _decibel(peak: float) -> float:
    if peak < 1e-6:
        return SILENCE_DBM0
    return float(20 * np.log10(peak / 32768.0) + FULL_SCALE_DBM0)


def purity_db(sound: Sound, *hz: float) -> float:
    """Return how much of *sound* is something else than sines of these frequencies.

    The best fitting sines are taken away and the rest is compared with the whole: -40 dB means
    that a ten-thousandth of the power is foreign.
    """
    t = np.arange(len(sound)) / RATE_HZ
    waves = [f(2 * np.pi * one * t) for one in hz for f in (np.sin, np.cos)]
    basis = np.stack([*waves, np.ones_like(t)], axis=1)
    samples = sound.astype(np.float64)
    fit, *_ = np.linalg.lstsq(basis, samples, rcond=None)
    rest = float(np.sum((samples - basis @ fit) ** 2))
    whole = float(np.sum(samples**2))
    return 10 * float(np.log10(max(rest, 1e-9) / max(whole, 1e-9)))


def onset(sound: Sound, threshold: int = 300) -> int:
    """Return the index of the first sample louder than *threshold*, or -1."""
    loud = np.flatnonzero(np.abs(sound.astype(np.int32)) > threshold)
    return int(loud[0]) if len(loud) else -1


def _mulaw_decode_table() -> npt.NDArray[np.int16]:
    code = ~np.arange(256) & 0xFF
    magnitude = ((((code & 15) << 3) + 132) << ((code >> 4) & 7)) - 132
    return np.where(code & 0x80, -magnitude, magnitude).astype(np.int16)


def _alaw_decode_table() -> npt.NDArray[np.int16]:
    code = np.arange(256) ^ 0x55
    segment = (code >> 4) & 7
    base = ((code & 15) << 4) + 8
    magnitude = np.where(segment > 0, (base + 0x100) << np.maximum(segment - 1, 0), base)
    return np.where(code & 0x80, magnitude, -magnitude).astype(np.int16)


_DECODE = {"PCMU": _mulaw_decode_table(), "PCMA": _alaw_decode_table()}


def g711_decode(payload: bytes, codec: str = "PCMU") -> Sound:
    """Return the samples of a G.711 payload."""
    return _DECODE[codec][np.frombuffer(payload, dtype=np.uint8)]


def g711_encode(sound: Sound, codec: str = "PCMU") -> bytes:
    """Return *sound* as G.711: for each sample the code whose value is nearest."""
    values = _DECODE[codec].astype(np.int32)
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    middle = (ordered[:-1] + ordered[1:]) / 2
    return order[np.searchsorted(middle, sound.astype(np.float64))].astype(np.uint8).tobytes()


def frames(sound: Sound, size: int = FRAME) -> list[Sound]:
    """Return *sound* in frames of *size* samples; what is left over is dropped."""
    return [sound[i : i + size] for i in range(0, len(sound) - size + 1, size)]


def write_wav(path: Path, sound: Sound, rate_hz: int = RATE_HZ) -> None:
    """Write a mono WAV file."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate_hz)
        file.writeframes(sound.astype("<i2").tobytes())


def read_wav(path: Path) -> npt.NDArray[np.int16]:
    """Return a WAV file's samples, one column for each channel."""
    with wave.open(str(path)) as file:
        if file.getframerate() != RATE_HZ or file.getsampwidth() != 2:
            raise ValueError(f"{path} is not 16 bits at 8 kHz")
        raw = file.readframes(file.getnframes())
        return np.frombuffer(raw, dtype="<i2").reshape(-1, file.getnchannels())


def loudest_other_db(sound: Sound, hz: float, *, beside_hz: float = 30.0) -> float:
    """Return the loudest component that is not the tone of *hz*, relative to that tone."""
    window = _window(sound)
    spectrum = np.abs(np.fft.rfft(sound.astype(np.float64) * window))
    frequencies = np.fft.rfftfreq(len(sound), 1 / RATE_HZ)
    other = spectrum[np.abs(frequencies - hz) > beside_hz].max()
    tone_peak = spectrum[np.abs(frequencies - hz) <= beside_hz].max()
    return float(20 * np.log10(max(other, 1e-9) / max(tone_peak, 1e-9)))
