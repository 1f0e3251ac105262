"""What a data source is asked, and what is believed of its answer."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.plan.lookup import (
    MAX_TEXT,
    BadAnswerError,
    Callee,
    Lookup,
    Take,
    TakeClass,
    TakeData,
    TakeName,
    TakeSkill,
    callee,
    facts_of,
    faults,
    question,
    read,
)


def lookup(url: str = "http://db/{caller}", *take: Take, **more: Any) -> Lookup:
    return Lookup(url=url, take=take, found="a", missing="b", failed="c", **more)


FACTS = facts_of(caller="+49/30 ?&#%", called="100", contact="c-1", keys=(("n", "1"), ("n", "42")))


def test_every_value_is_percent_encoded() -> None:
    asked = question(lookup("http://db/{caller}?n={digits.n}&c={contact}&d={called}"), FACTS)
    assert asked is not None
    assert asked.url == "http://db/%2B49%2F30%20%3F%26%23%25?n=42&c=c-1&d=100"


def test_a_body_is_not_encoded_twice() -> None:
    asked = question(lookup(method="POST", body={"phone": "{caller}", "x": "y"}), FACTS)
    assert asked is not None
    assert asked.body == {"phone": "+49/30 ?&#%", "x": "y"}


@pytest.mark.parametrize("caller", ["", ".", "..", "x" * (MAX_TEXT + 1)])
def test_a_value_that_names_nobody_is_not_asked_with(caller: str) -> None:
    assert question(lookup(), {**FACTS, "caller": caller}) is None
    assert question(lookup("http://db/"), {**FACTS, "caller": caller}) is not None
    assert question(lookup("http://db/{digits.other}"), FACTS) is None


@given(st.text())
def test_no_value_leads_to_another_host_or_folder(caller: str) -> None:
    asked = question(lookup("http://db:81/in/{caller}/x"), {**FACTS, "caller": caller})
    if asked is not None:
        assert callee(asked.url) == Callee("http", "db", 81)
        assert asked.url.count("/") == 5
        assert not {"?", "#"} & set(asked.url)


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("http://db", Callee("http", "db", 80)),
        ("https://DB.example:8443/x", Callee("https", "db.example", 8443)),
        ("http://[::1]:81/", Callee("http", "::1", 81)),
        ("http://user@db/", None),
        ("http://{caller}/", None),
        ("http://db:99999/", None),
        ("http://[::1/", None),
        ("http:///x", None),
        ("ftp://db/", None),
        ("//db/", None),
        ("http://db/ x", None),
        ("http://db\\@other/", None),
        ("http://db/\n", None),
        ("", None),
    ],
)
def test_who_is_asked(url: str, found: Callee | None) -> None:
    assert callee(url) == found


@pytest.mark.parametrize(
    ("step", "fields"),
    [
        (lookup("http://db/{caller}{called}{contact}{digits.n}"), []),
        (lookup("ftp://db/"), ["url"]),
        (lookup("http://db/{digits.m}"), ["url"]),
        (lookup("http://db/{who}"), ["url"]),
        (lookup("http://db/{caller"), ["url"]),
        (lookup("http://db/{}"), ["url"]),
        (lookup(body={"a": "b"}), ["body"]),
        (lookup(method="POST", body={"a": "{x}"}), ["body[a]"]),
    ],
)
def test_what_is_wrong_with_a_question(step: Lookup, fields: list[str]) -> None:
    assert [field for field, _ in faults(step, {"n"})] == fields


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("Ada", "Ada"),
        (" A\x00d\x1b[2Ja\n ", "Ad[2Ja"),
        ("y" * 1000, "y" * MAX_TEXT),
        (7, "7"),
        (1.5, "1.5"),
        (True, "true"),
        (None, None),
        ([1], None),
        ({"a": 1}, None),
        ("", None),
        (10**400, None),
    ],
)
def test_plain_values_become_text(value: object, text: str | None) -> None:
    taken = read(
        lookup("http://db", TakeName(field="/n")), json.dumps({"n": value, "x": 1}).encode()
    )
    assert taken is not None
    assert taken.data.get("name") == text


@pytest.mark.parametrize(
    ("pointer", "found"),
    [
        ("/0/a/1", "two"),
        ("/0/x~1y", "slash"),
        ("/0/x~0y", "tilde"),
        ("/1/a", None),
        ("/-1", None),
        ("/0/a/1/b", None),
        ("/0/a/99999", None),
        ("/0/a/²", None),
    ],
)
def test_pointers(pointer: str, found: str | None) -> None:
    answer = json.dumps([{"a": ["one", "two"], "x/y": "slash", "x~y": "tilde"}]).encode()
    taken = read(lookup("http://db", TakeData(field=pointer, name="d")), answer)
    assert taken is not None
    assert taken.data.get("d") == found


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"{",
        b"[1,",
        b"text",
        b'"text"',
        b"7",
        b"true",
        b"\xff",
        b"[" * 60_000,
        b"NaN",
        b"1" * 5000,
        b'{"n": "\\ud800"}',
    ],
)
def test_what_cannot_be_read_is_refused(answer: bytes) -> None:
    with pytest.raises(BadAnswerError):
        read(lookup(), answer)


@pytest.mark.parametrize("answer", [b"{}", b"[]", b"null", b" {} "])
def test_nothing_is_known(answer: bytes) -> None:
    assert read(lookup(), answer) is None


def test_values_are_mapped_and_others_are_not_taken() -> None:
    takes = (
        TakeClass(field="/a", values={"A": "gold"}),
        TakeSkill(field="/b", values={"1": "german"}, level=2),
        TakeSkill(field="/c", level=7),
        TakeSkill(field="/d", values={"no": "french"}),
        TakeSkill(field="/c", level=3),
    )
    taken = read(lookup("http://db", *takes), b'{"a": "A", "b": 1, "c": "law", "d": "yes"}')
    assert taken is not None
    assert (taken.klass, taken.skills) == ("gold", {"german": 2, "law": 7})
    assert taken.names() == ["class", "skill"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(JSON | st.binary())
def test_whatever_comes_is_read_or_refused_and_can_be_kept(value: object) -> None:
    answer = value if isinstance(value, bytes) else json.dumps(value).encode()
    step = lookup("http://db", TakeName(field="/0"), TakeSkill(field="/a"))
    try:
        taken = read(step, answer)
    except BadAnswerError:
        return
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(taken)) is not None or taken is None


def test_the_step_travels_as_json() -> None:
    step = lookup("http://db/{caller}", TakeName(field="/n"), TakeSkill(field="/s", level=2))
    assert msgspec.json.decode(msgspec.json.encode(step), type=Lookup) == step
