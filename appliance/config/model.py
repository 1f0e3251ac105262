"""The appliance's settings: frozen, typed, with units in the names. `docs/configuration.md`."""

from typing import Annotated, Literal

import msgspec

Port = Annotated[int, msgspec.Meta(ge=1, le=65535)]
PortOrNone = Annotated[int, msgspec.Meta(ge=0, le=65535)]
Slug = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")]
Seconds = Annotated[float, msgspec.Meta(gt=0)]
Codec = Literal["PCMA", "PCMU", "G722", "OPUS", "L16"]
Transport = Literal["udp", "tcp", "tls"]
Codecs = Annotated[tuple[Codec, ...], msgspec.Meta(min_length=1)]
#: encryption of RTP
Srtp = Literal["off", "optional", "required"]
#: where its keys come from: SDP (RFC 4568), a DTLS handshake (RFC 5764), DTLS before SDP
SrtpKeys = Literal["sdes", "dtls", "both"]
#: whose order of codecs counts in our answers
CodecOrder = Literal["theirs", "ours"]

_WIDE: Codecs = ("OPUS", "G722", "PCMA", "PCMU")


class Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of all sections: an unknown field is an error, not a silent default."""


class SipSettings(Section, frozen=True):
    """`[sip]`: where phones, trunks and peers reach us."""

    #: address to listen on
    address: str = "127.0.0.1"
    #: address that others reach us at, where a NAT stands between, one to one; empty: the same
    public_address: str = ""
    #: UDP and TCP port
    port: Port = 5060
    #: TCP port of SIP by TLS; 0: none
    tls_port: PortOrNone = 0
    #: PEM file with our certificate and those between it and a root; empty: enrolment's
    certificate: str = ""
    #: PEM file with its private key; empty: enrolment's
    key: str = ""
    #: PEM file with whose certificates other appliances have; empty: control's
    authority: str = ""
    #: realm of the registrar's digest (RFC 7616)
    realm: str = "branchline"
    #: how often a registered phone is asked by OPTIONS whether it is there [s]
    phone_check_s: Seconds = 4.0


class MediaSettings(Section, frozen=True):
    """`[media]`: the engine."""

    #: address of the RTP sockets; empty: the SIP address
    address: str = ""
    #: first and last UDP port for RTP
    first_port: Port = 20000
    last_port: Port = 29999
    #: folders that hold prompts, searched in order
    prompt_dirs: tuple[str, ...] = (
        "/usr/share/asterisk/sounds/en_US_f_Allison",
        "/usr/share/asterisk/moh",
    )
    #: a leg that hears nothing for this long is ended [s]
    silence_timeout_s: Seconds = 60.0
    #: ISO 3166 code of the country whose tones callers hear, such as `fr`; empty: ITU-T E.180's
    country: str = ""


class PhoneSettings(Section, frozen=True):
    """`[phones]`: the sound of registered phones."""

    #: codecs, best first
    codecs: Codecs = _WIDE
    codec_order: CodecOrder = "theirs"
    srtp: Srtp = "off"
    srtp_keys: SrtpKeys = "both"
    #: silence need not be sent (RFC 3389)
    comfort_noise: bool = True


class TrunkSettings(Section, frozen=True):
    """`[trunks.NAME]`: one way to a provider, gateway or PBX."""

    #: host or address of the far side
    host: str
    port: Port = 5060
    #: with `tls`, the certificate there must be of `host`
    transport: Transport = "udp"
    #: addresses that calls may come from, beside `host`
    from_addresses: tuple[str, ...] = ()
    #: account at the provider; empty: no registration, authenticated by address
    user: str = ""
    secret: str = ""
    #: register there and keep it fresh
    register: bool = False
    expires_s: Annotated[int, msgspec.Meta(ge=30, le=7200)] = 300
    #: ask the far side by OPTIONS whether it is there [s]; 0: never
    check_s: Annotated[float, msgspec.Meta(ge=0)] = 30.0
    #: codecs, best first
    codecs: Codecs = ("PCMA", "PCMU")
    codec_order: CodecOrder = "theirs"
    srtp: Srtp = "off"
    srtp_keys: SrtpKeys = "both"
    #: silence need not be sent (RFC 3389)
    comfort_noise: bool = True
    #: let faxes go over to T.38; otherwise they stay with G.711
    t38: bool = True


class LineSettings(Section, frozen=True):
    """`[lines.NAME]`: one port of gateway hardware."""

    #: driver profile, such as `sim7600`
    profile: Slug
    #: device of the AT commands
    control: str
    #: device of the PCM samples
    audio: str
    #: number that a call on this line is for
    number: str = ""


class LegsSettings(Section, frozen=True):
    """`[legs]`: the legs process and its link to the brain."""

    #: Unix socket between legs and brain; relative to `state_dir`
    socket: str = "legs.sock"
    #: folder of the sockets that live copies of legs are sent to; relative to `state_dir`
    taps: str = "taps"
    #: new calls wait this long for the brain, then get 503 [s]
    orphan_new_s: Seconds = 10.0
    #: waiting callers go to the fallback number after this long without a brain [s]
    orphan_waiting_s: Seconds = 60.0
    #: trunk and number of last resort; empty: callers hear an apology and are released
    fallback_trunk: str = ""
    fallback_number: str = ""
    #: a brain that sends nothing for this long is dropped [s]
    brain_dead_s: Seconds = 3.0


class LinkSettings(Section, frozen=True):
    """`[link]`: the federation."""

    #: address peers and hub reach us at; empty: the SIP address
    address: str = ""
    #: port other appliances dial; 0: they cannot, it sits behind NAT
    port: PortOrNone = 7410
    #: how hub and peers are dialled; those who dial us by ZeroMQ are answered in either case
    transport: Literal["zeromq", "nats"] = "zeromq"
    #: servers of the NATS cluster, such as `nats://192.0.2.5:4222` or `tls://…`
    nats_servers: tuple[str, ...] = ()
    #: file with a NATS user's JWT and seed (`.creds`) or with an nkey seed; empty: none
    nats_credentials: str = ""
    #: file with the certificates (PEM) that NATS servers must be signed by; empty: the system's
    nats_ca: str = ""
    #: codecs of calls to and from other appliances, best first
    codecs: Codecs = _WIDE
    codec_order: CodecOrder = "theirs"
    #: `auto`: required in calls by TLS, off in others
    srtp: Literal["auto", "off", "optional", "required"] = "auto"
    srtp_keys: SrtpKeys = "both"
    #: silence need not be sent (RFC 3389)
    comfort_noise: bool = True
    #: calls between other appliances that we relay at once, where the directory makes us a relay
    relay_calls: Annotated[int, msgspec.Meta(ge=0, le=2000)] = 50
    #: call-backs in escrow with a peer that is gone this long are put with another [s]
    escrow_move_s: Seconds = 60.0

    def __post_init__(self) -> None:
        """Raise ValueError where a transport has nobody to talk to."""
        if self.transport == "nats" and not self.nats_servers:
            msg = 'transport "nats" needs the servers of the cluster in nats_servers'
            raise ValueError(msg)


class TelemetrySettings(Section, frozen=True):
    """`[telemetry]`: what monitoring systems subscribe to."""

    address: str = "127.0.0.1"
    #: PUB socket
    port: Port = 7420


class RecordingSettings(Section, frozen=True):
    """`[recording]`: recordings of talks."""

    enabled: bool = True
    #: folder; relative to `state_dir`
    path: str = "recordings"


class FaxSettings(Section, frozen=True):
    """`[fax]`: faxes that are received and sent."""

    #: folder; relative to `state_dir`
    path: str = "faxes"
    #: our number as the far end shows it (T.30 §5.3.6.2.4)
    station: Annotated[str, msgspec.Meta(pattern=r"^[ -~]{0,20}$(?!\n)")] = ""
    #: stands above each page that is sent
    header: Annotated[str, msgspec.Meta(pattern=r"^[ -~]{0,50}$(?!\n)")] = ""
    #: a fax that has more, or takes longer [s], is cut off after what came whole
    max_pages: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 200
    max_s: Annotated[int, msgspec.Meta(ge=60, le=14400)] = 3600


class VoicemailSettings(Section, frozen=True):
    """`[voicemail]`: messages that callers leave; they are among the recordings."""

    #: deleted after so many days; 0: only by people
    keep_days: Annotated[int, msgspec.Meta(ge=0, le=3650)] = 30


#: as a URL has it, with its port where that is not the usual one
HostPort = Annotated[
    str, msgspec.Meta(pattern=r"^(\[[0-9a-fA-F:.]+\]|[0-9A-Za-z._-]+)(:[0-9]{1,5})?$(?!\n)")
]


class LookupSecret(Section, frozen=True):
    """`[lookup.secrets.NAME]`: what proves to a data source who asks."""

    #: the only one it is sent to
    host: HostPort
    #: the whole value of the header `Authorization`
    authorization: Annotated[str, msgspec.Meta(pattern=r"^[ -~]{1,4096}$(?!\n)")]


class LookupSettings(Section, frozen=True):
    """`[lookup]`: data sources that the plan may ask about callers."""

    #: those that may be asked, as `crm.example.org` or `192.0.2.7:8080`; no others are
    hosts: tuple[HostPort, ...] = ()
    #: file with the certificates (PEM) that HTTPS must be signed by; empty: the system's
    ca: str = ""
    secrets: dict[Slug, LookupSecret] = {}


class ApplianceSettings(Section, frozen=True):
    """The whole of `appliance.toml`."""

    #: name of this appliance, until it is enrolled and given its identity
    name: Slug = "appliance"
    #: branch it stands in
    site: Slug = "site"
    #: organisation
    tenant: Slug = "main"
    #: where ledger, keys, plan and recordings are kept
    state_dir: str = "/var/lib/branchline"
    log_level: Literal["trace", "debug", "info", "warning", "error"] = "info"
    log_json: bool = False
    #: plan (JSON) used as long as control has published none; empty: none
    plan_file: str = ""
    #: roster (JSON) used as long as control has published none; empty: none
    roster_file: str = ""
    sip: SipSettings = SipSettings()
    media: MediaSettings = MediaSettings()
    phones: PhoneSettings = PhoneSettings()
    legs: LegsSettings = LegsSettings()
    link: LinkSettings = LinkSettings()
    telemetry: TelemetrySettings = TelemetrySettings()
    recording: RecordingSettings = RecordingSettings()
    fax: FaxSettings = FaxSettings()
    voicemail: VoicemailSettings = VoicemailSettings()
    lookup: LookupSettings = LookupSettings()
    trunks: dict[Slug, TrunkSettings] = {}
    lines: dict[Slug, LineSettings] = {}
