"""The codecs that we speak: how SDP writes them, which one of an offer is taken."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from appliance.legs.sdptypes import EVENT, Codec, Media, Policy

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
#: telephone-event in offers, by the clock of the codec beside it (RFC 4733 §2.1)
EVENTS = {
    8000: Codec(101, EVENT, 8000, fmtp="0-15"),
    16_000: Codec(102, EVENT, 16_000, fmtp="0-15"),
    48_000: Codec(110, EVENT, 48_000, fmtp="0-15"),
}
#: a packet of 20 ms must fit into a datagram, so L16 at 48 kHz is not among them
_L16_HZ = (8000, 16_000)
_SAMPLES_HZ = {"PCMU": 8000, "PCMA": 8000, "G722": 16_000, "OPUS": 16_000}
#: as the media-type registry writes it
_WIRE_NAMES = {"OPUS": "opus", EVENT: "telephone-event"}
_DYNAMIC = range(96, 128)


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


def beside(media: Media, codec: Codec) -> list[Codec]:
    """Return what goes with *codec*: telephone-event and comfort noise of the same clock."""
    out = []
    event = media.event_type_at(codec.rate_hz)
    if event is not None:
        out.append(replace(EVENTS[codec.rate_hz], payload_type=event))
    return out + [one for one in media.codecs if has_noise(one, codec)]


def has_noise(one: Codec, codec: Codec) -> bool:
    """Whether *one* is comfort noise that goes with *codec* (RFC 3389 §4)."""
    return one.name == "CN" and one.payload_type == 13 and codec.rate_hz == one.rate_hz == 8000


def offered(policy: Policy, known: Sequence[Codec] = ()) -> list[Codec]:
    """Return what we offer; a payload type keeps the meaning it has in *known*.

    Comfort noise is not among them: who is not offered it sends silence as sound, which keeps
    recordings whole and tells a pause from a lost leg.
    """
    codecs = [OFFERED[name] for name in policy.codecs]
    clocks = dict.fromkeys(codec.rate_hz for codec in codecs)
    return _numbered([*codecs, *(EVENTS[clock] for clock in clocks)], known)


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
    return replace(codec, fmtp=OPUS_FMTP if codec.name == "OPUS" else "")


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
