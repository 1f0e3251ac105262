"""Proving keys from end to end: CurveZMQ's handshake (ZeroMQ RFC 26) in packets of our own. Pure.

Whoever may publish on a NATS server can send anything to anyone, and so can a relay: their word
about a sender counts for nothing here. Each session proves both ends' link keys, and every packet
of it is sealed with keys that live no longer than the session:

    HELLO     C', C, Box[version, C'](c, S)               a short-term key, and who asks
    WELCOME   C', Box[S', cookie](s, C')                  the listener keeps nothing
    INITIATE  C', cookie, Box[Box[C', S](c, S')](c', S')  the dialler vouches for both its keys
    MESSAGE   C', number, Box[…](c', S')                  from here on, both ways
    REFUSED   C', Box[C', reason](s, C)                   instead of WELCOME

C, S are the long-term keys of dialler and listener, C', S' the short-term ones, small letters
their secret halves. C' is the session's name: nobody without c' can use it. Two things differ from
the RFC: HELLO proves the long-term key, so that a stranger costs a look into a table; and there is
no READY, since the first sealed message says the same.
"""

import secrets
import struct
from collections.abc import Iterable
from enum import IntEnum
from typing import NamedTuple

from nacl.exceptions import CryptoError
from nacl.public import Box, PrivateKey, PublicKey
from nacl.secret import SecretBox
from zmq.utils import z85

from appliance.base.errors import ConfigError, PeerError

#: version of these packets
VERSION = 1
KEY_BYTES = 32
#: what a box adds (crypto_box_MACBYTES)
_MAC = 16
#: random part of a nonce under a long-term key; the other 8 bytes name the packet (RFC 26)
_SALT = 16
_NUMBER = 8
_HEAD = 1 + KEY_BYTES
#: a cookie holds C', s' and C
_COOKIE_KEYS = f"{KEY_BYTES}s" * 3
_COOKIE = _SALT + _MAC + struct.calcsize(_COOKIE_KEYS)
#: what a sealed packet adds to its content
OVERHEAD = _HEAD + _NUMBER + _MAC
#: a cookie is good for one to two times this [s]; a dial is given up after 3 s
COOKIE_S = 10.0

_HELLO_NONCE, _WELCOME_NONCE, _VOUCH_NONCE = b"bl-hello", b"bl-wlcme", b"bl-vouch"
_COOKIE_NONCE, _REFUSED_NONCE = b"bl-cooki", b"bl-refus"
_INITIATE_NONCE = b"bl-link-initiate" + bytes(_NUMBER)
_DIALLER_NONCE, _LISTENER_NONCE = b"bl-link-dialler-", b"bl-link-listener"


class Kind(IntEnum):
    """What a packet is; its first byte."""

    HELLO = 1
    WELCOME = 2
    INITIATE = 3
    MESSAGE = 4
    REFUSED = 5


class Packet(NamedTuple):
    """One message on a subject."""

    kind: Kind
    #: the dialler's short-term public key, which names the session
    session: bytes
    body: bytes


def parse(data: bytes) -> Packet:
    """Return the packet in *data*; raise PeerError `bad-request`."""
    try:
        kind = Kind(data[0])
    except (IndexError, ValueError):
        raise PeerError("bad-request", "no packet of the link") from None
    if len(data) < _HEAD:
        raise PeerError("bad-request", "a packet is cut short")
    return Packet(kind, data[1:_HEAD], data[_HEAD:])


def key_bytes(key: str) -> bytes:
    """Return the 32 bytes of a key in Z85 (ZeroMQ RFC 32); raise ConfigError `bad-config`."""
    try:
        raw = bytes(z85.decode(key))
    except (ValueError, KeyError, struct.error) as error:
        raise ConfigError("bad-config", f"{key!r} is no key in Z85") from error
    if len(raw) != KEY_BYTES or key_text(raw) != key:
        raise ConfigError("bad-config", f"{key!r} is no key in Z85")
    return raw


def key_text(raw: bytes) -> str:
    """Return a key in Z85."""
    return z85.encode(raw).decode("ascii")


