"""Recordings: which runs where, and that they are written only where recordings belong."""

import itertools
import logging
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

from appliance.base.errors import BranchlineError
from appliance.legs.engine import RATE_HZ, MediaEngine
from appliance.legs.enginetypes import RecordingClosed
from appliance.legs.errors import CommandError
from appliance.legs.events import LegEvents
from appliance.legs.table import LegTable
from appliance.wire.events import RecordingDone

_log = logging.getLogger(__name__)

#: closed recordings a brain that is away is told of later
MAX_UNTOLD = 1000


@dataclass(frozen=True, slots=True)
class _Running:
    recording: str
    leg: int
    path: str


class LegRecorder:
    """Starts and stops recordings; what closed is told until the brain has acknowledged it."""

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
        self._untold: OrderedDict[int, tuple[object, ...]] = OrderedDict()

    def start(self, leg: int, recording: str, path: str) -> None:
        """Record *leg*; a repeated id is the same recording. Raises CommandError."""
        if recording in self._number_of:
            return
        row = self._table.rows[leg]
        if row.recording:
            raise CommandError("wrong-state", f"leg {leg} is being recorded")
        whole = self._checked(path)
        number = next(self._numbers)
        try:
            whole.parent.mkdir(parents=True, exist_ok=True)
            self._engine.record(number, leg, str(whole))
        except (BranchlineError, OSError) as error:
            raise CommandError("recording-failed", str(error)) from error
        self._running[number] = _Running(recording, leg, path)
        self._number_of[recording] = number
        row.recording = recording

    def stop(self, recording: str) -> None:
        """Close a recording; harmless when it is closed already."""
        number = self._number_of.get(recording)
        if number is not None:
            self._engine.stop_record(number)

    def closed(self, event: RecordingClosed) -> None:
        """Tell that the engine has closed a recording."""
        running = self._running.pop(event.recording, None)
        if running is None:
            return
        self._number_of.pop(running.recording, None)
        row = self._table.rows.get(running.leg)
        if row is not None:
            row.recording = ""
        done = (
            running.leg,
            running.recording,
            running.path,
            event.samples * 1000 // RATE_HZ,
            event.reason,
        )
        self._tell(done)

    def ack(self, seq: int) -> None:
        """Forget what the brain has written down."""
        while self._untold and next(iter(self._untold)) <= seq:
            self._untold.popitem(last=False)

    def tell_again(self) -> None:
        """Tell again, with new numbers, what has not been acknowledged."""
        untold, self._untold = self._untold, OrderedDict()
        for done in untold.values():
            self._tell(done)

    def _tell(self, done: tuple[object, ...]) -> None:
        self._untold[self._events.emit(RecordingDone, *done)] = done
        if len(self._untold) > MAX_UNTOLD:
            self._untold.popitem(last=False)

    def _checked(self, path: str) -> Path:
        """Return where *path* is written, which must be inside the recordings' folder."""
        try:
            whole = (self._folder / path).resolve()
            inside = whole.is_relative_to(self._folder.resolve())
        except (OSError, RuntimeError, ValueError):
            inside = False
            whole = self._folder
        if not inside or whole == self._folder.resolve():
            raise CommandError("recording-failed", f"{path!r} is not inside {self._folder}")
        return whole
