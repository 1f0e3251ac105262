"""The authority: minted once, signs only what is in order."""

import datetime
import ipaddress
import stat
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from appliance.base.clock import HeldClock
from appliance.base.errors import ConfigError
from appliance.link.jointoken import ca_digest
from control.fleet.authority import CA_DAYS, Authority, fingerprint, read_request

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


def csr(name: str, key: Key | None = None) -> str:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
    signed = builder.sign(key or ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
    return signed.public_bytes(Encoding.PEM).decode()


def test_it_is_minted_once_and_then_kept(tmp_path: Path, clock: HeldClock) -> None:
    first = Authority.open(tmp_path, "main", clock)
    again = Authority.open(tmp_path, "main", clock)
    assert first.pem == again.pem
    assert stat.S_IMODE((tmp_path / "ca.key").stat().st_mode) == 0o600
    der = first.certificate.public_bytes(Encoding.DER)
    assert first.digest == ca_digest(der)


def test_it_lives_ten_years_and_may_only_sign_boxes(tmp_path: Path, clock: HeldClock) -> None:
    certificate = Authority.open(tmp_path, "main", clock).certificate
    life = certificate.not_valid_after_utc - certificate.not_valid_before_utc
    assert life >= datetime.timedelta(days=CA_DAYS) >= datetime.timedelta(days=3652)
    limits = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    assert limits.critical
    assert limits.value == x509.BasicConstraints(ca=True, path_length=0)


def test_a_start_that_was_cut_short_is_completed(tmp_path: Path, clock: HeldClock) -> None:
    Authority.open(tmp_path, "main", clock)
    (tmp_path / "ca.pem").unlink()
    key = (tmp_path / "ca.key").read_bytes()
    Authority.open(tmp_path, "main", clock)
    assert (tmp_path / "ca.key").read_bytes() == key


@pytest.mark.parametrize("spoilt", ["ca.key", "ca.pem"])
def test_spoilt_files_are_named(tmp_path: Path, clock: HeldClock, spoilt: str) -> None:
    Authority.open(tmp_path, "main", clock)
    (tmp_path / spoilt).write_text("nothing")
    with pytest.raises(ConfigError, match="bad-config") as caught:
        Authority.open(tmp_path, "main", clock)
    assert str(tmp_path) in caught.value.message


def test_a_key_of_another_authority_is_refused(tmp_path: Path, clock: HeldClock) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    Authority.open(tmp_path / "a", "main", clock)
    Authority.open(tmp_path / "b", "main", clock)
    (tmp_path / "a" / "ca.key").write_bytes((tmp_path / "b" / "ca.key").read_bytes())
    with pytest.raises(ConfigError, match="no pair"):
        Authority.open(tmp_path / "a", "main", clock)


def test_a_certificate_bears_name_and_addresses(tmp_path: Path, clock: HeldClock) -> None:
    authority = Authority.open(tmp_path, "main", clock)
    request = read_request(csr("berlin-1"), "berlin-1")
    pem = authority.sign(request, ["192.0.2.7", "box.example"], clock)
    certificate = x509.load_pem_x509_certificate(pem.encode())
    certificate.verify_directly_issued_by(authority.certificate)
    assert certificate.public_key() == request.public_key()
    assert certificate.subject.rfc4514_string() == "CN=berlin-1"
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["berlin-1", "box.example"]
    assert names.get_values_for_type(x509.IPAddress) == [ipaddress.ip_address("192.0.2.7")]
    limits = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    assert not limits.ca


def test_a_request_for_another_name_is_refused() -> None:
    with pytest.raises(ConfigError, match="'lisbon-1', the token for 'berlin-1'"):
        read_request(csr("lisbon-1"), "berlin-1")


def test_a_request_that_its_key_did_not_sign_is_refused() -> None:
    der = bytearray(x509.load_pem_x509_csr(csr("berlin-1").encode()).public_bytes(Encoding.DER))
    place = der.find(b"berlin-1")
    der[place : place + 8] = b"berlin-2"
    pem = x509.load_der_x509_csr(bytes(der)).public_bytes(Encoding.PEM).decode()
    with pytest.raises(ConfigError, match="bad-signature"):
        read_request(pem, "berlin-2")


@pytest.mark.parametrize("key", [ec.generate_private_key(ec.SECP384R1()), None])
def test_other_kinds_of_key_are_refused(key: Key | None) -> None:
    key = key or rsa.generate_private_key(public_exponent=65537, key_size=2048)
    with pytest.raises(ConfigError, match="must be EC P-256"):
        read_request(csr("berlin-1", key), "berlin-1")


@pytest.mark.parametrize("text", ["", "x", "-----BEGIN CERTIFICATE REQUEST-----\n", "\x00é"])
def test_what_is_no_request_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="bad-request"):
        read_request(text, "berlin-1")


def test_fingerprints_tell_keys_apart() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    same = {fingerprint(read_request(csr("a", key), "a")) for _ in range(2)}
    assert len(same) == 1
    assert fingerprint(read_request(csr("a"), "a")) not in same
