"""What stands in documents that control signs, as canonical JSON: rosters and the directory."""

from typing import Annotated

import msgspec

from appliance.routing.reach import HUB_PATTERN


class RosterAccount(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A phone account's verifiers; the secret itself is never sent."""

    account: str
    agent: str
    ha1_md5: str
    ha1_sha256: str


class Roster(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who may log in at a site."""

    serial: int
    site: str
    realm: str
    accounts: tuple[RosterAccount, ...]


class DirectoryPeer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where an enrolled appliance is, and the key it proves itself with.

    What is as ever is left out, so that boxes of an older version can read it.
    """

    appliance: str
    site: str
    link_address: str
    #: 0: nobody can dial it
    link_port: int
    sip_address: str
    sip_port: int
    #: CURVE public key, Z85
    curve_key: str
    #: where it takes calls by TLS; 0: it does not
    sip_tls_port: int = 0
    #: it carries for appliances that cannot dial each other
    relay: bool = False


class DirectoryHub(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a further hub is, and the key it proves itself with."""

    hub: Annotated[str, msgspec.Meta(pattern=HUB_PATTERN)]
    link_address: str
    link_port: int
    #: CURVE public key, Z85
    curve_key: Annotated[str, msgspec.Meta(min_length=40, max_length=40)]
    #: XSUB port of its telemetry proxy; 0: none
    telemetry_port: int = 0


class Directory(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """All enrolled appliances, and the hubs beside the first.

    Where there is one hub the document is as the version before wrote it.
    """

    serial: int
    peers: tuple[DirectoryPeer, ...]
    hubs: tuple[DirectoryHub, ...] = ()
