"""The records: topics, words, and what a subscriber makes of foreign bytes."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.telemetry.records import (
    KINDS,
    AnyRecord,
    ContactChanged,
    SeatChanged,
    decode,
    encode,
    kind_of,
    schema,
    topic,
)


def test_topics_and_words() -> None:
    assert kind_of(ContactChanged) == "contact-changed"
    assert topic("main", "berlin", "alarm") == b"bl1/main/berlin/alarm"


def test_every_kind_is_in_the_union() -> None:
    assert set(KINDS) == set(AnyRecord.__args__)


def test_newer_fields_and_kinds_are_skipped() -> None:
    body = json.loads(encode(SeatChanged(seat="anna", epoch=1, state="dreaming")))
    read = decode(json.dumps({**body, "of_the_future": 1}).encode())
    assert isinstance(read, SeatChanged)
    assert read.state == "dreaming"
    assert decode(b'{"kind": "of-the-future", "x": 1}') == {"kind": "of-the-future", "x": 1}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"1",
        b"\xff",
        b"{",
        b"[" * 100_000,
        b'{"kind": "alarm", "x": ' + b"[" * 100_000,
        b'"' + b"x",
    ],
)
def test_rubbish_is_nothing(body: bytes) -> None:
    assert decode(body) is None


@given(st.binary())
def test_no_bytes_crash_a_subscriber(body: bytes) -> None:
    decode(body)


def test_no_record_has_room_for_a_number() -> None:
    for kind in KINDS:
        names = {field.name for field in msgspec.structs.fields(kind)}
        assert not names & {"caller", "caller_name", "called", "number", "digits"}


def test_the_schema_names_every_kind_and_field() -> None:
    defined = schema()["$defs"]
    for kind in KINDS:
        properties = defined[kind.__name__]["properties"]
        assert properties["kind"] == {"enum": [kind_of(kind)]}
        assert set(properties) == {"kind"} | {f.name for f in msgspec.structs.fields(kind)}
