"""Enrolment: a box asks with a join token, a person approves, the box gets its identity.

The box asks again, with the same keys, until the answer is `approved` or `refused`.
"""

import ipaddress
import re

from cryptography import x509
from sqlalchemy import select
from sqlalchemy.orm import Session

from appliance.base.clock import Clock
from appliance.base.errors import ConfigError
from appliance.link.jointoken import EnrolRequest
from control.fleet.authority import Authority, fingerprint, read_request
from control.fleet.publication import Publication
from control.fleet.tokens import use_token
from control.models.base import moment
from control.models.fleet import Appliance, JoinToken
from control.models.people import note
from control.settings import ControlSettings

#: RFC 1123 §2.1 host name
_HOST = re.compile(r"(?=.{1,253}\Z)[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?\Z")
#: Z85 of 32 bytes (ZeroMQ RFC 32)
_CURVE_KEY = re.compile(r"[0-9A-Za-z.\-:+=^!/*?&<>()\[\]{}@%$#]{40}\Z")


class Enrolment:
    """The way of a box into the fleet: asked, pending, approved or revoked."""

    def __init__(
        self,
        settings: ControlSettings,
        authority: Authority,
        publication: Publication,
        clock: Clock,
    ) -> None:
        self._settings = settings
        self._authority = authority
        self._publication = publication
        self._clock = clock

    def ask(self, session: Session, token: JoinToken, request: EnrolRequest) -> Appliance:
        """Return the box that asks with *token*; the first time it is added as pending.

        Raises ConfigError with the reason word the box is told.
        """
        csr = read_request(request.csr, token.name)
        _check_place(request, token.name)
        keys = f"{fingerprint(csr)} {request.curve_key}"
        if use_token(session, token, keys, moment(self._clock)):
            self._add(session, token, request, csr)
            if token.auto_approve:
                self.approve(session, token.name, f"token of {token.made_by}")
        return self._known(session, token, csr)

    def approve(self, session: Session, name: str, who: str, *, shown: str = "") -> None:
        """Let a pending box into the fleet; its peers learn of it at once.

        *shown* is the fingerprint a person looked at. Raises ConfigError `wrong-state`.
        """
        row = session.get(Appliance, name)
        if row is None or row.state != "pending":
            raise ConfigError("wrong-state", f"{name!r} is not waiting for approval")
        if shown and row.fingerprint != shown:
            raise ConfigError("wrong-state", "it asked again with another key: look again")
        csr = read_request(row.csr, name)
        addresses = sorted({row.sip_address, row.link_address})
        row.certificate = self._authority.sign(csr, addresses, self._clock)
        row.state, row.approved_at = "approved", moment(self._clock)
        after = {"fingerprint": row.fingerprint, "site": row.site}
        note(session, row.approved_at, who, f"approved appliance {name}", after=after)
        session.flush()
        self._publication.publish_directory(session, who)

    def revoke(self, session: Session, name: str, who: str) -> None:
        """Refuse a pending box, or put an approved one out of the fleet."""
        row = session.get(Appliance, name)
        if row is None or row.state == "revoked":
            raise ConfigError("wrong-state", f"{name!r} is not in the fleet")
        what = "refused" if row.state == "pending" else "revoked"
        before = {"state": row.state, "fingerprint": row.fingerprint}
        row.state = "revoked"
        note(session, moment(self._clock), who, f"{what} appliance {name}", before=before)
        session.flush()
        self._publication.publish_directory(session, who)

    def set_network(
        self, session: Session, name: str, who: str, *, nat: bool | None, relay: bool | None
    ) -> None:
        """Say whether other branches can dial a box, and whether it carries for them.

        None leaves it as it is. Raises ConfigError `wrong-state`.
        """
        row = session.get(Appliance, name)
        if row is None or row.state == "revoked":
            raise ConfigError("wrong-state", f"{name!r} is not in the fleet")
        before = {"nat": row.nat, "relay": row.relay}
        after = {
            "nat": row.nat if nat is None else nat,
            "relay": row.relay if relay is None else relay,
        }
        if after["relay"] and (after["nat"] or row.link_port == 0):
            raise ConfigError("wrong-state", f"{name!r} cannot be a relay: nobody can dial it")
        if after == before:
            return
        row.nat, row.relay = after["nat"], after["relay"]
        what = f"set the network of appliance {name}"
        note(session, moment(self._clock), who, what, before=before, after=after)
        session.flush()
        self._publication.publish_directory(session, who)

    def _add(
        self,
        session: Session,
        token: JoinToken,
        request: EnrolRequest,
        csr: x509.CertificateSigningRequest,
    ) -> None:
        """Write the box down as pending; one of the same name is replaced by it."""
        other = session.scalar(
            select(Appliance.name).where(
                Appliance.curve_key == request.curve_key, Appliance.name != token.name
            )
        )
        if other is not None:
            raise ConfigError("refused", f"this link key belongs to {other!r}")
        at = moment(self._clock)
        row = session.get(Appliance, token.name)
        before = {"fingerprint": row.fingerprint, "state": row.state} if row else None
        row = row or Appliance(name=token.name)
        row.site, row.state, row.certificate = token.site, "pending", ""
        row.curve_key, row.fingerprint, row.csr = request.curve_key, fingerprint(csr), request.csr
        row.link_address, row.link_port = request.link_address, request.link_port
        row.sip_address, row.sip_port = request.sip_address, request.sip_port
        row.sip_tls_port = request.sip_tls_port
        row.enrolled_at, row.approved_at = at, None
        row.telemetry_address = request.telemetry_address
        row.telemetry_port = request.telemetry_port
        row.version, row.plan_serial = request.version, 0
        session.add(row)
        session.flush()
        note(
            session,
            at,
            f"box {token.name}",
            f"asked to join as {token.name}",
            before=before,
            after={"fingerprint": row.fingerprint, "site": row.site},
        )
        if before is not None:
            self._publication.publish_directory(session, f"box {token.name}")

    def _known(
        self, session: Session, token: JoinToken, csr: x509.CertificateSigningRequest
    ) -> Appliance:
        """Return the box these keys belong to; raise ConfigError where it has no place."""
        row = session.get(Appliance, token.name)
        if row is None or row.fingerprint != fingerprint(csr):
            raise ConfigError("not-enrolled", f"{token.name!r} is another box by now")
        if row.state == "revoked":
            word = "not-enrolled" if row.approved_at else "refused"
            raise ConfigError(word, f"{token.name!r} was put out of the fleet")
        return row


def _check_place(request: EnrolRequest, name: str) -> None:
    """Refuse a request whose name, keys or addresses cannot be; raise ConfigError."""
    if request.name != name:
        raise ConfigError("bad-request", f"the token is for {name!r}, not {request.name!r}")
    if not _CURVE_KEY.match(request.curve_key):
        raise ConfigError("bad-request", "the link key is no Z85 text of 40 characters")
    for word, address in (("SIP", request.sip_address), ("link", request.link_address)):
        if not _is_host(address):
            raise ConfigError("bad-request", f"{word} address {address!r} is no address")
    if not 1 <= request.sip_port <= 65535:
        raise ConfigError("bad-request", f"SIP port {request.sip_port} is no port")
    # 0: nobody can dial it
    if not 0 <= request.link_port <= 65535:
        raise ConfigError("bad-request", f"link port {request.link_port} is no port")
    if not 0 <= request.sip_tls_port <= 65535:
        raise ConfigError("bad-request", f"SIP's TLS port {request.sip_tls_port} is no port")


def _is_host(text: str) -> bool:
    """Tell whether *text* is an address (without a zone) or a host name."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return _HOST.match(text) is not None
    return "%" not in text
