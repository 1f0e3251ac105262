"""Taps: live copies of what a leg says and hears, to Unix sockets in one folder."""

import itertools
import logging
import socket
from dataclasses import dataclass
from pathlib import Path

from appliance.base.errors import BranchlineError
from appliance.legs.engine import MediaEngine
from appliance.legs.enginebase import unless_gone
from appliance.legs.errors import CommandError
from appliance.legs.events import LegEvents
from appliance.legs.inside import inside
from appliance.legs.mediaevents import TapEnded as TapOver
from appliance.legs.table import LegTable
from appliance.wire.commands import Tap
from appliance.wire.events import TapEnded

_log = logging.getLogger(__name__)

#: taps of one leg at once: a transcript, a supervisor's screen, and some room
MAX_TAPS = 4


@dataclass(slots=True)
class _Running:
    tap: str
    leg: int
    masked: bool


class LegTaps:
    """Starts and stops taps; who wants one listens on a socket in *folder*."""

    def __init__(
        self, engine: MediaEngine, table: LegTable, events: LegEvents, folder: Path
    ) -> None:
        self._engine = engine
        self._table = table
        self._events = events
        self._folder = folder
        self._numbers = itertools.count(1)
        self._running: dict[int, _Running] = {}
        self._number_of: dict[str, int] = {}

    def start(self, tap: Tap) -> None:
        """Copy a leg's sound; a repeated id is the same tap. Raises CommandError."""
        if tap.tap in self._number_of:
            return
        row = self._table.rows[tap.leg]
        if not tap.tap:
            raise CommandError("bad-request", "a Tap needs an id")
        if len(row.taps) == MAX_TAPS:
            raise CommandError("overload", f"leg {tap.leg} has {MAX_TAPS} taps")
        whole = inside(self._folder, tap.path, "tap-failed")
        number = next(self._numbers)
        running = _Running(tap.tap, tap.leg, self._table.hides_digits(tap.leg))
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as there:
                there.setblocking(False)
                there.connect(str(whole))
                self._engine.tap(
                    number,
                    tap.leg,
                    there.fileno(),
                    says=tap.sides != "hears",
                    hears=tap.sides != "says",
                    mask_digits=running.masked,
                )
        except (BranchlineError, OSError) as error:
            raise CommandError("tap-failed", f"{tap.path!r}: {error}") from error
        self._running[number] = running
        self._number_of[tap.tap] = number
        row.taps = (*row.taps, tap.tap)

    def stop(self, tap: str) -> None:
        """End a tap; harmless when it has ended already."""
        number = self._number_of.get(tap)
        if number is not None:
            with unless_gone():
                self._engine.stop_tap(number)

    def mask(self) -> None:
        """Hide digits in those taps that could hear a masked leg, and in no others."""
        for number, running in self._running.items():
            masked = self._table.hides_digits(running.leg)
            if masked != running.masked:
                with unless_gone():
                    self._engine.mask_tap(number, masked)
                running.masked = masked

    def ended(self, event: TapOver) -> None:
        """Tell that a tap is over."""
        running = self._running.pop(event.tap, None)
        if running is None:
            return
        del self._number_of[running.tap]
        _log.info("tap %r of leg %d ended: %s", running.tap, running.leg, event.reason)
        seq = self._events.emit(TapEnded, running.leg, running.tap, event.reason, event.lost)
        row = self._table.rows.get(running.leg)
        if row is not None:
            row.taps = tuple(one for one in row.taps if one != running.tap)
            row.seq = seq
