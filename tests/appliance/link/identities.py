"""What an appliance knows of itself and its hub, for tests."""

from appliance.link.identity import IdentityFields

FIELDS = IdentityFields(
    name="berlin-1",
    site="berlin",
    tenant="main",
    hub_address="127.0.0.1",
    hub_port=7400,
    hub_curve_key="k" * 40,
    hub_telemetry_port=7401,
    plan_verify_key="ab" * 32,
    control_url="http://127.0.0.1:8080",
)
