"""Signatures: they hold for one key, one kind and one body only."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from appliance.base.errors import ConfigError, PeerError
from appliance.plan.signing import (
    load_private_key,
    load_public_key,
    public_bytes,
    sign,
    verify,
)

KEY = load_private_key(bytes(range(32)))
PUBLIC = KEY.public_key()


def test_what_was_signed_is_verified() -> None:
    verify(PUBLIC, "plan", b"{}", sign(KEY, "plan", b"{}"))


def test_the_signature_is_ed25519_over_kind_zero_body() -> None:
    """RFC 8032: the key's own signature over those bytes is the same; it is deterministic."""
    assert sign(KEY, "plan", b"{}") == KEY.sign(b"plan\x00{}")


@pytest.mark.parametrize(
    ("kind", "body", "damage"),
    [
        ("roster", b"{}", b""),
        ("plan", b"{} ", b""),
        ("plan", b"{}", b"\x01"),
        ("pla", b"n\x00{}", b""),
        ("", b"{}", b""),
        ("plan\x00x", b"{}", b""),
    ],
)
def test_anything_else_is_refused(kind: str, body: bytes, damage: bytes) -> None:
    good = sign(KEY, "plan", b"{}")
    signature = bytes([good[0] ^ damage[0]]) + good[1:] if damage else good
    with pytest.raises(PeerError) as raised:
        verify(PUBLIC, kind, body, signature)
    assert raised.value.reason == "bad-signature"


def test_another_key_is_refused() -> None:
    with pytest.raises(PeerError, match="bad-signature"):
        verify(PUBLIC, "plan", b"{}", sign(Ed25519PrivateKey.generate(), "plan", b"{}"))


@pytest.mark.parametrize("length", [0, 63, 65, 10_000])
def test_a_signature_of_another_length_is_refused(length: int) -> None:
    with pytest.raises(PeerError, match="bad-signature"):
        verify(PUBLIC, "plan", b"{}", bytes(length))


def test_a_kind_that_would_be_ambiguous_is_not_signed() -> None:
    with pytest.raises(ConfigError, match="must be a slug"):
        sign(KEY, "plan\x00x", b"{}")


def test_keys_travel_as_32_bytes() -> None:
    raw = public_bytes(KEY)
    assert raw == public_bytes(PUBLIC)
    verify(load_public_key(raw), "plan", b"{}", sign(KEY, "plan", b"{}"))
    for load in (load_private_key, load_public_key):
        with pytest.raises(ConfigError, match="must be 32"):
            load(raw[:-1])
