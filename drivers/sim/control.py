"""Steers a pretend modem over a Unix socket: a JSON object a line, each answered by one.

`{"do": "call", "from": "+33612345678", "say": "file.wav", "press": "1", "press_after_s": 6,
"talk_s": 20, "record": "out.wav", "watch": true}`, and likewise `hangup`, `press`, `status`,
`fault`, `outcome`. With `watch`, the call's events follow until `ended`.
"""

import asyncio
import contextlib
import json
from array import array
from collections.abc import Callable
from pathlib import Path
from typing import Any

from drivers.errors import DriverError
from drivers.gsmwords import DIALLABLE
from drivers.sim.caller import FarCaller
from drivers.sim.modem import OUTCOMES, Sim7600Simulator
from drivers.sim.sound import DTMF_HZ, level_dbfs

_LINE_MAX = 65536
#: between two reports of what the caller hears, in the modem's time [s]
_HEARD_EVERY_S = 1.0

Request = dict[str, Any]
Reply = dict[str, Any]


class ControlServer:
    """Serves the socket *path* for one modem."""

    def __init__(self, path: Path, modem: Sim7600Simulator) -> None:
        self._path = path
        self._modem = modem
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        modem.tell_dialled = self._tell_all
        self._verbs: dict[str, Callable[[Request, asyncio.StreamWriter], Reply]] = {
            "call": self._call,
            "hangup": self._hang_up,
            "press": self._press,
            "status": self._status,
            "fault": self._fault,
            "outcome": self._outcome,
        }
        self._watchers: set[asyncio.StreamWriter] = set()
        self._callers: dict[asyncio.StreamWriter, FarCaller] = {}

    async def start(self) -> None:
        """Listen; raises OSError when the path can't be used."""
        self._path.unlink(missing_ok=True)
        self._server = await asyncio.start_unix_server(
            self._serve, str(self._path), limit=_LINE_MAX
        )
        self._path.chmod(0o600)

    async def stop(self) -> None:
        """Stop listening and drop everybody."""
        server, self._server = self._server, None
        if server is None:
            return
        server.close()
        for writer in list(self._writers):
            writer.close()
        await server.wait_closed()
        self._path.unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            while line := await reader.readline():
                _send(writer, self._handle(line, writer))
                await writer.drain()
        except (ValueError, ConnectionError):
            # a line beyond the limit, or the asker went away
            pass
        finally:
            self._writers.discard(writer)
            self._watchers.discard(writer)
            self._hang_up_for(self._callers.pop(writer, None))
            writer.close()

    def _handle(self, line: bytes, writer: asyncio.StreamWriter) -> Reply:
        try:
            request = json.loads(line)
            return {"ok": True} | self._verb(request)(request, writer)
        except DriverError as error:
            return {"ok": False, "reason": error.reason, "error": error.message}
        except (ValueError, TypeError, RecursionError) as error:
            return {"ok": False, "reason": "bad-request", "error": str(error)[:200]}

    def _verb(self, request: object) -> Callable[[Request, asyncio.StreamWriter], Reply]:
        name = request.get("do") if isinstance(request, dict) else None
        if not isinstance(name, str) or name not in self._verbs:
            known = ", ".join(self._verbs)
            raise DriverError("bad-request", f'give an object with "do" one of: {known}')
        return self._verbs[name]

    # -- verbs ----------------------------------------------------------------------------------

    def _call(self, request: Request, writer: asyncio.StreamWriter) -> Reply:
        number = request.get("from")
        if number is not None and not (isinstance(number, str) and DIALLABLE.fullmatch(number)):
            raise DriverError("bad-request", '"from" is a number, or null when withheld')
        if self._modem.call is not None:
            raise DriverError("busy", "the pretend line has a call already")
        patience_s = _number(request, "patience_s", 45.0)
        far = FarCaller(
            say=_text(request, "say"),
            press=_text(request, "press"),
            press_after_s=_number(request, "press_after_s", 0.0),
            talk_s=_number(request, "talk_s", 20.0),
            record=_text(request, "record"),
        )
        watch = bool(request.get("watch"))

        def tell(event: Reply) -> None:
            if watch:
                _send(writer, event)
            self._tell_all(event, but=writer)
            if watch and event["event"] == "answered":
                self._report_heard(far, writer)

        if watch:
            self._callers[writer] = far
        # the answer to the request goes out before the call's first event
        self._modem.later(0.0, lambda: self._ring(number, far, tell, patience_s))
        return {}

    def _ring(
        self, number: str | None, far: FarCaller, tell: Callable[[Reply], None], patience_s: float
    ) -> None:
        try:
            self._modem.ring(number, far, tell, patience_s=patience_s)
        except DriverError as error:
            far.leave()
            tell({"event": "ended", "by": error.reason, "answered": False})

    def _hang_up_for(self, far: FarCaller | None) -> None:
        # whoever watched their call and went away has hung up
        call = self._modem.call
        if far is not None and call is not None and call.far is far:
            self._modem.hang_up_far()

    def _hang_up(self, _request: Request, _writer: asyncio.StreamWriter) -> Reply:
        self._modem.hang_up_far()
        return {}

    def _press(self, request: Request, _writer: asyncio.StreamWriter) -> Reply:
        digits = _text(request, "digits").upper()
        if not digits or not DTMF_HZ.keys() >= set(digits) or len(digits) > 64:
            raise DriverError("bad-request", '"digits" are 0 to 9, *, #, A to D')
        if self._modem.call is None:
            raise DriverError("wrong-state", "there is no call")
        self._modem.call.far.press_now(digits)
        return {}

    def _status(self, request: Request, writer: asyncio.StreamWriter) -> Reply:
        if request.get("watch"):
            self._watchers.add(writer)
        modem, call = self._modem, self._modem.call
        return {
            "imei": modem.imei,
            "operator": modem.operator,
            "registered": modem.registered and not modem.off,
            "sim": "locked" if modem.locked else "ready",
            "sound": modem.pcm_on,
            "faults": sorted(modem.wire.on),
            "call": None
            if call is None
            else {
                "number": call.number or None,
                "outgoing": call.outgoing,
                "answered": call.t_answered is not None,
            },
        }

    def _fault(self, request: Request, _writer: asyncio.StreamWriter) -> Reply:
        self._modem.fault(_text(request, "name"))
        return {}

    def _outcome(self, request: Request, _writer: asyncio.StreamWriter) -> Reply:
        number, outcome = _text(request, "number"), _text(request, "outcome")
        if outcome not in OUTCOMES or not DIALLABLE.fullmatch(number):
            raise DriverError("bad-request", f'"outcome" is one of: {", ".join(OUTCOMES)}')
        if len(self._modem.outcomes) >= 1000 and number not in self._modem.outcomes:
            raise DriverError("bad-request", "too many numbers have an outcome")
        self._modem.outcomes[number] = outcome
        return {}

    # -- news -----------------------------------------------------------------------------------

    def _tell_all(self, event: Reply, but: asyncio.StreamWriter | None = None) -> None:
        for writer in self._watchers - {but}:
            _send(writer, event)

    def _report_heard(self, far: FarCaller, writer: asyncio.StreamWriter) -> None:
        call = self._modem.call
        if call is None or call.far is not far or writer.is_closing():
            return
        if far.heard:
            _send(writer, {"event": "heard", "level_dbfs": round(level_dbfs(far.heard), 1)})
            far.heard = array("h")
        self._modem.later(_HEARD_EVERY_S, lambda: self._report_heard(far, writer))


def _send(writer: asyncio.StreamWriter, record: Reply) -> None:
    # a watcher that does not read loses its seat rather than our memory
    if writer.is_closing():
        return
    if writer.transport.get_write_buffer_size() > 16 * _LINE_MAX:
        writer.close()
        return
    with contextlib.suppress(ConnectionError):
        writer.write(json.dumps(record).encode() + b"\n")


def _text(request: Request, name: str) -> str:
    value = request.get(name) or ""
    if not isinstance(value, str) or "\0" in value or len(value) > 4096:
        raise DriverError("bad-request", f'"{name}" is a text')
    return value


def _number(request: Request, name: str, default: float) -> float:
    value = request.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value:
        raise DriverError("bad-request", f'"{name}" is a number of seconds')
    return float(value)
