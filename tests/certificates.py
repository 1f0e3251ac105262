"""Certificates for tests: an authority, and what it signs, all made on the spot."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID


@dataclass(frozen=True)
class Pair:
    """A certificate and its key, PEM."""

    certificate: str
    key: str


class Authority:
    """Signs whatever a test wants."""

    def __init__(self, name: str = "authority") -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._certificate = _sign(name, self._key, None, self._key)
        self.pem = _pem(self._certificate)

    def pair(self, name: str, *, days: int = 2) -> Pair:
        """Return a certificate for *name*, valid until *days* from now, and its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = _sign(name, key, self._certificate, self._key, days=days)
        text = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
        return Pair(_pem(certificate), text)


def write_pair(folder: Path, pair: Pair, authority: str) -> Path:
    """Write what enrolment would into *folder*: certificate, key and authority."""
    folder.mkdir(parents=True, mode=0o700, exist_ok=True)
    (folder / "certificate.pem").write_text(pair.certificate)
    (folder / "ca.pem").write_text(authority)
    key = folder / "key.pem"
    key.touch(0o600)
    key.write_text(pair.key)
    return folder


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(Encoding.PEM).decode()


def _sign(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    issuer: x509.Certificate | None,
    issuer_key: ec.EllipticCurvePrivateKey,
    *,
    days: int = 2,
) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=3))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
    )
    if issuer is not None:
        names = x509.SubjectAlternativeName([x509.DNSName(name)])
        builder = builder.add_extension(names, critical=False)
    return builder.sign(issuer_key, hashes.SHA256())
