"""Listening to an appliance's telemetry from a field command."""

import time
from collections.abc import Iterator

import zmq

from appliance.base.errors import ConfigError

Frames = tuple[str, bytes]


def listen(address: str, topic: str = "", *, for_s: float | None = None) -> Iterator[Frames]:
    """Yield (topic, JSON) of what is published at *address*, for ever or for so long."""
    end = None if for_s is None else time.monotonic() + for_s
    with zmq.Context() as context, context.socket(zmq.SUB) as socket:
        socket.linger = 0
        socket.subscribe(topic)
        try:
            socket.connect(address)
        except zmq.ZMQError as error:
            raise ConfigError("bad-config", f"{address} is no address: {error}") from error
        while end is None or (left := end - time.monotonic()) > 0:
            if not socket.poll(None if end is None else max(1, round(left * 1000))):
                return
            frames = socket.recv_multipart()
            if len(frames) == 2:
                yield frames[0].decode("utf-8", "replace"), frames[1]
