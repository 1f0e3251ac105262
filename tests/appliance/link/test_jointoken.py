"""Join tokens and seals."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.base.errors import ConfigError
from appliance.link.jointoken import (
    EnrolAnswer,
    EnrolRequest,
    JoinToken,
    is_sealed,
    parse_token,
    read,
    seal,
)

TOKEN = JoinToken(token_id=bytes(range(16)), secret=bytes(range(32)), ca_digest=b"\xaa" * 32)
SECRET = b"\x01" * 32
ANSWER = EnrolAnswer(nonce="0" * 32, state="pending", ca_certificate="x")
REQUEST = EnrolRequest(
    token="0" * 32,
    nonce="1" * 32,
    name="berlin-1",
    csr="csr",
    curve_key="k" * 40,
    sip_address="127.0.0.1",
    sip_port=5060,
    link_address="127.0.0.1",
    link_port=7410,
)


def test_a_token_survives_text() -> None:
    text = TOKEN.text()
    assert text.startswith("bl1.")
    assert parse_token(f" {text[:30]}\n{text[30:]} ") == TOKEN


@pytest.mark.parametrize(
    "text", ["", "bl1.", "bl2." + "A" * 107, "bl1." + "A" * 106, "bl1." + "A" * 108, "bl1.+/", "ü"]
)
def test_a_text_that_is_no_token_is_refused(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_token(text)
    assert caught.value.reason == "bad-token"


@given(st.text())
def test_no_text_crashes_the_parser(text: str) -> None:
    with pytest.raises(ConfigError):
        parse_token("bl1." + text[:50])


def test_a_seal_holds_for_its_secret_only() -> None:
    body = seal(REQUEST, SECRET)
    assert is_sealed(body, EnrolRequest, SECRET)
    assert not is_sealed(body, EnrolRequest, b"\x02" * 32)
    assert read(body, EnrolRequest).name == "berlin-1"


@pytest.mark.parametrize("field", [*REQUEST.__struct_fields__])
def test_no_field_can_be_changed(field: str) -> None:
    fields = json.loads(seal(REQUEST, SECRET))
    fields[field] = 1 if isinstance(fields[field], int) else fields[field] + "x"
    assert not is_sealed(json.dumps(fields).encode(), EnrolRequest, SECRET)


def test_a_request_does_not_pass_for_an_answer() -> None:
    assert not is_sealed(seal(REQUEST, SECRET), EnrolAnswer, SECRET)
    assert is_sealed(seal(ANSWER, SECRET), EnrolAnswer, SECRET)


def test_a_seal_covers_fields_of_a_newer_version() -> None:
    fields = msgspec.structs.asdict(ANSWER)
    newer = msgspec.defstruct("EnrolAnswer", [(name, object) for name in (*fields, "novel")])
    from appliance.link import jointoken

    body = msgspec.json.encode(
        {
            **fields,
            "novel": [1, 2],
            "mac": jointoken._mac(
                {**fields, "novel": [1, 2]}, jointoken._LABELS[EnrolAnswer], SECRET
            ),
        }
    )
    assert newer is not None
    assert is_sealed(body, EnrolAnswer, SECRET)
    assert read(body, EnrolAnswer).state == "pending"


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{}", b"\xff", b'{"mac": 7}', b'{"mac": "\\ud800"}', b"[" * 5000],
    ids=repr,
)
def test_rubbish_is_neither_sealed_nor_read(body: bytes) -> None:
    assert not is_sealed(body, EnrolAnswer, SECRET)
    with pytest.raises(ConfigError):
        read(body, EnrolAnswer)
