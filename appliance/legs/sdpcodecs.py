"""The codecs that we speak: how SDP writes them, which one of an offer is taken."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from appliance.legs.sdptypes import EVENT, NOISE, Codec, Media, Policy

#: what we tell of our Opus (RFC 7587 §6.1): sound of 16 kHz, one channel, losses can be made good
OPUS_FMTP = "maxplaybackrate=16000;sprop-maxcapturerate=16000;stereo=0;useinbandfec=1"
#: with our payload types in offers; those from 96 on are free to choose (RFC 3551 §3)
OFFERED = {
    "PCMU": Codec(0, "PCMU", 8000),
    "PCMA": Codec(8, "PCMA", 8000),
    "G722": Codec(9, "G722", 8000),
    "L16": Codec(97, "L16", 16_000),
    "OPUS": Codec(111, "OPUS", 48_000, 2, OPUS_FMTP),
}
#: the events that we know: digits (RFC 4733 §2.4.1)
EVENT_FMTP = "0-15"
#: telephone-event in offers, by the clock of the codec beside it (RFC 4733 §2.1)
EVENTS = {
    8000: Codec(101, EVENT, 8000, fmtp=EVENT_FMTP),
    16_000: Codec(102, EVENT, 16_000, fmtp=EVENT_FMTP),
    48_000: Codec(110, EVENT, 48_000, fmtp=EVENT_FMTP),
}
#: comfort noise in offers, by the clock of the codec beside it (RFC 3389 §4)
NOISES = {8000: Codec(13, NOISE, 8000), 16_000: Codec(105, NOISE, 16_000)}
#: Opus has noise and silence of its own (RFC 7874 §3)
_WITHOUT_NOISE = ("OPUS",)
#: a packet of 20 ms must fit into a datagram, so L16 at 48 kHz is not among them
_L16_HZ = (8000, 16_000)
_SAMPLES_HZ = {"PCMU": 8000, "PCMA": 8000, "G722": 16_000, "OPUS": 16_000}
#: as the media-type registry writes it
_WIRE_NAMES = {"OPUS": "opus", EVENT: "telephone-event"}
_DYNAMIC = range(96, 128)
#: the clock of telephone-event that all far ends know (RFC 4733 §7.1.1)
_EVENT_HZ = 8000
#: RFC 3551 §6
_STATIC_NOISE = 13


def speaks(codec: Codec, names: Sequence[str]) -> bool:
    """Whether *codec* is one of ours, and *names* allow it."""
    if codec.name not in names:
        return False
    if codec.name == "L16":
        return codec.rate_hz in _L16_HZ and codec.channels == 1
    ours = OFFERED.get(codec.name)
    return ours is not None and (codec.rate_hz, codec.channels) == (ours.rate_hz, ours.channels)


def choose(media: Media, policy: Policy) -> Codec | None:
    """Return the codec to take: the far end's first (RFC 3264 section 6.1), or ours."""
    spoken = [codec for codec in media.codecs if speaks(codec, policy.codecs)]
    if policy.order == "ours":
        spoken.sort(key=lambda codec: policy.codecs.index(codec.name))
    return spoken[0] if spoken else None


def beside(media: Media, codec: Codec, policy: Policy) -> list[Codec]:
    """Return what goes with *codec*: one telephone-event and one comfort noise at most."""
    return [*_events(media, codec)[:1], *_noises(media, codec, policy)[:1]]


def _events(media: Media, codec: Codec) -> list[Codec]:
    """Return telephone-event of the codec's clock (RFC 4733 §2.1), else that of 8 kHz.

    Many far ends have the latter beside each codec, and no other.
    """
    events = [one for one in media.codecs if one.name == EVENT and one.channels == 1]
    out = [one for one in events if one.rate_hz == codec.rate_hz]
    return out or [one for one in events if one.rate_hz == _EVENT_HZ]


