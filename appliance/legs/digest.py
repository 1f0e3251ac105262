"""Digest authentication as a server: challenges and checks (RFC 7616, RFC 8760).

Nonces carry their time and a keyed hash, so that a challenge costs no memory; only nonces that
were used rightly are remembered, for their nonce count. Passwords are never needed, only HA1.
"""

import base64
import hashlib
import hmac
import re
import secrets
import struct
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

Algorithm = Literal["SHA-256", "MD5"]

#: a nonce older than this [s] is stale: the client is told so and tries again by itself
NONCE_LIFE_S = 300.0
#: used nonces remembered; the oldest are forgotten, and count as stale from then on
NONCES_LIMIT = 20_000
#: bounds on what a client may send
HEADER_LIMIT = 4_096
FIELDS_LIMIT = 32

_HASHES: dict[Algorithm, Callable[[bytes], str]] = {
    "SHA-256": lambda data: hashlib.sha256(data).hexdigest(),
    # RFC 8760 keeps MD5 for phones that know nothing else
    "MD5": lambda data: hashlib.md5(data, usedforsecurity=False).hexdigest(),
}
_FIELD = re.compile(r'\s*([A-Za-z0-9\-_*]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s",]+))\s*(?:,|$)')
_NONCE_FORMAT = struct.Struct("!d8s")
_MAC_SIZE = 16


@dataclass(frozen=True, slots=True)
class Ha1:
    """What is kept of a secret, by algorithm; an empty one cannot be used."""

    md5: str = ""
    sha256: str = ""

    def by(self, algorithm: Algorithm) -> str:
        """Return the one for *algorithm*, empty if there is none."""
        return self.md5 if algorithm == "MD5" else self.sha256


def ha1(algorithm: Algorithm, username: str, realm: str, secret: str) -> str:
    """Return H(username:realm:secret), RFC 7616 section 3.4.2."""
    return _HASHES[algorithm](f"{username}:{realm}:{secret}".encode())


def ha1_pair(username: str, realm: str, secret: str) -> Ha1:
    """Return HA1 for both algorithms."""
    return Ha1(ha1("MD5", username, realm, secret), ha1("SHA-256", username, realm, secret))


def response_to(
    algorithm: Algorithm,
    ha1_hex: str,
    method: str,
    uri: str,
    nonce: str,
    nc: str,
    cnonce: str,
) -> str:
    """Return the response a client owes for qop=auth (RFC 7616 section 3.4.1)."""
    hashed = _HASHES[algorithm]
    ha2 = hashed(f"{method}:{uri}".encode("latin-1", "replace"))
    return hashed(f"{ha1_hex}:{nonce}:{nc}:{cnonce}:auth:{ha2}".encode("latin-1", "replace"))


def parse_authorization(value: str) -> dict[str, str] | None:
    """Return the fields of a Digest header value, keys in lower case; None if it is malformed."""
    if len(value) > HEADER_LIMIT:
        return None
    scheme, _, rest = value.strip().partition(" ")
    if scheme.lower() != "digest":
        return None
    fields: dict[str, str] = {}
    position = 0
    while position < len(rest):
        match = _FIELD.match(rest, position)
        if not match or match[1].lower() in fields or len(fields) >= FIELDS_LIMIT:
            return None
        quoted = match[2]
        plain = match[3] if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
        fields[match[1].lower()] = plain
        position = match.end()
    return fields


@dataclass(frozen=True, slots=True)
class Verified:
    """The outcome of a check. *stale* asks for a new challenge that says stale=true.

    *why* is empty when *ok*, or one of `missing`, `malformed`, `stale`, `replayed`, `wrong`.
    """

    ok: bool
    username: str = ""
    stale: bool = False
    why: str = ""


