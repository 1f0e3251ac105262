"""A process that holds nothing but the media engine, told on stdin what to do, a JSON line each.

`python -m tests.bench.enginehost CPU WORKERS`; each command is answered by one JSON object.
"""

import json
import resource
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from appliance.legs.engine import MediaEngine
from appliance.legs.enginetypes import Codec, RtpRemote, Tone
from tests.bench.child import Child
from tests.spine.branch import loopback

#: RFC 3551 §6
PAYLOAD_TYPES: dict[Codec, int] = {"PCMU": 0, "PCMA": 8}
MAX_LEGS = 16384
#: what must not grow while a load is carried well
FAULTS = (
    "lost", "late", "duplicate", "reordered", "unknown", "malformed", "foreign", "concealed",
    "send_errors", "record_lost",
)  # fmt: skip


class EngineHost(Child):
    """The process, as its parent sees it."""

    def __init__(self, cpu: int, workers: int = 1) -> None:
        command = [sys.executable, "-m", "tests.bench.enginehost", str(cpu), str(workers)]
        if workers == 1:
            command = ["taskset", "-c", str(cpu), *command]
        super().__init__(command, end_s=20, folder=Path(__file__).parents[2])

    def calls(
        self,
        count: int,
        far: str,
        first_port: int,
        codecs: tuple[Codec, Codec] = ("PCMU", "PCMU"),
        *,
        detect: bool = False,
        folder: Path | None = None,
    ) -> tuple[str, list[int]]:
        """Bridge pairs of legs, whose far ends are at every second port of *far*.

        Record each call to *folder*, if one is given. Return the legs' address and ports.
        """
        answer = self._ask(
            "calls", count=count, far=far, first_port=first_port, codecs=codecs, detect=detect,
            folder=folder and str(folder),
        )  # fmt: skip
        return answer["address"], answer["ports"]

    def ring(self, legs: int) -> None:
        """Let legs talk to each other: of two that are bridged each sends to a leg of another."""
        self._ask("ring", legs=legs)

    def stats(self) -> dict[str, int]:
        """Return what the engine counted so far, and the sums of its legs' faults."""
        answer: dict[str, int] = self._ask("stats")
        return answer

    def _ask(self, command: str, **arguments: Any) -> Any:
        self.say(json.dumps([command, arguments]))
        return json.loads(self.answer())


# -- within the process -------------------------------------------------------------------------


class _Room:
    """The engine, and what its commands do."""

    def __init__(self, engine: MediaEngine, address: str) -> None:
        self._engine = engine
        self._address = address
        self._legs: list[int] = []

    def calls(
        self,
        count: int,
        far: str,
        first_port: int,
        codecs: list[Codec],
        detect: bool,
        folder: str | None,
    ) -> dict[str, Any]:
        """Make the legs of calls and their bridges."""
        ports: list[int] = []
        for number in range(count):
            pair = [self._leg() for _ in codecs]
            for (leg, port), codec in zip(pair, codecs, strict=True):
                self._remote(leg, far, first_port + 2 * len(ports), codec)
                self._engine.detect_digits(leg, detect)
                ports.append(port)
            self._engine.bridge(number, [leg for leg, _ in pair])
            if folder:
                self._engine.record(number, pair[0][0], f"{folder}/{number}.wav")
        return {"address": self._address, "ports": ports}

    def ring(self, legs: int) -> dict[str, Any]:
        """Bridge legs two by two, and let each send to a leg of the neighbouring two."""
        made = [self._leg() for _ in range(legs)]
        for number in range(0, legs, 2):
            (one, _), (other, other_port) = made[number : number + 2]
            far, far_port = made[(number + 2) % legs]
            self._remote(other, self._address, far_port, "PCMU")
            self._remote(far, self._address, other_port, "PCMU")
            self._engine.bridge(number, [one, other])
            for leg in (one, other):
                self._engine.detect_digits(leg, True)
        # what is played once goes round for ever
        for number in range(0, legs, 8):
            tone = Tone((300.0 + number % 1000,), ((60_000, 0),), level_dbm0=-20)
            self._engine.play(made[number][0], number, [tone])
        return {}

    def stats(self) -> dict[str, Any]:
        """Return the engine's counters and the sums of its legs'."""
        faults: Counter[str] = Counter(dict.fromkeys(FAULTS, 0))
        for leg in self._legs:
            one = self._engine.stats(leg)
            faults.update({name: getattr(one, name) for name in FAULTS})
        return {**asdict(self._engine.engine_stats()), **faults}

    def _leg(self) -> tuple[int, int]:
        leg = len(self._legs)
        port = self._engine.add_rtp_leg(leg, self._address, 0, 0)
        self._legs.append(leg)
        return leg, port

    def _remote(self, leg: int, address: str, port: int, codec: Codec) -> None:
        remote = RtpRemote(address, port, PAYLOAD_TYPES[codec], codec, rtcp_port=port)
        self._engine.set_remote(leg, remote)


def _main(cpu: int, workers: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    assert soft <= hard
    with MediaEngine(max_legs=MAX_LEGS, cpu=cpu, workers=workers) as engine:
        engine.start()
        room = _Room(engine, loopback())
        commands: dict[str, Callable[..., dict[str, Any]]] = {
            "calls": room.calls, "ring": room.ring, "stats": room.stats,
        }  # fmt: skip
        for line in sys.stdin:
            command, arguments = json.loads(line)
            print(json.dumps(commands[command](**arguments)), flush=True)
            engine.poll()


if __name__ == "__main__":
    _main(*map(int, sys.argv[1:]))