def _noises(media: Media, codec: Codec, policy: Policy) -> list[Codec]:
    """Return comfort noise of the codec's clock (RFC 3389 §4)."""
    if codec.name in _WITHOUT_NOISE or not policy.comfort_noise:
        return []
    return [
        one
        for one in media.codecs
        if one.name == NOISE and one.channels == 1 and one.rate_hz == codec.rate_hz
        if one.payload_type == _STATIC_NOISE or one.payload_type in _DYNAMIC
    ]


def offered(policy: Policy, known: Sequence[Codec] = ()) -> list[Codec]:
    """Return what we offer; a payload type keeps the meaning it has in *known*."""
    codecs = [OFFERED[name] for name in policy.codecs]
    clocks = dict.fromkeys(codec.rate_hz for codec in codecs)
    noisy = dict.fromkeys(one.rate_hz for one in codecs if one.name not in _WITHOUT_NOISE)
    noises = [NOISES[clock] for clock in noisy if policy.comfort_noise]
    return _numbered([*codecs, *(EVENTS[clock] for clock in clocks), *noises], known)


def _numbered(codecs: Iterable[Codec], known: Sequence[Codec]) -> list[Codec]:
    taken = {_meaning(codec): codec.payload_type for codec in known}
    used = set(taken.values())
    out = []
    for codec in codecs:
        kind = taken.get(_meaning(codec), codec.payload_type)
        if _meaning(codec) not in taken and kind in used:
            free = [other for other in _DYNAMIC if other not in used]
            if not free:
                continue
            kind = free[-1]
        used.add(kind)
        out.append(replace(codec, payload_type=kind))
    return out


def _meaning(codec: Codec) -> tuple[str, int]:
    return codec.name, codec.rate_hz


def with_ours(codec: Codec) -> Codec:
    """Return a far end's codec as our answer has it: its number, our parameters."""
    return replace(codec, fmtp={"OPUS": OPUS_FMTP, EVENT: EVENT_FMTP}.get(codec.name, ""))


def answered(media: Media, codec: Codec, policy: Policy) -> list[Codec]:
    """Return what our answer has: *codec* and what goes with it."""
    return [with_ours(one) for one in (codec, *beside(media, codec, policy))]


def lines(codecs: Iterable[Codec]) -> list[str]:
    """Write `a=rtpmap` and `a=fmtp`."""
    out = []
    for codec in codecs:
        name = _WIRE_NAMES.get(codec.name, codec.name)
        channels = f"/{codec.channels}" if codec.channels > 1 else ""
        out.append(f"a=rtpmap:{codec.payload_type} {name}/{codec.rate_hz}{channels}")
        if codec.fmtp:
            out.append(f"a=fmtp:{codec.payload_type} {codec.fmtp}")
    return out


def _parameter(codec: Codec, name: str, otherwise: int) -> int:
    """Return a number among the parameters; what is no sane number counts as not there."""
    for part in codec.fmtp.split(";"):
        key, _, value = part.partition("=")
        if key.strip().lower() == name and re.fullmatch(r"[0-9]{1,7}", value.strip()):
            return int(value)
    return otherwise


def samples_hz(codec: Codec) -> int:
    """Return the rate of our samples; Opus with a far end of the telephone band has 8 kHz."""
    if codec.name == "OPUS":
        hears = _parameter(codec, "maxplaybackrate", 48_000)
        says = _parameter(codec, "sprop-maxcapturerate", 48_000)
        if max(hears, says) < 16_000:
            return 8000
    return _SAMPLES_HZ.get(codec.name, codec.rate_hz)


def bitrate(codec: Codec) -> int:
    """Return the most that the far end's Opus takes [bit/s], 0 for no limit (RFC 7587 §6.1)."""
    most = _parameter(codec, "maxaveragebitrate", 0) if codec.name == "OPUS" else 0
    return most if 6000 <= most <= 510_000 else 0


def wants(codec: Codec, what: str) -> bool:
    """Whether the far end's Opus asks for `useinbandfec` or `usedtx`."""
    return codec.name == "OPUS" and _parameter(codec, what, 0) == 1
