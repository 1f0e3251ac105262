"""Keys in SDP (RFC 4568): which of a far end's `a=crypto` lines is taken, and lines of our own.

The random source is an argument; a key stays text, which only the engine reads.
"""

import base64
import re
from collections.abc import Callable, Sequence

from appliance.legs.sdpread import bad
from appliance.legs.sdptypes import Crypto, Keys, Local, Media

#: suite -> octets of key and salt (RFC 4568 §6.2, RFC 7714 §14.2)
SUITES = {
    "AEAD_AES_128_GCM": 28,
    "AES_CM_128_HMAC_SHA1_80": 30,
    "AEAD_AES_256_GCM": 44,
    "AES_CM_128_HMAC_SHA1_32": 30,
}
#: in offers, best first; each line has 80 octets of the 1300 that an INVITE by UDP may have
OFFERED = ("AEAD_AES_128_GCM", "AES_CM_128_HMAC_SHA1_80")
_LINES_LIMIT = 32
_VALUE = re.compile(
    r"([0-9]{1,9})[ \t]+([A-Za-z0-9_]{1,40})[ \t]+(\S{1,512})((?:[ \t]+\S{1,64})*)"
)
#: RFC 4568 §9.2: key and salt, lifetime, MKI
_KEY = re.compile(
    r"inline:([A-Za-z0-9+/]+)(={0,2})(?:\|(?:2\^([0-9]{1,2})|([0-9]{1,18})))?"
    r"(?:\|[0-9]{1,10}:([0-9]{1,3}))?",
    re.IGNORECASE,
)
#: RFC 3711 §9.2: packets under one key
_LIFETIME_BITS = 48


def make_keys(random_bytes: Callable[[int], bytes]) -> tuple[Crypto, ...]:
    """Return a new key for each suite that we speak."""
    return tuple(
        Crypto(tag, suite, "inline:" + base64.b64encode(random_bytes(size)).decode())
        for tag, (suite, size) in enumerate(SUITES.items(), 1)
    )


def offered(local: Local) -> list[Crypto]:
    """Return the lines of our offer."""
    return [crypto for suite in OFFERED for crypto in local.keys if crypto.suite == suite]


def answer(media: Media, local: Local) -> Keys | None:
    """Return the keys with the far end's first line that we can use (RFC 4568 §5.1.2), or None."""
    ours = {crypto.suite: crypto for crypto in local.keys}
    for theirs in _lines(media):
        if theirs.suite in ours:
            mine = Crypto(theirs.tag, theirs.suite, ours[theirs.suite].key)
            return Keys(mine.text, theirs.text)
    return None


def agree(media: Media, local: Local) -> Keys | None:
    """Return the keys when the far end took one line of our offer, None when it took none."""
    lines = _lines(media)
    if not lines:
        return None
    for ours in offered(local):
        if (ours.tag, ours.suite) == (lines[0].tag, lines[0].suite):
            return Keys(ours.text, lines[0].text)
    raise bad("crypto: an answer to a line that was not offered")


def _lines(media: Media) -> list[Crypto]:
    """Return the lines that are for us; raise SdpError for what is none."""
    values = media.attributes.get("crypto", ())
    if len(values) > _LINES_LIMIT:
        raise bad("too many crypto")
    out: list[Crypto] = []
    tags: set[int] = set()
    for value in values:
        crypto, parameters = _read(value)
        if crypto.tag in tags:
            raise bad("crypto: a tag stands twice")
        tags.add(crypto.tag)
        if _is_for_us(crypto, parameters):
            out.append(crypto)
    return out


def _read(value: str) -> tuple[Crypto, Sequence[str]]:
    match = _VALUE.fullmatch(value.strip())
    if not match:
        raise bad("crypto: not of RFC 4568's form")
    return Crypto(int(match[1]), match[2].upper(), match[3]), match[4].split()


def _is_for_us(crypto: Crypto, parameters: Sequence[str]) -> bool:
    """Whether the engine can use this line; raise SdpError for a key that is none."""
    size = SUITES.get(crypto.suite)
    # a window hint (WSH) changes nothing, every other parameter changes the packets
    if size is None or not all(name.upper().startswith("WSH=") for name in parameters):
        return False
    if ";" in crypto.key:  # more than one key
        return False
    match = _KEY.fullmatch(crypto.key)
    # padding may be left out altogether
    letters = (size * 8 + 5) // 6
    if (
        match is None
        or len(match[1]) != letters
        or len(match[2]) not in (0, -size % 3)
        or not _is_lifetime(match[3], match[4])
    ):
        raise bad("crypto: not a key of its suite")
    # libsrtp 2.5 loses the SRTCP of SHA1_32 with an MKI
    longest = 0 if crypto.suite.endswith("SHA1_32") else 4
    return match[5] is None or 1 <= int(match[5]) <= longest


def _is_lifetime(exponent: str | None, count: str | None) -> bool:
    if exponent is not None:
        return int(exponent) <= _LIFETIME_BITS
    return count is None or 0 < int(count) <= 2**_LIFETIME_BITS
