"""Documents as canonical JSON: one document, one sequence of bytes, one digest.

UTF-8, keys in order of their code points, no spaces, defaults written out, a number as the type
says (a float field holding 5 is written `5.0`).
"""

import hashlib
import re
from typing import TypeVar

import msgspec

from appliance.base.errors import ConfigError

#: longest document that is read [bytes]; a plan of 24,000 agents takes about 5 MB
MAX_BODY = 32 * 1024 * 1024

_T = TypeVar("_T", bound=msgspec.Struct)
_PLACE = re.compile(r"^(?P<what>.*?)(?: - at (?P<key>`key` in )?`\$(?P<place>.*)`)?$", re.DOTALL)


def encode(document: msgspec.Struct, *, reason: str = "bad-plan") -> bytes:
    """Return the canonical bytes of *document*; raise ConfigError where it breaks its own rules.

    A record made in code is not checked by msgspec, so it is read back once: what is signed here
    can be read everywhere.
    """
    try:
        body = msgspec.json.encode(document, order="sorted")
    except (msgspec.MsgspecError, TypeError, ValueError, RecursionError) as error:
        raise ConfigError(reason, f"cannot be written as JSON: {error}") from error
    again = decode(body, type(document), reason=reason)
    return msgspec.json.encode(again, order="sorted")


def decode(body: bytes, kind: type[_T], *, reason: str = "bad-plan") -> _T:
    """Return the document in *body*; raise ConfigError that names the place of what is wrong."""
    if len(body) > MAX_BODY:
        raise ConfigError(reason, f"document of {len(body)} bytes; at most {MAX_BODY} are read")
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError as error:
        raise ConfigError(reason, _where(str(error))) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ConfigError(reason, f"not a JSON document: {error}") from error
    except RecursionError as error:
        raise ConfigError(reason, "not a document: nested too deep") from error


def digest(body: bytes) -> str:
    """Return the SHA-256 of *body* in hexadecimal."""
    return hashlib.sha256(body).hexdigest()


def _where(text: str) -> str:
    """Turn msgspec's sentence round: the place first, as in all our errors."""
    found = _PLACE.match(text)
    if found is None:
        return text
    place = (found["place"] or "").lstrip(".") or "document"
    key = " (key)" if found["key"] else ""
    return f"{place}{key}: {found['what']}"
