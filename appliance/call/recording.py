"""Which talks are recorded, and where: the policy is the brain's, the writing is legs'."""

import logging
from datetime import UTC, datetime
from pathlib import Path

from appliance.base.clock import Clock
from appliance.call.contact import Contact
from appliance.call.turn import Turn
from appliance.ledger.records import RecordingKept
from appliance.wire.commands import RecordLeg
from appliance.wire.events import RecordingDone

log = logging.getLogger(__name__)


class RecordingPolicy:
    """Records every talk at the appliance where the caller's leg stands, one file a contact."""

    def __init__(self, turn: Turn, folder: Path, clock: Clock, *, enabled: bool) -> None:
        self._turn = turn
        self._folder = folder
        self._clock = clock
        self._enabled = enabled
        self._made: Path | None = None

    def talk(self, contact: Contact) -> None:
        """Start recording a talk that has just begun."""
        if not self._enabled:
            return
        day = datetime.fromtimestamp(self._clock.wall_us() // 1_000_000, UTC)
        folder = self._folder / f"{day:%Y/%m/%d}"
        if folder != self._made:
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                log.warning("recording-failed: %s: %s", folder, error)
                return
            self._made = folder
        path = folder / f"{contact.contact}.wav"
        self._turn.command(RecordLeg(contact.leg, contact.contact, str(path)))

    def done(self, record: RecordingDone) -> None:
        """Journal a recording that is closed."""
        path = Path(record.path)
        inside = path.relative_to(self._folder) if path.is_relative_to(self._folder) else path
        fact = RecordingKept(
            path=str(inside),
            duration_ms=record.duration_ms,
            recording=record.recording,
            leg=record.leg,
            reason=record.reason,
        )
        self._turn.note(record.recording, fact)
