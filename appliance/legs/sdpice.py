"""ICE and DTLS in SDP (RFC 8839, RFC 8842): credentials, candidates, fingerprints, roles."""

import ipaddress
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from appliance.legs.sdpread import bad, shown
from appliance.legs.sdptypes import SdpError, Setup

Attributes = Mapping[str, Sequence[str]]
#: an address and UDP port of ours
Place = tuple[str, int]

#: candidates of a far end that are read; a lite agent needs none of them
CANDIDATES_LIMIT = 32
#: octets of the digests that we can check (RFC 8122 §5)
_DIGESTS = {"sha-256": 32, "sha-384": 48, "sha-512": 64}
_UFRAG = re.compile(r"[A-Za-z0-9+/]{4,256}")
_PWD = re.compile(r"[A-Za-z0-9+/]{22,256}")
_FINGERPRINT = re.compile(r"([A-Za-z0-9-]{1,20}) ((?:[0-9A-Fa-f]{2}:){1,63}[0-9A-Fa-f]{2})")
_TOKEN = re.compile(r"[!#$%&'*+\-.0-9A-Z^_`a-z{|}~]{1,64}")
_CANDIDATE = re.compile(
    r"([A-Za-z0-9+/]{1,32}) ([0-9]{1,3}) ([A-Za-z]{1,8}) ([0-9]{1,10}) ([0-9A-Fa-f:.]{2,45})"
    r" ([0-9]{1,5}) typ (host|srflx|prflx|relay)(?: .{0,400})?"
)
#: RFC 8445 §5.1.2: type preference of a host candidate, and the component RTP
_HOST_PREFERENCE, _RTP = 126, 1


@dataclass(frozen=True, slots=True)
class Candidate:
    """Where a far end may be reached by UDP."""

    address: str
    port: int
    priority: int
    kind: str


@dataclass(frozen=True, slots=True)
class Ice:
    """One end's part in the checks."""

    ufrag: str
    pwd: str = field(repr=False)
    lite: bool = False
    candidates: tuple[Candidate, ...] = ()


def read_ice(attributes: Attributes) -> Ice:
    """Return the far end's credentials and candidates; raise SdpError where there are none."""
    ufrag, pwd = _first(attributes, "ice-ufrag"), _first(attributes, "ice-pwd")
    if not _UFRAG.fullmatch(ufrag) or not _PWD.fullmatch(pwd):
        raise bad("no ICE credentials")
    candidates = read_candidates(attributes.get("candidate", ()))
    return Ice(ufrag, pwd, "ice-lite" in attributes, candidates)


def read_candidates(values: Iterable[str]) -> tuple[Candidate, ...]:
    """Return the candidates that are UDP and an address; names (mDNS), TCP and trash are left."""
    out = []
    for value in values:
        match = _CANDIDATE.fullmatch(value)
        if not match or match[2] != str(_RTP) or match[3].lower() != "udp":
            continue
        port = int(match[6])
        if 0 < port < 65_536 and int(match[4]) < 2**32 and _is_address(match[5]):
            out.append(Candidate(match[5], port, int(match[4]), match[7]))
        if len(out) == CANDIDATES_LIMIT:
            break
    return tuple(out)


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def read_fingerprint(attributes: Attributes) -> str:
    """Return the far end's first fingerprint that we can check, as `sha-256 AB:CD:…`."""
    fingerprint = find_fingerprint(attributes)
    if not fingerprint:
        raise SdpError("no-encryption", "no fingerprint that we can check")
    return fingerprint


def find_fingerprint(attributes: Attributes) -> str:
    """Return the same, empty where there is none."""
    values = attributes.get("fingerprint", ())
    for value in values[:8]:
        match = _FINGERPRINT.fullmatch(value)
        if not match:
            raise bad(f"fingerprint: {shown(value)}")
        name, digest = match[1].lower(), match[2].upper()
        if name in _DIGESTS:
            if len(digest) != _DIGESTS[name] * 3 - 1:
                raise bad("fingerprint: not as long as its digest")
            return f"{name} {digest}"
    return ""


def answer_setup(attributes: Attributes) -> Setup:
    """Return our role: the server wherever the offer leaves us the choice (RFC 8842 §5.3)."""
    match _first(attributes, "setup"):
        case "actpass" | "active":
            return "passive"
        case "passive":
            return "active"
        case other:
            raise bad(f"setup: {shown(other)}")


def read_mid(attributes: Attributes) -> str:
    """Return the stream's name (RFC 5888), empty where there is none."""
    mid = _first(attributes, "mid")
    if mid and not _TOKEN.fullmatch(mid):
        raise bad(f"mid: {shown(mid)}")
    return mid


def is_bundled(attributes: Attributes, mid: str) -> bool:
    """Whether the offer groups that stream as BUNDLE (RFC 9143)."""
    groups = (value.split() for value in attributes.get("group", ()))
    return any(group[:1] == ["BUNDLE"] and mid in group[1:] for group in groups)


def _first(attributes: Attributes, name: str) -> str:
    values = attributes.get(name, ())
    return values[0] if values else ""


def credential_lines(ice: Ice) -> list[str]:
    """Write credentials."""
    return [f"a=ice-ufrag:{ice.ufrag}", f"a=ice-pwd:{ice.pwd}"]


def candidate_lines(places: Sequence[Place]) -> list[str]:
    """Write our host candidates, best first, and that there are no more."""
    lines = []
    for i, (address, port) in enumerate(places):
        priority = (_HOST_PREFERENCE << 24) | ((65_535 - i) << 8) | (256 - _RTP)
        lines.append(f"a=candidate:{i + 1} {_RTP} udp {priority} {address} {port} typ host")
    return [*lines, "a=end-of-candidates"]
