"""Prompts: found only where they belong, decoded as G.711 and WAV say, kept within bounds."""

import array
import wave
from pathlib import Path

import numpy as np
import pytest

from appliance.base.errors import ConfigError
from appliance.legs import prompts as prompts_module
from appliance.legs.prompts import PromptStore, decode, find
from tests.audio import level_dbm0, tone


def wav(path: Path, *, rate_hz: int = 8000, channels: int = 1, bits: int = 16) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setframerate(rate_hz)
        file.setnchannels(channels)
        file.setsampwidth(bits // 8)
        file.writeframes(tone(440, 200).tobytes())
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    wav(tmp_path / "prompts" / "hello.wav")
    wav(tmp_path / "prompts" / "digits" / "1.wav")
    wav(tmp_path / "prompts" / "digits" / "2.wav")
    wav(tmp_path / "secret.wav")
    return tmp_path / "prompts"


@pytest.mark.parametrize(
    ("name", "files"),
    [
        ("hello", ["hello.wav"]),
        ("hello.wav", ["hello.wav"]),
        ("digits/1", ["digits/1.wav"]),
        ("digits", ["digits/1.wav", "digits/2.wav"]),
        ("prompts", ["hello.wav"]),
    ],
)
def test_names_find_files(folder: Path, name: str, files: list[str]) -> None:
    assert find(name, [folder]) == [folder / file for file in files]


@pytest.mark.parametrize(
    "name",
    ["", "..", "../secret", "../secret.wav", "/etc/passwd", "a\0b", "x" * 5000, "no-such", "link"],
)
def test_nothing_else_is_found(folder: Path, name: str) -> None:
    (folder / "link.wav").symlink_to(folder.parent / "secret.wav")
    with pytest.raises(ConfigError, match="unknown-prompt"):
        find(name, [folder])


def test_the_first_folder_that_has_it_wins(folder: Path, tmp_path: Path) -> None:
    wav(tmp_path / "own" / "hello.wav")
    assert find("hello", [tmp_path / "own", folder]) == [tmp_path / "own" / "hello.wav"]


def test_a_wav_is_what_it_was(folder: Path) -> None:
    assert list(decode(folder / "hello.wav")) == list(tone(440, 200))


@pytest.mark.parametrize("suffix", [".ulaw", ".alaw", ".ul", ".al"])
def test_g711_comes_out_as_the_tone_it_was(tmp_path: Path, suffix: str) -> None:
    """Coded by a search over all 256 codes, so that only the decoder is under test."""
    table = np.array(prompts_module._ULAW if "u" in suffix else prompts_module._ALAW)
    sound = tone(1000, 500)
    coded = np.abs(table[None, :] - sound[:, None].astype(np.int32)).argmin(axis=1)
    path = tmp_path / f"prompt{suffix}"
    path.write_bytes(coded.astype(np.uint8).tobytes())
    decoded = np.array(decode(path), dtype=np.int16)
    assert level_dbm0(decoded, 1000) == pytest.approx(-10, abs=0.2)


def test_g711_expands_as_its_tables_say() -> None:
    """ITU-T G.711 tables 1a and 2a: the first and last decision values, times 8 and 4."""
    assert (prompts_module._ULAW[0x80], prompts_module._ULAW[0x00]) == (32124, -32124)
    assert (prompts_module._ULAW[0xFF], prompts_module._ULAW[0x7F]) == (0, 0)
    assert (prompts_module._ALAW[0xAA], prompts_module._ALAW[0x2A]) == (32256, -32256)
    assert (prompts_module._ALAW[0xD5], prompts_module._ALAW[0x55]) == (8, -8)


@pytest.mark.parametrize(
    "shape", [{"rate_hz": 16000}, {"channels": 2}, {"bits": 8}], ids=["rate", "stereo", "8 bits"]
)
def test_a_wav_of_another_shape_is_refused_with_what_it_must_be(
    tmp_path: Path, shape: dict[str, int]
) -> None:
    with pytest.raises(ConfigError, match="must be 8000 Hz, 1 channel, 16 bits"):
        decode(wav(tmp_path / "odd.wav", **shape))


@pytest.mark.parametrize("content", [b"", b"RIFF", b"RIFF\xff\xff\xff\xffWAVEfmt ", b"\0" * 99])
def test_a_file_that_is_no_wav_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "noise.wav"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match="unknown-prompt"):
        decode(path)


async def test_a_prompt_is_decoded_once(folder: Path) -> None:
    loads: list[int] = []

    def load(samples: "array.array[int]") -> int:
        loads.append(len(samples))
        return len(loads)

    store = PromptStore([str(folder)], load)
    assert store.at_hand("digits") is None
    assert await store.fetch("digits") == [1, 2]
    assert await store.fetch("digits/1") == [1]
    assert store.at_hand("digits") == [1, 2]
    assert len(loads) == 2


async def test_the_store_is_bounded(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prompts_module, "MAX_KEPT_SAMPLES", 2000)
    store = PromptStore([str(folder)], len)
    await store.fetch("hello")
    await store.fetch("digits/1")
    assert store.at_hand("hello") is None
    assert store.at_hand("digits/1") == [1600]
    assert await store.fetch("hello") == [1600]
