"""What offer and answer settle (RFC 3264): the stream, its codec, its keys, its direction."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from appliance.legs import sdpcodecs, sdpdtls, sdpkeys
from appliance.legs.sdpread import bad, is_null, rtcp_place
from appliance.legs.sdptypes import (
    EVENT,
    NOISE,
    Agreed,
    Codec,
    Direction,
    Dtls,
    Keys,
    Local,
    Media,
    Policy,
    SdpError,
    Session,
)

_CLEAR = ("RTP/AVP", "RTP/AVPF")
_SECURE = ("RTP/SAVP", "RTP/SAVPF", *sdpdtls.PROTOS)

_MEANS = {"sdes": "SDES", "dtls": "DTLS", "both": "DTLS or SDES"}

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
    keys: Keys | None = None
    dtls: Dtls | None = None

    @property
    def secure(self) -> bool:
        """Whether it is encrypted."""
        return self.keys is not None or self.dtls is not None


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
        choice = Choice(i, media, codec, *_keys(media, local, policy, answered=answered))
        if choice.secure:
            return choice
        if media.proto in _CLEAR and policy.srtp != "required":
            clear = clear or choice
        else:
            unkeyed = True
    if clear is not None:
        return clear
    if unkeyed:
        raise SdpError("no-encryption", f"no audio with keys by {_MEANS[policy.srtp_keys]}")
    raise SdpError("no-codec", f"no audio with one of {', '.join(policy.codecs)}")


def _keys(
    media: Media, local: Local, policy: Policy, *, answered: bool
) -> tuple[Keys | None, Dtls | None]:
    """Return where a stream's keys come from: DTLS before SDES, as RFC 8643 §3.1 has it."""
    dtls = None
    if policy.dtls:
        dtls = sdpdtls.agree(media) if answered else sdpdtls.answer(media, local)
    if dtls is not None:
        return None, dtls
    if policy.sdes and media.proto not in sdpdtls.PROTOS:
        return (sdpkeys.agree if answered else sdpkeys.answer)(media, local), None
    return None, None


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


def _rtcp_port(media: Media, dtls: Dtls | None) -> int:
    if "rtcp-mux" in media.attributes:
        return media.port
    if dtls is not None:  # it would take a handshake of its own (RFC 5764 §3)
        return -1
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
    dtls: Dtls | None = None,
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
        rtcp_port=_rtcp_port(media, dtls),
        bitrate=sdpcodecs.bitrate(codec),
        fec=sdpcodecs.wants(codec, "useinbandfec"),
        dtx=sdpcodecs.wants(codec, "usedtx"),
        noise_type=noise.payload_type if noise else None,
        keys=keys,
        dtls=dtls,
        profile=media.proto,
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
    return agreed(
        media, codec, direction, keys=choice.keys, dtls=choice.dtls, policy=policy, mine=mine
    )
