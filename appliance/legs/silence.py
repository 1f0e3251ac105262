"""How long a leg may be silent before it counts as lost; the engine counts, this says how long."""

from appliance.legs.engine import MediaEngine
from appliance.legs.table import LegTable

#: who pauses with G.711 says so by a packet each 5 s, as our engine does; and some [s]
PAUSE_S = 6.0


class SilenceWatch:
    """The legs that must be heard from."""

    def __init__(self, engine: MediaEngine, table: LegTable, timeout_s: float) -> None:
        self._engine = engine
        self._table = table
        self._timeout_s = timeout_s
        self._watched: set[int] = set()
        #: legs whose far ends send nothing but noise now and then while nobody talks
        self._pausing: set[int] = set()

    def may_pause(self, leg: int, *, on: bool) -> None:
        """Say whether a leg's far end may stop sending while nobody talks there."""
        (self._pausing.add if on else self._pausing.discard)(leg)

    def watch(self, leg: int, *, on: bool) -> None:
        """End the leg when nothing comes from it any more; off while it may be silent."""
        if on:
            self._watched.add(leg)
        else:
            self._watched.discard(leg)
        row = self._table.rows.get(leg)
        after_s = (row.silence_s if row else 0.0) or self._timeout_s
        if leg in self._pausing:
            after_s = max(after_s, PAUSE_S)
        self._engine.silence_timeout(leg, round(after_s * 1000) * on)

    def expect(self, leg: int, after_s: float) -> None:
        """Let silence of *after_s* end the leg, 0: of as long as the settings say."""
        self._table.rows[leg].silence_s = after_s
        if leg in self._watched:
            self.watch(leg, on=True)

    def forget(self, leg: int) -> None:
        """Forget a leg that has ended."""
        self._watched.discard(leg)
        self._pausing.discard(leg)
