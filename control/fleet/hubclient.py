"""Talking to the hub on this machine: JSON over ZeroMQ's ipc."""

import logging
from pathlib import Path
from typing import Any

import msgspec
import zmq

from appliance.base.errors import PeerError
from control.settings import ControlSettings

LOG = logging.getLogger(__name__)

#: the hub answers from memory; longer means it is not there [ms]
ANSWER_MS = 1500


class HubClient:
    """Asks the hub, which alone writes live state."""

    def __init__(self, settings: ControlSettings, context: zmq.Context[Any] | None = None) -> None:
        self._commands = settings.hub_commands
        self._context = context or zmq.Context.instance()

    def ask(self, request: dict[str, Any], timeout_ms: int = ANSWER_MS) -> dict[str, Any]:
        """Return the hub's answer, be it a refusal; raise PeerError if there is none in time."""
        if not Path(self._commands.removeprefix("ipc://")).exists():
            # ZeroMQ would wait for it to appear
            raise PeerError("unreachable", "the hub is not running")
        with self._context.socket(zmq.REQ) as socket:
            socket.linger = 0
            socket.sndtimeo = socket.rcvtimeo = timeout_ms
            socket.connect(self._commands)
            try:
                socket.send(msgspec.json.encode(request))
                answer = msgspec.json.decode(socket.recv(), type=dict[str, Any])
            except zmq.Again:
                raise PeerError("unreachable", "the hub does not answer") from None
            except msgspec.DecodeError as error:
                raise PeerError("bad-request", f"the hub's answer: {error}") from error
        return answer

    def floor(self) -> dict[str, Any]:
        """Return everything that is live now; raise PeerError."""
        return self._done({"do": "floor"})

    def reload(self) -> bool:
        """Tell the hub that documents or the fleet changed; False where it is away.

        A hub that is away reads everything when it starts.
        """
        try:
            self._done({"do": "reload"})
        except PeerError as error:
            LOG.warning("the hub did not reload: %s", error)
            return False
        return True

    def _done(self, request: dict[str, Any]) -> dict[str, Any]:
        """Return the answer; raise PeerError also for a refusal."""
        answer = self.ask(request)
        if answer.keys() == {"reason", "message"}:
            raise PeerError(str(answer["reason"]), str(answer["message"]))
        return answer
