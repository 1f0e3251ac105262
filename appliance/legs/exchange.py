"""The exchange: what ties a leg's far end, its media and its row together, and buries it."""

import logging
from collections import deque
from collections.abc import Callable
from typing import Protocol

from appliance.base.errors import BranchlineError
from appliance.legs.errors import CommandError
from appliance.legs.media import LegMedia
from appliance.legs.table import Consequence, LegTable
from appliance.wire.rows import LegRow

_log = logging.getLogger(__name__)


class FarEnd(Protocol):
    """The way to a leg's far end: a SIP dialog or a hardware line."""

    def ring(self, *, early: bool) -> None:
        """Tell the caller that it rings, or let it hear us before the answer."""

    def answer(self) -> None:
        """Answer the caller; harmless when repeated."""

    def hang(self, reason: str) -> None:
        """End, refuse or give up the call."""

    def send_digits(self, digits: str) -> None:
        """Send digits."""

    def fax_begun(self, *, receives: bool) -> None:
        """A fax has begun on the leg."""

    def fax_over(self) -> None:
        """Its fax is over, and the call goes on."""


class Exchange:
    """All legs of this process, whatever stands at their far ends."""

    def __init__(self, table: LegTable, media: LegMedia) -> None:
        self.table = table
        self.media = media
        self._far: dict[int, FarEnd] = {}
        #: told of each leg that has ended
        self.on_down: Callable[[LegRow], None] = lambda _row: None
        media.faxes.on_begun = self._fax_begun
        media.faxes.on_over = self._fax_over

    def connect(self, leg: int, far: FarEnd) -> None:
        """Say how the far end of *leg* is reached."""
        self._far[leg] = far

    def row(self, leg: int) -> LegRow:
        """Return the row of a living leg; raise CommandError `gone`."""
        row = self.table.rows.get(leg)
        if row is None:
            raise CommandError("gone", f"leg {leg} is not there")
        return row

    def far(self, leg: int) -> FarEnd:
        """Return the far end of a living leg; raise CommandError `gone`."""
        far = self._far.get(leg)
        if far is None:
            raise CommandError("gone", f"leg {leg} is not there")
        return far

    def hang(self, leg: int, reason: str) -> None:
        """End a leg from our side, and all that have to end with it."""
        self._end(deque([Consequence(leg, reason)]))

    def hang_all(self, reason: str) -> None:
        """End every leg."""
        self._end(deque(Consequence(leg, reason) for leg in self.table.rows))

    def ended(self, leg: int, reason: str, *, cause: int = 0) -> None:
        """Bury a leg whose far end has ended it, and end all that have to end with it."""
        if leg in self.table.rows:
            self._far.pop(leg, None)
            self._end(deque(self._bury(leg, reason, cause=cause, by_far=True)))

    def _fax_begun(self, leg: int, receives: bool) -> None:
        self.far(leg).fax_begun(receives=receives)

    def _fax_over(self, leg: int) -> None:
        self.media.fax_over(leg)
        self.far(leg).fax_over()

    def _end(self, due: deque[Consequence]) -> None:
        while due:
            end = due.popleft()
            if end.leg not in self.table.rows:
                continue
            far = self._far.pop(end.leg, None)
            if far is not None:
                _hang(far, end)
            due.extend(self._bury(end.leg, end.reason, cause=0, by_far=False))

    def _bury(self, leg: int, reason: str, *, cause: int, by_far: bool) -> list[Consequence]:
        row = self.table.rows[leg]
        bridge = row.bridge
        self.media.remove(leg)
        ends = self.table.down(leg, reason, cause=cause, by_far=by_far)
        if bridge and bridge not in self.table.bridges:
            self.media.unbridge(bridge)
        elif row.masked:
            self.media.mask()
        _log.debug("leg %d ended: %s", leg, reason, extra={"leg": leg, "cause": cause})
        self.on_down(row)
        return ends


def _hang(far: FarEnd, end: Consequence) -> None:
    """End a call; where that fails the leg is buried all the same."""
    try:
        far.hang(end.reason)
    except BranchlineError as error:
        _log.error("leg %d cannot be ended: %s", end.leg, error)
