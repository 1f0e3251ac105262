"""T.38 in SDP bodies (ITU-T T.38 annex D, RFC 3362): `m=image PORT udptl t38` and what it can do.

Pure: text in, values out, as `sdp` does it for sound. A body that cannot be read raises `SdpError`
`bad-request`; one without a T.38 stream over UDPTL raises `no-codec`.
"""

import ipaddress
import re
from dataclasses import dataclass
from typing import Literal

from appliance.legs import sdp
from appliance.legs.sdp import Local, Media, SdpError
from appliance.legs.sdpread import bad
from appliance.legs.sdpwrite import head, joined, refused

Repair = Literal["none", "redundancy", "fec"]
RateManagement = Literal["local", "transferred"]

#: what we speak: version 0 (1998), that everybody knows, and V.17
VERSION = 0
BIT_RATE = 14_400
#: [bytes] the largest datagram that the engine takes (BL_UDPTL_MAX), and what it can hold of them
MAX_DATAGRAM = 1400
MAX_BUFFER = 64 * MAX_DATAGRAM

_REPAIRS: dict[str, Repair] = {
    "t38udpnoec": "none",
    "t38udpredundancy": "redundancy",
    "t38udpfec": "fec",
}
_REPAIR_NAMES: dict[Repair, str] = {"redundancy": "t38UDPRedundancy", "fec": "t38UDPFEC"}
_RATES: dict[str, RateManagement] = {"localtcf": "local", "transferredtcf": "transferred"}
_RATE_NAMES: dict[RateManagement, str] = {"local": "localTCF", "transferred": "transferredTCF"}


@dataclass(frozen=True, slots=True)
class T38:
    """The attributes of annex D.2.3; the defaults are what a body without them means."""

    version: int = 0
    max_bit_rate: int = BIT_RATE
    rate_management: RateManagement = "transferred"
    #: without the attribute nobody is promised any repair
    repair: Repair = "none"
    #: [bytes], 0: not told
    max_buffer: int = 0
    max_datagram: int = 0
    fill_bit_removal: bool = False
    transcoding_mmr: bool = False
    transcoding_jbig: bool = False


#: what we offer
OURS = T38(
    version=VERSION, repair="redundancy", max_buffer=MAX_BUFFER, max_datagram=MAX_DATAGRAM
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class T38Stream:
    """A T.38 stream of a body: where the far end wants it, and what it can do."""

    index: int
    address: str
    port: int
    t38: T38


# -- reading -----------------------------------------------------------------------------------


def _number(attributes: dict[str, str], name: str, default: int, high: int) -> int:
    text = attributes.get(name)
    if text is None:
        return default
    if not re.fullmatch(r"[0-9]{1,9}", text) or int(text) > high:
        raise bad(f"{name}: {text[:40]!r}")
    return int(text)


def _flag(attributes: dict[str, str], name: str) -> bool:
    """Return a flag: its bare name means yes, and so does the `:1` that many write."""
    text = attributes.get(name)
    if text is None:
        return False
    if text not in ("", "0", "1"):
        raise bad(f"{name}: {text[:40]!r}")
    return text != "0"


def _t38(media: Media) -> T38:
    # names in lower case, as senders differ in it
    attributes = {name.lower(): values[0].strip() for name, values in media.attributes.items()}
    rate = attributes.get("t38faxratemanagement", "transferredTCF").lower()
    repair = attributes.get("t38faxudpec", "t38UDPNoEC").lower()
    if rate not in _RATES:
        raise bad(f"t38faxratemanagement: {rate[:40]!r}")
    return T38(
        version=_number(attributes, "t38faxversion", 0, 99),
        max_bit_rate=_number(attributes, "t38maxbitrate", BIT_RATE, 1_000_000),
        rate_management=_RATES[rate],
        repair=_REPAIRS.get(repair, "none"),
        max_buffer=_number(attributes, "t38faxmaxbuffer", 0, 100_000_000),
        max_datagram=_number(attributes, "t38faxmaxdatagram", 0, 65_535),
        fill_bit_removal=_flag(attributes, "t38faxfillbitremoval"),
        transcoding_mmr=_flag(attributes, "t38faxtranscodingmmr"),
        transcoding_jbig=_flag(attributes, "t38faxtranscodingjbig"),
    )


def offers_t38(session: sdp.Session) -> bool:
    """Whether a body that was read has a T.38 stream: the sign to change over to it."""
    return any(media.is_t38 for media in session.media)


def read(body: str) -> T38Stream:
    """Read the first T.38 stream of an offer or answer, or raise `SdpError`."""
    for i, media in enumerate(sdp.parse(body).media):
        if not media.is_t38:
            continue
        if not media.address or ipaddress.ip_address(media.address).is_unspecified:
            raise bad("image without address")
        return T38Stream(i, media.address, media.port, _t38(media))
    raise SdpError("no-codec", "no T.38 over UDPTL")


# -- writing -----------------------------------------------------------------------------------


def _image_lines(port: int, t38: T38) -> list[str]:
    lines = [
        f"m=image {port} udptl t38",
        f"a=T38FaxVersion:{t38.version}",
        f"a=T38MaxBitRate:{t38.max_bit_rate}",
        f"a=T38FaxRateManagement:{_RATE_NAMES[t38.rate_management]}",
    ]
    if t38.max_buffer:
        lines.append(f"a=T38FaxMaxBuffer:{t38.max_buffer}")
    if t38.max_datagram:
        lines.append(f"a=T38FaxMaxDatagram:{t38.max_datagram}")
    if t38.repair != "none":
        lines.append(f"a=T38FaxUdpEC:{_REPAIR_NAMES[t38.repair]}")
    return lines


def offer(local: Local) -> str:
    """Write an offer of T.38 alone, in the place of the sound: what gateways understand."""
    return joined(head(local) + _image_lines(local.port, OURS))


def answer(body: str, local: Local) -> tuple[str, T38Stream]:
    """Answer an offer: its first T.38 stream, every other stream refused with port 0.

    The rate management is the offer's, version and bit rate are the lower ones; transcoding and
    the removal of fill bits are declined by silence (annex D.2.3).
    """
    stream = read(body)
    theirs = stream.t38
    agreed = T38(
        version=min(theirs.version, VERSION),
        max_bit_rate=min(theirs.max_bit_rate, BIT_RATE) or BIT_RATE,
        rate_management=theirs.rate_management,
        repair=theirs.repair,
        max_buffer=MAX_BUFFER,
        max_datagram=MAX_DATAGRAM,
    )
    lines = head(local)
    for i, media in enumerate(sdp.parse(body).media):
        if i == stream.index:
            lines += _image_lines(local.port, agreed)
        else:
            lines += refused(media)
    return joined(lines), stream
