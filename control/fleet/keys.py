"""Control's own keys as files that only their owner may read."""

import contextlib
import os
import secrets
from pathlib import Path

import msgspec
import zmq
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from appliance.base.errors import ConfigError
from appliance.routing.reach import HUB_NAME

HUB_KEY = "{}-curve.json"
PLAN_KEY = "plan.key"
WEB_SECRET = "web.secret"  # noqa: S105 -- a file's name


class CurvePair(msgspec.Struct, frozen=True):
    """A CURVE key pair in Z85 (ZeroMQ RFC 26, RFC 32)."""

    public: str
    secret: str


def write_private(path: Path, content: bytes) -> None:
    """Write a new file that only its owner may read; it appears whole or not at all.

    Raises FileExistsError where the file is there already: a key is never overwritten.
    """
    scratch = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.link(scratch, path)
    finally:
        scratch.unlink()


def hub_pair(state: Path, name: str = HUB_NAME) -> CurvePair:
    """Return a hub's CURVE key pair, minted at the first call."""
    path = state / HUB_KEY.format(name)
    if not path.exists():
        public, secret = zmq.curve_keypair()
        pair = CurvePair(public=public.decode(), secret=secret.decode())
        _write_once(path, msgspec.json.encode(pair))
    try:
        return msgspec.json.decode(path.read_bytes(), type=CurvePair)
    except msgspec.DecodeError as error:
        raise ConfigError("bad-config", f"{path} is no key pair: {error}") from error


def plan_key(state: Path) -> Ed25519PrivateKey:
    """Return the key that signs documents (RFC 8032), minted at the first call."""
    path = state / PLAN_KEY
    if not path.exists():
        key = Ed25519PrivateKey.generate()
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        _write_once(path, pem)
    try:
        loaded = load_pem_private_key(path.read_bytes(), password=None)
    except ValueError as error:
        raise ConfigError("bad-config", f"{path} is no private key: {error}") from error
    if not isinstance(loaded, Ed25519PrivateKey):
        raise ConfigError("bad-config", f"{path} is no Ed25519 key")
    return loaded


def web_secret(state: Path) -> bytes:
    """Return the key that signs session cookies, minted at the first call."""
    path = state / WEB_SECRET
    if not path.exists():
        _write_once(path, secrets.token_bytes(32))
    return path.read_bytes()


def _write_once(path: Path, content: bytes) -> None:
    """Write a key, unless another process was quicker."""
    with contextlib.suppress(FileExistsError):
        write_private(path, content)
