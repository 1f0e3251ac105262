"""Reading SDP bodies (RFC 8866): text in, values out, everything bounded."""

import ipaddress
import re
from collections.abc import Callable, Sequence

from appliance.legs.sdptypes import PTIME_MS, Codec, Direction, Media, SdpError, Session

#: bounds on what we read; a browser's offer of many codecs has 4,000 characters, 100 lines
BODY_LIMIT = 16_384
LINES_LIMIT = 400
MEDIA_LIMIT = 16
FORMATS_LIMIT = 64

#: static payload types (RFC 3551 section 6) that need no rtpmap
STATIC_TYPES = {
    0: ("PCMU", 8000),
    3: ("GSM", 8000),
    8: ("PCMA", 8000),
    9: ("G722", 8000),
    13: ("CN", 8000),
}

DIRECTIONS: dict[str, Direction] = {
    name: name for name in ("sendrecv", "sendonly", "recvonly", "inactive")
}
#: attributes of the session that hold for each media without one of its own (RFC 8839, RFC 8842,
#: RFC 9143); all others count only where they stand
_OF_ALL = frozenset(
    {"fingerprint", "setup", "ice-ufrag", "ice-pwd", "ice-options", "ice-lite", "group"}
)
_RTPMAP = re.compile(r"([0-9]{1,3}) ([A-Za-z0-9\-.+_]{1,32})/([0-9]{1,6})(?:/([0-9]{1,2}))? *")
_FMTP = re.compile(r"([0-9]{1,3}) (.{1,256})")
_MEDIA = re.compile(r"([a-z]{1,20}) ([0-9]{1,5})(?:/[0-9]{1,3})? ([A-Za-z0-9/]{1,32}) ([!-~ ]+)")


def bad(why: str) -> SdpError:
    """Return the error of a body that is not what it should be."""
    return SdpError("bad-request", f"SDP: {why}")


def shown(text: str) -> str:
    """Return a piece of a body as an error may show it: cut short, and never a key."""
    return "…" if "inline" in text.lower() or "pwd" in text.lower() else repr(text[:40])


def number(text: str, low: int, high: int, what: str) -> int:
    """Return a whole number within bounds; raise SdpError."""
    if not re.fullmatch(r"[0-9]{1,10}", text) or not low <= int(text) <= high:
        raise bad(f"{what}: {shown(text)}")
    return int(text)


def lines_of(body: str) -> list[tuple[str, str]]:
    """Return the lines of a body as letter and value; raise SdpError."""
    if len(body) > BODY_LIMIT:
        raise bad("too long")
    lines = [line for line in body.replace("\r\n", "\n").split("\n") if line]
    if len(lines) > LINES_LIMIT:
        raise bad("too many lines")
    out = []
    for line in lines:
        if len(line) < 2 or line[1] != "=" or not line[0].isalpha():
            raise bad(f"not a line: {shown(line)}")
        out.append((line[0], line[2:]))
    return out


def is_null(address: str) -> bool:
    """Whether this is the address that means hold since RFC 2543 (RFC 3264 section 8.4)."""
    return ipaddress.ip_address(address).is_unspecified


def _address(value: str) -> str:
    parts = value.split(" ")
    if len(parts) != 3 or parts[0] != "IN" or parts[1] not in ("IP4", "IP6"):
        raise bad(f"connection: {shown(value)}")
    try:
        address = ipaddress.ip_address(parts[2])
    except ValueError as exc:
        raise bad(f"address: {shown(parts[2])}") from exc
    if address.is_multicast or (address.version == 4) != (parts[1] == "IP4"):
        raise bad(f"address: {shown(parts[2])}")
    return str(address)


def rtcp_place(media: Media) -> tuple[int, str] | None:
    """Return port and address (empty: RTP's) of `a=rtcp` (RFC 3605), None if it says nothing."""
    port, _, place = (media.value("rtcp") or "").strip().partition(" ")
    if not re.fullmatch(r"[0-9]{1,5}", port) or not 0 < int(port) < 65_536:
        return None
    try:
        return int(port), _address(place) if place else ""
    except SdpError:
        return None


