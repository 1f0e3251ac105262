"""A flow as a drawing: steps in columns by how far they are from the start, arrows between."""

import msgspec

from appliance.plan.lookup import Lookup, callee
from appliance.plan.model import (
    Collect,
    Enqueue,
    Flow,
    HangUp,
    Hours,
    Menu,
    Outside,
    Say,
    Step,
    TakeFax,
)
from appliance.plan.voicemail import Voicemail

#: sizes in the drawing's own units
WIDTH, HEIGHT = 190, 66
GAP_X, GAP_Y = 96, 30
MARGIN = 28
_KINDS: dict[type[Step], str] = {
    Say: "say",
    Menu: "menu",
    Enqueue: "queue",
    HangUp: "hang up",
    TakeFax: "fax",
    Hours: "hours",
    Collect: "collect",
    Outside: "call out",
    Lookup: "look up",
    Voicemail: "voicemail",
}


class Node(msgspec.Struct, frozen=True):
    """One step as a box."""

    name: str
    kind: str
    detail: str
    x: int
    y: int


class Edge(msgspec.Struct, frozen=True):
    """One arrow: an SVG path, and a label with its place."""

    path: str
    label: str
    x: float
    y: float
    #: leads back to a step at the same distance or nearer the start
    back: bool


class Drawing(msgspec.Struct, frozen=True):
    """Boxes and arrows, and how much room they take."""

    width: int
    height: int
    nodes: list[Node]
    edges: list[Edge]


def draw(flow: Flow) -> Drawing:
    """Return the drawing of *flow*; steps that nothing leads to stand in the last column."""
    columns = _columns(flow)
    spots: dict[str, Node] = {}
    tallest = max((len(column) for column in columns), default=0)
    for number, column in enumerate(columns):
        free = (tallest - len(column)) * (HEIGHT + GAP_Y) // 2
        for row, name in enumerate(column):
            step = flow.steps[name]
            x = MARGIN + number * (WIDTH + GAP_X)
            y = MARGIN + free + row * (HEIGHT + GAP_Y)
            spots[name] = Node(name, _kind(step), _detail(step), x, y)
    edges = [
        _edge(spots[name], spots[target], label)
        for name, step in flow.steps.items()
        for target, label in _exits(step).items()
        if target in spots
    ]
    lowest = max((node.y for node in spots.values()), default=0) + HEIGHT
    deep = GAP_Y * 2 if any(edge.back for edge in edges) else 0
    width = 2 * MARGIN + len(columns) * (WIDTH + GAP_X) - GAP_X
    return Drawing(max(width, 0), lowest + MARGIN + deep, list(spots.values()), edges)


def _columns(flow: Flow) -> list[list[str]]:
    """Return step names by distance from the start, each in the order it is met."""
    seen: set[str] = set()
    columns: list[list[str]] = []
    ahead = [flow.start] if flow.start in flow.steps else []
    while ahead:
        columns.append(ahead)
        seen.update(ahead)
        targets = [target for name in ahead for target in _exits(flow.steps[name])]
        fresh = [name for name in dict.fromkeys(targets) if name not in seen]
        ahead = [name for name in fresh if name in flow.steps]
    lost = [name for name in flow.steps if name not in seen]
    return [*columns, lost] if lost else columns


def _exits(step: Step) -> dict[str, str]:
    """Return where a step leads, each with the keys that lead there."""
    if isinstance(step, Say):
        return {step.next: ""}
    found: dict[str, list[str]] = {}
    if isinstance(step, Hours):
        found.setdefault(step.open, []).append("open")
        found.setdefault(step.closed, []).append("closed")
    if isinstance(step, Collect):
        found.setdefault(step.next, []).append(step.name)
        found.setdefault(step.otherwise, []).append("else")
    if isinstance(step, Outside | Voicemail):
        found.setdefault(step.otherwise, []).append("else")
    if isinstance(step, Lookup):
        for way in ("found", "missing", "failed"):
            found.setdefault(getattr(step, way), []).append(way)
    if not isinstance(step, Menu):
        return {target: " ".join(ways) for target, ways in found.items()}
    for digit, target in step.choices.items():
        found.setdefault(target, []).append(digit)
    found.setdefault(step.otherwise, []).append("else")
    return {target: " ".join(keys) for target, keys in found.items()}


def _kind(step: Step) -> str:
    return _KINDS[type(step)]


def _detail(step: Step) -> str:
    """Return the step's main fact, short enough for its box."""
    if isinstance(step, Enqueue):
        text = step.queue
    elif isinstance(step, Hours):
        text = step.calendar
    elif isinstance(step, Outside):
        text = step.number
    elif isinstance(step, Lookup):
        asked = callee(step.url)
        text = asked.host if asked else step.url
    elif isinstance(step, Voicemail):
        text = step.mailbox
    else:
        text = ", ".join(step.prompts)
    return text if len(text) <= 24 else f"{text[:23]}…"


def _edge(start: Node, end: Node, label: str) -> Edge:
    """Return the arrow from one box to another."""
    x1, y1 = start.x + WIDTH, start.y + HEIGHT // 2
    x2, y2 = end.x, end.y + HEIGHT // 2
    if x2 > start.x:
        middle = (x1 + x2) / 2
        path = f"M{x1} {y1}C{middle} {y1} {middle} {y2} {x2 - 4} {y2}"
        return Edge(path, label, x2 - 14, y2 + (18 if y2 > y1 else -8), back=False)
    # back: from below the one box to below the other
    x1, x2 = start.x + WIDTH // 2, end.x + WIDTH // 2
    low = max(start.y, end.y) + HEIGHT + GAP_Y * 2
    y1, y2 = start.y + HEIGHT, end.y + HEIGHT
    if start.name == end.name:
        x1, x2 = x1 + 40, x2 - 40
    path = f"M{x1} {y1}C{x1} {low} {x2} {low} {x2} {y2 + 4}"
    return Edge(path, label, (x1 + x2) / 2 + 20, y1 + (low - y1) * 0.75 - 4, back=True)
