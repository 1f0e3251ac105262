"""What offer and answer settle (RFC 3264): the stream, its codec, its keys, its direction."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from appliance.legs import sdpcodecs, sdpkeys
from appliance.legs.sdpread import bad, is_null, rtcp_place
from appliance.legs.sdptypes import (
    EVENT,
    NOISE,
    Agreed,
    Codec,
    Direction,
    Keys,
    Local,
    Media,
    Policy,
    SdpError,
    Session,
)

_CLEAR = ("RTP/AVP", "RTP/AVPF")
_SECURE = ("RTP/SAVP", "RTP/SAVPF")

_MIRROR: dict[Direction, Direction] = {
    "sendrecv": "sendrecv",
    "sendonly": "recvonly",
    "recvonly": "sendonly",
    "inactive": "inactive",
}


@dataclass(frozen=True, slots=True)
class Choice:
    """The stream of a body that is taken."""

    index: int
    media: Media
    codec: Codec
    keys: Keys | None


def choose(session: Session, local: Local, policy: Policy, *, answered: bool = False) -> Choice:
    """Return the audio stream to take: an encrypted one before one in the clear.

    *answered*: the body is the answer to an offer of ours.
    """
    clear: Choice | None = None
    unkeyed = False
    for i, media in enumerate(session.media):
        codec = sdpcodecs.choose(media, policy) if _is_live(media, policy) else None
        if codec is None:
            continue
        if not media.address:
            raise bad("audio without address")
        keys = None
        if policy.srtp != "off":
            keys = (sdpkeys.agree if answered else sdpkeys.answer)(media, local)
        if keys is not None:
            return Choice(i, media, codec, keys)
        if media.proto in _CLEAR and policy.srtp != "required":
            clear = clear or Choice(i, media, codec, None)
        else:
            unkeyed = True
    if clear is not None:
        return clear
    if unkeyed:
        raise SdpError("no-encryption", "no audio with keys (SDES) that we can use")
    raise SdpError("no-codec", f"no audio with one of {', '.join(policy.codecs)}")


def _is_live(media: Media, policy: Policy) -> bool:
    protos = _CLEAR if policy.srtp == "off" else _CLEAR + _SECURE
    return media.kind == "audio" and media.proto in protos and media.port > 0


def ours(media: Media, wanted: Direction) -> Direction:
    """Return our direction: what the far end leaves us, no more than *wanted*."""
    mirrored = _MIRROR[media.direction]
    send = mirrored in ("sendrecv", "sendonly") and wanted in ("sendrecv", "sendonly")
    receive = mirrored in ("sendrecv", "recvonly") and wanted in ("sendrecv", "recvonly")
    if send:
        return "sendrecv" if receive else "sendonly"
    return "recvonly" if receive else "inactive"


def unless_held(media: Media, wanted: Direction) -> Direction:
    """Return our direction as `ours`; the null address holds, too."""
    if is_null(media.address) and wanted in ("sendrecv", "sendonly"):
        return ours(media, "recvonly" if wanted == "sendrecv" else "inactive")
    return ours(media, wanted)


def _rtcp_port(media: Media) -> int:
    if "rtcp-mux" in media.attributes:
        return media.port
    place = rtcp_place(media)
    if place is None:
        return 0
    # the engine knows one address of a far end
    return place[0] if place[1] in ("", media.address) else -1


def agreed(
    media: Media,
    codec: Codec,
    direction: Direction,
    *,
    keys: Keys | None,
    policy: Policy,
    mine: Sequence[Codec] = (),
) -> Agreed:
    """Return what was agreed for a stream; *mine*: what we offered, where we did."""
    ours = {(one.name, one.rate_hz): one.payload_type for one in mine}
    with_it = {one.name: one for one in sdpcodecs.beside(media, codec, policy)}
    event, noise = with_it.get(EVENT), with_it.get(NOISE)
    if noise and mine and ours.get((NOISE, noise.rate_hz)) != noise.payload_type:
        noise = None  # we have not offered it, or the engine would need two numbers for it
    return Agreed(
        address=media.address,
        port=media.port,
        codec=codec.name,  # type: ignore[arg-type]
        payload_type=codec.payload_type,
        event_type=event.payload_type if event else None,
        direction=direction,
        ptime_ms=media.ptime_ms,
        max_ptime_ms=media.max_ptime_ms,
        receive_type=_number(codec, ours),
        event_clock_hz=event.rate_hz if event else 0,
        event_receive_type=_number(event, ours) if event else 0,
        rate_hz=sdpcodecs.samples_hz(codec),
        clock_hz=codec.rate_hz,
        rtcp_port=_rtcp_port(media),
        bitrate=sdpcodecs.bitrate(codec),
        fec=sdpcodecs.wants(codec, "useinbandfec"),
        dtx=sdpcodecs.wants(codec, "usedtx"),
        noise_type=noise.payload_type if noise else None,
        keys=keys,
        known=media.codecs,
    )


def _number(codec: Codec, ours: Mapping[tuple[str, int], int]) -> int:
    """Return a payload type in what we get: each end chooses its own (RFC 3264 §6.1)."""
    return ours.get((codec.name, codec.rate_hz), codec.payload_type)


def agree(
    answered: Session,
    local: Local,
    policy: Policy = Policy(),  # noqa: B008 - frozen
    *,
    wanted: Direction = "sendrecv",
    known: Agreed | None = None,
) -> Agreed:
    """Read the answer to our offer; *local*, *policy*, direction and *known* are that offer's."""
    choice = choose(answered, local, policy, answered=True)
    media, codec = choice.media, choice.codec
    mine = sdpcodecs.offered(policy, known.known if known else ())
    direction = unless_held(media, wanted)
    return agreed(media, codec, direction, keys=choice.keys, policy=policy, mine=mine)
