"""The box's side of enrolment: from a join token to an identity.

Plain HTTP will do: control proves itself by the secret in the token and by the CA that the token
pins, and the box by the same secret. Asked again, with the same keys, until a person has decided.
"""

import asyncio
import ipaddress
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import aiohttp
import msgspec
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from appliance.base.errors import BranchlineError, ConfigError, PeerError
from appliance.base.reasons import verdict_of
from appliance.config.model import ApplianceSettings
from appliance.link.identity import FOLDER, BoxKeys, Identity, IdentityFields
from appliance.link.jointoken import (
    ENROL_PATH,
    MAX_BODY,
    EnrolAnswer,
    EnrolError,
    EnrolRequest,
    JoinToken,
    ca_digest,
    is_sealed,
    parse_token,
    read,
    seal,
)

#: how often control is asked while a person decides [s]
POLL_S = 2.0
#: how long one request may take [s]
REQUEST_S = 10.0

Progress = Callable[[Literal["asking", "pending", "unreachable", "approved"], str], None]


class BoxPlace(msgspec.Struct, frozen=True, kw_only=True):
    """What a box tells of itself."""

    name: str
    sip_address: str
    sip_port: int
    link_address: str
    link_port: int
    telemetry_address: str = ""
    telemetry_port: int = 0
    sip_tls_port: int = 0
    version: str = ""


async def enrol(
    settings: ApplianceSettings,
    control_url: str,
    token_text: str,
    *,
    progress: Callable[[str], None],
    poll_s: float = POLL_S,
    patience_s: float | None = None,
) -> Identity:
    """Return the identity that control gives the box of these settings; tell *progress* in words.

    Raises BranchlineError as `enrol_box` does, and `bad-config` for an address nobody can dial.
    """
    place = place_of(settings)
    folder = Path(settings.state_dir) / FOLDER
    parse_token(token_text)
    keys = await asyncio.to_thread(BoxKeys.load_or_make, folder)
    progress(f"Asking {control_url} to let {place.name} in. Fingerprint of its key:")
    progress(f"  {keys.fingerprint}")
    told: set[str] = set()

    def on_progress(step: str, detail: str) -> None:
        if step in _SENTENCES and step not in told:
            told.add(step)
            progress(_SENTENCES[step].format(detail))

    return await enrol_box(
        control_url,
        token_text,
        place,
        folder,
        on_progress,
        poll_s=poll_s,
        patience_s=patience_s,
    )


_SENTENCES = {
    "pending": "Waiting: {}.",
    "unreachable": "Control does not answer now, asking on: {}.",
    "approved": "Approved: this box is {}.",
}


def place_of(settings: ApplianceSettings) -> BoxPlace:
    """Return what the box of these settings tells of itself; raise ConfigError."""
    link_address = settings.link.address or settings.sip.address
    for field, address in (("sip.address", settings.sip.address), ("link.address", link_address)):
        if address in ("", "0.0.0.0", "::"):  # noqa: S104 - refused, not bound
            message = f"{field} {address!r}: must be an address that control and peers can reach"
            raise ConfigError("bad-config", message)
    return BoxPlace(
        name=settings.name,
        sip_address=settings.sip.address,
        sip_port=settings.sip.port,
        sip_tls_port=settings.sip.tls_port,
        link_address=link_address,
        link_port=settings.link.port,
        telemetry_address=settings.telemetry.address,
        telemetry_port=settings.telemetry.port,
    )


async def enrol_box(
    control_url: str,
    token_text: str,
    place: BoxPlace,
    folder: Path,
    on_progress: Progress,
    *,
    poll_s: float = POLL_S,
    patience_s: float | None = None,
) -> Identity:
    """Return the identity that control gives this box, saved in *folder*.

    Waits while a person decides, at most *patience_s*. Keys are kept in *folder* from the first
    request on, so that the box may be restarted meanwhile. Raises BranchlineError `bad-token`,
    `used-token`, `expired-token`, `control-unreachable`, `bad-signature`, `not-approved` and
    whatever else control answers.
    """
    token = parse_token(token_text)
    keys = await asyncio.to_thread(BoxKeys.load_or_make, folder)
    csr = make_request(keys.private_key(), place)
    on_progress("asking", control_url)
    identity = await _ask_until_decided(
        _Asker(control_url, token, keys, csr, place), on_progress, poll_s, patience_s
    )
    await asyncio.to_thread(identity.save, folder)
    on_progress("approved", identity.fields.name)
    return identity


def make_request(key: ec.EllipticCurvePrivateKey, place: BoxPlace) -> str:
    """Return the certificate request (PKCS #10, RFC 2986) as PEM."""
    names: list[x509.GeneralName] = [x509.DNSName(place.name)]
    for address in sorted({place.sip_address, place.link_address}):
        try:
            names.append(x509.IPAddress(ipaddress.ip_address(address)))
        except ValueError:
            names.append(x509.DNSName(address))
    builder = x509.CertificateSigningRequestBuilder(
        subject_name=x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, place.name)])
    )
    builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM).decode("ascii")


