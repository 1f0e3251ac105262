"""What is sealed for a peer, that peer alone can open, and only as it came."""

import pytest
import zmq

from appliance.base.errors import PeerError
from appliance.link.identity import CurveKeys
from appliance.link.sealing import Sealer


def keys() -> CurveKeys:
    public, secret = (key.decode() for key in zmq.curve_keypair())
    return CurveKeys(public=public, secret=secret)


def test_only_the_peer_opens_it() -> None:
    a, b, c = keys(), keys(), keys()
    sealed = Sealer(a).seal(b"+493012345678", b.public)
    assert b"3012345678" not in sealed
    assert Sealer(b).open(sealed, a.public) == b"+493012345678"
    for opener, sender in ((c, a), (b, c)):
        with pytest.raises(PeerError, match="bad-signature"):
            Sealer(opener).open(sealed, sender.public)


@pytest.mark.parametrize("sealed", [b"", b"x" * 10, b"x" * 100, b"\x00" * 24])
def test_nonsense_is_refused(sealed: bytes) -> None:
    with pytest.raises(PeerError, match="bad-signature"):
        Sealer(keys()).open(sealed, keys().public)


@pytest.mark.parametrize("key", ["", "x", "\xff" * 40, "0" * 40])
def test_a_key_that_is_none_is_refused(key: str) -> None:
    with pytest.raises(PeerError, match="bad-signature"):
        Sealer(keys()).open(b"x" * 100, key)
