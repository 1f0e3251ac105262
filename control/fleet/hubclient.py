"""Talking to the hub on this machine: JSON over ZeroMQ's ipc."""

import logging
from pathlib import Path
from typing import Any

import msgspec
import zmq

from appliance.base.errors import PeerError
from appliance.routing.reach import HUB_NAME
from control.fleet.floors import merged
from control.fleet.hubs import further_hubs, settings_of
from control.settings import ControlSettings

LOG = logging.getLogger(__name__)

#: the hub answers from memory; longer means it is not there [ms]
ANSWER_MS = 1500


class HubClient:
    """Asks the hubs of this machine, which alone write live state."""

    def __init__(self, settings: ControlSettings, context: zmq.Context[Any] | None = None) -> None:
        self._settings = settings
        self._context = context or zmq.Context.instance()

    def hubs(self) -> list[ControlSettings]:
        """Return the settings of all hubs, the first first; raise ConfigError."""
        names = [hub.name for hub in further_hubs(self._settings)]
        return [settings_of(self._settings, name) for name in (HUB_NAME, *names)]

    def ask(
        self,
        request: dict[str, Any],
        timeout_ms: int = ANSWER_MS,
        hub: ControlSettings | None = None,
    ) -> dict[str, Any]:
        """Return a hub's answer, be it a refusal; raise PeerError if there is none in time."""
        commands = (hub or self._settings).hub_commands
        if not Path(commands.removeprefix("ipc://")).exists():
            # ZeroMQ would wait for it to appear
            raise PeerError("unreachable", "the hub is not running")
        with self._context.socket(zmq.REQ) as socket:
            socket.linger = 0
            socket.sndtimeo = socket.rcvtimeo = timeout_ms
            socket.connect(commands)
            try:
                socket.send(msgspec.json.encode(request))
                answer = msgspec.json.decode(socket.recv(), type=dict[str, Any])
            except zmq.Again:
                raise PeerError("unreachable", "the hub does not answer") from None
            except msgspec.DecodeError as error:
                raise PeerError("bad-request", f"the hub's answer: {error}") from error
        return answer

    def floor(self) -> dict[str, Any]:
        """Return everything that is live now, at all hubs; raise PeerError where all are away."""
        floors, trouble = [], PeerError("unreachable", "no hub is running")
        for hub in self.hubs():
            try:
                floors.append(self._done({"do": "floor"}, hub))
            except PeerError as error:
                trouble = error
        if not floors:
            raise trouble
        return floors[0] if len(floors) == 1 else merged(floors)

    def reload(self) -> bool:
        """Tell the hubs that documents or the fleet changed; False where all are away.

        A hub that is away reads everything when it starts.
        """
        told = False
        for hub in self.hubs():
            try:
                self._done({"do": "reload"}, hub)
                told = True
            except PeerError as error:
                LOG.warning("%s did not reload: %s", hub.hub_name, error)
        return told

    def _done(self, request: dict[str, Any], hub: ControlSettings) -> dict[str, Any]:
        """Return the answer; raise PeerError also for a refusal."""
        answer = self.ask(request, hub=hub)
        if answer.keys() == {"reason", "message"}:
            raise PeerError(str(answer["reason"]), str(answer["message"]))
        return answer
