"""Trunks: whether each is there, told on every change."""

from appliance.legs.events import LegEvents
from appliance.wire.events import TrunkChanged
from appliance.wire.rows import LegKind, TrunkState


class TrunkTable:
    """The state of every trunk and line."""

    def __init__(self, events: LegEvents) -> None:
        self._events = events
        self.states: dict[str, TrunkState] = {}

    def add(self, name: str, kind: LegKind, *, up: bool, reason: str = "") -> None:
        """Enter a trunk as it is before anything is known of it."""
        self.states[name] = TrunkState(name, kind, up, reason)

    def changed(self, name: str, *, up: bool, reason: str = "", detail: str = "") -> None:
        """Note what a trunk can do now; told only when that is new."""
        state = self.states[name]
        if (state.up, state.reason) == (up, reason):
            return
        new = TrunkState(name, state.kind, up, reason, detail)
        self.states[name] = new
        self._events.emit(TrunkChanged, new)
