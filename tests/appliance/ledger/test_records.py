"""The kinds of facts: their words are stable and their defaults cost nothing."""

import msgspec

from appliance.ledger.records import KINDS, ContactArrived, ContactEnded, SeatOffered


def test_words() -> None:
    assert ContactArrived.kind() == "contact-arrived"
    assert KINDS["seat-offered"] is SeatOffered
    assert all(kind == record.kind() for kind, record in KINDS.items())


def test_defaults_take_no_room() -> None:
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(ContactEnded(outcome="served"))) == {
        "outcome": "served"
    }


def test_a_newer_field_is_skipped() -> None:
    newer = msgspec.msgpack.encode({"outcome": "failed", "of_the_future": [1, 2]})
    assert msgspec.msgpack.decode(newer, type=ContactEnded) == ContactEnded(outcome="failed")
