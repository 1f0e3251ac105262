"""What only one peer may read: sealed from link key to link key, whoever carries it.

crypto_box of NaCl (X25519, XSalsa20-Poly1305) with the CURVE keys of both appliances.
"""

from nacl.exceptions import CryptoError
from nacl.public import Box, PrivateKey, PublicKey
from zmq.utils import z85

from appliance.base.errors import PeerError
from appliance.link.identity import CurveKeys


class Sealer:
    """Seals for peers and opens what they sealed for us."""

    def __init__(self, keys: CurveKeys) -> None:
        self._secret = PrivateKey(z85.decode(keys.secret))

    def seal(self, text: bytes, peer_key: str) -> bytes:
        """Return *text* so that only the owner of *peer_key* (Z85) can read it."""
        return bytes(self._box(peer_key).encrypt(text))

    def open(self, sealed: bytes, peer_key: str) -> bytes:
        """Return what the owner of *peer_key* sealed for us; raise PeerError `bad-signature`."""
        try:
            return self._box(peer_key).decrypt(sealed)
        except (CryptoError, ValueError) as error:
            raise PeerError("bad-signature", f"not sealed for us by this peer: {error}") from None

    def _box(self, peer_key: str) -> Box:
        try:
            return Box(self._secret, PublicKey(z85.decode(peer_key)))
        except (CryptoError, ValueError, KeyError) as error:
            raise PeerError("bad-signature", f"no key: {error}") from None
