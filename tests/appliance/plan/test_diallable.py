"""Which numbers may be called back: of the country, where a person answers, at a plain price."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.plan.diallable import is_country, is_plain, normalised


@pytest.mark.parametrize(
    ("text", "country", "also", "number"),
    [
        ("030 1234567", "DE", (), "+49301234567"),
        ("+49 30 1234567", "DE", (), "+49301234567"),
        ("0049301234567", "DE", (), "+49301234567"),
        ("015112345678", "DE", (), "+4915112345678"),
        ("0123456789", "FR", (), "+33123456789"),
        ("+33123456789", "DE", ("FR",), "+33123456789"),
        # of another country
        ("+33123456789", "DE", (), ""),
        ("0033123456789", "DE", ("CH",), ""),
        # premium, shared cost, toll-free, a company's own, personal
        ("09001234567", "DE", (), ""),
        ("01805123456", "DE", (), ""),
        ("08001234567", "DE", (), ""),
        ("0899123456", "FR", (), ""),
        ("+19005551234", "US", (), ""),
        ("+447012345678", "GB", (), ""),
        # help, short and service numbers; too short, too long, nonsense
        ("112", "DE", (), ""),
        ("911", "US", (), ""),
        ("11833", "DE", (), ""),
        ("030", "DE", (), ""),
        ("0301234567890123456", "DE", (), ""),
        ("", "DE", (), ""),
        ("anonymous", "DE", (), ""),
        ("sip:030123456@x", "DE", (), ""),
        ("030 1234567 ext. 5", "DE", (), ""),
        ("0" * 5000, "DE", (), ""),
    ],
)
def test_normalised(text: str, country: str, also: tuple[str, ...], number: str) -> None:
    assert normalised(text, country, also) == number


@given(st.text(max_size=40), st.sampled_from(["DE", "FR", "GB", "US", "IT"]))
def test_any_text_is_a_number_or_none(text: str, country: str) -> None:
    number = normalised(text, country)
    assert not number or (number[0] == "+" and number[1:].isdigit() and is_plain(number))


def test_plain_and_countries() -> None:
    assert is_plain("+49301234567")
    assert not is_plain("+499001234567")
    assert not is_plain("030 1234567")
    assert not is_plain("+49 30 1234567")
    assert is_country("DE")
    assert not is_country("ZZ")
