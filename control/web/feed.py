"""The live feed: what the hub publishes, as server-sent events (WHATWG HTML §9.2)."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import zmq

from appliance.base.errors import PeerError
from control.fleet.hubclient import HubClient

#: a sign of life this often keeps proxies from closing, finds browsers that left, and lets
#: the page see a feed that broke [s]
HEARTBEAT_S = 5.0
#: how often a feed looks whether the server stops [ms]
_LOOK_MS = 500
#: a hub that is away is asked again this often [s]
_RETRY_S = 1.0
#: changes of several hubs are not numbered in one row: their floor is shown whole, this often [s]
_WHOLE_S = 2.0
#: a feed ends after this long; the browser opens it anew, and the log-in is asked again [s]
LIFE_S = 900.0


class LiveFeed:
    """One browser's feed. Changes are passed on as the hub numbers them, without a gap.

    It subscribes before it asks for the floor, so nothing falls between the two. A gap, or a
    silence of HEARTBEAT_S with another number at the hub, yields the whole floor again.
    """

    def __init__(self, address: str, hub: HubClient, stopping: Callable[[], bool]) -> None:
        self._address = address
        self._hub = hub
        self._stopping = stopping
        self._number = -1
        self._at = ""
        self._away = False

    def events(self, names: dict[str, Any]) -> Iterator[str]:
        """Yield events until the server stops or the feed has lived its time."""
        end_s = time.monotonic() + LIFE_S
        context: zmq.Context[Any] = zmq.Context.instance()
        with context.socket(zmq.SUB) as socket:
            socket.linger = 0
            socket.subscribe(b"")
            socket.connect(self._address)
            yield event("names", names)
            yield from self._floor(anew=True)
            quiet_s = time.monotonic()
            while not self._stopping() and time.monotonic() < end_s:
                many = len(self._hub.hubs()) > 1
                if socket.poll(_LOOK_MS):
                    body = socket.recv_multipart()[-1]
                    yield from () if many else self._change(body)
                pause_s = _RETRY_S if self._away else _WHOLE_S if many else HEARTBEAT_S
                if time.monotonic() - quiet_s >= pause_s:
                    quiet_s = time.monotonic()
                    yield ": still here\n" + event("beat", None)
                    yield from self._floor()

    def _floor(self, *, anew: bool = False) -> Iterator[str]:
        """Ask for the floor; yield it if it is new to the browser, or that the hub is away."""
        try:
            floor = self._hub.floor()
        except PeerError as error:
            if not self._away:
                yield event("away", {"reason": error.reason})
            self._away = True
            return
        number = _number(floor)
        if anew or self._away or number != self._number:
            yield event("floor", floor)
        self._away, self._number, self._at = False, number, str(floor.get("at", ""))

    def _change(self, body: bytes) -> Iterator[str]:
        """Yield one change, or the whole floor where some are missing."""
        try:
            change = msgspec.json.decode(body, type=dict[str, Any])
        except msgspec.DecodeError:
            return
        number = _number(change)
        if number <= self._number and str(change.get("at", "")) <= self._at:
            # published before the floor was asked for, so it is in there
            return
        if self._away or number != self._number + 1:
            # some are missing, or the hub began anew
            yield from self._floor(anew=True)
            return
        self._number = number
        yield event("change", change)


def event(name: str, data: object) -> str:
    """Return one server-sent event."""
    return f"event: {name}\ndata: {msgspec.json.encode(data).decode()}\n\n"


def _number(message: dict[str, Any]) -> int:
    value = message.get("number", -1)
    return value if isinstance(value, int) else -1
