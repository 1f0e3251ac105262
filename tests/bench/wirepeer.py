"""The legs process alone, and a scripted peer on its wire in the brain's place."""

import asyncio
import os
import subprocess
import sys
import threading
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from appliance.wire.commands import Answer, Bridge, Dial, Play, Ring
from appliance.wire.events import LegDown, LegIn, LegOut, LegRinging, LegsRecord, LegUp, Refused
from appliance.wire.session import PROTO, Ack, Attach, Beat
from appliance.wire.transport import BrainStream, brain_stream, keep_connected
from tests.baresipkit import wait_for
from tests.bench.load import PHONES_PORT
from tests.processes import end
from tests.spine.branch import loopback

#: what the peer does with a caller: answers it, plays music to it, or joins it to a call out
Script = Literal["answer", "music", "join"]
#: the waiting music's folder
MUSIC = "moh"
_BEAT_S = 0.5
_NUMBER = "500"


class Legs:
    """The legs process, pinned to *core*; calls come from `near` and go out to `far`."""

    def __init__(self, folder: Path, core: int) -> None:
        self.folder = folder
        self.address, self.near, self.far = loopback(), loopback(), loopback()
        config = folder / "appliance.toml"
        config.write_text(
            f'name = "north"\nsite = "north"\nstate_dir = "{folder}"\nlog_level = "warning"\n'
            f'[sip]\naddress = "{self.address}"\n'
            f'[trunks.near]\nhost = "{self.near}"\ncheck_s = 0\n'
            f'[trunks.far]\nhost = "{self.far}"\nport = {PHONES_PORT}\ncheck_s = 0\n'
        )
        command = [sys.executable, "-m", "appliance.cli", "legs", "run", "--config", str(config)]
        with (folder / "legs.log").open("wb") as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        os.sched_setaffinity(self.pid, {core})
        self.socket = folder / "legs.sock"

    def __enter__(self) -> Self:
        try:
            wait_for("legs", self._there)
        except AssertionError as error:
            self.__exit__(type(error), error, None)
            raise
        return self

    def _there(self) -> bool:
        assert self._process.poll() is None, "legs have ended"
        return self.socket.exists()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        end(self._process)
        if error is not None:
            error.add_note((self.folder / "legs.log").read_text()[-2000:])

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid


class WirePeer:
    """Does what its script says with each caller; runs in a thread of its own."""

    def __init__(self, legs: Legs, script: Script) -> None:
        self._script = script
        self._path = legs.socket
        self._link: BrainStream = brain_stream()
        self._link.on_up = lambda: self._link.put(Attach(PROTO, "bench"))
        self._link.on_records = self._take
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)
        #: legs that are there, and those of them that are answered
        self.legs: set[int] = set()
        self.up: set[int] = set()
        self.refused: list[str] = []
        #: leg that was dialled -> leg of its caller
        self._callers: dict[int, int] = {}

    def __enter__(self) -> Self:
        self._thread.start()
        wait_for("the link", lambda: self._link.up)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _run(self) -> None:
        tasks = [
            self._loop.create_task(keep_connected(self._link, self._path)),
            self._loop.create_task(self._beat()),
        ]
        self._loop.run_forever()
        for task in tasks:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self._loop.close()

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(_BEAT_S)
            self._link.put(Beat(0.0))

    def _take(self, records: list[LegsRecord]) -> None:
        for record in records:
            match record:
                case LegIn():
                    self.legs.add(record.row.leg)
                    self._came(record.row.leg)
                case LegOut():
                    self.legs.add(record.leg)
                    self._callers[record.leg] = int(record.tok)
                case LegRinging():
                    self._link.put(Ring(self._callers[record.leg]))
                case LegUp():
                    self.up.add(record.leg)
                    self._answered(record.leg)
                case LegDown():
                    self.legs.discard(record.leg)
                    self.up.discard(record.leg)
                    self._callers.pop(record.leg, None)
                    self._link.put(Ack(record.seq))
                case Refused():
                    self.refused.append(f"{record.command} {record.about}: {record.reason}")

    def _came(self, leg: int) -> None:
        if self._script == "join":
            dial = Dial(tok=str(leg), kind="trunk", via="far", to=_NUMBER, owner=leg, caller="900")
            self._link.put(dial)
            return
        self._link.put(Answer(leg))
        if self._script == "music":
            self._link.put(Play(leg, 1, [MUSIC], loop=True))

    def _answered(self, leg: int) -> None:
        caller = self._callers.get(leg)
        if caller is not None:
            self._link.put(Answer(caller))
            self._link.put(Bridge(f"b{caller}", [caller, leg]))
