"""What may stand in a number or a name that came from a network."""

import re
from collections.abc import Sequence
from urllib.parse import unquote

#: longest number and longest name taken over
MAX_TEXT = 128
_DIALLABLE = re.compile(r"\+?[0-9A-Za-z*#_.\-]{1,64}\Z")


def is_diallable(number: str) -> bool:
    """Tell whether *number* may be called: digits, letters, `* # _ . -`, a leading `+`."""
    return _DIALLABLE.match(number) is not None


def clean(text: str) -> str:
    """Return *text* without what cannot be shown, and not too long."""
    text = text[:MAX_TEXT]
    if not text.isprintable():
        text = "".join(char for char in text if char.isprintable())
    return text.strip()


_USER = re.compile(r"sips?:([^@<>]*)@|tel:([^;<>]*)", re.IGNORECASE)
_CONTACT = re.compile(
    r'(?:"(?:[^"\\]|\\.)*"|[^<"]*)\s*<([^<>]{1,512})>(\s*(?:;.*)?)|([^<>;,]{1,512})(.*)'
)


def user_of(uri: str) -> str:
    """Return who a SIP or tel URI names, also within an address, or the empty text."""
    match = _USER.search(uri)
    if match is None:
        return ""
    return unquote((match[1] or match[2] or "").partition(";")[0].partition(":")[0])


def contact_values(values: Sequence[str]) -> list[tuple[str, int]] | None:
    """Return URI and expires parameter [s] (-1: none) of Contact values; None if one is broken."""
    out = []
    for value in values:
        match = _CONTACT.fullmatch(value.strip())
        if match is None:
            return None
        uri, params = (match[1], match[2]) if match[1] else (match[3].strip(), match[4])
        if uri != "*" and not uri.lower().startswith(("sip:", "sips:")):
            return None
        expires = re.search(r";\s*expires\s*=\s*([0-9]{1,9})\s*(?:;|\Z)", params, re.IGNORECASE)
        out.append((uri, int(expires[1]) if expires else -1))
    return out
