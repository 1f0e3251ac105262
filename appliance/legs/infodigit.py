"""Digits in INFO requests: the two bodies that phones and gateways send."""

import re

_SIGNAL = re.compile(r"^\s*Signal\s*=\s*([0-9A-Da-d*#])\s*$", re.MULTILINE)
_DURATION = re.compile(r"^\s*Duration\s*=\s*(\d{1,5})\s*$", re.MULTILINE)
_BARE = re.compile(r"\s*([0-9A-Da-d*#])\s*\Z")


def digit_in(content_type: str, body: str) -> tuple[str, int] | None:
    """Return the digit in an INFO and its duration [ms], 0 where none is said; else None."""
    kind = content_type.partition(";")[0].strip()
    if kind == "application/dtmf-relay":
        signal = _SIGNAL.search(body[:512])
        duration = _DURATION.search(body[:512])
        if signal is None:
            return None
        return signal[1].upper(), int(duration[1]) if duration else 0
    if kind == "application/dtmf":
        bare = _BARE.match(body[:512])
        return (bare[1].upper(), 0) if bare else None
    return None
