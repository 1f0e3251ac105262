"""The reason words: short, and each with a verdict."""

import re

from appliance.base.errors import Verdict
from appliance.base.reasons import REASONS, verdict_of


def test_words_are_short_and_plain() -> None:
    for reason in REASONS:
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*", reason)
        assert len(reason) <= 24


def test_every_verdict_is_used() -> None:
    assert set(REASONS.values()) == set(Verdict)


def test_verdicts() -> None:
    assert verdict_of("busy") is Verdict.CALLER
    assert verdict_of("disk-full") is Verdict.HARDWARE
    assert verdict_of("never-heard-of") is Verdict.OURS
