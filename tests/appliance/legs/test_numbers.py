"""Numbers and names from the network: users, contacts, what may be called."""

import pytest

from appliance.legs.numbers import MAX_TEXT, clean, contact_values, is_diallable, user_of


@pytest.mark.parametrize(
    ("uri", "user"),
    [
        ("sip:1001@10.0.0.1", "1001"),
        ("<sip:+49305551@provider.example;user=phone>", "+49305551"),
        ('"A" <sips:a%20b@x>', "a b"),
        ("tel:+49305551", "+49305551"),
        ("<tel:+49305551;phone-context=x>", "+49305551"),
        ("sip:1001:secret@x", "1001"),
        ("sip:5551;rn=1@x", "5551"),
        ("sip:10.0.0.1", ""),
        ("", ""),
        ("noise", ""),
    ],
)
def test_users(uri: str, user: str) -> None:
    assert user_of(uri) == user


@pytest.mark.parametrize("number", ["1", "+49301234", "*21#", "1001", "alice", "0195-ab_c.d"])
def test_what_may_be_called(number: str) -> None:
    assert is_diallable(number)


@pytest.mark.parametrize(
    "number", ["", "+", "1 2", "1@x", "1;a=b", "1\r\n", "1\n", "1>", "ü", "1" * 66, "1++"]
)
def test_what_may_not_be_called(number: str) -> None:
    assert not is_diallable(number)


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [("Ann", "Ann"), (" a\x00b\r\nc ", "abc"), ("x" * 500, "x" * MAX_TEXT), ("Zoë", "Zoë")],
)
def test_texts_are_cleaned(text: str, cleaned: str) -> None:
    assert clean(text) == cleaned


@pytest.mark.parametrize(
    ("values", "found"),
    [
        (["<sip:1@a:5062;ob>;expires=60;q=1"], [("sip:1@a:5062;ob", 60)]),
        (['"x" <sip:1@a>'], [("sip:1@a", -1)]),
        (["sip:1@a"], [("sip:1@a", -1)]),
        (["sip:1@a;expires=0"], [("sip:1@a", 0)]),
        (["*"], [("*", -1)]),
        ([], []),
    ],
)
def test_contacts(values: list[str], found: list[tuple[str, int]]) -> None:
    assert contact_values(values) == found


@pytest.mark.parametrize("value", ["", "<>", "<http://x>", "mailto:a@b", "<sip:1@a", "<sip:1@a>>"])
def test_broken_contacts(value: str) -> None:
    assert contact_values([value]) is None
