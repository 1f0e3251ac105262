"""Clocks: handed in everywhere, so that tests hold the time."""

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """What the rest may ask of time."""

    def monotonic_s(self) -> float:
        """Return seconds that never jump; the same clock in all processes of one boot."""

    def wall_us(self) -> int:
        """Return microseconds since 1970 UTC; may jump."""


class SystemClock:
    """The machine's clocks (CLOCK_MONOTONIC, CLOCK_REALTIME)."""

    def monotonic_s(self) -> float:
        """Return CLOCK_MONOTONIC in seconds."""
        return time.monotonic()

    def wall_us(self) -> int:
        """Return CLOCK_REALTIME in microseconds."""
        return time.time_ns() // 1000


class HeldClock:
    """A clock that moves only when told to."""

    def __init__(
        self, *, monotonic_s: float = 1000.0, wall_us: int = 1_800_000_000_000_000
    ) -> None:
        self._monotonic_s = monotonic_s
        self._wall_us = wall_us

    def monotonic_s(self) -> float:
        """Return the held monotonic time in seconds."""
        return self._monotonic_s

    def wall_us(self) -> int:
        """Return the held wall time in microseconds."""
        return self._wall_us

    def advance(self, seconds: float) -> None:
        """Move both clocks on by *seconds*."""
        self._monotonic_s += seconds
        self._wall_us += round(seconds * 1e6)

    def set_wall(self, wall_us: int) -> None:
        """Set the wall clock alone."""
        self._wall_us = wall_us


def rfc3339(wall_us: int) -> str:
    """Return *wall_us* as RFC 3339 UTC text with microseconds: `2026-11-22T04:05:06.000007Z`."""
    moment = datetime.fromtimestamp(wall_us // 1_000_000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{wall_us % 1_000_000:06d}Z"
