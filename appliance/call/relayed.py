"""Calls between two other appliances that this one relays: journalled, and no contact of ours."""

from appliance.call.attach import Found
from appliance.call.turn import Turn
from appliance.ledger.records import CallRelayed
from appliance.wire.rows import LegRow


class RelayedCalls:
    """Follows the half of each relayed call that came in; legs itself does all there is to do."""

    def __init__(self, turn: Turn) -> None:
        self._turn = turn
        #: leg -> its row as it came, and when it was answered (monotonic s), 0: not yet
        self._rows: dict[int, tuple[LegRow, float]] = {}
        self._epoch = ""

    def adopt(self, found: Found) -> None:
        """Take legs' snapshot: calls that go on, and those that have ended meanwhile."""
        if found.epoch != self._epoch:
            for leg in list(self._rows):
                self.down(leg, "legs-restart", 0.0)
            self._epoch = found.epoch
        for row in found.legs.values():
            if row.kind != "relay" or row.out:
                continue
            self._rows[row.leg] = (row, row.t_up)
            if row.state == "down":
                self.down(row.leg, row.reason, row.t_down)

    def came_in(self, row: LegRow) -> None:
        """Take a call that is to be relayed."""
        self._rows[row.leg] = (row, 0.0)

    def up(self, leg: int, t: float) -> bool:
        """Note that a call is answered; return whether it is one of these."""
        if leg not in self._rows:
            return False
        self._rows[leg] = (self._rows[leg][0], t)
        return True

    def down(self, leg: int, reason: str, t: float) -> bool:
        """Journal a call that has ended at *t*; return whether it is one of these."""
        row, t_up = self._rows.pop(leg, (None, 0.0))
        if row is None:
            return False
        talked_ms = round(max(0.0, t - t_up) * 1000) if t_up else 0
        fact = CallRelayed(
            caller=row.via,
            called=row.called,
            reservation=row.reservation,
            talked_ms=talked_ms,
            reason=reason,
        )
        self._turn.note("", fact)
        return True
