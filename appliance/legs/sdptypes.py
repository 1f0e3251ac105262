"""What SDP bodies say, as values; `sdp` is the face to import them from."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from appliance.base.errors import BranchlineError, Verdict

Direction = Literal["sendrecv", "sendonly", "recvonly", "inactive"]
CodecName = Literal["PCMA", "PCMU", "G722", "OPUS", "L16"]
#: `optional` takes what the far end can, `required` refuses calls in the clear
Srtp = Literal["off", "optional", "required"]
#: where keys come from: SDP itself (RFC 4568), a DTLS handshake (RFC 5764), DTLS before SDP
SrtpKeys = Literal["sdes", "dtls", "both"]
#: ours in the handshake: `passive` is the server (RFC 4145)
Setup = Literal["active", "passive"]
#: whose order of codecs decides when we answer
CodecOrder = Literal["theirs", "ours"]

#: what we send, and what a body without the attribute means (RFC 3551 §4.2) [ms]
PTIME_MS = 20
#: what every far end speaks; carriers want no more
NARROW: tuple[CodecName, ...] = ("PCMA", "PCMU")
#: for phones and between appliances
WIDE: tuple[CodecName, ...] = ("OPUS", "G722", "PCMA", "PCMU")
#: the name that telephone-event (RFC 4733) has in a `Codec`
EVENT = "TELEPHONE-EVENT"
#: and the one of comfort noise (RFC 3389)
NOISE = "CN"


class SdpError(BranchlineError):
    """Raised when a body is malformed, or offers nothing that we speak or may take.

    The reason is `bad-request`, `no-codec`, or `no-encryption`: keys must be there and are not.
    """

    verdict = Verdict.CALLER


@dataclass(frozen=True, slots=True)
class Codec:
    """One payload type of a media line."""

    payload_type: int
    #: upper case
    name: str
    #: of its RTP timestamps: G.722 says 8000 (RFC 3551 §4.5.2), Opus 48000 (RFC 7587 §4.1)
    rate_hz: int
    channels: int = 1
    #: what a=fmtp says of it
    fmtp: str = ""


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
    #: the longest packet that it takes, 0 when it does not say
    max_ptime_ms: int = 0
    #: other attributes by name, its own before those of the session; hidden, as keys are there
    attributes: Mapping[str, tuple[str, ...]] = field(default_factory=dict, repr=False)

    @property
    def is_t38(self) -> bool:
        """Whether it is a fax over UDPTL (ITU-T T.38 annex D); `t38sdp` reads more of it."""
        return (
            self.kind == "image"
            and self.proto.lower() == "udptl"
            and self.port > 0
            and any(name.lower() == "t38" for name in self.formats)
        )

    def value(self, name: str) -> str | None:
        """Return the first value of an attribute, None where there is none."""
        values = self.attributes.get(name)
        return values[0] if values else None


@dataclass(frozen=True, slots=True)
class Session:
    """A whole body."""

    session_id: str
    version: str
    media: tuple[Media, ...]


@dataclass(frozen=True, slots=True)
class Crypto:
    """One `a=crypto` line (RFC 4568); its key is text that only the engine reads."""

    tag: int
    suite: str
    #: `inline:` and what follows
    key: str = field(repr=False)

    @property
    def text(self) -> str:
        """The attribute's value."""
        return f"{self.tag} {self.suite} {self.key}"


@dataclass(frozen=True, slots=True)
class Keys:
    """Both ends' values of `a=crypto`, as `MediaEngine.secure` takes them."""

    ours: str = field(repr=False)
    theirs: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Dtls:
    """A DTLS association that will make the keys, as `MediaEngine.dtls` takes it."""

    setup: Setup
    #: of the far end's certificate: `sha-256 AB:CD:…`
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Policy:
    """What we want of a far end: codecs best first, whose order counts, keys, noise, T.38."""

    codecs: tuple[CodecName, ...] = NARROW
    srtp: Srtp = "off"
    order: CodecOrder = "theirs"
    #: silence need not be sent (RFC 3389), by either end
    comfort_noise: bool = True
    #: a fax may go over to T.38
    t38: bool = False
    srtp_keys: SrtpKeys = "both"
    #: whom we call may be behind a NAT, and begins the handshake
    awaits: bool = False

    @property
    def sdes(self) -> bool:
        """Whether keys may stand in SDP."""
        return self.srtp != "off" and self.srtp_keys != "dtls"

    @property
    def dtls(self) -> bool:
        """Whether keys may come from a handshake."""
        return self.srtp != "off" and self.srtp_keys != "sdes"


@dataclass(frozen=True, slots=True)
class Local:
    """Our end of a leg's audio; `bumped()` before each body that differs from the last."""

    address: str
    port: int
    session_id: int
    version: int = 1
    #: a key for each suite, from `make_keys`; the same as long as the call lasts
    keys: tuple[Crypto, ...] = ()
    #: of our certificate: `sha-256 AB:CD:…`
    fingerprint: str = ""
    #: our role in the association there is, None as long as there is none
    setup: Setup | None = None

    def bumped(self) -> "Local":
        """Return the same end with the next session version (RFC 3264 section 8)."""
        return replace(self, version=self.version + 1)


@dataclass(frozen=True, slots=True)
class Agreed:
    """What offer and answer settle: where and how we send, and whether we may."""

    address: str
    port: int
    codec: CodecName
    #: in the packets we send
    payload_type: int
    #: payload type of digits we send (RFC 4733), None if the far end takes none
    event_type: int | None
    #: as we see it: `sendonly` means that we send and the far end listens
    direction: Direction
    #: what the far end would like; we send 20 ms
    ptime_ms: int
    #: the longest packet that it takes, 0 when it does not say
    max_ptime_ms: int = 0
    #: in the packets we get: the number of our offer, mostly the same (RFC 3264 §6.1)
    receive_type: int = 0
    #: of telephone-event's timestamps, and its number in the packets we get; 0: there is none
    event_clock_hz: int = 0
    event_receive_type: int = 0
    #: of our samples, and of the RTP timestamps
    rate_hz: int = 8000
    clock_hz: int = 8000
    #: 0: the port after, the same as `port`: RTP's own (RFC 5761), -1: none
    rtcp_port: int = 0
    #: Opus only: the far end's limit [bit/s] or 0; it wants error correction; DTX
    bitrate: int = 0
    fec: bool = False
    dtx: bool = False
    #: payload type of comfort noise (RFC 3389), which either end may send; None: neither may
    noise_type: int | None = None
    #: without either of them: in the clear
    keys: Keys | None = None
    dtls: Dtls | None = None
    #: of the media line, such as `RTP/SAVP`
    profile: str = "RTP/AVP"
    #: all payload types of the far end, whose numbers our later offers keep (RFC 3264 §8.3.2)
    known: tuple[Codec, ...] = ()

    @property
    def held(self) -> bool:
        """Whether the far end has put us on hold: it does not want to hear us."""
        return self.direction in ("recvonly", "inactive")

    @property
    def secure(self) -> bool:
        """Whether the sound is encrypted."""
        return self.keys is not None or self.dtls is not None
