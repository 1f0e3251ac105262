"""What may be played: prompts, which are kept decoded, and recordings, which are heard once."""

import array
import asyncio
import sys
import wave
from collections.abc import Callable, Sequence
from pathlib import Path

from appliance.base.errors import ConfigError
from appliance.legs.inside import inside
from appliance.legs.prompts import MAX_SAMPLES, RATE_HZ, Loaded, PromptStore

#: an item that begins so is a recording, by its path in the recordings' folder
RECORDING = "recording:"
#: rates at which legs are recorded [Hz]
_RATES_HZ = frozenset({8000, 16000, 48000})

Load = Callable[["array.array[int]", int], Loaded]


class Playables(PromptStore[Loaded]):
    """Prompts and recordings; *load* gives samples and their rate to the engine."""

    def __init__(self, folders: Sequence[str], recordings: Path, load: Load[Loaded]) -> None:
        super().__init__(folders, lambda samples: load(samples, RATE_HZ))
        self._recordings = recordings
        self._load_rate = load

    def at_hand(self, name: str) -> list[Loaded] | None:
        """Return the prompts of *name* if all are decoded already; a recording never is."""
        return None if name.startswith(RECORDING) else super().at_hand(name)

    async def fetch(self, name: str) -> list[Loaded]:
        """Return what *name* stands for, decoded outside the loop; it raises `unknown-prompt`."""
        if not name.startswith(RECORDING):
            return await super().fetch(name)
        path = inside(self._recordings, name.removeprefix(RECORDING), "unknown-prompt")
        loop = asyncio.get_running_loop()
        samples, rate_hz = await loop.run_in_executor(None, read_recording, path)
        return [self._load_rate(samples, rate_hz)]


def read_recording(path: Path) -> tuple["array.array[int]", int]:
    """Return the samples of a mono recording and their rate; raise ConfigError `unknown-prompt`.

    What a killed process left of one is read as far as it goes.
    """
    samples = array.array("h")
    try:
        with wave.open(str(path), "rb") as file:
            found = (file.getframerate(), file.getnchannels(), file.getsampwidth() * 8)
            octets = file.readframes(MAX_SAMPLES * found[0] // RATE_HZ)
    except (OSError, EOFError, wave.Error) as error:
        raise ConfigError("unknown-prompt", f"{path} cannot be read: {error}") from error
    if found[0] not in _RATES_HZ or found[1:] != (1, 16):
        raise ConfigError("unknown-prompt", f"{path} is no mono recording")
    samples.frombytes(octets[: len(octets) & ~1])
    if sys.byteorder == "big":
        samples.byteswap()
    if not samples:
        raise ConfigError("unknown-prompt", f"{path} holds no sound")
    return samples, found[0]