class Seal:
    """One end of a proven session: numbers and seals what goes out, opens what comes in."""

    def __init__(self, box: Box, session: bytes, *, dialled: bool) -> None:
        self._box = box
        self._head = bytes((Kind.MESSAGE,)) + session
        names = (_DIALLER_NONCE, _LISTENER_NONCE)
        self._out, self._in = names if dialled else names[::-1]
        self._sent = 0
        self._taken = 0

    def close(self, content: bytes) -> bytes:
        """Return the packet that carries *content*."""
        self._sent += 1
        number = self._sent.to_bytes(_NUMBER, "big")
        return self._head + number + self._box.encrypt(content, self._out + number).ciphertext

    def open(self, body: bytes) -> bytes:
        """Return what the body of a MESSAGE carries.

        Raises PeerError: `bad-request` for no body, `bad-signature` for a forged one, `duplicate`
        for one that was here before, `unreachable` where one before it was lost.
        """
        if len(body) < _NUMBER + _MAC:
            raise PeerError("bad-request", "a message is cut short")
        number = int.from_bytes(body[:_NUMBER], "big")
        if number <= self._taken:
            raise PeerError("duplicate", f"message {number} was here before")
        content = _open(self._box, self._in + body[:_NUMBER], body[_NUMBER:])
        if number != self._taken + 1:
            lost = f"message {number} came after message {self._taken}"
            raise PeerError("unreachable", lost)
        self._taken = number
        return content


class Dialling:
    """The dialler's end, until the session is proven."""

    def __init__(self, own: PrivateKey, far: bytes) -> None:
        self._own = own
        self._far = PublicKey(far)
        self._long = _box(own, far)
        self._short = PrivateKey.generate()
        #: name of the session
        self.session = bytes(self._short.public_key)

    def hello(self) -> bytes:
        """Return a HELLO; it may be sent again and again."""
        content = bytes((VERSION,)) + self.session
        body = bytes(self._own.public_key) + _salted(self._long, _HELLO_NONCE, content)
        return bytes((Kind.HELLO,)) + self.session + body

    def welcome(self, body: bytes) -> tuple[bytes, Seal]:
        """Take WELCOME; return INITIATE and the proven session.

        Raises PeerError `bad-signature` where it is not of the key that was dialled.
        """
        content = _unsalted(_box(self._short, bytes(self._far)), _WELCOME_NONCE, body)
        if len(content) != KEY_BYTES + _COOKIE:
            raise PeerError("bad-request", "a WELCOME of another length")
        short, cookie = content[:KEY_BYTES], content[KEY_BYTES:]
        vouch = _salted(_box(self._own, short), _VOUCH_NONCE, self.session + bytes(self._far))
        box = _box(self._short, short)
        body = cookie + box.encrypt(vouch, _INITIATE_NONCE).ciphertext
        packet = bytes((Kind.INITIATE,)) + self.session + body
        return packet, Seal(box, self.session, dialled=True)

    def refused(self, body: bytes) -> str:
        """Take REFUSED; return the reason word. Raises PeerError `bad-signature`."""
        content = _unsalted(self._long, _REFUSED_NONCE, body)
        if content[:KEY_BYTES] != self.session:
            raise PeerError("duplicate", "a refusal of another session")
        return content[KEY_BYTES:].decode("ascii", "replace")


