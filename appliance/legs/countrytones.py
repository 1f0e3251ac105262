"""Call-progress tones by country, after ITU-T E.180 Supplement 2 (`countrytones.toml`)."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType

#: what a tone may say; a country may lack some
TONE_NAMES = ("dial", "ringback", "busy", "congestion", "waiting", "unobtainable")
#: a steady tone is a part of this length [ms] without a pause, repeated
STEADY_MS = 1000


@dataclass(frozen=True, slots=True)
class TonePart:
    """Frequencies that sound together for *on_ms*, and *off_ms* of silence after them."""

    hz: tuple[float, ...]
    on_ms: int
    off_ms: int
    #: modulates the amplitude of the first frequency; 0: none
    modulate_hz: float = 0.0


@dataclass(frozen=True, slots=True)
class CountryTones:
    """One country's tones by name; each is repeated from its first part on."""

    iso: str
    name: str
    tones: Mapping[str, tuple[TonePart, ...]]


def parse_tone(text: str) -> tuple[TonePart, ...]:
    """Return the parts of a tone as `countrytones.toml` writes it.

    Raises ValueError where it is malformed.
    """
    parts: list[TonePart] = []
    hz: tuple[float, ...] = ()
    modulate_hz = 0.0
    for word in text.split():
        if "/" in word:
            on_ms, off_ms = (int(number) for number in word.split("/"))
            if not hz or on_ms <= 0 or off_ms < 0:
                raise ValueError(f"tone {text!r}: {word!r} needs a frequency before it and times")
            parts.append(TonePart(hz, on_ms, off_ms, modulate_hz))
        else:
            carrier, _, modulation = word.partition("*")
            hz = tuple(float(number) for number in carrier.split("+"))
            modulate_hz = float(modulation) if modulation else 0.0
    if hz and not parts:
        parts.append(TonePart(hz, STEADY_MS, 0, modulate_hz))
    if not parts:
        raise ValueError("an empty tone")
    return tuple(parts)


@cache
def all_countries() -> Mapping[str, CountryTones]:
    """Return the tones of every country we know, by ISO 3166-1 alpha-2 code in lower case."""
    text = files(__package__).joinpath("countrytones.toml").read_text(encoding="utf-8")
    countries = {}
    for iso, entry in tomllib.loads(text).items():
        tones = {name: parse_tone(entry[name]) for name in TONE_NAMES if name in entry}
        countries[iso] = CountryTones(iso, entry["name"], MappingProxyType(tones))
    return MappingProxyType(countries)
