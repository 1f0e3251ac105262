"""Hardware lines as legs: what a line tells becomes rows and events, commands go back to it."""

import asyncio
import logging
from collections.abc import Coroutine, Mapping
from typing import Any

from appliance.base.errors import BranchlineError, ConfigError
from appliance.config.model import LineSettings
from appliance.legs.enginetypes import Device
from appliance.legs.errors import CommandError
from appliance.legs.exchange import Exchange
from appliance.legs.trunks import TrunkTable
from appliance.wire.commands import Dial
from appliance.wire.rows import LegRow
from drivers.errors import DriverError
from drivers.gsm import GsmLine
from drivers.line import (
    Alerting,
    Answered,
    DigitHeard,
    Ended,
    Incoming,
    Line,
    LineDown,
    LineEvent,
    LineSound,
    LineState,
    LineUp,
)
from drivers.profiles import profile_named

_log = logging.getLogger(__name__)


def device_of(sound: LineSound) -> Device:
    """Return a line's sound as the engine knows it."""
    return Device(
        format=sound.sample_format,
        rate_hz=sound.rate_hz,
        block=sound.block,
        echo_ms=sound.echo_ms,
        suppress=sound.suppress,
        shielded=sound.shielded,
        in_db=sound.in_db,
        out_db=sound.out_db,
    )


class LinePort:
    """One hardware line and the one leg it may carry; also the way to that leg's far end."""

    def __init__(
        self,
        name: str,
        number: str,
        exchange: Exchange,
        trunks: TrunkTable,
    ) -> None:
        self.name = name
        #: set once, before the line is started
        self.line: Line
        self._number = number
        self._exchange = exchange
        self._trunks = trunks
        self._leg = 0
        self._tasks: set[asyncio.Task[None]] = set()
        trunks.add(name, "line", up=False, reason="line-silent")

    def tell(self, event: LineEvent) -> None:
        """Take what the line tells."""
        match event:
            case LineUp():
                detail = f"{event.operator} {event.signal_dbm or ''}".strip()
                self._trunks.changed(self.name, up=True, detail=detail)
            case LineDown():
                self._trunks.changed(self.name, up=False, reason=event.reason, detail=event.detail)
            case Incoming():
                self._incoming(event)
            case Alerting():
                if self._lives():
                    self._exchange.table.ringing(self._leg, 180, early=False)
            case Answered():
                self._answered()
            case Ended():
                leg, self._leg = self._leg, 0
                self._exchange.ended(leg, event.reason, cause=event.cause)
            case DigitHeard():
                if self._lives():
                    self._exchange.media.digit(self._leg, event.digit, "line")

    def dial(self, dial: Dial) -> LegRow:
        """Call out; raise CommandError when the line is not free."""
        if self.line.state is LineState.DOWN:
            raise CommandError("unavailable", f"line {self.name} is down")
        if self.line.state is not LineState.IDLE or self._leg:
            raise CommandError("busy", f"line {self.name} has a call")
        row = self._exchange.table.go_out(dial)
        self._leg = row.leg
        self._exchange.connect(row.leg, self)
        self._run(self.line.dial(dial.to))
        return row

    # -- FarEnd ----------------------------------------------------------------------------------

    def ring(self, *, early: bool) -> None:
        """Do nothing: the network lets the caller hear that it rings."""

    def answer(self) -> None:
        """Answer the caller."""
        self._run(self.line.answer())

    def hang(self, reason: str) -> None:  # noqa: ARG002 - a line knows no reasons
        """End or refuse the call."""
        self._leg = 0
        self._run(self.line.hang_up())

    def send_digits(self, digits: str) -> None:
        """Send digits through the device, which knows how its network takes them."""
        self._run(self.line.send_digits(digits))

    def fax_begun(self, *, receives: bool) -> None:
        """Do nothing: a line carries a fax as sound."""

    def fax_over(self) -> None:
        """Do nothing, likewise."""

    # -- inside ----------------------------------------------------------------------------------

    def _lives(self) -> bool:
        return self._leg in self._exchange.table.rows

    def _incoming(self, event: Incoming) -> None:
        row = LegRow(
            leg=0,
            out=False,
            kind="line",
            via=self.name,
            state="new",
            caller=event.number or "",
            caller_name=event.name,
            called=self._number,
            private=event.number is None,
        )
        self._leg = self._exchange.table.come_in(row).leg
        self._exchange.connect(self._leg, self)

    def _answered(self) -> None:
        if not self._lives():
            self._run(self.line.hang_up())
            return
        if self.line.pcm_fd is None:
            self._exchange.hang(self._leg, "line-lost")
            return
        try:
            self._exchange.media.add_line(self._leg, self.line.pcm_fd, device_of(self.line.sound))
        except BranchlineError as error:
            _log.error("line %s: %s", self.name, error)
            self._exchange.hang(self._leg, error.reason)
            return
        self._exchange.table.up(self._leg)

    def _run(self, command: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(self._guarded(command, self._leg))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _guarded(self, command: Coroutine[Any, Any, None], leg: int) -> None:
        try:
            await command
        except DriverError as error:
            _log.warning("line %s: %s", self.name, error)
            if leg and leg == self._leg:
                self._leg = 0
                self._exchange.ended(leg, error.reason)


def open_lines(
    settings: Mapping[str, LineSettings],
    exchange: Exchange,
    trunks: TrunkTable,
) -> dict[str, LinePort]:
    """Return a port for each line of the settings; raise ConfigError `bad-config`."""
    ports: dict[str, LinePort] = {}
    for name, line in settings.items():
        port = LinePort(name, line.number, exchange, trunks)
        try:
            profile = profile_named(line.profile)
            port.line = GsmLine(profile, line.control, line.audio, on_event=port.tell)
        except DriverError as error:
            raise ConfigError("bad-config", f"lines.{name}: {error}") from error
        ports[name] = port
    return ports