class _Section:
    """Lines of the session or of one media, gathered before they are judged."""

    def __init__(self) -> None:
        self.address = ""
        self.direction: Direction | None = None
        self.ptime_ms = PTIME_MS
        self.max_ptime_ms = 0
        self.maps: dict[int, Codec] = {}
        self.fmtps: dict[int, str] = {}
        self.others: dict[str, list[str]] = {}
        self.media = ""

    def attribute(self, value: str) -> None:
        name, _, rest = value.partition(":")
        if name in DIRECTIONS and not rest:
            self.direction = DIRECTIONS[name]
        elif name in _TAKERS:
            _TAKERS[name](self, rest)
        else:
            self.others.setdefault(name, []).append(rest.rstrip())


def _packet_time(text: str, otherwise: int) -> int:
    """A packet time that is no number, or senseless, is no reason to lose a call."""
    if re.fullmatch(r"[0-9]{1,3} *", text) and 10 <= int(text) <= 120:
        return int(text)
    return otherwise


def _take_ptime(section: _Section, rest: str) -> None:
    section.ptime_ms = _packet_time(rest, section.ptime_ms)


def _take_max_ptime(section: _Section, rest: str) -> None:
    section.max_ptime_ms = _packet_time(rest, section.max_ptime_ms)


def _take_rtpmap(section: _Section, rest: str) -> None:
    match = _RTPMAP.fullmatch(rest)
    if not match or int(match[1]) > 127:
        raise bad(f"rtpmap: {shown(rest)}")
    codec = Codec(int(match[1]), match[2].upper(), int(match[3]), int(match[4] or 1))
    if section.maps.setdefault(codec.payload_type, codec) != codec:
        raise bad(f"payload type {codec.payload_type} means two things")


def _take_fmtp(section: _Section, rest: str) -> None:
    if match := _FMTP.fullmatch(rest):
        section.fmtps.setdefault(int(match[1]), match[2].strip())


_TAKERS: dict[str, Callable[[_Section, str], None]] = {
    "ptime": _take_ptime,
    "maxptime": _take_max_ptime,
    "rtpmap": _take_rtpmap,
    "fmtp": _take_fmtp,
}


def _codecs(formats: Sequence[str], section: _Section) -> tuple[Codec, ...]:
    out: dict[int, Codec] = {}
    for text in formats:
        kind = number(text, 0, 127, "payload type")
        codec = section.maps.get(kind)
        if codec is None and kind in STATIC_TYPES:
            codec = Codec(kind, *STATIC_TYPES[kind])
        if codec is not None and kind not in out:
            fmtp = section.fmtps.get(kind, "")
            out[kind] = Codec(kind, codec.name, codec.rate_hz, codec.channels, fmtp)
    return tuple(out.values())


def _attributes(section: _Section, session: _Section) -> dict[str, tuple[str, ...]]:
    session_s = {name: values for name, values in session.others.items() if name in _OF_ALL}
    return {name: tuple(values) for name, values in (session_s | section.others).items()}


def _media(section: _Section, session: _Section) -> Media:
    match = _MEDIA.fullmatch(section.media.rstrip())
    if not match:
        raise bad(f"media: {shown(section.media)}")
    formats = tuple(match[4].split())
    if not formats or len(formats) > FORMATS_LIMIT:
        raise bad("media with no or too many formats")
    is_sound = match[1] == "audio" and "RTP/" in match[3]
    return Media(
        kind=match[1],
        port=number(match[2], 0, 65_535, "port"),
        proto=match[3],
        formats=formats,
        codecs=_codecs(formats, section) if is_sound else (),
        address=section.address or session.address,
        direction=section.direction or session.direction or "sendrecv",
        ptime_ms=section.ptime_ms,
        max_ptime_ms=section.max_ptime_ms,
        attributes=_attributes(section, session),
    )


def parse(body: str) -> Session:
    """Read an offer or answer, or raise `SdpError`."""
    lines = lines_of(body)
    if not lines or lines[0] != ("v", "0"):
        raise bad("does not begin with v=0")
    session = current = _Section()
    sections: list[_Section] = []
    origin: list[str] = []
    for kind, value in lines[1:]:
        if kind == "m":
            current = _Section()
            current.media = value
            sections.append(current)
            if len(sections) > MEDIA_LIMIT:
                raise bad("too many media")
        elif kind == "o" and current is session:
            origin = value.split(" ")
        elif kind == "c":
            current.address = _address(value)
        elif kind == "a":
            current.attribute(value)
    if len(origin) != 6:
        raise bad("no origin")
    return Session(origin[1], origin[2], tuple(_media(s, session) for s in sections))
