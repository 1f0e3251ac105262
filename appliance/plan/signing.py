"""Signatures of documents: Ed25519 (RFC 8032) over `kind ‖ 0x00 ‖ body`.

The kind is signed with the body, so that a roster never passes for a plan.
"""

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from appliance.base.errors import ConfigError, PeerError
from appliance.base.ids import is_slug

#: RFC 8032 §5.1.5 and §5.1.6
KEY_BYTES = 32
SIGNATURE_BYTES = 64


def sign(key: Ed25519PrivateKey, kind: str, body: bytes) -> bytes:
    """Return the signature of *body* as a document of *kind*."""
    if not is_slug(kind):
        raise ConfigError("bad-config", f"kind {kind!r}: must be a slug, as in 'plan'")
    return key.sign(_signed(kind, body))


def verify(public_key: Ed25519PublicKey, kind: str, body: bytes, signature: bytes) -> None:
    """Return if the signature holds; raise PeerError `bad-signature` otherwise."""
    if not is_slug(kind):
        raise PeerError("bad-signature", f"document of unknown kind {kind!r}")
    if len(signature) != SIGNATURE_BYTES:
        raise PeerError(
            "bad-signature", f"signature of {len(signature)} bytes; must be {SIGNATURE_BYTES}"
        )
    try:
        public_key.verify(signature, _signed(kind, body))
    except InvalidSignature as error:
        raise PeerError(
            "bad-signature", f"the {kind} was not signed by the key we trust, or was altered"
        ) from error


def load_private_key(raw: bytes) -> Ed25519PrivateKey:
    """Return the signing key of these 32 bytes."""
    return Ed25519PrivateKey.from_private_bytes(_checked(raw))


def load_public_key(raw: bytes) -> Ed25519PublicKey:
    """Return the public key of these 32 bytes."""
    return Ed25519PublicKey.from_public_bytes(_checked(raw))


def public_bytes(key: Ed25519PrivateKey | Ed25519PublicKey) -> bytes:
    """Return the 32 bytes of the public key, which everybody may know."""
    public = key.public_key() if isinstance(key, Ed25519PrivateKey) else key
    return public.public_bytes_raw()


def _checked(raw: bytes) -> bytes:
    if len(raw) != KEY_BYTES:
        raise ConfigError("bad-config", f"Ed25519 key of {len(raw)} bytes; must be {KEY_BYTES}")
    return raw


def _signed(kind: str, body: bytes) -> bytes:
    return kind.encode() + b"\x00" + body
