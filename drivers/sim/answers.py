"""Marks a pretend device's methods with the request they answer, and finds them."""

import re
from collections.abc import Callable
from typing import Any

Answer = Callable[..., list[str] | str]


def answers(pattern: str) -> Callable[[Answer], Answer]:
    """Mark a method as the answer to requests that match *pattern* wholly, case ignored.

    The pattern's groups become its arguments. It returns the final result, or a list of lines
    whose last is the final result.
    """

    def mark(method: Answer) -> Answer:
        method.__dict__.setdefault("answers", []).append(re.compile(pattern, re.IGNORECASE))
        return method

    return mark


def find_answer(device: object, request: str) -> Callable[[], list[str] | str] | None:
    """Return what answers *request*, ready to be called, or None when the device knows it not."""
    for pattern, name in _table(type(device)):
        found = pattern.fullmatch(request)
        if found:
            method: Any = getattr(device, name)
            arguments = found.groups()
            return lambda: method(*arguments)
    return None


def _table(kind: type) -> list[tuple[re.Pattern[str], str]]:
    return [
        (pattern, name)
        for base in kind.__mro__
        for name, method in vars(base).items()
        for pattern in getattr(method, "answers", ())
    ]