class Authority:
    """Challenges for one realm and checks what comes back."""

    def __init__(
        self,
        realm: str,
        *,
        key: bytes | None = None,
        clock: Callable[[], float] = time.monotonic,
        nonce_life_s: float = NONCE_LIFE_S,
        nonces_limit: int = NONCES_LIMIT,
    ) -> None:
        if not re.fullmatch(r"[\x20\x21\x23-\x5b\x5d-\x7e]{1,128}", realm):
            raise ValueError("a realm is printable ASCII without quotes and backslashes")
        self.realm = realm
        self._key = key or secrets.token_bytes(32)
        self._clock = clock
        self._life_s = nonce_life_s
        self._limit = nonces_limit
        #: used nonce -> highest nonce count; oldest use first
        self._counts: OrderedDict[str, int] = OrderedDict()
        #: nonces issued up to then may have been forgotten
        self._forgotten_until = float("-inf")

    def challenge(
        self,
        *,
        stale: bool = False,
        proxy: bool = False,
        algorithms: Sequence[Algorithm] = ("SHA-256", "MD5"),
    ) -> list[tuple[str, str]]:
        """Return the headers of a 401, or of a 407 if *proxy*; the best algorithm stands first."""
        name = "Proxy-Authenticate" if proxy else "WWW-Authenticate"
        nonce = self._issue()
        tail = ", stale=true" if stale else ""
        return [
            (
                name,
                f'Digest realm="{self.realm}", nonce="{nonce}", algorithm={algorithm}, '
                f'qop="auth"{tail}',
            )
            for algorithm in algorithms
        ]

    def check(
        self, method: str, authorization: str, lookup: Callable[[str], Ha1 | None]
    ) -> Verified:
        """Check an Authorization value; *lookup* gives the HA1 of a user name, or None."""
        if not authorization:
            return Verified(False, why="missing")
        fields = parse_authorization(authorization)
        algorithm = _algorithm(fields) if fields is not None else None
        if fields is None or algorithm is None or not _complete(fields, self.realm):
            return Verified(False, why="malformed")
        username, nonce = fields["username"], fields["nonce"]
        issued = self._issued(nonce)
        if issued is None:
            # not ours: a client that kept a nonce over our restart is asked again
            return Verified(False, username, stale=True, why="stale")
        known = lookup(username)
        expected = response_to(
            algorithm,
            # an unknown user costs as much time as a wrong secret
            (known.by(algorithm) if known else "") or self._key.hex(),
            method,
            fields["uri"],
            nonce,
            fields["nc"],
            fields["cnonce"],
        )
        if not hmac.compare_digest(expected.encode(), fields["response"].lower().encode()):
            return Verified(False, username, why="wrong")
        return self._count(username, nonce, issued, int(fields["nc"], 16))

    # -- nonces --------------------------------------------------------------------------------

    def _mac(self, stamped: bytes) -> bytes:
        data = stamped + self.realm.encode()
        return hmac.new(self._key, data, hashlib.sha256).digest()[:_MAC_SIZE]

    def _issue(self) -> str:
        stamped = _NONCE_FORMAT.pack(self._clock(), secrets.token_bytes(8))
        return base64.urlsafe_b64encode(stamped + self._mac(stamped)).decode()

    def _issued(self, nonce: str) -> float | None:
        """Return when we made this nonce, None if we did not."""
        try:
            raw = base64.b64decode(nonce.encode("ascii"), altchars=b"-_", validate=True)
        except ValueError:
            return None
        stamped, mac = raw[: _NONCE_FORMAT.size], raw[_NONCE_FORMAT.size :]
        if len(stamped) != _NONCE_FORMAT.size or not hmac.compare_digest(mac, self._mac(stamped)):
            return None
        issued: float = _NONCE_FORMAT.unpack(stamped)[0]
        return issued

    def _count(self, username: str, nonce: str, issued: float, count: int) -> Verified:
        """Take a right answer's nonce count, once, while its nonce lives."""
        if self._clock() - issued > self._life_s or (
            issued <= self._forgotten_until and nonce not in self._counts
        ):
            return Verified(False, username, stale=True, why="stale")
        if count <= self._counts.get(nonce, 0):
            return Verified(False, username, stale=True, why="replayed")
        self._counts[nonce] = count
        self._counts.move_to_end(nonce)
        while len(self._counts) > self._limit:
            oldest, _ = self._counts.popitem(last=False)
            self._forgotten_until = max(self._forgotten_until, self._issued(oldest) or 0.0)
        return Verified(True, username)


def _algorithm(fields: dict[str, str]) -> Algorithm | None:
    """Return the algorithm a client used; MD5 if it does not say (RFC 7616 section 3.3)."""
    name = fields.get("algorithm", "MD5").upper()
    if name == "SHA-256":
        return "SHA-256"
    return "MD5" if name == "MD5" else None


def _complete(fields: dict[str, str], realm: str) -> bool:
    needed = ("username", "nonce", "uri", "response", "cnonce")
    return (
        all(fields.get(name) for name in needed)
        and fields.get("realm") == realm
        and fields.get("qop", "").lower() == "auth"
        and re.fullmatch(r"[0-9a-fA-F]{8}", fields.get("nc", "")) is not None
    )
