"""What several hubs show, as one floor. Pure.

Each has the contacts and seats of its own pools, and all boxes.
"""

from collections.abc import Callable
from typing import Any

Row = dict[str, Any]


def merged(floors: list[Row]) -> Row:
    """Return one floor; of a row that two hubs have, the one that says more."""
    return {
        "number": sum(int(floor.get("number", 0)) for floor in floors),
        "at": max(str(floor.get("at", "")) for floor in floors),
        "plan_serial": max(int(floor.get("plan_serial", 0)) for floor in floors),
        "appliances": _union(floors, "appliances", "name", lambda row: bool(row.get("up"))),
        "contacts": _union(floors, "contacts", "contact", lambda _row: 0),
        "seats": _union(floors, "seats", "seat", lambda _row: 0),
        "queues": _union(floors, "queues", "queue", _held),
    }


def _union(floors: list[Row], kind: str, key: str, weight: Callable[[Row], int]) -> list[Row]:
    rows: dict[str, Row] = {}
    for floor in floors:
        for row in floor.get(kind, []):
            name = str(row.get(key))
            if name not in rows or weight(row) > weight(rows[name]):
                rows[name] = row
    return [rows[name] for name in sorted(rows)]


def _held(queue: Row) -> int:
    return sum(int(queue.get(count, 0)) for count in ("waiting", "offered", "talking"))
