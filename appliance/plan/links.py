"""What a branch's access link carries: calls with other branches, and in which codecs. Pure.

What a call takes each way at 20 ms a packet, 50 packets a second:

    sound + (IPv4 20 + UDP 8 + RTP 12 + SRTP 16 octets) × 8 × 50 = sound + 22.4 kbit/s

16 octets are the tag of AES-GCM (RFC 7714 §13.1), the longest of those we offer; that of
HMAC-SHA1-80 has 10. RTCP adds 0.3 kbit/s. Silence that is not sent makes it less, never more;
what carries the packets (Ethernet, PPPoE, a VPN, IPv6) comes on top and is the link's own.
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType

from appliance.plan.model import LinkCodec, Plan, Site

#: octets around the sound of a packet: IPv4 (RFC 791), UDP (RFC 768), RTP (RFC 3550), SRTP's tag
_AROUND_OCTETS = 20 + 8 + 12 + 16
_PACKETS_HZ = 50
#: a report of some 150 octets each 5 s (RFC 3550 §6.2)
_RTCP_KBIT_S = 0.3
#: sound [kbit/s]; Opus as our encoder has it at 16 kHz, in-band FEC within
_SOUND_KBIT_S: Mapping[LinkCodec, float] = MappingProxyType(
    {"OPUS": 36.0, "G722": 64.0, "PCMA": 64.0, "PCMU": 64.0, "L16": 256.0}
)
#: what a call may take where the plan names no codecs: the settings' own have none beyond G.711
_UNNAMED: tuple[LinkCodec, ...] = ("PCMA",)


def call_kbit_s(codecs: Iterable[LinkCodec]) -> int:
    """Return what a call takes at most that may use any of *codecs*, each way [kbit/s]."""
    dearest = max(_SOUND_KBIT_S[codec] for codec in (tuple(codecs) or _UNNAMED))
    around = _AROUND_OCTETS * 8 * _PACKETS_HZ / 1000
    return math.ceil(dearest + around + _RTCP_KBIT_S)


def most_calls(site: Site) -> int:
    """Return how many calls with other branches the site's link carries at a time; 0: any."""
    limits = [site.link_calls] if site.link_calls else []
    if site.link_kbit_s:
        limits.append(site.link_kbit_s // call_kbit_s(site.codecs))
    return min(limits, default=0)


def pair_codecs(one: Site, other: Site) -> tuple[LinkCodec, ...]:
    """Return the codecs of calls between two sites, best first; none: as the boxes' settings say.

    It is what both allow, in the order of the site with the thinner link.
    """
    thin, thick = sorted((one, other), key=_thickness)
    if not thin.codecs or not thick.codecs:
        return thin.codecs or thick.codecs
    return tuple(codec for codec in thin.codecs if codec in thick.codecs)


def faults(plan: Plan) -> Iterator[tuple[str, str]]:
    """Yield what cannot be: the field it is about, and a sentence."""
    #: the codecs that sites name -> the first of those sites
    named: dict[frozenset[str], str] = {}
    for site in plan.sites:
        place = f"sites[{site.name}]"
        if len({*site.codecs}) < len(site.codecs):
            yield f"{place}.codecs", "a codec is named twice"
        needed = call_kbit_s(site.codecs)
        if 0 < site.link_kbit_s < needed:
            message = f"{site.link_kbit_s} kbit/s carry no call: one takes {needed}"
            yield f"{place}.link_kbit_s", message
        if not site.codecs:
            continue
        for others, name in named.items():
            if not others & {*site.codecs}:
                yield f"{place}.codecs", f"there is none that {name!r} has too"
                break
        named.setdefault(frozenset(site.codecs), site.name)


def _thickness(site: Site) -> tuple[float, float, str]:
    """Return what sites are ordered by, thin links first; who has no limit is last."""
    return (site.link_kbit_s or math.inf, most_calls(site) or math.inf, site.name)