async def _ask_until_decided(
    asker: "_Asker", on_progress: Progress, poll_s: float, patience_s: float | None
) -> Identity:
    """Ask until it is decided; trouble on the way is final only at the first request."""
    loop = asyncio.get_running_loop()
    deadline_s = None if patience_s is None else loop.time() + patience_s
    reached = False
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=REQUEST_S)) as session:
        while True:
            try:
                identity = await asker.ask(session)
                reached = True
                if identity is not None:
                    return identity
                on_progress("pending", "somebody at control must approve this box")
            except PeerError as error:
                if error.reason != "control-unreachable" or not reached:
                    raise
                on_progress("unreachable", error.message)
            if deadline_s is not None and loop.time() + poll_s > deadline_s:
                raise PeerError("not-approved", "nobody has approved this box yet; ask again")
            await asyncio.sleep(poll_s)


class _Asker:
    """Asks once, and believes nothing that is not proven."""

    def __init__(
        self, control_url: str, token: JoinToken, keys: BoxKeys, csr: str, place: BoxPlace
    ) -> None:
        self._url = control_url.rstrip("/") + ENROL_PATH
        self._token = token
        self._keys = keys
        self._csr = csr
        self._place = place

    async def ask(self, session: aiohttp.ClientSession) -> Identity | None:
        """Return the identity, or None while it is not decided; raise BranchlineError."""
        request = EnrolRequest(
            token=self._token.token_id.hex(),
            nonce=secrets.token_hex(16),
            csr=self._csr,
            curve_key=self._keys.curve.public,
            **msgspec.structs.asdict(self._place),
        )
        body = await self._post(session, seal(request, self._token.secret))
        answer = self._open(body, request.nonce)
        if answer.state == "refused":
            reason = answer.reason or "not-approved"
            raise _error(reason, answer.message or "control refused this box")
        return self._identity(answer) if answer.state == "approved" else None

    async def _post(self, session: aiohttp.ClientSession, body: bytes) -> bytes:
        try:
            # the certificate proves nothing here that the seal does not
            async with session.post(self._url, data=body, ssl=False) as response:
                answer = await _read_some(response)
                status = response.status
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            message = f"{self._url}: {error or 'no answer in time'}"
            raise PeerError("control-unreachable", message) from error
        if status == 200:
            return answer
        try:
            refusal = msgspec.json.decode(answer, type=EnrolError)
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            message = f"{self._url} answers {status}, not as control does"
            raise PeerError("control-unreachable", message) from None
        raise _error(refusal.reason, refusal.message)

    def _open(self, body: bytes, nonce: str) -> EnrolAnswer:
        """Return the answer once it is proven to come from the token's maker."""
        try:
            answer = read(body, EnrolAnswer)
        except ConfigError as error:
            raise PeerError("bad-signature", error.message) from error
        if not is_sealed(body, EnrolAnswer, self._token.secret) or answer.nonce != nonce:
            raise PeerError("bad-signature", "the answer was not made by whoever made the token")
        if ca_digest(_certificate(answer.ca_certificate).public_bytes(Encoding.DER)) != (
            self._token.ca_digest
        ):
            raise PeerError("bad-signature", "control's CA is not the one the token names")
        return answer

    def _identity(self, answer: EnrolAnswer) -> Identity:
        certificate, ca = _certificate(answer.certificate), _certificate(answer.ca_certificate)
        try:
            certificate.verify_directly_issued_by(ca)
        except (InvalidSignature, ValueError, TypeError) as error:
            raise PeerError("bad-signature", "the certificate is not signed by the CA") from error
        if certificate.public_key() != self._keys.private_key().public_key():
            raise PeerError("bad-signature", "the certificate is for another key")
        values = {name: getattr(answer, name) for name in IdentityFields.__struct_fields__}
        try:
            fields = msgspec.convert(values, IdentityFields)
        except msgspec.ValidationError as error:
            raise PeerError("bad-request", f"control's answer: {error}") from error
        return Identity(
            fields=fields,
            keys=self._keys,
            certificate_pem=answer.certificate.encode("ascii"),
            ca_pem=answer.ca_certificate.encode("ascii"),
        )


async def _read_some(response: aiohttp.ClientResponse) -> bytes:
    body = await response.content.read(MAX_BODY + 1)
    while len(body) <= MAX_BODY and (more := await response.content.read(MAX_BODY + 1)):
        body += more
    if len(body) > MAX_BODY:
        raise PeerError("control-unreachable", "the answer is too long to be control's")
    return body


def _certificate(pem: str) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(pem.encode("ascii"))
    except (ValueError, UnicodeError) as error:
        raise PeerError("bad-signature", f"no certificate: {error}") from error


def _error(reason: str, message: str) -> BranchlineError:
    """Return the error control told, with the verdict its word has."""
    return BranchlineError(reason, message, verdict=verdict_of(reason))
