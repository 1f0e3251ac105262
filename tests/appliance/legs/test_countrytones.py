"""Every country's tones are sound, and are those of libtonezone but for listed differences."""

import ctypes
import ctypes.util

import pytest

from appliance.legs.countrytones import TONE_NAMES, TonePart, all_countries, parse_tone

#: libtonezone's numbers of our tones (dahdi/user.h)
_NUMBERS = {0: "dial", 1: "busy", 2: "ringback", 3: "congestion", 4: "waiting", 7: "unobtainable"}
#: where its table calls a country otherwise
_CODES = {"gb": "uk"}
#: countries that it does not have
_OURS_ALONE = {"ca", "hk"}
#: where ours is not the same, and why
_DIFFERENCES = {
    ("au", "congestion"): "every other burst is 10 dB weaker there; our table keeps no levels",
    ("cr", "waiting"): "its last pause is written as 8 s of a tone",
    ("ee", "unobtainable"): "its first tone lasts 0 ms; Finland has the same cadence in full",
    ("ee", "waiting"): "it is the special information tone, so we have none",
    ("jp", "ringback"): "E.180 Supp. 2 modulates 400 Hz by 15 to 20 Hz; 15 Hz is no tone",
    ("jp", "waiting"): "as its ring-back",
    ("pa", "waiting"): "its last pause is missing, so we have none",
    ("pt", "waiting"): "its pauses between the bursts are missing",
    ("th", "waiting"): "it has a frequency of 10,000 Hz, so we have none",
}
_STEP_MS = 5


class _Sound(ctypes.Structure):
    _fields_ = (("number", ctypes.c_int), ("data", ctypes.c_char * 256))


class _Zone(ctypes.Structure):
    _fields_ = (
        ("zone", ctypes.c_int),
        ("country", ctypes.c_char * 10),
        ("description", ctypes.c_char * 40),
        ("ring", ctypes.c_int * 16),
        ("tones", _Sound * 16),
    )


def _zone(iso: str) -> dict[str, str]:
    """The tones of libtonezone's zone, by our names."""
    library = ctypes.CDLL(ctypes.util.find_library("tonezone"))
    library.tone_zone_find.restype = ctypes.POINTER(_Zone)
    library.tone_zone_find.argtypes = [ctypes.c_char_p]
    found = library.tone_zone_find(_CODES.get(iso, iso).encode())
    assert found, iso
    return {
        _NUMBERS[tone.number]: tone.data.decode()
        for tone in found.contents.tones
        if tone.data and tone.number in _NUMBERS
    }


def _their_steps(text: str) -> list[str]:
    """One pass of a libtonezone tone as what sounds in each step; silence is empty."""
    steps: list[str] = []
    for word in text.replace("!", "").split(","):
        hz, _, ms = word.partition("/")
        if not ms and hz == "0":
            break  # silence without end
        steps += ["" if hz == "0" else hz] * (int(ms or 1000) // _STEP_MS)
    return steps


def _our_steps(parts: tuple[TonePart, ...], count: int) -> list[str]:
    """So many steps of ours, repeated as often as that takes."""
    once: list[str] = []
    for part in parts:
        hz = "+".join(f"{each:g}" for each in part.hz)
        if part.modulate_hz:
            hz += f"*{part.modulate_hz:g}"
        once += [hz] * (part.on_ms // _STEP_MS) + [""] * (part.off_ms // _STEP_MS)
    return (once * (count // len(once) + 1))[:count]


def test_the_commonest_countries_are_there() -> None:
    assert len(all_countries()) >= 40
    assert {
        "us",
        "ca",
        "gb",
        "de",
        "fr",
        "it",
        "es",
        "au",
        "jp",
        "cn",
        "in",
        "br",
        "ru",
        "za",
    } <= (all_countries().keys())


@pytest.mark.parametrize("iso", all_countries())
def test_every_tone_can_be_played(iso: str) -> None:
    country = all_countries()[iso]
    assert country.name
    assert {"dial", "ringback", "busy", "congestion"} <= country.tones.keys() <= set(TONE_NAMES)
    for parts in country.tones.values():
        assert 1 <= len(parts) <= 8
        for part in parts:
            assert 1 <= len(part.hz) <= 4
            assert all(300 <= hz <= 2000 for hz in part.hz)
            assert 0 <= part.modulate_hz <= 50


@pytest.mark.skipif(not ctypes.util.find_library("tonezone"), reason="libtonezone is not here")
@pytest.mark.parametrize("iso", [iso for iso in all_countries() if iso not in _OURS_ALONE])
def test_same_as_libtonezone(iso: str) -> None:
    theirs, ours = _zone(iso), all_countries()[iso].tones
    for name in TONE_NAMES:
        steps = _their_steps(theirs.get(name, "0"))
        same = name in ours and _our_steps(ours[name], len(steps)) == steps
        assert same != ((iso, name) in _DIFFERENCES), (name, theirs.get(name), ours.get(name))


def test_notation() -> None:
    assert parse_tone("425") == (TonePart((425.0,), 1000, 0),)
    assert parse_tone("400*33 250/150") == (TonePart((400.0,), 250, 150, 33.0),)
    assert parse_tone("400+450 400/200 400/2000 950 330/0") == (
        TonePart((400.0, 450.0), 400, 200),
        TonePart((400.0, 450.0), 400, 2000),
        TonePart((950.0,), 330, 0),
    )


@pytest.mark.parametrize("text", ["", "500/500", "425 0/100", "425 100/-1", "425 1/2/3", "a"])
def test_malformed(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_tone(text)
