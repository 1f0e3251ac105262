"""Control's certificate authority: EC P-256, minted at first start, signs boxes' requests."""

import contextlib
import datetime
import hashlib
import ipaddress
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from appliance.base.clock import Clock
from appliance.base.errors import ConfigError
from control.fleet.keys import write_private
from control.models.base import moment

CA_CERTIFICATE = "ca.pem"
CA_KEY = "ca.key"
#: how long the authority is valid [days]; outlives the boxes
CA_DAYS = 3653
#: how long a box's certificate is valid [days]; under the 825 days some clients insist on
LEAF_DAYS = 820
#: a box's clock may be behind ours by this much [minutes]
_BACKDATE = datetime.timedelta(minutes=10)


class Authority:
    """Signs what boxes ask for, once the request was found in order."""

    def __init__(self, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> None:
        self.certificate = certificate
        self._key = key

    @classmethod
    def open(cls, state: Path, tenant: str, clock: Clock) -> "Authority":
        """Return the authority kept in *state*, minted if there is none.

        Raises ConfigError `bad-config` where the files are not what they must be.
        """
        if not (state / CA_CERTIFICATE).exists():
            _mint(state, tenant, clock)
        try:
            certificate = x509.load_pem_x509_certificate((state / CA_CERTIFICATE).read_bytes())
            key = load_pem_private_key((state / CA_KEY).read_bytes(), password=None)
        except (OSError, ValueError) as error:
            raise ConfigError("bad-config", f"the authority in {state}: {error}") from error
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise ConfigError("bad-config", f"{state / CA_KEY} is no elliptic-curve key")
        if key.public_key() != certificate.public_key():
            raise ConfigError("bad-config", f"key and certificate in {state} are no pair")
        return cls(certificate, key)

    @property
    def pem(self) -> str:
        """Return the authority's certificate as PEM."""
        return self.certificate.public_bytes(Encoding.PEM).decode()

    @property
    def digest(self) -> bytes:
        """Return SHA-256 over the certificate's DER: what a join token carries."""
        return hashlib.sha256(self.certificate.public_bytes(Encoding.DER)).digest()

    def sign(self, csr: x509.CertificateSigningRequest, addresses: list[str], clock: Clock) -> str:
        """Return a certificate for the request's name and *addresses*, as PEM."""
        name = common_name(csr)
        now = moment(clock)
        alternatives: list[x509.GeneralName] = [x509.DNSName(name)]
        alternatives += [_alternative(address) for address in addresses if address]
        authority = self.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
        usages = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
        certificate = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
            .issuer_name(self.certificate.subject)
            .public_key(csr.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - _BACKDATE)
            .not_valid_after(now + datetime.timedelta(days=LEAF_DAYS))
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
            .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(authority.value),
                critical=False,
            )
            .sign(self._key, hashes.SHA256())
        )
        return certificate.public_bytes(Encoding.PEM).decode()


def read_request(pem: str, name: str) -> x509.CertificateSigningRequest:
    """Return the signing request in *pem*; it must be signed by its own key and ask for *name*.

    Raises ConfigError `bad-request` or `bad-signature`.
    """
    try:
        csr = x509.load_pem_x509_csr(pem.encode())
        public = csr.public_key()
        signed = csr.is_signature_valid
    except (ValueError, TypeError, UnsupportedAlgorithm, InvalidSignature) as error:
        raise ConfigError("bad-request", f"the signing request cannot be read: {error}") from error
    if not isinstance(public, ec.EllipticCurvePublicKey) or public.curve.name != "secp256r1":
        raise ConfigError("bad-request", "the signing request's key must be EC P-256")
    if not signed:
        raise ConfigError("bad-signature", "the signing request is not signed by its own key")
    if common_name(csr) != name:
        found = common_name(csr)
        raise ConfigError("bad-request", f"the request is for {found!r}, the token for {name!r}")
    return csr


def common_name(csr: x509.CertificateSigningRequest) -> str:
    """Return the one common name a request asks for, or nothing."""
    names = csr.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(names[0].value) if len(names) == 1 else ""


def fingerprint(csr: x509.CertificateSigningRequest) -> str:
    """Return SHA-256 over the request's SubjectPublicKeyInfo in hex; people compare it."""
    key = csr.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(key).hexdigest()


def _alternative(address: str) -> x509.GeneralName:
    """Return an address as IP or DNS name."""
    try:
        return x509.IPAddress(ipaddress.ip_address(address))
    except ValueError:
        return x509.DNSName(address)


def _mint(state: Path, tenant: str, clock: Clock) -> None:
    """Write key, then certificate; what another process or an earlier start wrote is kept."""
    fresh = ec.generate_private_key(ec.SECP256R1())
    pem = fresh.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    with contextlib.suppress(FileExistsError):
        write_private(state / CA_KEY, pem)
    key = load_pem_private_key((state / CA_KEY).read_bytes(), password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ConfigError("bad-config", f"{state / CA_KEY} is no elliptic-curve key")
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, tenant),
            x509.NameAttribute(NameOID.COMMON_NAME, f"Branchline {tenant}"),
        ]
    )
    certificate = _self_signed(key, subject, moment(clock))
    with contextlib.suppress(FileExistsError):
        write_private(state / CA_CERTIFICATE, certificate.public_bytes(Encoding.PEM))


def _self_signed(
    key: ec.EllipticCurvePrivateKey, subject: x509.Name, now: datetime.datetime
) -> x509.Certificate:
    """Return a certificate that may sign others, but no further authorities (RFC 5280 §4.2.1)."""
    usage = x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATE)
        .not_valid_after(now + datetime.timedelta(days=CA_DAYS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
