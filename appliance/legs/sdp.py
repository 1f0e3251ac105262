"""SDP bodies (RFC 8866) as offers and answers (RFC 3264): plain RTP, G.711, telephone-event.

Pure: text in, values out. A body that cannot be read raises `SdpError` `bad-request`; one that
offers nothing we speak raises `no-codec`.
"""

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from appliance.base.errors import BranchlineError, Verdict

Direction = Literal["sendrecv", "sendonly", "recvonly", "inactive"]

#: bounds on what we read; real bodies stay far below
BODY_LIMIT = 16_384
LINES_LIMIT = 400
MEDIA_LIMIT = 16
FORMATS_LIMIT = 64

#: static payload types (RFC 3551 section 6) that need no rtpmap
STATIC_TYPES = {0: ("PCMU", 8000), 3: ("GSM", 8000), 8: ("PCMA", 8000), 9: ("G722", 8000)}
#: what we speak, best first
CODECS = ("PCMA", "PCMU")
#: our payload type for telephone-event (RFC 4733) in offers
EVENT_TYPE = 101
PTIME_MS = 20

_MIRROR: dict[Direction, Direction] = {
    "sendrecv": "sendrecv",
    "sendonly": "recvonly",
    "recvonly": "sendonly",
    "inactive": "inactive",
}
_RTPMAP = re.compile(r"(\d{1,3}) ([A-Za-z0-9\-.+_]{1,32})/(\d{1,6})(?:/(\d{1,2}))?\s*")
_MEDIA = re.compile(r"([a-z]{1,20}) (\d{1,5})(?:/\d{1,3})? ([A-Za-z0-9/]{1,32}) (.+)")


class SdpError(BranchlineError):
    """Raised when a body is malformed (`bad-request`) or has no codec of ours (`no-codec`)."""

    verdict = Verdict.CALLER


@dataclass(frozen=True, slots=True)
class Codec:
    """One payload type of a media line."""

    payload_type: int
    name: str
    rate_hz: int
    channels: int = 1


@dataclass(frozen=True, slots=True)
class Media:
    """One `m=` line with what belongs to it; port 0 means refused or switched off."""

    kind: str
    port: int
    proto: str
    formats: tuple[str, ...]
    codecs: tuple[Codec, ...]
    #: empty when neither it nor the session has a `c=` line
    address: str
    direction: Direction
    ptime_ms: int = PTIME_MS

    @property
    def event_type(self) -> int | None:
        """Payload type of telephone-event at 8 kHz, if it is there."""
        for codec in self.codecs:
            if codec.name == "TELEPHONE-EVENT" and codec.rate_hz == 8000:
                return codec.payload_type
        return None


@dataclass(frozen=True, slots=True)
class Session:
    """A whole body."""

    session_id: str
    version: str
    media: tuple[Media, ...]


@dataclass(frozen=True, slots=True)
class Local:
    """Our end of a leg's audio; `bumped()` before each body that differs from the last."""

    address: str
    port: int
    session_id: int
    version: int = 1

    def bumped(self) -> "Local":
        """Return the same end with the next session version (RFC 3264 section 8)."""
        return replace(self, version=self.version + 1)


@dataclass(frozen=True, slots=True)
class Agreed:
    """What offer and answer settle: where and how we send, and whether we may."""

    address: str
    port: int
    #: PCMA or PCMU, and its payload type in the packets we send
    codec: str
    payload_type: int
    #: payload type of digits we send (RFC 4733), None if the far end takes none
    event_type: int | None
    #: as we see it: `sendonly` means that we send and the far end listens
    direction: Direction
    ptime_ms: int

    @property
    def held(self) -> bool:
        """Whether the far end has put us on hold: it does not want to hear us."""
        return self.direction in ("recvonly", "inactive")


# -- reading -----------------------------------------------------------------------------------


def _bad(why: str) -> SdpError:
    return SdpError("bad-request", f"SDP: {why}")


def _split(body: str) -> list[tuple[str, str]]:
    if len(body) > BODY_LIMIT:
        raise _bad("too long")
    lines = [line for line in body.replace("\r\n", "\n").split("\n") if line]
    if len(lines) > LINES_LIMIT:
        raise _bad("too many lines")
    out = []
    for line in lines:
        if len(line) < 2 or line[1] != "=" or not line[0].isalpha():
            raise _bad(f"not a line: {line[:40]!r}")
        out.append((line[0], line[2:]))
    return out


