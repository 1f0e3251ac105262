"""A hub as the pages see it: answers `floor` and `reload`, publishes numbered changes."""

import threading
from types import TracebackType
from typing import Any, Self

import msgspec
import zmq

from control.hub.rows import LiveChange, LiveFloor, LiveGone
from control.settings import ControlSettings


class FakeHub:
    """Runs in a thread of its own; `with FakeHub(settings, floor) as hub`."""

    def __init__(self, settings: ControlSettings, floor: LiveFloor) -> None:
        self.floor = floor
        self.asked: list[str] = []
        #: reason word every command is refused with; empty: none
        self.refuses = ""
        self._settings = settings
        self._context: zmq.Context[Any] = zmq.Context()
        self._publish = self._context.socket(zmq.PUB)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._answer)

    def __enter__(self) -> Self:
        self._publish.bind(self._settings.hub_live)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join()
        self._publish.close(linger=0)
        self._context.term()

    def change(self, number: int, at: str, **rows: Any) -> None:
        """Publish one change."""
        change = LiveChange(number=number, at=at, plan_serial=1, gone=LiveGone(), **rows)
        self._publish.send(msgspec.json.encode(change))

    def _answer(self) -> None:
        with self._context.socket(zmq.REP) as socket:
            socket.linger = 0
            socket.bind(self._settings.hub_commands)
            while not self._stop.is_set():
                if not socket.poll(50):
                    continue
                word = msgspec.json.decode(socket.recv())["do"]
                self.asked.append(word)
                answer: object = self.floor if word == "floor" else {"ok": True}
                if self.refuses:
                    answer = {"reason": self.refuses, "message": "no"}
                socket.send(msgspec.json.encode(answer))


def floor(number: int = 1, at: str = "2026-11-22T04:00:00.000000Z", **rows: Any) -> LiveFloor:
    """Return a floor that holds *rows*."""
    empty: dict[str, Any] = {"appliances": [], "contacts": [], "seats": [], "queues": []}
    return LiveFloor(number=number, at=at, plan_serial=1, **{**empty, **rows})