class Reception:
    """The listener's end: answers HELLO without keeping anything, and checks INITIATE."""

    def __init__(self, own: PrivateKey) -> None:
        self._own = own
        self._public = bytes(own.public_key)
        #: keys that may dial -> box with them, made at their first HELLO
        self._boxes: dict[bytes, Box | None] = {}
        self._jars: list[_Jar] = []

    def allow(self, keys: Iterable[bytes]) -> None:
        """Answer these keys only from now on."""
        self._boxes = {key: self._boxes.get(key) for key in keys}

    def check(self, session: bytes, body: bytes) -> bytes:
        """Take HELLO; return the dialler's key, proven unless replayed. Costs little.

        Raises PeerError: `not-enrolled` for a key that may not dial, `bad-signature`,
        `old-version`.
        """
        far = body[:KEY_BYTES]
        if far not in self._boxes:
            raise PeerError("not-enrolled", f"key {far.hex()} may not dial")
        box = self._boxes[far]
        if box is None:
            box = self._boxes[far] = _box(self._own, far)
        _check_hello(box, session, body)
        return far

    def welcome(self, session: bytes, far: bytes, now_s: float) -> bytes:
        """Return the WELCOME to a HELLO that was checked."""
        short = PrivateKey.generate()
        cookie = self._jar(now_s).fill(session + bytes(short) + far)
        content = bytes(short.public_key) + cookie
        sealed = _salted(_box(self._own, session), _WELCOME_NONCE, content)
        return bytes((Kind.WELCOME,)) + session + sealed

    def refuse(self, session: bytes, body: bytes, reason: str) -> tuple[bytes, bytes]:
        """Return whom to tell *reason*, and the REFUSED; only who holds the key can read it.

        Raises PeerError `bad-signature` where HELLO does not prove the key that it names.
        """
        far = body[:KEY_BYTES]
        box = _box(self._own, far)
        _check_hello(box, session, body)
        content = session + reason.encode("ascii")
        packet = bytes((Kind.REFUSED,)) + session + _salted(box, _REFUSED_NONCE, content)
        return far, packet

    def initiate(self, session: bytes, body: bytes, now_s: float) -> tuple[bytes, Seal]:
        """Take INITIATE; return the dialler's key, proven, and the session.

        Raises PeerError: `bad-signature`, `not-enrolled`, `duplicate` for one that was here
        before.
        """
        jar, content = self._open_cookie(body[:_COOKIE], now_s)
        named, short, far = struct.unpack(_COOKIE_KEYS, content)
        if named != session:
            raise PeerError("bad-signature", "the cookie of another session")
        if session in jar.used:
            raise PeerError("duplicate", "this session was begun before")
        secret = PrivateKey(short)
        box = _box(secret, session)
        vouch = _open(box, _INITIATE_NONCE, body[_COOKIE:])
        if _unsalted(_box(secret, far), _VOUCH_NONCE, vouch) != session + self._public:
            raise PeerError("bad-signature", "the vouch is for other keys")
        if far not in self._boxes:
            raise PeerError("not-enrolled", f"key {far.hex()} may not dial")
        jar.used.add(session)
        return far, Seal(box, session, dialled=False)

    def _jar(self, now_s: float) -> "_Jar":
        """Return the jar in use; the one before it stays good until it is replaced too."""
        if not self._jars or now_s - self._jars[-1].born_s >= COOKIE_S:
            self._jars.append(_Jar(now_s))
        self._jars = [jar for jar in self._jars if now_s - jar.born_s < 2 * COOKIE_S]
        return self._jars[-1]

    def _open_cookie(self, cookie: bytes, now_s: float) -> tuple["_Jar", bytes]:
        self._jar(now_s)
        for jar in reversed(self._jars):
            content = jar.open(cookie)
            if content is not None:
                return jar, content
        raise PeerError("bad-signature", "the cookie is not of this listener, or stale")


class _Jar:
    """A key for cookies, and the sessions that were begun with one; thrown away together."""

    def __init__(self, now_s: float) -> None:
        self.born_s = now_s
        self._box = SecretBox(secrets.token_bytes(SecretBox.KEY_SIZE))
        self.used: set[bytes] = set()

    def fill(self, content: bytes) -> bytes:
        """Return *content* as a cookie."""
        salt = secrets.token_bytes(_SALT)
        return salt + self._box.encrypt(content, _COOKIE_NONCE + salt).ciphertext

    def open(self, cookie: bytes) -> bytes | None:
        """Return what is in a cookie, or None where it is not of this jar."""
        if len(cookie) != _COOKIE:
            return None
        try:
            return self._box.decrypt(cookie[_SALT:], _COOKIE_NONCE + cookie[:_SALT])
        except CryptoError:
            return None


def _check_hello(box: Box, session: bytes, body: bytes) -> None:
    """Raise PeerError unless HELLO is by the key it names, for this session and version."""
    content = _unsalted(box, _HELLO_NONCE, body[KEY_BYTES:])
    if content[1:] != session:
        raise PeerError("bad-signature", "a HELLO of another session")
    if content[0] != VERSION:
        raise PeerError("old-version", f"packets of version {content[0]}, this end {VERSION}")


def _box(secret: PrivateKey, public: bytes) -> Box:
    """Return the box of two keys; raise PeerError `bad-signature` where *public* is none."""
    try:
        return Box(secret, PublicKey(public))
    except CryptoError as error:
        raise PeerError("bad-signature", f"{public.hex()} is no key") from error


def _salted(box: Box, name: bytes, content: bytes) -> bytes:
    salt = secrets.token_bytes(_SALT)
    return salt + box.encrypt(content, name + salt).ciphertext


def _unsalted(box: Box, name: bytes, sealed: bytes) -> bytes:
    if len(sealed) < _SALT + _MAC:
        raise PeerError("bad-request", "a packet is cut short")
    return _open(box, name + sealed[:_SALT], sealed[_SALT:])


def _open(box: Box, nonce: bytes, sealed: bytes) -> bytes:
    try:
        return box.decrypt(sealed, nonce)
    except CryptoError:
        raise PeerError("bad-signature", "a packet is not of the key it should be of") from None
