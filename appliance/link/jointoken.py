"""Join tokens and what is said with them: how a box and control come to trust each other. Pure.

The token carries a secret that only the box and control know, and the digest of control's CA.
So the box knows control, and control the box, whatever the transport between them is: each
message is sealed with HMAC-SHA-256 (RFC 2104) under that secret, and the CA is pinned.
"""

import base64
import binascii
import hashlib
import hmac
from typing import Annotated, Any, Literal, TypeVar

import msgspec

from appliance.base.errors import ConfigError

#: what every token begins with: kind and version
PREFIX = "bl1."
#: where a request is posted, below control's URL
ENROL_PATH = "/api/v1/enrol"
#: a request or answer longer than this is not read [bytes]
MAX_BODY = 65_536

_ID_BYTES = 16
_SECRET_BYTES = 32
_DIGEST_BYTES = 32

Port = Annotated[int, msgspec.Meta(ge=0, le=65535)]
Hex16 = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{32}$")]
Host = Annotated[str, msgspec.Meta(max_length=253)]
Pem = Annotated[str, msgspec.Meta(max_length=16_384)]
Z85Key = Annotated[str, msgspec.Meta(min_length=40, max_length=40)]
Word = Annotated[str, msgspec.Meta(max_length=63)]


class JoinToken(msgspec.Struct, frozen=True, kw_only=True):
    """What a join token says."""

    token_id: bytes
    secret: bytes
    #: SHA-256 of the CA certificate (DER)
    ca_digest: bytes

    def text(self) -> str:
        """Return the token as people copy it."""
        packed = self.token_id + self.secret + self.ca_digest
        return PREFIX + base64.urlsafe_b64encode(packed).rstrip(b"=").decode("ascii")


def parse_token(text: str) -> JoinToken:
    """Return the token in *text*; raise ConfigError `bad-token`."""
    text = "".join(text.split())
    if not text.startswith(PREFIX):
        raise ConfigError("bad-token", f"a join token begins with {PREFIX!r}")
    coded = text[len(PREFIX) :]
    try:
        packed = base64.b64decode(coded + "=" * (-len(coded) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise ConfigError("bad-token", "the token is not base64url (RFC 4648 §5)") from None
    if len(packed) != _ID_BYTES + _SECRET_BYTES + _DIGEST_BYTES:
        raise ConfigError("bad-token", "the token is not complete")
    first, second = _ID_BYTES, _ID_BYTES + _SECRET_BYTES
    return JoinToken(
        token_id=packed[:first], secret=packed[first:second], ca_digest=packed[second:]
    )


def ca_digest(certificate_der: bytes) -> bytes:
    """Return what a token carries of the CA certificate: SHA-256 of its DER."""
    return hashlib.sha256(certificate_der).digest()


class EnrolRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A box asks for its place; sent again, with the same keys, until it is decided."""

    #: token id, hex
    token: Hex16
    #: chosen anew for each request; the answer repeats it, so that no old answer can be replayed
    nonce: Hex16
    #: what the box is called; must be the name the token was made for
    name: Word
    #: certificate request (PKCS #10, PEM)
    csr: Pem
    #: CURVE public key, Z85
    curve_key: Z85Key
    sip_address: Host
    sip_port: Port
    link_address: Host
    link_port: Port
    telemetry_address: Host = ""
    telemetry_port: Port = 0
    #: 0: it takes no calls by TLS
    sip_tls_port: Port = 0
    version: Word = ""
    #: HMAC over all other fields, hex
    mac: str = ""


class EnrolAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Control's answer; the identity's fields are filled once it is approved."""

    nonce: Hex16
    state: Literal["pending", "approved", "refused"]
    #: control's CA certificate, PEM
    ca_certificate: Pem
    #: reason word and sentence where it is refused
    reason: str = ""
    message: str = ""
    #: the box's certificate, PEM
    certificate: Pem = ""
    name: Word = ""
    site: Word = ""
    tenant: Word = ""
    hub_address: Host = ""
    hub_port: Port = 0
    hub_curve_key: str = ""
    hub_telemetry_port: Port = 0
    #: Ed25519 public key that documents are signed with, hex
    plan_verify_key: str = ""
    control_url: Annotated[str, msgspec.Meta(max_length=500)] = ""
    #: HMAC over all other fields, hex
    mac: str = ""


class EnrolError(msgspec.Struct, frozen=True, kw_only=True):
    """Body of an answer that is not 200; not sealed, since the secret may be unknown."""

    reason: Annotated[str, msgspec.Meta(max_length=63)]
    message: Annotated[str, msgspec.Meta(max_length=1000)] = ""


_Message = TypeVar("_Message", EnrolRequest, EnrolAnswer)


def seal(message: EnrolRequest | EnrolAnswer, secret: bytes) -> bytes:
    """Return *message* as JSON with its HMAC in `mac`."""
    fields = msgspec.structs.asdict(message)
    fields["mac"] = _mac(fields, _LABELS[type(message)], secret)
    return msgspec.json.encode(fields)


def read(body: bytes, kind: type[_Message]) -> _Message:
    """Return the message in *body*, not yet trusted; raise ConfigError `bad-request`."""
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise ConfigError("bad-request", f"no {kind.__name__}: {error}") from None


def is_sealed(body: bytes, kind: type[EnrolRequest | EnrolAnswer], secret: bytes) -> bool:
    """Tell whether *body* bears the right HMAC; also over fields that this version knows not."""
    try:
        fields = msgspec.json.decode(body, type=dict[str, Any])
        expected = _mac(fields, _LABELS[kind], secret)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return False
    claimed = str(fields.get("mac", "")).encode("utf-8", "replace")
    return hmac.compare_digest(expected.encode(), claimed)


def _mac(fields: dict[str, Any], label: bytes, secret: bytes) -> str:
    """HMAC over canonical JSON: keys sorted, no spaces, without `mac` itself."""
    sealed = {name: value for name, value in fields.items() if name != "mac"}
    body = msgspec.json.encode(sealed, order="sorted")
    return hmac.new(secret, label + body, hashlib.sha256).hexdigest()


#: separate labels, so that neither kind of message can be passed off as the other
_LABELS: dict[type, bytes] = {
    EnrolRequest: b"branchline-enrol-request\0",
    EnrolAnswer: b"branchline-enrol-answer\0",
}
