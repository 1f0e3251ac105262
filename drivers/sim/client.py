"""Talks to a pretend modem's control socket: places calls, breaks the modem, asks after it."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from drivers.errors import DriverError

_SOCKET_NAME = "control"


def ask(folder: Path, request: dict[str, Any], *, timeout_s: float = 5.0) -> dict[str, Any]:
    """Send one request to the modem in *folder* and return its answer.

    Raises `DriverError`: the modem's own reason, or `line-lost` when no modem is there.
    """
    with _Connection(folder, timeout_s) as connection:
        return connection.ask(request)


def place_call(
    folder: Path,
    from_number: str | None,
    *,
    say: str = "",
    press: str = "",
    press_after_s: float = 0.0,
    talk_s: float = 20.0,
    record: str = "",
    patience_s: float = 45.0,
    timeout_s: float = 120.0,
) -> Iterator[dict[str, Any]]:
    """Let somebody call the line and yield what happens until the call has ended.

    Events: `ringing`, `answered`, `heard` (`level_dbfs`, each second), `digit`, `ended` (`by`).
    *from_number* None is withheld; *say* is a WAV file or `tone:HZ`; *record* a file to write what
    the caller hears to; *timeout_s* how long nothing may happen. Raises `DriverError` like `ask`.
    """
    request = {
        "do": "call",
        "from": from_number,
        "say": _absolute(say),
        "press": press,
        "press_after_s": press_after_s,
        "talk_s": talk_s,
        "record": _absolute(record),
        "patience_s": patience_s,
        "watch": True,
    }
    with _Connection(folder, timeout_s) as connection:
        connection.ask(request)
        while True:
            event = connection.receive()
            yield event
            if event.get("event") == "ended":
                return


class _Connection:
    def __init__(self, folder: Path, timeout_s: float) -> None:
        self._path = folder / _SOCKET_NAME
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(timeout_s)

    def __enter__(self) -> "_Connection":
        try:
            self._socket.connect(str(self._path))
        except OSError as error:
            self._socket.close()
            message = f"no pretend modem at {self._path}: {error.strerror or error}"
            raise DriverError("line-lost", message) from error
        self._lines = self._socket.makefile("rb")
        return self

    def __exit__(self, *_: object) -> None:
        self._lines.close()
        self._socket.close()

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        try:
            self._socket.sendall(json.dumps(request).encode() + b"\n")
        except OSError as error:
            raise DriverError("line-lost", f"the pretend modem went away: {error}") from error
        answer = self.receive()
        while "event" in answer:
            answer = self.receive()
        if not answer.get("ok"):
            raise DriverError(
                str(answer.get("reason", "internal")), str(answer.get("error", answer))
            )
        return answer

    def receive(self) -> dict[str, Any]:
        try:
            line = self._lines.readline()
        except TimeoutError as error:
            raise DriverError("timeout", "the pretend modem says nothing") from error
        except OSError as error:
            raise DriverError("line-lost", f"the pretend modem went away: {error}") from error
        if not line:
            raise DriverError("line-lost", "the pretend modem went away")
        record = json.loads(line)
        if not isinstance(record, dict):
            raise DriverError("internal", "the pretend modem answers in no known form")
        return record


def _absolute(name: str) -> str:
    # the modem runs in a folder of its own
    return str(Path(name).absolute()) if name and not name.startswith("tone:") else name
