"""The enrolment protocol's control end: bytes in, status and bytes out.

`appliance.link.jointoken` holds the box's end and the records both share.
"""

import logging

import msgspec

from appliance.base.errors import BranchlineError, ConfigError
from appliance.link import jointoken
from appliance.link.jointoken import EnrolAnswer, EnrolError, EnrolRequest
from control.models.fleet import Appliance, JoinToken
from control.parts import ControlParts

LOG = logging.getLogger(__name__)


def answer(parts: ControlParts, body: bytes) -> tuple[int, bytes]:
    """Return HTTP status and body of the answer to an enrolment request.

    200 is sealed with the token's secret, also where the box is refused; anything else is a
    plain reason, since no secret is shared.
    """
    try:
        request, secret = _open(parts, body)
    except ConfigError as error:
        LOG.info("enrolment refused: %s", error)
        status = 403 if error.reason == "bad-token" else 400
        refusal = EnrolError(reason=error.reason, message=error.message)
        return status, msgspec.json.encode(refusal)
    told = _decide(parts, request)
    return 200, jointoken.seal(told, secret)


def _open(parts: ControlParts, body: bytes) -> tuple[EnrolRequest, bytes]:
    """Return the request and the secret it is sealed with; raise ConfigError."""
    if len(body) > jointoken.MAX_BODY:
        raise ConfigError("bad-request", "the request is too long")
    request = jointoken.read(body, EnrolRequest)
    with parts.database.session() as session:
        token = session.get(JoinToken, request.token)
    # one sentence for both, so that nobody learns which token ids there are
    if token is None or not jointoken.is_sealed(body, EnrolRequest, token.secret):
        raise ConfigError("bad-token", "this token was not made here, or was altered")
    return request, token.secret


def _decide(parts: ControlParts, request: EnrolRequest) -> EnrolAnswer:
    """Let the box ask, and put what became of it into an answer."""
    try:
        with parts.database.session() as session:
            token = session.get_one(JoinToken, request.token)
            row = parts.enrolment.ask(session, token, request)
    except BranchlineError as error:
        LOG.info("%s refused: %s", request.name, error)
        return EnrolAnswer(
            nonce=request.nonce,
            state="refused",
            ca_certificate=parts.authority.pem,
            reason=error.reason,
            message=error.message,
        )
    if token.auto_approve and row.state == "approved":
        parts.hub.reload()
    return _identity(parts, request, row)


def _identity(parts: ControlParts, request: EnrolRequest, row: Appliance) -> EnrolAnswer:
    """Return the answer for a box that has its place, or waits for a person."""
    if row.state != "approved":
        return EnrolAnswer(
            nonce=request.nonce, state="pending", ca_certificate=parts.authority.pem
        )
    settings = parts.settings
    return EnrolAnswer(
        nonce=request.nonce,
        state="approved",
        ca_certificate=parts.authority.pem,
        certificate=row.certificate,
        name=row.name,
        site=row.site,
        tenant=settings.tenant,
        hub_address=settings.hub_address,
        hub_port=settings.link_port,
        hub_curve_key=parts.hub_key,
        hub_telemetry_port=settings.telemetry_in_port,
        plan_verify_key=parts.plan_public.hex(),
        control_url=settings.url,
    )
