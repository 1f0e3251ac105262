"""Errors that know whose fault they are: a verdict and a reason word, the same everywhere."""

from enum import StrEnum


class Verdict(StrEnum):
    """Who has to act: the answer to «whose fault is it?»."""

    OURS = "ours"
    CALLER = "caller"
    CARRIER = "carrier"
    CONFIG = "config"
    HARDWARE = "hardware"
    PEER = "peer"


class BranchlineError(Exception):
    """Base of all our errors; *reason* is a word of `appliance.base.reasons`."""

    verdict: Verdict = Verdict.OURS

    def __init__(self, reason: str, message: str, *, verdict: Verdict | None = None) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        if verdict is not None:
            self.verdict = verdict

    def __str__(self) -> str:
        return f"{self.reason}: {self.message}"


class ConfigError(BranchlineError):
    """Raised when a configuration file, field or token is not what it must be."""

    verdict = Verdict.CONFIG


class PeerError(BranchlineError):
    """Raised when control or another appliance breaks the protocol or cannot be reached."""

    verdict = Verdict.PEER
