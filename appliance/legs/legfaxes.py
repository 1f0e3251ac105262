"""Faxes on legs: which runs where, its files, and what the brain is told of it."""

import asyncio
import itertools
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from appliance.base.errors import BranchlineError
from appliance.legs import fax
from appliance.legs.engine import MediaEngine
from appliance.legs.errors import CommandError
from appliance.legs.events import LastingEvents, LegEvents
from appliance.legs.faxtypes import FaxEnded, FaxEvent, FaxHow
from appliance.legs.inside import inside
from appliance.legs.t38sdp import T38Stream
from appliance.legs.table import LegTable
from appliance.wire.commands import ReceiveFax, SendFax
from appliance.wire.events import FaxDone, FaxPage

_log = logging.getLogger(__name__)

#: what the engine takes of a station's name and of a header (`fax.h`) [characters]
MAX_STATION = 20
MAX_HEADER = 50
#: C's words for what is otherwise said of a fax: a file, a leg that is not at 8 kHz
_RECEIVING = {"recording-failed": "write-failed", "wrong-state": "no-codec"}
_SENDING = {"recording-failed": "bad-file", "wrong-state": "no-codec"}


@dataclass(frozen=True, slots=True)
class _Running:
    fax: str
    leg: int
    path: str
    whole: Path
    send: bool


class LegFaxes:
    """Starts and ends faxes; what is over is told until the brain has acknowledged it."""

    def __init__(
        self,
        engine: MediaEngine,
        table: LegTable,
        events: LegEvents,
        folder: Path,
        how: FaxHow,
    ) -> None:
        self._engine = engine
        self._table = table
        self._events = events
        self._done = LastingEvents(events, FaxDone)
        self._folder = folder
        self._how = how
        self._numbers = itertools.count(1)
        self._running: dict[int, _Running] = {}
        self._number_of: dict[str, int] = {}
        self._on_leg: dict[int, int] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        #: a fax has begun on a leg, and whether we receive it; it is over, and the leg lives
        self.on_begun: Callable[[int, bool], None] = lambda _leg, _receives: None
        self.on_over: Callable[[int], None] = lambda _leg: None

    def running(self, leg: int) -> bool:
        """Tell whether a fax runs on *leg*, which hears and says nothing else meanwhile."""
        return leg in self._on_leg

    @property
    def busy(self) -> bool:
        """Whether a fax runs, or its files are being made."""
        return bool(self._running or self._tasks)

    def receive(self, command: ReceiveFax) -> None:
        """Receive a fax; a repeated id is the same fax. Raises BranchlineError."""
        if self._known(command.fax):
            return
        whole = self._checked(command.path, "write-failed")
        how = self._with(command.station, "")
        try:
            whole.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise CommandError("write-failed", str(error)) from error
        self._begin(_Running(command.fax, command.leg, command.path, whole, send=False), how)

    def send(self, command: SendFax) -> None:
        """Send a fax; a repeated id is the same fax. Raises BranchlineError."""
        if self._known(command.fax):
            return
        whole = self._checked(command.path, "bad-file")
        how = self._with(command.station, command.header)
        fax.read_pages(whole)
        self._begin(_Running(command.fax, command.leg, command.path, whole, send=True), how)

    def stop(self, name: str) -> None:
        """End a fax; harmless when it is over already."""
        number = self._number_of.get(name)
        if number in self._running:
            self._engine.stop_fax(number)

    def switch(self, leg: int, stream: T38Stream) -> None:
        """Go on with T.38 on a leg; raise BranchlineError, as when pages came by sound already."""
        if leg not in self._on_leg:
            raise CommandError("wrong-state", f"leg {leg} has no fax")
        self._engine.switch_fax(self._on_leg[leg], stream)

    # -- what the engine tells -----------------------------------------------------------------

    def told(self, event: FaxEvent) -> None:
        """Pass on a page, or the end as soon as the files are there."""
        running = self._running.get(event.fax)
        if running is None:
            return
        if isinstance(event, FaxEnded):
            self._ended(running, event)
            return
        now = event.progress
        self._events.emit(FaxPage, running.leg, running.fax, now.pages, now.station)

    def _ended(self, running: _Running, event: FaxEnded) -> None:
        """Set the leg free, and see to the files."""
        del self._running[event.fax]
        del self._on_leg[running.leg]
        row = self._table.rows.get(running.leg)
        if row is not None:
            row.fax = ""
            self.on_over(running.leg)
        task = asyncio.get_running_loop().create_task(self._file(running, event))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def ack(self, seq: int) -> None:
        """Forget what the brain has written down."""
        self._done.ack(seq)

    def tell_again(self) -> None:
        """Tell again, with new numbers, what has not been acknowledged."""
        self._done.tell_again()

    # -- inside --------------------------------------------------------------------------------

    def _known(self, name: str) -> bool:
        if not name:
            raise CommandError("bad-request", "a fax needs an id")
        return name in self._number_of

    def _begin(self, running: _Running, how: FaxHow) -> None:
        row = self._table.rows[running.leg]
        if row.state != "up" or row.fax:
            raise CommandError("wrong-state", f"leg {row.leg} is not up, or has a fax")
        number = next(self._numbers)
        begin = self._engine.send_fax if running.send else self._engine.receive_fax
        try:
            begin(number, running.leg, str(running.whole), how)
        except BranchlineError as error:
            words = _SENDING if running.send else _RECEIVING
            raise CommandError(words.get(error.reason, error.reason), str(error)) from error
        self._running[number] = running
        self._number_of[running.fax] = number
        self._on_leg[running.leg] = number
        row.fax = running.fax
        self.on_begun(running.leg, not running.send)

    async def _file(self, running: _Running, event: FaxEnded) -> None:
        """Make the PDF of what was received; a file without a page is none."""
        now = event.progress
        path, pdf = running.path, ""
        if not running.send:
            path, pdf = await self._keep(running, now.pages)
        self._number_of.pop(running.fax, None)
        self._done.tell(
            running.leg,
            running.fax,
            event.reason,
            now.pages,
            now.station,
            path,
            pdf,
            now.t38,
            now.ecm,
            now.bit_rate,
        )

    async def _keep(self, running: _Running, pages: int) -> tuple[str, str]:
        """Return TIFF and PDF as the brain knows their folder."""
        if not pages:
            running.whole.unlink(missing_ok=True)
            return "", ""
        try:
            made = await fax.to_pdf(running.whole, running.whole.with_suffix(".pdf"))
        except BranchlineError as error:
            _log.error("fax %s: %s", running.fax, error)
            return running.path, ""
        return running.path, str(Path(running.path).with_name(made.path.name))

    def _with(self, station: str, header: str) -> FaxHow:
        how = self._how
        for text, limit in ((station, MAX_STATION), (header, MAX_HEADER)):
            if len(text) > limit or not text.isascii() or not text.isprintable():
                raise CommandError("bad-request", f"a fax cannot show {text[:80]!r}")
        return replace(how, station=station or how.station, header=header or how.header)

    def _checked(self, path: str, reason: str) -> Path:
        """Return where *path* is, which must be a TIFF inside the faxes' folder."""
        whole = inside(self._folder, path, reason)
        if whole.suffix != ".tif":
            raise CommandError(reason, f"{path!r} is no .tif")
        return whole
