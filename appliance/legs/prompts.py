"""Prompts: found in the prompt folders, decoded once, kept for all who hear them.

Takes WAV of 8 kHz, one channel, 16 bits, and raw G.711 (`.ulaw`, `.alaw`); a folder stands for
all its files in order. Everything else is refused, so that no call ever waits for a conversion.
"""

import array
import asyncio
import logging
import sys
import wave
from collections import OrderedDict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Generic, TypeVar

from appliance.base.errors import ConfigError

_log = logging.getLogger(__name__)

RATE_HZ = 8000
#: a longer file is refused: 20 minutes, 19 MB decoded
MAX_SAMPLES = 20 * 60 * RATE_HZ
#: prompts kept decoded, the least recently used is let go; 64 MB
MAX_KEPT_SAMPLES = 32 << 20
#: files of one folder
MAX_FILES = 64
_SUFFIXES = (".wav", ".ulaw", ".alaw")
#: file names the packages of recorded prompts use for the same two codings
_SUFFIX_ALIASES = {".ul": ".ulaw", ".al": ".alaw"}

Loaded = TypeVar("Loaded")


class PromptStore(Generic[Loaded]):
    """Finds and keeps prompts; *load* gives samples to the engine (PCM, 16 bits, 8 kHz)."""

    def __init__(
        self, folders: Sequence[str], load: Callable[["array.array[int]"], Loaded]
    ) -> None:
        self._folders = [Path(folder) for folder in folders]
        self._load = load
        self._kept: OrderedDict[Path, tuple[int, Loaded]] = OrderedDict()
        self._kept_samples = 0
        self._found: dict[str, list[Path]] = {}

    def at_hand(self, name: str) -> list[Loaded] | None:
        """Return the prompts of *name* if all are decoded already."""
        paths = self._found.get(name)
        if paths is None or any(path not in self._kept for path in paths):
            return None
        return [self._use(path) for path in paths]

    async def fetch(self, name: str) -> list[Loaded]:
        """Return the prompts of *name*, decoding what is not at hand outside the loop.

        Raises ConfigError `unknown-prompt`.
        """
        loop = asyncio.get_running_loop()
        paths = self._found.get(name)
        if paths is None:
            paths = await loop.run_in_executor(None, find, name, self._folders)
            self._found[name] = paths
        loaded = []
        for path in paths:
            if path in self._kept:
                loaded.append(self._use(path))
                continue
            samples = await loop.run_in_executor(None, decode, path)
            loaded.append(self._keep(path, samples))
        return loaded

    def _use(self, path: Path) -> Loaded:
        self._kept.move_to_end(path)
        return self._kept[path][1]

    def _keep(self, path: Path, samples: "array.array[int]") -> Loaded:
        if path in self._kept:  # another play decoded it meanwhile
            return self._use(path)
        loaded = self._load(samples)
        self._kept[path] = (len(samples), loaded)
        self._kept_samples += len(samples)
        while self._kept_samples > MAX_KEPT_SAMPLES and len(self._kept) > 1:
            _, (count, _) = self._kept.popitem(last=False)
            self._kept_samples -= count
        return loaded


def find(name: str, folders: Sequence[Path]) -> list[Path]:
    """Return the files that *name* stands for: a file with or without its suffix, or a folder.

    Only files inside *folders* are found. A folder may itself be named: `moh` finds
    `/usr/share/asterisk/moh` when that is one of them.
    """
    for folder in folders:
        for path in _candidates(name, folder):
            files = _sounds(path, folder)
            if files:
                return files
    raise ConfigError("unknown-prompt", f"no prompt {name!r} in {', '.join(map(str, folders))}")


def _candidates(name: str, folder: Path) -> list[Path]:
    if not name or "\0" in name:
        return []
    path = folder / name
    named = [path.with_name(path.name + suffix) for suffix in _SUFFIXES] if path.name else []
    return [path, *named, *([folder] if folder.name == name else [])]


def _sounds(path: Path, folder: Path) -> list[Path]:
    """Return the prompt at *path*, or those in it; nothing that lies outside *folder*."""
    try:
        if not path.resolve().is_relative_to(folder.resolve()):
            return []
        if path.is_file():
            return [path] if _suffix(path) in _SUFFIXES else []
        files = sorted(path.iterdir()) if path.is_dir() else []
        return [file for file in files if _suffix(file) in _SUFFIXES][:MAX_FILES]
    except (OSError, RuntimeError):
        return []


def _suffix(path: Path) -> str:
    suffix = path.suffix.lower()
    return _SUFFIX_ALIASES.get(suffix, suffix)


def decode(path: Path) -> "array.array[int]":
    """Return the samples of a prompt file; raise ConfigError `unknown-prompt`."""
    try:
        samples = _decode_wav(path) if _suffix(path) == ".wav" else _decode_g711(path)
    except (OSError, EOFError, wave.Error) as error:
        raise ConfigError("unknown-prompt", f"{path} cannot be read: {error}") from error
    if not samples:
        raise ConfigError("unknown-prompt", f"{path} holds no sound")
    return samples


def _decode_wav(path: Path) -> "array.array[int]":
    with wave.open(str(path), "rb") as file:
        found = (file.getframerate(), file.getnchannels(), file.getsampwidth() * 8)
        if found != (RATE_HZ, 1, 16):
            raise ConfigError(
                "unknown-prompt",
                f"{path} has {found[0]} Hz, {found[1]} channels, {found[2]} bits: "
                f"must be {RATE_HZ} Hz, 1 channel, 16 bits",
            )
        if file.getnframes() > MAX_SAMPLES:
            raise ConfigError("unknown-prompt", f"{path} is longer than 20 minutes")
        samples = array.array("h")
        octets = file.readframes(MAX_SAMPLES)
    samples.frombytes(octets[: len(octets) & ~1])
    if sys.byteorder == "big":
        samples.byteswap()
    return samples


def _decode_g711(path: Path) -> "array.array[int]":
    if path.stat().st_size > MAX_SAMPLES:
        raise ConfigError("unknown-prompt", f"{path} is longer than 20 minutes")
    table = _ULAW if _suffix(path) == ".ulaw" else _ALAW
    return array.array("h", map(table.__getitem__, path.read_bytes()))


def _ulaw(octet: int) -> int:
    """Expand one µ-law octet (ITU-T G.711, table 2a)."""
    octet = ~octet & 0xFF
    size = (((octet & 0x0F) << 3) + 0x84 << (octet >> 4 & 7)) - 0x84
    return -size if octet & 0x80 else size


def _alaw(octet: int) -> int:
    """Expand one A-law octet (ITU-T G.711, table 1a)."""
    octet ^= 0x55
    step, segment = octet & 0x0F, octet >> 4 & 7
    size = (step << 4) + 8 if segment == 0 else (step << 4) + 0x108 << segment - 1
    return size if octet & 0x80 else -size


_ULAW = [_ulaw(octet) for octet in range(256)]
_ALAW = [_alaw(octet) for octet in range(256)]