def _number(text: str, low: int, high: int, what: str) -> int:
    if not re.fullmatch(r"[0-9]{1,10}", text) or not low <= int(text) <= high:
        raise _bad(f"{what}: {text[:40]!r}")
    return int(text)


def _address(value: str) -> str:
    parts = value.split(" ")
    if len(parts) != 3 or parts[0] != "IN" or parts[1] not in ("IP4", "IP6"):
        raise _bad(f"connection: {value[:60]!r}")
    try:
        address = ipaddress.ip_address(parts[2])
    except ValueError as exc:
        raise _bad(f"address: {parts[2][:60]!r}") from exc
    if address.is_multicast or (address.version == 4) != (parts[1] == "IP4"):
        raise _bad(f"address: {parts[2][:60]!r}")
    return str(address)


class _Section:
    """Lines of the session or of one media, gathered before they are judged."""

    def __init__(self) -> None:
        self.address = ""
        self.direction: Direction | None = None
        self.ptime_ms = PTIME_MS
        self.maps: dict[int, Codec] = {}
        self.media = ""

    def attribute(self, value: str) -> None:
        name, _, rest = value.partition(":")
        if name in _MIRROR and not rest:
            self.direction = name
        elif name == "ptime":
            # a packet time that is no number, or senseless, is no reason to lose a call
            if re.fullmatch(r"[0-9]{1,3} *", rest) and 10 <= int(rest) <= 120:
                self.ptime_ms = int(rest)
        elif name == "rtpmap":
            match = _RTPMAP.fullmatch(rest)
            if not match or int(match[1]) > 127:
                raise _bad(f"rtpmap: {rest[:40]!r}")
            codec = Codec(int(match[1]), match[2].upper(), int(match[3]), int(match[4] or 1))
            self.maps[codec.payload_type] = codec


def _codecs(formats: Sequence[str], maps: dict[int, Codec]) -> tuple[Codec, ...]:
    out = []
    for text in formats:
        number = _number(text, 0, 127, "payload type")
        if number in maps:
            out.append(maps[number])
        elif number in STATIC_TYPES:
            out.append(Codec(number, *STATIC_TYPES[number]))
    return tuple(out)


def _media(section: _Section, session: _Section) -> Media:
    match = _MEDIA.fullmatch(section.media.rstrip())
    if not match:
        raise _bad(f"media: {section.media[:60]!r}")
    formats = tuple(match[4].split())
    if len(formats) > FORMATS_LIMIT:
        raise _bad("too many formats")
    return Media(
        kind=match[1],
        port=_number(match[2], 0, 65535, "port"),
        proto=match[3],
        formats=formats,
        codecs=_codecs(formats, section.maps) if match[3].startswith("RTP/") else (),
        address=section.address or session.address,
        direction=section.direction or session.direction or "sendrecv",
        ptime_ms=section.ptime_ms,
    )


def parse(body: str) -> Session:
    """Read a body, or raise `SdpError` `bad-request`."""
    lines = _split(body)
    if not lines or lines[0] != ("v", "0"):
        raise _bad("does not begin with v=0")
    origin: list[str] = []
    session = current = _Section()
    sections: list[_Section] = []
    for kind, value in lines:
        if kind == "m":
            current = _Section()
            current.media = value
            sections.append(current)
            if len(sections) > MEDIA_LIMIT:
                raise _bad("too many media")
        elif kind == "o" and current is session:
            origin = value.split(" ")
        elif kind == "c":
            current.address = _address(value)
        elif kind == "a":
            current.attribute(value)
    if len(origin) != 6:
        raise _bad("no origin")
    return Session(origin[1], origin[2], tuple(_media(s, session) for s in sections))


# -- agreeing ----------------------------------------------------------------------------------


def _usable(media: Media) -> bool:
    return media.kind == "audio" and media.proto == "RTP/AVP" and media.port > 0


