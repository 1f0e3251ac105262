"""AT commands: bytes in, events out; and a channel that sends one command at a time.

What does it do: `AtParser` turns what a modem sends into final results, lines that belong to the
running command, and unsolicited result codes (URCs). `AtChannel` gives each command its time and
hands URCs to a callback.

How does it work: lines end at CR or LF (ITU-T V.250 §5.7.1); any byte that can't stand in a line
ends it too, so that noise costs the line it hit and nothing after it. Whether a line answers the
running command or came by itself is told by its prefix.

How do I use it: `lines = await channel.command("AT+CSQ")`; errors are `CommandRefused`,
`LineSilent`, `LineLost`.
"""

import asyncio
import logging
import re
from collections.abc import Callable
from dataclasses import dataclass

from drivers.errors import CommandRefused, LineLost, LineSilent

LOGGER = logging.getLogger(__name__)
#: below DEBUG: bytes on a wire
TRACE = 5

#: longest line that is kept [characters]; 3GPP TS 27.005 PDUs stay below 400
LINE_MAX = 1024

_SEPARATOR = re.compile(rb"[^\x20-\x7e]+")
_FINAL_OK = frozenset({"OK"})
_FINAL_ERROR = frozenset({"ERROR", "COMMAND NOT SUPPORT", "ABORTED"})
_FINAL_ERROR_PREFIXES = ("+CME ERROR:", "+CMS ERROR:")
#: finals of a dial or answer command, otherwise news of a call (ITU-T V.250 §5.7.1, table 1)
_CALL_FINALS = frozenset({"NO CARRIER", "BUSY", "NO ANSWER", "NO DIALTONE", "NO DIAL TONE"})
_CALL_COMMANDS = ("ATD", "ATA")
_OWN_PREFIX = re.compile(r"AT([+^*$][A-Z0-9]+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Final:
    """A command's final result: *text* as sent, *ok* only for `OK`."""

    ok: bool
    text: str


@dataclass(frozen=True, slots=True)
class Reply:
    """A line of the running command's answer."""

    text: str


@dataclass(frozen=True, slots=True)
class Urc:
    """A line that came by itself; *name* is its entry in the profile's URC table."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Noise:
    """A line that fits nothing: garbage, or the rest of a line that was hit."""

    text: str


AtEvent = Final | Reply | Urc | Noise


class AtParser:
    """Cuts a modem's bytes into events; never raises, whatever it is fed."""

    def __init__(self, urcs: dict[str, str]) -> None:
        """Take the URC table: the beginning of a line -> its name."""
        self._urcs = sorted(urcs.items(), key=lambda item: -len(item[0]))
        self._buffer = b""
        self._too_long = False
        self._command = ""
        self._prefix = ""

    def expect(self, command: str) -> None:
        """Tell which command runs now; empty: none."""
        self._command = command
        own = _OWN_PREFIX.match(command)
        self._prefix = own.group(1).upper() + ":" if own else ""

    def feed(self, data: bytes) -> list[AtEvent]:
        """Take bytes as they come and return the events they complete."""
        *lines, rest = _SEPARATOR.split(self._buffer + data)
        events = []
        for line in lines:
            if self._too_long:
                self._too_long = False
            elif line and len(line) <= LINE_MAX:
                event = self._classify(line.decode("ascii").strip())
                if event is not None:
                    events.append(event)
        if len(rest) > LINE_MAX:
            rest, self._too_long = b"", True
        self._buffer = rest
        return events

    def _classify(self, line: str) -> AtEvent | None:
        if not line or self._is_echo(line):
            return None
        if line in _FINAL_OK:
            return self._final(Final(True, line))
        if line in _FINAL_ERROR or line.startswith(_FINAL_ERROR_PREFIXES):
            return self._final(Final(False, line))
        if line in _CALL_FINALS and self._command.upper().startswith(_CALL_COMMANDS):
            return self._final(Final(False, line))
        if self._prefix and line.startswith(self._prefix):
            return Reply(line)
        for prefix, name in self._urcs:
            if line.startswith(prefix):
                return Urc(name, line)
        return Reply(line) if self._command else Noise(line)

    def _final(self, final: Final) -> Final:
        # what follows belongs to no command until the next one is announced
        self.expect("")
        return final

    def _is_echo(self, line: str) -> bool:
        return line == self._command or line[:2] in {"AT", "at"}


class AtChannel:
    """One command at a time over *write*; URCs go to *on_urc* as they come."""

    #: tries of the plain `AT` that finds the beat again after a command went unanswered
    RESYNC_TRIES = 3

    def __init__(
        self,
        write: Callable[[bytes], None],
        urcs: dict[str, str],
        on_urc: Callable[[Urc], None],
        *,
        timeout_s: float = 3.0,
        quiet_s: float = 0.2,
    ) -> None:
        self._write = write
        self._parser = AtParser(urcs)
        self._on_urc = on_urc
        self._timeout_s = timeout_s
        self._quiet_s = quiet_s
        self._lock = asyncio.Lock()
        self._final: asyncio.Future[Final] | None = None
        self._lines: list[str] = []
        self._in_doubt = False
        self._lost = ""

    def data_received(self, data: bytes) -> None:
        """Take what the device sent."""
        LOGGER.log(TRACE, "< %r", data)
        for event in self._parser.feed(data):
            match event:
                case Final():
                    if self._final is not None and not self._final.done():
                        self._final.set_result(event)
                case Reply(text):
                    self._lines.append(text)
                case Urc():
                    LOGGER.debug("< %s", event.text)
                    self._on_urc(event)
                case Noise(text):
                    LOGGER.debug("< noise %r", text)

    def connection_lost(self, why: str) -> None:
        """Fail the running command and all later ones: the port is gone."""
        self._lost = why or "the port is gone"
        if self._final is not None and not self._final.done():
            self._final.set_exception(LineLost(self._lost))

    async def command(self, text: str, *, timeout_s: float | None = None) -> list[str]:
        """Send *text* and return the lines of its answer.

        Raises `CommandRefused` for any final but OK, `LineSilent` when none comes in time and
        `LineLost` when the port goes.
        """
        async with self._lock:
            if self._in_doubt:
                await self._resync()
            final = await self._exchange(text, timeout_s or self._timeout_s)
            lines, self._lines = self._lines, []
        if not final.ok:
            raise CommandRefused(text, final.text)
        return lines

    async def _exchange(self, text: str, timeout_s: float) -> Final:
        if self._lost:
            raise LineLost(self._lost)
        self._final = asyncio.get_running_loop().create_future()
        self._lines = []
        self._parser.expect(text)
        LOGGER.debug("> %s", _without_secrets(text))
        self._write(text.encode("ascii") + b"\r")
        # cleared only by an answer: whoever is cancelled here leaves the next one in doubt too
        self._in_doubt = True
        try:
            # not wait_for: on Python 3.11 it may swallow a cancellation
            async with asyncio.timeout(timeout_s):
                final = await self._final
        except TimeoutError:
            raise LineSilent(f"no answer to {_without_secrets(text)} in {timeout_s} s") from None
        finally:
            self._parser.expect("")
            self._final = None
        self._in_doubt = False
        return final

    async def _resync(self) -> None:
        # Answers carry no number: a late one would be taken for the next command's. So ask
        # something harmless until it is answered, then let stragglers arrive while nobody waits.
        for attempt in range(self.RESYNC_TRIES):
            try:
                await self._exchange("AT", self._timeout_s)
            except LineSilent:
                if attempt == self.RESYNC_TRIES - 1:
                    raise
            else:
                await asyncio.sleep(self._quiet_s)
                return


def _without_secrets(command: str) -> str:
    return "AT+CPIN=…" if command.upper().startswith("AT+CPIN=") else command
