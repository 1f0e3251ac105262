"""The part of the media engine's Python face about keys: SRTP, DTLS, and legs to browsers."""

from typing import Any

from _branchline_media import ffi, lib

from appliance.legs.enginebase import EngineBase, check
from appliance.legs.enginetypes import Browser, Setup

#: [bytes] of an a=crypto value or a fingerprint, at most
_CRYPTO_ROOM = 512

SUITES: dict[str, int] = {
    "AES_CM_128_HMAC_SHA1_80": lib.BL_SUITE_AES_CM_80,
    "AES_CM_128_HMAC_SHA1_32": lib.BL_SUITE_AES_CM_32,
    "AEAD_AES_128_GCM": lib.BL_SUITE_GCM_128,
    "AEAD_AES_256_GCM": lib.BL_SUITE_GCM_256,
}
SUITE_NAMES = {number: name for name, number in SUITES.items()}
_SETUPS: dict[Setup, int] = {"passive": lib.BL_SETUP_PASSIVE, "active": lib.BL_SETUP_ACTIVE}


def _browser(raw: Any) -> Browser:
    """Return the C answer's parts as ours."""
    return Browser(*(ffi.string(text).decode() for text in (raw.ufrag, raw.pwd, raw.fingerprint)))


class SecureCalls(EngineBase):
    """Keys of legs, and the port that all browser legs share."""

    def make_crypto(self, tag: int, suite: str) -> str:
        """Return an `a=crypto` value (RFC 4568) with a new random key of that suite."""
        text = ffi.new("char[]", _CRYPTO_ROOM)
        check(lib.bl_crypto_make(tag, SUITES[suite], text, _CRYPTO_ROOM), f"key for {suite}")
        return str(ffi.string(text).decode())

    def secure(self, leg: int, ours: str, theirs: str) -> None:
        """Speak SRTP from now on, with the keys of the two agreed `a=crypto` values.

        New ones change the keys without a gap. Raises MediaError `wrong-state` where *theirs* is
        well formed but nothing that we speak.
        """
        check(
            lib.bl_leg_secure(self._alive(), leg, ours.encode(), theirs.encode()),
            f"leg {leg}: keys",
        )

    def fingerprint(self) -> str:
        """Return our own certificate's, for `a=fingerprint`."""
        text = ffi.new("char[]", _CRYPTO_ROOM)
        check(lib.bl_fingerprint(self._alive(), text, _CRYPTO_ROOM), "fingerprint")
        return str(ffi.string(text).decode())

    def dtls(self, leg: int, setup: Setup, fingerprint: str) -> None:
        """Shake hands with a leg's far end, whose certificate has that fingerprint."""
        check(
            lib.bl_leg_dtls(self._alive(), leg, _SETUPS[setup], fingerprint.encode()),
            f"leg {leg}: DTLS",
        )

    def open_browser_port(self, address: str, port: int) -> int:
        """Open the UDP port that all browser legs share; return it."""
        return check(
            lib.bl_browser_open(self._alive(), address.encode(), port),
            f"browsers at {address} port {port}",
        )

    def add_browser_leg(self, leg: int, setup: Setup, fingerprint: str) -> Browser:
        """Add a leg by WebRTC (ICE-lite, DTLS-SRTP); return what the answer must hold."""
        out = ffi.new("struct bl_browser *")
        check(
            lib.bl_leg_add_browser(self._alive(), leg, _SETUPS[setup], fingerprint.encode(), out),
            f"browser leg {leg}",
        )
        return _browser(out)

    def restart_browser_leg(self, leg: int) -> Browser:
        """Return new ICE credentials; keys, SSRC and the paths in use go on."""
        out = ffi.new("struct bl_browser *")
        check(lib.bl_leg_restart(self._alive(), leg, out), f"browser leg {leg}: restart")
        return _browser(out)
