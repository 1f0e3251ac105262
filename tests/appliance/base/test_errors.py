"""Errors carry a verdict and a reason."""

import pytest

from appliance.base.errors import BranchlineError, ConfigError, PeerError, Verdict


def test_an_error_reads_as_reason_and_sentence() -> None:
    error = ConfigError("bad-config", "the port is missing")
    assert str(error) == "bad-config: the port is missing"
    assert (error.reason, error.message) == ("bad-config", "the port is missing")


@pytest.mark.parametrize(
    ("kind", "verdict"),
    [
        (BranchlineError, Verdict.OURS),
        (ConfigError, Verdict.CONFIG),
        (PeerError, Verdict.PEER),
    ],
)
def test_each_kind_has_its_verdict(kind: type[BranchlineError], verdict: Verdict) -> None:
    assert kind("x", "y").verdict is verdict


def test_one_error_may_know_better() -> None:
    assert PeerError("x", "y", verdict=Verdict.HARDWARE).verdict is Verdict.HARDWARE
    assert PeerError("x", "y").verdict is Verdict.PEER, "and changes no other"
