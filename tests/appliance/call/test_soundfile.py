"""How long a file is, also one that nobody closed."""

from pathlib import Path

import pytest

from appliance.call.soundfile import length_ms
from tests import audio


@pytest.mark.parametrize(("rate_hz", "ms"), [(8000, 500), (16000, 250)])
def test_the_size_counts_and_not_what_the_header_says(
    tmp_path: Path, rate_hz: int, ms: int
) -> None:
    path = tmp_path / "a.wav"
    audio.write_wav(path, audio.tone(440, 500), rate_hz)
    assert length_ms(path) == ms
    octets = bytearray(path.read_bytes())
    octets[40:44] = bytes(4)
    path.write_bytes(octets)
    assert length_ms(path) == ms


@pytest.mark.parametrize("octets", [b"", b"RIFF", bytes(100), b"RIFF" + bytes(100)])
def test_what_is_no_sound_has_no_length(tmp_path: Path, octets: bytes) -> None:
    (tmp_path / "a.wav").write_bytes(octets)
    assert length_ms(tmp_path / "a.wav") == 0
    assert length_ms(tmp_path / "none.wav") == 0
