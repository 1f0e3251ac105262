"""The far end's sounds, judged by their frequencies."""

import wave
from array import array
from pathlib import Path

import pytest

from drivers.errors import DriverError
from drivers.sim import sound
from tests.drivers.rig import level_at


@pytest.mark.parametrize("digit", sorted(sound.DTMF_HZ))
def test_dtmf_is_its_two_tones_and_no_other(digit: str) -> None:
    samples = sound.dtmf(digit)
    pressed = samples[: round(sound.DTMF_ON_MS * 8)]
    for hz in {hz for pair in sound.DTMF_HZ.values() for hz in pair}:
        expected = sound.DTMF_AMPLITUDE if hz in sound.DTMF_HZ[digit] else 0.0
        assert level_at(pressed, hz) == pytest.approx(expected, abs=0.03), hz
    assert not any(samples[len(pressed) :])


def test_tone_by_name() -> None:
    samples = sound.sound_named("tone:440")
    assert level_at(samples, 440) == pytest.approx(sound.TONE_AMPLITUDE, rel=0.01)
    assert sound.level_dbfs(samples) == pytest.approx(-13.5, abs=0.1)
    assert sound.level_dbfs(sound.silence(20)) == -96.0


@pytest.mark.parametrize(("rate_hz", "channels"), [(8000, 1), (16000, 1), (44100, 2)])
def test_wav_of_any_rate_becomes_8_khz(tmp_path: Path, rate_hz: int, channels: int) -> None:
    path = tmp_path / "tone.wav"
    scale = rate_hz / 8000
    one = sound.tones((440 / scale,), 1000 * scale, 0.3)
    mixed = array("h", (sample for sample in one for _ in range(channels)))
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate_hz)
        file.writeframes(sound.to_bytes(mixed))
    samples = sound.sound_named(str(path))
    assert len(samples) == pytest.approx(8000, abs=4)
    assert level_at(samples, 440) == pytest.approx(0.3, rel=0.05)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("tone:", "bad-request"),
        ("tone:20000", "bad-request"),
        ("tone:-5", "bad-request"),
        ("nowhere.wav", "missing-file"),
        (".", "missing-file"),
        (__file__, "bad-request"),
    ],
)
def test_what_is_no_sound_is_refused(name: str, reason: str) -> None:
    with pytest.raises(DriverError) as caught:
        sound.sound_named(name)
    assert caught.value.reason == reason
