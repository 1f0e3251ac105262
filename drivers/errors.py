"""Errors of the drivers: a verdict (whose fault) and a reason word, the same as everywhere else.

The words are those of `docs/errors.md`; this room imports nothing of the appliance, so the few it
uses are written down here once more.
"""

from enum import StrEnum
from types import MappingProxyType


class Verdict(StrEnum):
    """Who has to act: the answer to «whose fault is it?»."""

    OURS = "ours"
    CALLER = "caller"
    CARRIER = "carrier"
    CONFIG = "config"
    HARDWARE = "hardware"
    PEER = "peer"


#: every reason word a driver uses -> whose fault it counts as
REASONS: MappingProxyType[str, Verdict] = MappingProxyType(
    {
        "normal": Verdict.CALLER,
        "cancelled": Verdict.CALLER,
        "busy": Verdict.CALLER,
        "no-answer": Verdict.CALLER,
        "declined": Verdict.CALLER,
        "not-found": Verdict.CALLER,
        "unavailable": Verdict.CALLER,
        "bad-request": Verdict.CALLER,
        "congestion": Verdict.CARRIER,
        "carrier-failure": Verdict.CARRIER,
        "timeout": Verdict.CARRIER,
        "line-lost": Verdict.HARDWARE,
        "line-silent": Verdict.HARDWARE,
        "no-signal": Verdict.HARDWARE,
        "sim-locked": Verdict.HARDWARE,
        "port-busy": Verdict.CONFIG,
        "bad-config": Verdict.CONFIG,
        "missing-file": Verdict.CONFIG,
        "wrong-state": Verdict.OURS,
        "shutdown": Verdict.OURS,
        "internal": Verdict.OURS,
    }
)


class DriverError(Exception):
    """Base of the drivers' errors; *reason* is a word of `REASONS` and decides the verdict."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message

    @property
    def verdict(self) -> Verdict:
        """Whose fault it counts as; an unknown word is ours."""
        return REASONS.get(self.reason, Verdict.OURS)

    def __str__(self) -> str:
        return f"{self.reason}: {self.message}"


class LineLost(DriverError):  # noqa: N818 - it is a state of the line, named as people name it
    """Raised when the device is gone: unplugged, reset, or its port hung up."""

    def __init__(self, message: str) -> None:
        super().__init__("line-lost", message)


class LineSilent(DriverError):  # noqa: N818
    """Raised when the device is there but does not answer within a command's time."""

    def __init__(self, message: str) -> None:
        super().__init__("line-silent", message)


class CommandRefused(DriverError):  # noqa: N818
    """Raised when the device answers a command with an error; *final* is what it said."""

    def __init__(self, command: str, final: str) -> None:
        super().__init__("carrier-failure", f"{command} was answered with {final}")
        self.command = command
        self.final = final
