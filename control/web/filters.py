"""How values are written for people, in templates."""

import json
from datetime import datetime
from typing import Any

from flask import Flask

from control.web.context import parts


def set_up(app: Flask) -> None:
    """Add the filters to the templates of *app*."""
    for filter_ in (ago, since, clock, fingerprint, seconds, levels, from_json):
        app.add_template_filter(filter_)


def since(value: object) -> str:
    """Return how long ago an RFC 3339 moment was, as the hub writes it: `5 min ago`."""
    try:
        return ago(datetime.fromisoformat(str(value)))
    except (ValueError, TypeError):
        return ""


def clock(value: datetime | None) -> str:
    """Return a moment in UTC: `2026-11-22 04:05`."""
    return "" if value is None else f"{value:%Y-%m-%d %H:%M}"


def ago(value: datetime | None) -> str:
    """Return how long ago a moment was, or how far ahead: `5 min ago`, `in 3 h`."""
    if value is None:
        return "never"
    passed_s = parts().clock.wall_us() / 1e6 - value.timestamp()
    if abs(passed_s) < 2:
        return "just now"
    text = seconds(abs(passed_s))
    return f"{text} ago" if passed_s >= 0 else f"in {text}"


def seconds(value: float) -> str:
    """Return a duration with the unit that suits it: `45 s`, `5 min`, `3 h`, `2 d`."""
    for length_s, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if value >= length_s:
            return f"{value / length_s:.0f} {unit}"
    return f"{round(value, 1):g} s" if value < 10 else f"{value:.0f} s"


def fingerprint(value: str) -> str:
    """Return hex digits in groups of four, as people compare them."""
    return " ".join(value[start : start + 4] for start in range(0, len(value), 4))


def levels(skills: list[object]) -> str:
    """Return skills as the forms take them: `billing 5, english 3`."""
    pairs = [(getattr(row, "skill", ""), getattr(row, "level", 0)) for row in skills]
    return ", ".join(f"{skill} {level}" for skill, level in pairs)


def from_json(text: str) -> Any:
    """Return what *text* holds; messages carry the fields of an undo so."""
    return json.loads(text)
