"""The identity of an enrolled appliance: its keys, its certificate, and where its hub is.

A folder that only its owner may read. `identity.json` is written last, so an identity is there
whole or not at all; keys without it wait for approval.
"""

import hashlib
from pathlib import Path
from typing import Annotated, Self, TypeVar

import msgspec
import zmq
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from appliance.base.errors import ConfigError
from appliance.config.model import Port, Slug
from appliance.link.files import write_whole
from appliance.link.session import Peer
from appliance.routing.reach import HUB_NAME as HUB_NAME

#: name of the folder below `state_dir`
FOLDER = "identity"
KEY_FILE = "key.pem"
CURVE_FILE = "curve.json"
CERTIFICATE_FILE = "certificate.pem"
CA_FILE = "ca.pem"
FIELDS_FILE = "identity.json"

_T = TypeVar("_T")


class CurveKeys(msgspec.Struct, frozen=True, kw_only=True):
    """The key pair of the link, Z85 (ZeroMQ RFC 32)."""

    public: Annotated[str, msgspec.Meta(min_length=40, max_length=40)]
    secret: Annotated[str, msgspec.Meta(min_length=40, max_length=40)]


class BoxKeys(msgspec.Struct, frozen=True, kw_only=True):
    """The private halves, made on the box and never sent."""

    #: EC P-256 private key, PEM (PKCS #8)
    key_pem: bytes
    curve: CurveKeys

    @classmethod
    def load_or_make(cls, folder: Path) -> Self:
        """Return the keys in *folder*, made and kept there at the first call."""
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not (folder / KEY_FILE).exists():
                write_whole(folder / KEY_FILE, _new_key())
            if not (folder / CURVE_FILE).exists():
                public, secret = zmq.curve_keypair()
                pair = CurveKeys(public=public.decode(), secret=secret.decode())
                write_whole(folder / CURVE_FILE, msgspec.json.encode(pair))
        except OSError as error:
            raise ConfigError("missing-file", f"{folder}: {error.strerror}") from error
        return cls.load(folder)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Return the keys in *folder*; raise ConfigError `missing-file` or `bad-config`."""
        keys = cls(
            key_pem=_read(folder / KEY_FILE),
            curve=_parse(folder / CURVE_FILE, CurveKeys),
        )
        keys.private_key()
        return keys

    @property
    def fingerprint(self) -> str:
        """Return what people compare with control's page: SHA-256 of the public key, in fours."""
        public = self.private_key().public_key()
        der = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        digits = hashlib.sha256(der).hexdigest()
        return " ".join(digits[start : start + 4] for start in range(0, len(digits), 4))

    def private_key(self) -> ec.EllipticCurvePrivateKey:
        """Return the private key; raise ConfigError `bad-config` where it is none."""
        try:
            key = load_pem_private_key(self.key_pem, password=None)
        except (ValueError, TypeError) as error:
            raise ConfigError("bad-config", f"{KEY_FILE} is no private key: {error}") from error
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise ConfigError("bad-config", f"{KEY_FILE} is no elliptic-curve key")
        return key


class IdentityFields(msgspec.Struct, frozen=True, kw_only=True):
    """`identity.json`: who we are and where control is."""

    name: Slug
    site: Slug
    tenant: Slug
    hub_address: str
    hub_port: Port
    #: CURVE public key, Z85
    hub_curve_key: Annotated[str, msgspec.Meta(min_length=40, max_length=40)]
    #: XSUB port of the hub's telemetry proxy; 0: none
    hub_telemetry_port: Annotated[int, msgspec.Meta(ge=0, le=65535)] = 0
    #: Ed25519 public key that documents are signed with, hex
    plan_verify_key: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}$")]
    control_url: str = ""


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """An enrolled appliance."""

    fields: IdentityFields
    keys: BoxKeys
    certificate_pem: bytes
    ca_pem: bytes

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Return the identity in *folder*; raise ConfigError `missing-file` or `bad-config`."""
        return cls(
            fields=_parse(folder / FIELDS_FILE, IdentityFields),
            keys=BoxKeys.load(folder),
            certificate_pem=_read(folder / CERTIFICATE_FILE),
            ca_pem=_read(folder / CA_FILE),
        )

    @staticmethod
    def exists(folder: Path) -> bool:
        """Tell whether there is an identity in *folder*."""
        return (folder / FIELDS_FILE).exists()

    def save(self, folder: Path) -> None:
        """Write the identity; `identity.json` last."""
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder.chmod(0o700)
            write_whole(folder / KEY_FILE, self.keys.key_pem)
            write_whole(folder / CURVE_FILE, msgspec.json.encode(self.keys.curve))
            write_whole(folder / CERTIFICATE_FILE, self.certificate_pem)
            write_whole(folder / CA_FILE, self.ca_pem)
            fields = msgspec.json.format(msgspec.json.encode(self.fields), indent=2)
            write_whole(folder / FIELDS_FILE, fields)
        except OSError as error:
            raise ConfigError("missing-file", f"{folder}: {error.strerror}") from error

    @property
    def hub(self) -> Peer:
        """Return the hub as a peer of the link."""
        return Peer(
            name=HUB_NAME,
            role="hub",
            key=self.fields.hub_curve_key,
            address=self.fields.hub_address,
            port=self.fields.hub_port,
        )


def _new_key() -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError("missing-file", f"{path} cannot be read: {error.strerror}") from error


def _parse(path: Path, kind: type[_T]) -> _T:
    try:
        return msgspec.json.decode(_read(path), type=kind)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise ConfigError("bad-config", f"{path}: {error}") from error
