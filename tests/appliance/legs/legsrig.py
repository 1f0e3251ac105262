"""The legs process in this process, with a scripted brain on its real socket."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, TypeVar

from appliance.config.model import (
    ApplianceSettings,
    LegsSettings,
    MediaSettings,
    SipSettings,
    TrunkSettings,
)
from appliance.legs.daemon import LegsDaemon
from appliance.wire.commands import Answer, BrainRecord
from appliance.wire.events import LegIn, LegsRecord, LegUp
from appliance.wire.rows import LegRow, Registration, TrunkState
from appliance.wire.session import PROTO, Attach, Beat, Hello, Snapshot, SnapshotEnd
from appliance.wire.transport import brain_stream, keep_connected
from tests.ports import free_port
from tests.sippkit import (
    SDP,
    Sipp,
    expect,
    in_dialog_response,
    request,
    response,
    scenario,
    send,
)

DEADLINE_S = 20
#: where sipp stands in for a trunk, where for somebody unknown
TRUNK_ADDRESS = "127.0.0.3"
STRANGER_ADDRESS = "127.0.0.9"

#: a caller who is answered, waits for the far end's BYE
CALLER = scenario(
    send(request("INVITE", body=SDP)),
    expect(100, optional=True),
    expect(180, optional=True),
    expect(183, optional=True),
    expect(200),
    send(request("ACK", to_tag=True), retrans=False),
    expect("BYE"),
    send(in_dialog_response(200, "OK"), retrans=False),
)
#: somebody who rings, answers and waits for our BYE
CALLEE = scenario(
    expect("INVITE"),
    send(response(180, "Ringing"), retrans=False),
    send(response(200, "OK", body=SDP)),
    expect("ACK"),
    expect("BYE"),
    send(in_dialog_response(200, "OK"), retrans=False),
)

T = TypeVar("T")


class ScriptedBrain:
    """Attaches, keeps what legs tell, and sends what a test tells it to."""

    def __init__(self, path: Path, *, beats: bool = True) -> None:
        self._path = path
        self._beats = beats
        self.link = brain_stream()
        self.link.on_up = self._up
        self.link.on_records = self._records
        self.link.on_down = self._down
        self._changed = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self.hello: Hello | None = None
        self.rows: dict[int, LegRow] = {}
        self.registrations: dict[str, Registration] = {}
        self.trunks: dict[str, TrunkState] = {}
        self.whole = False
        self.events: list[LegsRecord] = []
        self.downs: list[str] = []

    async def start(self) -> "ScriptedBrain":
        """Attach and wait for the whole snapshot."""
        loop = asyncio.get_running_loop()
        self._tasks.append(loop.create_task(keep_connected(self.link, self._path, retry_s=0.02)))
        if self._beats:
            self._tasks.append(loop.create_task(self._beat()))
        await self.until(lambda: self.whole)
        return self

    async def stop(self) -> None:
        """Be gone, as a process that has died."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()

    def put(self, *commands: BrainRecord) -> None:
        """Send commands."""
        for command in commands:
            self.link.put(command)

    def heard(self, kind: type[T], **fields: Any) -> list[T]:
        """Return the events of *kind* so far whose fields are these."""
        return [
            event
            for event in self.events
            if isinstance(event, kind)
            and all(getattr(event, name) == value for name, value in fields.items())
        ]

    async def event(self, kind: type[T], *, within_s: float = DEADLINE_S, **fields: Any) -> T:
        """Wait for the first event of *kind* whose fields are these."""
        await self.until(
            lambda: bool(self.heard(kind, **fields)), f"{kind.__name__} {fields}", within_s
        )
        return self.heard(kind, **fields)[0]

    async def count(self, kind: type[object], count: int) -> None:
        """Wait until *count* events of *kind* were heard."""
        await self.until(lambda: len(self.heard(kind)) >= count, f"{count} {kind.__name__}")

    async def until(
        self, true: Callable[[], bool], what: str = "", within_s: float = DEADLINE_S
    ) -> None:
        """Wait until something heard has made it true."""
        try:
            async with asyncio.timeout(within_s):
                while not true():
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            shown = "\n".join(map(str, self.events[-20:]))
            raise AssertionError(f"never came: {what}; heard\n{shown}") from None

    def _up(self) -> None:
        self.whole = False
        self.rows.clear()
        self.link.put(Attach(PROTO, "test"))

    def _down(self, why: str) -> None:
        self.downs.append(why)
        self._changed.set()

    def _records(self, records: list[LegsRecord]) -> None:
        for record in records:
            match record:
                case Hello():
                    self.hello = record
                case Snapshot():
                    self.rows |= {row.leg: row for row in record.legs}
                    self.registrations |= {one.account: one for one in record.registrations}
                    self.trunks |= {trunk.name: trunk for trunk in record.trunks}
                case SnapshotEnd():
                    self.whole = True
                case Beat():
                    pass
                case _:
                    self.events.append(record)
        self._changed.set()

    async def _beat(self) -> None:
        while True:
            self.link.put(Beat(asyncio.get_running_loop().time()))
            await asyncio.sleep(0.3)


class LegsRig:
    """Legs, where they listen, and a way to make brains."""

    def __init__(self, daemon: LegsDaemon) -> None:
        self.daemon = daemon
        self.sip = (daemon.settings.sip.address, daemon.settings.sip.port)
        self.socket = Path(daemon.settings.state_dir) / daemon.settings.legs.socket
        self._brains: list[ScriptedBrain] = []

    async def brain(self, *, beats: bool = True) -> ScriptedBrain:
        """Return a new brain, attached."""
        brain = ScriptedBrain(self.socket, beats=beats)
        self._brains.append(brain)
        return await brain.start()

    async def close(self) -> None:
        """Stop all brains and legs."""
        for brain in self._brains:
            await brain.stop()
        await self.daemon.close()


def settings_for(
    folder: Path,
    *,
    trunk_port: int = 0,
    legs: LegsSettings | None = None,
    prompts: tuple[str, ...] = (),
    silence_s: float = 60.0,
) -> ApplianceSettings:
    """Return settings with a trunk at `TRUNK_ADDRESS`, everything on free ports."""
    trunk = TrunkSettings(host=TRUNK_ADDRESS, port=trunk_port or free_port(), check_s=0)
    return ApplianceSettings(
        state_dir=str(folder / "state"),
        sip=SipSettings(port=free_port(), phone_check_s=1.0),
        media=MediaSettings(
            first_port=free_port() & ~1,
            last_port=65534,
            prompt_dirs=prompts,
            silence_timeout_s=silence_s,
        ),
        legs=legs or LegsSettings(),
        trunks={"city": trunk},
    )


@contextlib.asynccontextmanager
async def legs_running(settings: ApplianceSettings) -> AsyncIterator[LegsRig]:
    """Run legs with *settings*."""
    daemon = LegsDaemon(settings)
    await daemon.start()
    rig = LegsRig(daemon)
    try:
        yield rig
    finally:
        await rig.close()


async def done(sipp: Sipp) -> None:
    """Wait for a sipp without holding up the loop, and check that all its calls went well."""
    result = await asyncio.to_thread(sipp.wait)
    assert result.ok, str(result)


async def answered(brain: ScriptedBrain) -> int:
    """Answer the call that comes in; return its leg once it is up."""
    leg = (await brain.event(LegIn)).row.leg
    brain.put(Answer(leg))
    await brain.event(LegUp, leg=leg)
    return leg
