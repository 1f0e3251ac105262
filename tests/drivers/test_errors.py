"""The drivers' reason words are the ones of the rest of the product."""

from appliance.base.errors import Verdict as ApplianceVerdict
from appliance.base.reasons import REASONS as APPLIANCE_REASONS
from drivers.errors import REASONS, DriverError, Verdict


def test_every_word_is_known_everywhere_with_the_same_verdict() -> None:
    assert {word: str(verdict) for word, verdict in REASONS.items()} == {
        word: str(APPLIANCE_REASONS.get(word)) for word in REASONS
    }


def test_verdicts_are_the_same_words() -> None:
    assert {str(verdict) for verdict in Verdict} == {str(verdict) for verdict in ApplianceVerdict}


def test_error_carries_word_and_verdict() -> None:
    error = DriverError("sim-locked", "no PIN")
    assert (error.reason, error.verdict, str(error)) == (
        "sim-locked",
        Verdict.HARDWARE,
        "sim-locked: no PIN",
    )
