"""SDP bodies (RFC 8866) as offers and answers (RFC 3264): the face of what `sdp*.py` do.

Pure: text in, values out; random numbers are an argument. A body that cannot be read raises
`SdpError` `bad-request`, one that offers nothing we speak `no-codec`, one without the keys that
must be there `no-encryption`.

| file | what it does |
|---|---|
| `sdptypes.py` | the values |
| `sdpread.py` | text to `Session` |
| `sdpcodecs.py` | the codecs, their parameters, which one is taken |
| `sdpkeys.py` | `a=crypto` (RFC 4568) |
| `sdpdtls.py` | fingerprints and roles of DTLS-SRTP (RFC 5763) |
| `sdpagree.py` | what offer and answer settle |
| `sdpwrite.py` | our offers and answers |

`whip.py` answers browsers with it, `t38sdp.py` speaks of fax.
"""

from appliance.legs.sdpagree import agree
from appliance.legs.sdpkeys import make_keys
from appliance.legs.sdpread import parse
from appliance.legs.sdptypes import (
    NARROW,
    WIDE,
    Agreed,
    Codec,
    CodecName,
    CodecOrder,
    Crypto,
    Direction,
    Dtls,
    Keys,
    Local,
    Media,
    Policy,
    SdpError,
    Session,
    Setup,
    Srtp,
    SrtpKeys,
)
from appliance.legs.sdpwrite import answer, offer

__all__ = [
    "NARROW",
    "WIDE",
    "Agreed",
    "Codec",
    "CodecName",
    "CodecOrder",
    "Crypto",
    "Direction",
    "Dtls",
    "Keys",
    "Local",
    "Media",
    "Policy",
    "SdpError",
    "Session",
    "Setup",
    "Srtp",
    "SrtpKeys",
    "agree",
    "answer",
    "make_keys",
    "offer",
    "parse",
]
