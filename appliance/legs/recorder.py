"""Recordings: which runs where, and that they are written only where recordings belong."""

import itertools
import logging
from dataclasses import dataclass
from pathlib import Path

from appliance.base.errors import BranchlineError
from appliance.legs.engine import MediaEngine
from appliance.legs.enginebase import unless_gone
from appliance.legs.enginetypes import RecordHow
from appliance.legs.errors import CommandError
from appliance.legs.events import LastingEvents, LegEvents
from appliance.legs.inside import inside
from appliance.legs.mediaevents import RecordingClosed
from appliance.legs.mediaevents import RecordingGap as Gap
from appliance.legs.table import LegTable
from appliance.wire.commands import RecordLeg
from appliance.wire.events import RecordingDone, RecordingGap

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Running:
    recording: str
    leg: int
    path: str
    masked: bool
    #: a message never has digits in it
    message: bool


class LegRecorder:
    """Starts and stops recordings; what closed is told until the brain has acknowledged it."""

    def __init__(
        self, engine: MediaEngine, table: LegTable, events: LegEvents, folder: Path
    ) -> None:
        self._engine = engine
        self._table = table
        self._events = events
        self._done = LastingEvents(events, RecordingDone)
        self._folder = folder
        self._numbers = itertools.count(1)
        self._running: dict[int, _Running] = {}
        self._number_of: dict[str, int] = {}

    def start(self, command: RecordLeg) -> None:
        """Record a leg; a repeated id is the same recording. Raises CommandError."""
        leg, recording, path = command.leg, command.recording, command.path
        if recording in self._number_of:
            return
        row = self._table.rows[leg]
        if row.recording:
            raise CommandError("wrong-state", f"leg {leg} is being recorded")
        whole = inside(self._folder, path, "recording-failed")
        number = next(self._numbers)
        masked = command.message or self._table.hides_digits(leg)
        how = RecordHow(mono=command.message, mask_digits=masked, longest_ms=command.longest_ms)
        try:
            whole.parent.mkdir(parents=True, exist_ok=True)
            self._engine.record(number, leg, str(whole), how)
            if command.message:
                self._engine.mute_record(number, says=False, hears=True)
        except (BranchlineError, OSError) as error:
            raise CommandError("recording-failed", str(error)) from error
        self._running[number] = _Running(recording, leg, path, masked, command.message)
        self._number_of[recording] = number
        row.recording = recording

    def stop(self, recording: str) -> None:
        """Close a recording; harmless when it is closed already."""
        number = self._number_of.get(recording)
        if number is not None:
            with unless_gone():
                self._engine.stop_record(number)

    def pause(self, recording: str, *, on: bool) -> None:
        """Leave out what is said from now on, or go on; raise CommandError `gone`."""
        number = self._number_of.get(recording)
        if number is None:
            raise CommandError("gone", f"no recording {recording!r}")
        row = self._table.rows.get(self._running[number].leg)
        self._engine.pause_record(number, on)
        if row is not None:
            row.paused = on

    def mask(self) -> None:
        """Hide digits in those recordings that could hear a masked leg, and in no others."""
        for number, running in self._running.items():
            masked = running.message or self._table.hides_digits(running.leg)
            if masked != running.masked:
                with unless_gone():
                    self._engine.mask_record(number, masked)
                running.masked = masked

    def gap(self, event: Gap) -> None:
        """Tell that something was left out of a recording."""
        running = self._running.get(event.recording)
        if running is not None:
            self._events.emit(RecordingGap, running.leg, running.recording, event.at_ms, event.why)

    def closed(self, event: RecordingClosed) -> None:
        """Tell that the engine has closed a recording."""
        running = self._running.pop(event.recording, None)
        if running is None:
            return
        self._number_of.pop(running.recording, None)
        row = self._table.rows.get(running.leg)
        if row is not None:
            row.recording, row.paused = "", False
        self._done.tell(
            running.leg,
            running.recording,
            running.path,
            event.length_ms,
            event.reason,
        )

    def ack(self, seq: int) -> None:
        """Forget what the brain has written down."""
        self._done.ack(seq)

    def tell_again(self) -> None:
        """Tell again, with new numbers, what has not been acknowledged."""
        self._done.tell_again()
