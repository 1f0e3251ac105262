"""WHIP's texts (RFC 9725): a browser's offer and our answer, and the fragments of ICE restarts.

Pure. We are ICE-lite (RFC 8445 §2.5) behind one UDP port, and the DTLS server; who speaks HTTP
passes the texts on. A body that cannot be read raises `SdpError`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from appliance.legs import sdpcodecs, sdpice
from appliance.legs.sdp import (
    Agreed,
    Codec,
    CodecName,
    Local,
    Media,
    Policy,
    SdpError,
    Session,
    Setup,
    parse,
)
from appliance.legs.sdpagree import agreed, ours
from appliance.legs.sdpice import Candidate, Ice, Place
from appliance.legs.sdpread import bad, lines_of
from appliance.legs.sdpwrite import audio, head, joined, refused

#: the media type of fragments (RFC 8840 §9)
FRAGMENT_TYPE = "application/trickle-ice-sdpfrag"
#: what browsers speak (RFC 7874 §3), best first
CODECS: tuple[CodecName, ...] = ("OPUS", "G722", "PCMA", "PCMU")
_PROTOS = ("UDP/TLS/RTP/SAVPF", "UDP/TLS/RTP/SAVP")


@dataclass(frozen=True, slots=True)
class BrowserFar:
    """A browser's offer, and what we take of it; where the browser is, ICE finds out."""

    agreed: Agreed
    mid: str
    ice: Ice
    fingerprint: str
    #: our role in the handshake
    setup: Setup
    offered: Session = field(repr=False)
    #: of the stream that is taken
    index: int


@dataclass(frozen=True, slots=True)
class BrowserEnd:
    """Our end of a browser's leg."""

    session_id: int
    #: where we receive: the LAN's address first, then a public one that is forwarded to us
    places: tuple[Place, ...]
    ufrag: str
    pwd: str = field(repr=False)
    #: of the engine's certificate: `sha-256 AB:CD:…`
    fingerprint: str
    version: int = 1


@dataclass(frozen=True, slots=True)
class Fragment:
    """What a PATCH brings: new credentials for a restart, or candidates (RFC 8840 §9)."""

    #: None where the fragment has candidates only
    ice: Ice | None
    mid: str
    candidates: tuple[Candidate, ...]
    #: no more candidates will come
    ended: bool

    def restarts(self, now: Ice) -> bool:
        """Whether it asks for an ICE restart, rather than to trickle on (RFC 9725 §4.3.2)."""
        return self.ice is not None and (self.ice.ufrag, self.ice.pwd) != (now.ufrag, now.pwd)


def read(body: str, codecs: Sequence[CodecName] = CODECS) -> BrowserFar:
    """Read a browser's offer: one audio stream is taken, everything else will be refused."""
    offered = parse(body)
    policy = Policy(tuple(codecs))
    index, media, codec = _sound(offered, policy)
    for other in offered.media:  # our answer repeats the names of all
        sdpice.read_mid(other.attributes)
    return BrowserFar(
        agreed(media, codec, ours(media, "sendrecv"), keys=None, policy=Policy()),
        sdpice.read_mid(media.attributes),
        sdpice.read_ice(media.attributes),
        sdpice.read_fingerprint(media.attributes),
        sdpice.answer_setup(media.attributes),
        offered,
        index,
    )


def _sound(offered: Session, policy: Policy) -> tuple[int, Media, Codec]:
    """Return the first audio stream that we can take, and its codec."""
    for i, media in enumerate(offered.media):
        live = media.kind == "audio" and media.proto in _PROTOS and media.port > 0
        codec = sdpcodecs.choose(media, policy) if live else None
        if codec is not None:
            if "rtcp-mux" not in media.attributes:
                raise bad("a browser's offer without rtcp-mux")
            return i, media, codec
    raise SdpError("no-codec", f"no browser's audio with one of {', '.join(policy.codecs)}")


def answer(far: BrowserFar, end: BrowserEnd) -> str:
    """Answer a browser's offer."""
    address, port = end.places[0]
    lines = head(Local(address, port, end.session_id, end.version))
    lines.append("a=ice-lite")
    if far.mid and sdpice.is_bundled(far.offered.media[far.index].attributes, far.mid):
        lines.append(f"a=group:BUNDLE {far.mid}")
    for i, media in enumerate(far.offered.media):
        lines += _taken(media, end, far) if i == far.index else refused(media) + _named(media)
    return joined(lines)


def _taken(media: Media, end: BrowserEnd, far: BrowserFar) -> list[str]:
    codec = next(one for one in media.codecs if one.payload_type == far.agreed.payload_type)
    codecs = sdpcodecs.answered(media, codec, Policy())
    return [
        *audio(end.places[0][1], media.proto, codecs, far.agreed.direction, *_named(media)),
        "a=rtcp-mux",
        "a=msid:branchline sound",
        *sdpice.credential_lines(Ice(end.ufrag, end.pwd)),
        f"a=fingerprint:{end.fingerprint}",
        f"a=setup:{far.setup}",
        *sdpice.candidate_lines(end.places),
    ]


def _named(media: Media) -> list[str]:
    mid = sdpice.read_mid(media.attributes)
    return [f"a=mid:{mid}"] if mid else []


def read_fragment(body: str) -> Fragment:
    """Read a PATCH's body; raise SdpError `bad-request`."""
    attributes: dict[str, list[str]] = {}
    media = 0
    for kind, value in lines_of(body):
        if kind == "m":
            media += 1
        elif kind != "a":
            raise bad("a fragment with lines that are no attributes")
        elif media <= 1:  # the bundle's first stream speaks for all
            name, _, rest = value.partition(":")
            attributes.setdefault(name, []).append(rest.rstrip())
    candidates = sdpice.read_candidates(attributes.get("candidate", ()))
    has_ice = "ice-ufrag" in attributes or "ice-pwd" in attributes
    ended = "end-of-candidates" in attributes
    if not has_ice and not ended and "candidate" not in attributes:
        raise bad("an empty fragment")
    ice = sdpice.read_ice(attributes) if has_ice else None
    return Fragment(ice, sdpice.read_mid(attributes), candidates, ended)


def restarted(end: BrowserEnd, far: BrowserFar) -> str:
    """Write the answer to a restart: *end* has new credentials, keys and sound stay."""
    bundle = [f"a=group:BUNDLE {far.mid}"] if far.mid else []
    mid = [f"a=mid:{far.mid}"] if far.mid else []
    return joined(
        [
            "a=ice-lite",
            *bundle,
            f"m=audio 9 {_PROTOS[0]} {far.agreed.payload_type}",
            *mid,
            *sdpice.credential_lines(Ice(end.ufrag, end.pwd)),
            *sdpice.candidate_lines(end.places),
        ]
    )
