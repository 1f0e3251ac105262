"""Which codecs, which encryption and which fax a far end gets, by what it is."""

from collections.abc import Sequence
from dataclasses import replace

from appliance.config.model import ApplianceSettings, LinkSettings, PhoneSettings, TrunkSettings
from appliance.legs.sdp import Policy
from appliance.wire.rows import LegKind


class CallPolicies:
    """The policies of phones, trunks and peers, from the settings."""

    def __init__(self, settings: ApplianceSettings) -> None:
        self._phones = _policy(settings.phones)
        self._peers = settings.link
        self._trunks = {name: _policy(trunk) for name, trunk in settings.trunks.items()}
        #: we are a relay: appliances that we call may be behind a NAT
        self.relays = False

    def of(self, kind: LegKind, via: str, *, tls: bool = False) -> Policy:
        """Return the policy of a phone, trunk or peer whose call goes by TLS or does not."""
        if kind == "phone":
            return self._phones
        if kind in ("peer", "relay"):
            return replace(_policy(self._peers, tls=tls), awaits=self.relays)
        return self._trunks.get(via, Policy())


def narrowed(policy: Policy, codecs: Sequence[str]) -> Policy:
    """Return *policy* with no codecs but these, in their order; none that it has: as it was."""
    left = sorted((one for one in policy.codecs if one in codecs), key=codecs.index)
    return replace(policy, codecs=tuple(left)) if left else policy


def _policy(section: PhoneSettings | TrunkSettings | LinkSettings, *, tls: bool = False) -> Policy:
    srtp = section.srtp
    if srtp == "auto":
        srtp = "required" if tls else "off"
    return Policy(
        tuple(dict.fromkeys(section.codecs)),
        srtp,
        section.codec_order,
        section.comfort_noise,
        isinstance(section, TrunkSettings) and section.t38,
        section.srtp_keys,
    )
