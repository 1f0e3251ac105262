"""What a bench found: figures, and bars that some of them must meet."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from tests.bench.machine import commit, machine

_TESTS: dict[str, Callable[[float, float], bool]] = {
    "<=": lambda value, limit: value <= limit,
    ">=": lambda value, limit: value >= limit,
}


@dataclass(frozen=True, slots=True)
class Bar:
    """A figure and what it must be, such as `<= 8.8`."""

    name: str
    value: float
    must: str
    unit: str
    ok: bool


@dataclass(slots=True)
class Report:
    """The result of one bench."""

    bench: str
    figures: dict[str, float] = field(default_factory=dict)
    bars: list[Bar] = field(default_factory=list)
    #: sentences about what limits a figure; for people only
    notes: list[str] = field(default_factory=list)

    def figure(self, name: str, value: float) -> float:
        """Enter a figure, and return it; the unit is the end of its name."""
        self.figures[name] = _plain(value)
        return value

    def bar(self, name: str, value: float, must: str, unit: str) -> None:
        """Enter a bar: *must* is `<= NUMBER` or `>= NUMBER`."""
        how, _, limit = must.partition(" ")
        self.bars.append(Bar(name, _plain(value), must, unit, _TESTS[how](value, float(limit))))

    def as_dict(self) -> dict[str, Any]:
        """Return the object that `--json` prints."""
        return {
            "bench": self.bench,
            "date": datetime.now(UTC).isoformat(timespec="seconds"),
            "machine": machine(),
            "commit": commit(),
            "figures": self.figures,
            "bars": [asdict(bar) for bar in self.bars],
        }

    def as_json(self) -> str:
        """Return one JSON object on one line."""
        return json.dumps(self.as_dict())

    def as_text(self) -> str:
        """Return a table for people."""
        whole = self.as_dict()
        lines = [f"{self.bench}: {whole['date']}, {whole['machine']}, {whole['commit']}", ""]
        lines += [f"  {name:<44}{value:>12g}" for name, value in self.figures.items()]
        lines += ["", f"  {'bar':<44}{'value':>12}  must"]
        for bar in self.bars:
            verdict = "ok" if bar.ok else "MISSED"
            lines.append(f"  {bar.name:<44}{bar.value:>12g}  {bar.must} {bar.unit}  {verdict}")
        lines += ["", *(f"  {note}" for note in self.notes)] if self.notes else []
        return "\n".join(lines)


def _plain(value: float) -> float:
    """Return four significant digits: no measurement here is better than that."""
    return float(f"{value:.4g}")
