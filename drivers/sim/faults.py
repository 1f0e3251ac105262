"""What goes wrong with a pretend device on demand: a filter on the bytes it sends."""

import random
from collections.abc import Callable

from drivers.errors import DriverError

#: faults that change the bytes sent; each stays until cleared
WIRE_FAULTS = {
    "silent": "says nothing any more, not even sound",
    "garbage": "noise between and now and then inside its lines",
    "echo": "echoes every command, whatever ATE0 said",
    "slow": "answers 0.8 s late",
    "drip": "sends one byte at a time",
}
#: faults of the modem itself
MODEM_FAULTS = {
    "reset": "falls off the bus and comes back after 2 s",
    "restart": "restarts without its port going away",
    "worn": "its sound path needs retries until the modem is reset",
    "no-network": "loses the network",
}
FAULTS = WIRE_FAULTS | MODEM_FAULTS

_SLOW_S = 0.8
#: chance that a line gets noise before it, and that it loses a byte
_NOISE_BEFORE = 0.5
_NOISE_INSIDE = 0.1


class FaultyWire:
    """Passes bytes on to *out*, through the faults that are on; *later* runs things in time."""

    def __init__(
        self,
        out: Callable[[bytes], None],
        later: Callable[[float, Callable[[], None]], None],
        seed: int,
    ) -> None:
        self._out = out
        self._later = later
        self._random = random.Random(seed)  # noqa: S311 - noise, repeatable
        self.on: set[str] = set()

    def switch(self, name: str) -> None:
        """Switch the fault *name* on; `clear` switches all off. Raises `DriverError`."""
        if name == "clear":
            self.on.clear()
        elif name in WIRE_FAULTS:
            self.on.add(name)
        else:
            known = ", ".join(["clear", *FAULTS])
            raise DriverError("bad-request", f"no fault {name[:40]!r}; there are: {known}")

    def send(self, data: bytes) -> None:
        """Send *data*, or what becomes of it."""
        if "garbage" in self.on:
            data = self._garbled(data)
        if "slow" in self.on:
            self._later(_SLOW_S, lambda: self._emit(data))
        else:
            self._emit(data)

    def _emit(self, data: bytes) -> None:
        if "silent" in self.on:
            return
        if "drip" in self.on:
            for byte in data:
                self._out(bytes([byte]))
        else:
            self._out(data)

    def _garbled(self, data: bytes) -> bytes:
        if self._random.random() < _NOISE_INSIDE:
            hit = self._random.randrange(len(data))
            data = data[:hit] + data[hit + 1 :]
        if self._random.random() < _NOISE_BEFORE:
            data = self._random.randbytes(self._random.randrange(1, 24)) + b"\xff" + data
        return data
