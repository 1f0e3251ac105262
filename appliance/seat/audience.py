"""Who gets which of this appliance's rows: those who may propose for them, and nobody else."""

from collections.abc import Set

from appliance.routing.model import ContactRow, SeatRow
from appliance.seat.local import LocalFloor


class RowAudience:
    """An `Audience` by the words of all whom this appliance hears, and by its plan."""

    def __init__(self, floor: LocalFloor) -> None:
        self._floor = floor
        #: who is sent everything: peers that do not know this rule
        self.unaware: frozenset[str] = frozenset()

    def of(self, row: ContactRow | SeatRow) -> Set[str]:
        """Return who gets this row."""
        claimants = self._floor.claimants(self._floor.pool_of(row))
        return claimants | self.unaware if self.unaware else claimants

    def everybody(self) -> Set[str]:
        """Return who gets any rows."""
        return self._floor.all_claimants() | self.unaware