def _first_common(media: Media, codecs: Sequence[str]) -> Codec | None:
    """Return the far end's most wanted codec among ours (RFC 3264 section 6.1)."""
    for codec in media.codecs:
        if codec.name in codecs and codec.rate_hz == 8000 and codec.channels == 1:
            return codec
    return None


def _audio(session: Session, codecs: Sequence[str]) -> tuple[int, Media, Codec]:
    for i, media in enumerate(session.media):
        codec = _first_common(media, codecs) if _usable(media) else None
        if codec:
            if not media.address:
                raise _bad("audio without address")
            return i, media, codec
    raise SdpError("no-codec", f"no audio with one of {', '.join(codecs)}")


def _is_null(address: str) -> bool:
    """Whether this is the address that means hold since RFC 2543 (RFC 3264 section 8.4)."""
    return ipaddress.ip_address(address).is_unspecified


def _agreed(media: Media, codec: Codec, direction: Direction) -> Agreed:
    return Agreed(
        address=media.address,
        port=media.port,
        codec=codec.name,
        payload_type=codec.payload_type,
        event_type=media.event_type,
        direction=direction,
        ptime_ms=media.ptime_ms,
    )


def _ours(media: Media, wanted: Direction) -> Direction:
    """Return our direction: what the far end leaves us, no more than *wanted*."""
    mirrored = _MIRROR[media.direction]
    send = mirrored in ("sendrecv", "sendonly") and wanted in ("sendrecv", "sendonly")
    receive = mirrored in ("sendrecv", "recvonly") and wanted in ("sendrecv", "recvonly")
    send = send and not _is_null(media.address)
    if send:
        return "sendrecv" if receive else "sendonly"
    return "recvonly" if receive else "inactive"


def agree(answered: Session, *, codecs: Sequence[str] = CODECS, wanted: Direction = "sendrecv"
          ) -> Agreed:  # fmt: skip
    """Read the answer to an offer of ours made with the same *codecs* and direction *wanted*."""
    _, media, codec = _audio(answered, codecs)
    return _agreed(media, codec, _ours(media, wanted))


# -- writing -----------------------------------------------------------------------------------


def _head(local: Local) -> list[str]:
    family = "IP6" if ":" in local.address else "IP4"
    return [
        "v=0",
        f"o=- {local.session_id} {local.version} IN {family} {local.address}",
        "s=-",
        f"c=IN {family} {local.address}",
        "t=0 0",
    ]


def _audio_lines(
    port: int, codecs: Sequence[Codec], event_type: int | None, direction: Direction
) -> list[str]:
    types = [str(codec.payload_type) for codec in codecs]
    maps = [f"a=rtpmap:{c.payload_type} {c.name}/{c.rate_hz}" for c in codecs]
    if event_type is not None:
        types.append(str(event_type))
        maps += [f"a=rtpmap:{event_type} telephone-event/8000", f"a=fmtp:{event_type} 0-15"]
    media = f"m=audio {port} RTP/AVP {' '.join(types)}"
    return [media, *maps, f"a=ptime:{PTIME_MS}", f"a={direction}"]


def _joined(lines: Sequence[str]) -> str:
    return "\r\n".join(lines) + "\r\n"


def offer(
    local: Local, *, codecs: Sequence[str] = CODECS, direction: Direction = "sendrecv"
) -> str:
    """Write an offer of *codecs*, best first, and telephone-event."""
    numbers = {name: number for number, (name, _) in STATIC_TYPES.items()}
    ours = [Codec(numbers[name], name, 8000) for name in codecs]
    return _joined(_head(local) + _audio_lines(local.port, ours, EVENT_TYPE, direction))


def answer(
    offered: Session,
    local: Local,
    *,
    codecs: Sequence[str] = CODECS,
    wanted: Direction = "sendrecv",
) -> tuple[str, Agreed]:
    """Answer an offer: one audio stream with one codec, every other stream refused with port 0."""
    index, media, codec = _audio(offered, codecs)
    direction = _ours(media, wanted)
    lines = _head(local)
    for i, other in enumerate(offered.media):
        if i == index:
            lines += _audio_lines(local.port, [codec], media.event_type, direction)
        else:
            lines.append(f"m={other.kind} 0 {other.proto} {' '.join(other.formats)}")
    return _joined(lines), _agreed(media, codec, direction)
