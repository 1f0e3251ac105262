"""The brain's admin socket: one JSON object a line, for the field commands on the same machine."""

import asyncio
import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

from appliance.base.errors import BranchlineError, ConfigError

log = logging.getLogger(__name__)

#: the socket's name in the state folder
SOCKET = "brain.sock"
#: a longer request is refused [bytes]
MAX_LINE = 65_536

Answer = Callable[[dict[str, Any]], dict[str, Any]]


class AdminSocket:
    """Answers `{"do": NAME, …}` with what the handler called NAME returns."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._handlers: dict[str, Answer] = {}
        self._server: asyncio.Server | None = None

    def on(self, name: str, answer: Answer) -> None:
        """Answer requests to do *name*."""
        self._handlers[name] = answer

    async def start(self) -> None:
        """Listen; raise ConfigError `bad-config` where that cannot be."""
        try:
            self._path.unlink(missing_ok=True)
            self._server = await asyncio.start_unix_server(
                self._serve, str(self._path), limit=MAX_LINE
            )
            self._path.chmod(0o600)
        except OSError as error:
            raise ConfigError("bad-config", f"{self._path}: {error}") from error

    def close(self) -> None:
        """Stop listening."""
        if self._server is not None:
            self._server.close()
            self._path.unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                writer.write(json.dumps(self._answer(line)).encode() + b"\n")
                await writer.drain()
        except (ConnectionError, ValueError) as error:
            log.debug("< %s", error)
        finally:
            writer.close()

    def _answer(self, line: bytes) -> dict[str, Any]:
        try:
            request = json.loads(line)
        except ValueError:
            return {"error": "bad-request", "message": "a request is one JSON object a line"}
        handler = self._handlers.get(str(request.get("do"))) if isinstance(request, dict) else None
        if handler is None:
            return {"error": "bad-request", "message": f"known: {', '.join(self._handlers)}"}
        try:
            return handler(request)
        except BranchlineError as error:
            return {"error": error.reason, "message": error.message}
