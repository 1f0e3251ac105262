"""A box as control sees it: makes keys and sealed requests, reads sealed answers."""

import secrets

import msgspec
import zmq
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from appliance.link import jointoken
from appliance.link.jointoken import EnrolAnswer, EnrolRequest


class Box:
    """One box with a join token, as it stands in the branch."""

    def __init__(self, token: str, name: str, *, asks_for: str = "") -> None:
        self.token = jointoken.parse_token(token)
        self.name = name
        self.key = ec.generate_private_key(ec.SECP256R1())
        public, self.curve_secret = zmq.curve_keypair()
        self.curve_key = public.decode()
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, asks_for or name)])
        request = x509.CertificateSigningRequestBuilder().subject_name(subject)
        signed = request.sign(self.key, hashes.SHA256())
        self.csr = signed.public_bytes(Encoding.PEM).decode()

    def request(self) -> EnrolRequest:
        """Return what the box asks."""
        return EnrolRequest(
            token=self.token.token_id.hex(),
            nonce=secrets.token_hex(16),
            name=self.name,
            csr=self.csr,
            curve_key=self.curve_key,
            sip_address="127.0.0.1",
            sip_port=5060,
            link_address="127.0.0.1",
            link_port=7410,
            version="0.1.0",
        )

    def sealed(self, **fields: object) -> bytes:
        """Return the request as it goes out, with *fields* put in before it is sealed."""
        request = msgspec.structs.replace(self.request(), **fields)
        return jointoken.seal(request, self.token.secret)

    def read(self, body: bytes) -> EnrolAnswer:
        """Return control's answer; fail where its seal is wrong."""
        assert jointoken.is_sealed(body, EnrolAnswer, self.token.secret)
        return jointoken.read(body, EnrolAnswer)
