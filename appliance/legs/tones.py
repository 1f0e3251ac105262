"""Tones by name, with the cadences that ITU-T E.180 recommends."""

from appliance.legs.enginetypes import Tone
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
#: a steady tone of any frequency is played in pieces of this length [ms]
_STEADY_MS = 1000


def named_tone(name: str) -> Tone:
    """Return the tone *name*: `busy`, `ringback`, `congestion`, `waiting`, or a frequency in Hz.

    Raises CommandError `unknown-prompt`.
    """
    tone = _TONES.get(name)
    if tone is not None:
        return tone
    if name.isascii() and name.isdigit() and len(name) <= 4 and 50 <= int(name) <= 3400:
        return Tone((float(name),), ((_STEADY_MS, 0),), LEVEL_DBM0)
    raise CommandError("unknown-prompt", f"no tone {name!r}")
