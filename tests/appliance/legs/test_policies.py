"""Whose codecs and encryption hold for which far end."""

import msgspec
import pytest

from appliance.config.model import (
    ApplianceSettings,
    LinkSettings,
    PhoneSettings,
    TrunkSettings,
)
from appliance.legs.policies import CallPolicies
from appliance.legs.sdp import NARROW, WIDE, Policy


def test_wide_band_is_for_phones_and_peers() -> None:
    policies = CallPolicies(ApplianceSettings(trunks={"city": TrunkSettings(host="x")}))
    assert policies.of("phone", "ann") == policies.of("peer", "box-b") == Policy(WIDE)
    assert policies.of("trunk", "city") == Policy(NARROW, t38=True)
    assert policies.of("trunk", "no-such-trunk") == Policy(NARROW)


def test_each_section_speaks_for_its_own() -> None:
    settings = ApplianceSettings(
        phones=PhoneSettings(codecs=("PCMU", "PCMU", "G722"), codec_order="ours"),
        link=LinkSettings(codecs=("OPUS",), srtp="required", comfort_noise=False),
        trunks={"city": TrunkSettings(host="x", codecs=("PCMU",), srtp="optional", t38=False)},
    )
    policies = CallPolicies(settings)
    assert policies.of("phone", "ann") == Policy(("PCMU", "G722"), "off", "ours")
    assert policies.of("peer", "box-b") == Policy(("OPUS",), "required", comfort_noise=False)
    assert policies.of("trunk", "city") == Policy(("PCMU",), "optional")


def test_calls_between_appliances_by_tls_are_encrypted() -> None:
    policies = CallPolicies(ApplianceSettings())
    assert policies.of("peer", "box-b", tls=True) == Policy(WIDE, "required")
    assert policies.of("peer", "box-b").srtp == policies.of("phone", "ann", tls=True).srtp == "off"
    off = CallPolicies(ApplianceSettings(link=LinkSettings(srtp="off")))
    assert off.of("peer", "box-b", tls=True).srtp == "off"


@pytest.mark.parametrize("field", [{"codecs": []}, {"codecs": ["G729"]}, {"srtp": "yes"}])
def test_senseless_settings_are_refused(field: dict[str, object]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(field, PhoneSettings)
