"""Tones by name: a country's own (`countrytones`), else as ITU-T E.180 recommends them."""

import math

from appliance.base.errors import ConfigError
from appliance.legs.countrytones import all_countries
from appliance.legs.enginetypes import Tone, TonePart
from appliance.legs.errors import CommandError

#: one frequency for all tones [Hz] (ITU-T E.180 §6: 425 ± 15)
TONE_HZ = 425.0
#: level of a tone at its source [dBm0] (ITU-T E.180 §7: -10 ± 5)
LEVEL_DBM0 = -10.0

_TONES = {
    # E.180 §8.2: tone and silence about equal, period 0.3 to 1.1 s
    "busy": Tone((TONE_HZ,), ((500, 500),), LEVEL_DBM0),
    # E.180 §8.1: 0.67 to 1.5 s of tone, 3 to 5 s of silence
    "ringback": Tone((TONE_HZ,), ((1000, 4000),), LEVEL_DBM0),
    # E.180 §8.3: as busy, but clearly faster
    "congestion": Tone((TONE_HZ,), ((250, 250),), LEVEL_DBM0),
    # E.180 §8.5: three short tones, then a pause
    "waiting": Tone((TONE_HZ,), ((200, 200), (200, 200), (200, 3000)), LEVEL_DBM0),
}
#: the three tones of "no such number" and the like (ITU-T E.180, special information tone):
#: 950, 1400 and 1800 Hz of 330 ms each, then 1 s of silence
_SIT = ((950.0, 0), (1400.0, 0), (1800.0, 1000))
_TONES["sit"] = Tone(parts=tuple(TonePart((hz,), 330, off, LEVEL_DBM0) for hz, off in _SIT))
#: a steady tone of any frequency is played in pieces of this length [ms]
_STEADY_MS = 1000


def known_country(code: str) -> str:
    """Return *code* if its tones are known, or it is empty; raise ConfigError `bad-config`."""
    if code and code not in all_countries():
        known = " ".join(sorted(all_countries()))
        raise ConfigError("bad-config", f"media.country = {code!r}; known are: {known}")
    return code


def _level(count: int) -> float:
    """Return the level of each of *count* frequencies [dBm0] that sound together."""
    return LEVEL_DBM0 - 10 * math.log10(count)


def _tone_of(country: str, name: str) -> Tone | None:
    """Return a country's tone; None where the country or the tone is not known."""
    known = all_countries().get(country)
    parts = known.tones.get(name) if known else None
    if parts is None:
        return None
    return Tone(
        parts=tuple(
            TonePart(part.hz, part.on_ms, part.off_ms, _level(len(part.hz)), part.modulate_hz)
            for part in parts
        )
    )


def named_tone(name: str, country: str = "") -> Tone:
    """Return the tone *name* as the country with that ISO 3166 code has it.

    Everywhere there are `busy`, `ringback`, `congestion`, `waiting`, `sit`, any frequency in Hz;
    most countries have `dial` and `unobtainable` too. Raises CommandError `unknown-prompt`.
    """
    tone = _tone_of(country, name) or _TONES.get(name)
    if tone is not None:
        return tone
    if name.isascii() and name.isdigit() and len(name) <= 4 and 50 <= int(name) <= 3400:
        return Tone((float(name),), ((_STEADY_MS, 0),), LEVEL_DBM0)
    raise CommandError("unknown-prompt", f"no tone {name!r}")
