"""DTLS-SRTP in offers and answers by SIP (RFC 5763): fingerprints, and who is the server.

Within a call the association stays as long as fingerprint and roles do (RFC 8842 §3): an offer
says `actpass` each time, an answer repeats the role that its side has.
"""

from appliance.legs.sdpice import answer_setup, find_fingerprint
from appliance.legs.sdpread import bad, shown
from appliance.legs.sdptypes import Dtls, Local, Media, Setup

#: RFC 5764 §8
PROTOS = ("UDP/TLS/RTP/SAVP", "UDP/TLS/RTP/SAVPF")

_OTHER: dict[str, Setup] = {"active": "passive", "passive": "active"}


def offered(local: Local, *, awaits: bool = False) -> list[str]:
    """Return the lines of our offer; the far end chooses the roles (RFC 5763 §5).

    *awaits*: it has to begin, as nothing that we send reaches it before (RFC 8842 §5.2 lets us).
    """
    return _lines(local, "passive" if awaits and local.setup is None else "actpass")


def answered(local: Local, dtls: Dtls) -> list[str]:
    """Return the lines of our answer."""
    return _lines(local, dtls.setup)


def answer(media: Media, local: Local) -> Dtls | None:
    """Return the association that an offer wants, None where it wants none that we can check.

    We are the server wherever the offer leaves the choice, so that a far end behind a NAT begins.
    """
    fingerprint = find_fingerprint(media.attributes)
    if not fingerprint:
        return None
    setup = answer_setup(media.attributes)
    if local.setup is not None and media.value("setup") == "actpass":
        setup = local.setup
    return Dtls(setup, fingerprint)


def agree(media: Media) -> Dtls | None:
    """Return the association that the answer to our offer takes, None when it takes none."""
    fingerprint = find_fingerprint(media.attributes)
    if not fingerprint:
        return None
    theirs = media.value("setup") or ""
    if theirs not in _OTHER:
        raise bad(f"setup in an answer: {shown(theirs)}")
    return Dtls(_OTHER[theirs], fingerprint)


def _lines(local: Local, setup: str) -> list[str]:
    return [f"a=fingerprint:{local.fingerprint}", f"a=setup:{setup}"]
