"""Tones by name: of a country, and where it has none, as ITU-T E.180 recommends."""

import pytest

from appliance.base.errors import ConfigError
from appliance.legs.errors import CommandError
from appliance.legs.tones import LEVEL_DBM0, TONE_HZ, known_country, named_tone


def test_a_country_has_its_own() -> None:
    (part,) = named_tone("busy", "us").parts
    assert part.hz == (480.0, 620.0)
    assert (part.on_ms, part.off_ms) == (500, 500)


def test_two_frequencies_are_as_loud_as_one() -> None:
    (part,) = named_tone("busy", "us").parts
    assert part.level_dbm0 == pytest.approx(LEVEL_DBM0 - 3.01, abs=0.01)


@pytest.mark.parametrize("country", ["", "xx"])
def test_elsewhere_it_is_what_itu_recommends(country: str) -> None:
    assert named_tone("busy", country).hz == (TONE_HZ,)


def test_a_frequency_is_one_everywhere() -> None:
    assert named_tone("1000", "de").hz == (1000.0,)


def test_sit_is_three_tones_everywhere() -> None:
    parts = named_tone("sit", "us").parts
    assert [(part.hz, part.on_ms, part.off_ms) for part in parts] == [
        ((950.0,), 330, 0),
        ((1400.0,), 330, 0),
        ((1800.0,), 330, 1000),
    ]


@pytest.mark.parametrize("name", ["", "humming", "49", "3401", "²"])
def test_no_such_tone(name: str) -> None:
    with pytest.raises(CommandError) as refused:
        named_tone(name, "de")
    assert refused.value.reason == "unknown-prompt"


def test_a_country_is_known_or_refused() -> None:
    assert known_country("") == ""
    assert known_country("fr") == "fr"
    with pytest.raises(ConfigError, match="atlantis") as refused:
        known_country("atlantis")
    assert refused.value.reason == "bad-config"
