"""The hub's two sockets for the web processes of this machine: commands, and live changes.

Commands are JSON objects with a `do`, answered by a JSON object; an error has `reason` and
`message`. Files in control's state folder, which nobody else may enter.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import zmq

from appliance.base.errors import BranchlineError, ConfigError
from appliance.link.pump import SocketPump

_log = logging.getLogger(__name__)

#: a longer command is refused [bytes]
MAX_COMMAND = 65_536
Command = Callable[[dict[str, Any]], Awaitable[msgspec.Struct | dict[str, Any]]]


class HubDoor:
    """Answers commands by name, and publishes changes."""

    def __init__(self, commands: dict[str, Command]) -> None:
        self._commands = commands
        self._context: zmq.Context[Any] | None = None
        self._asked: SocketPump | None = None
        self._live: zmq.Socket[Any] | None = None
        self._running: set[asyncio.Task[None]] = set()

    def start(self, commands_address: str, live_address: str) -> None:
        """Listen on both `ipc://` addresses; raise ConfigError `bad-config`."""
        self._context = zmq.Context()
        # ROUTER, so that a reload does not hold up who asks for the floor
        router = self._context.socket(zmq.ROUTER)
        router.maxmsgsize = MAX_COMMAND
        self._live = self._context.socket(zmq.PUB)
        self._live.linger = 0
        self._asked = SocketPump(router, self._take)
        try:
            router.bind(commands_address)
            self._live.bind(live_address)
        except zmq.ZMQError as error:
            self.close()
            message = f"{commands_address} or {live_address}: {error}"
            raise ConfigError("bad-config", message) from error
        self._asked.start(asyncio.get_running_loop())

    def publish(self, change: msgspec.Struct) -> None:
        """Publish a change as one JSON frame."""
        if self._live is not None:
            self._live.send(msgspec.json.encode(change), zmq.NOBLOCK)

    def close(self) -> None:
        """Stop listening."""
        for task in self._running:
            task.cancel()
        if self._asked is not None:
            self._asked.close()
            self._asked = None
        if self._live is not None:
            self._live.close(linger=0)
            self._live = None
        if self._context is not None:
            self._context.destroy(linger=0)
            self._context = None

    def _take(self, frames: list[zmq.Frame]) -> None:
        if len(frames) != 3:
            return
        route, body = frames[0].bytes, frames[2].bytes
        task = asyncio.create_task(self._answer(route, body))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _answer(self, route: bytes, body: bytes) -> None:
        try:
            answer = await self._do(body)
        except BranchlineError as error:
            answer = {"reason": error.reason, "message": error.message}
        if self._asked is not None:
            self._asked.socket.send_multipart([route, b"", msgspec.json.encode(answer)])
            self._asked.stir()

    async def _do(self, body: bytes) -> msgspec.Struct | dict[str, Any]:
        try:
            request = msgspec.json.decode(body, type=dict[str, Any])
        except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
            raise ConfigError("bad-request", f"a command is a JSON object: {error}") from None
        command = self._commands.get(str(request.get("do")))
        if command is None:
            known = ", ".join(sorted(self._commands))
            raise ConfigError("bad-request", f"do {request.get('do')!r}: must be one of {known}")
        return await command(request)
