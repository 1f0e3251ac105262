"""Writing offers and answers (RFC 3264)."""

from collections.abc import Sequence

from appliance.legs import sdpcodecs, sdpdtls, sdpkeys
from appliance.legs.sdpagree import agreed, choose, unless_held
from appliance.legs.sdptypes import (
    PTIME_MS,
    Agreed,
    Codec,
    Direction,
    Local,
    Media,
    Policy,
    Session,
)


def head(local: Local) -> list[str]:
    """Return the lines before the first media."""
    family = "IP6" if ":" in local.address else "IP4"
    return [
        "v=0",
        f"o=- {local.session_id} {local.version} IN {family} {local.address}",
        "s=-",
        f"c=IN {family} {local.address}",
        "t=0 0",
    ]


def joined(lines: Sequence[str]) -> str:
    """Return lines as a body."""
    return "\r\n".join(lines) + "\r\n"


def refused(media: Media) -> list[str]:
    """Return the lines that refuse a stream (RFC 3264 section 6)."""
    return [f"m={media.kind} 0 {media.proto} {' '.join(media.formats)}"]


def audio(
    port: int, proto: str, codecs: Sequence[Codec], direction: Direction, *more: str
) -> list[str]:
    """Return the lines of an audio stream."""
    types = " ".join(str(codec.payload_type) for codec in codecs)
    return [
        f"m=audio {port} {proto} {types}",
        *sdpcodecs.lines(codecs),
        f"a=ptime:{PTIME_MS}",
        f"a={direction}",
        *more,
    ]


def offer(
    local: Local,
    policy: Policy = Policy(),  # noqa: B008 - frozen
    *,
    direction: Direction = "sendrecv",
    known: Agreed | None = None,
) -> str:
    """Write an offer; within a call, *known* is what was agreed before.

    Where keys are required the profile says how they are made; where they are not it is `RTP/AVP`
    (RFC 8643), which a far end without SRTP can take, too.
    """
    codecs = sdpcodecs.offered(policy, known.known if known else ())
    more = ["a=rtcp-mux"]
    if policy.dtls:
        more += sdpdtls.offered(local, awaits=policy.awaits)
    if policy.sdes:
        more += [f"a=crypto:{crypto.text}" for crypto in sdpkeys.offered(local)]
    return joined(
        head(local) + audio(local.port, _profile(policy, known), codecs, direction, *more)
    )


def _profile(policy: Policy, known: Agreed | None) -> str:
    """Return an offer's profile; of both kinds of keys `RTP/SAVP` may have either."""
    if known is not None and known.secure:
        return known.profile
    if policy.srtp != "required":
        return "RTP/AVP"
    return "RTP/SAVP" if policy.sdes else sdpdtls.PROTOS[0]


def answer(
    offered: Session,
    local: Local,
    policy: Policy = Policy(),  # noqa: B008 - frozen
    *,
    wanted: Direction = "sendrecv",
) -> tuple[str, Agreed]:
    """Answer an offer: one audio stream with one codec, every other stream refused with port 0."""
    choice = choose(offered, local, policy)
    media, codec, keys, dtls = choice.media, choice.codec, choice.keys, choice.dtls
    direction = unless_held(media, wanted)
    codecs = sdpcodecs.answered(media, codec, policy)
    more = ["a=rtcp-mux"] if "rtcp-mux" in media.attributes else []
    if keys is not None:
        more.append(f"a=crypto:{keys.ours}")
    if dtls is not None:
        more += sdpdtls.answered(local, dtls)
    lines = head(local)
    for i, other in enumerate(offered.media):
        if i == choice.index:
            lines += audio(local.port, media.proto, codecs, direction, *more)
        else:
            lines += refused(other)
    result = agreed(media, codec, direction, keys=keys, dtls=dtls, policy=policy)
    return joined(lines), result
