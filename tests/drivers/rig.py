"""A driver and a pretend modem on real pseudo-terminals, several times faster than life."""

import asyncio
import math
import os
import wave
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

from drivers.gsm import GsmLine
from drivers.gsmcall import Timings
from drivers.line import (
    PCM_FRAME_BYTES,
    PCM_RATE_HZ,
    Answered,
    Incoming,
    LineEvent,
    LineState,
)
from drivers.profiles import profile_named
from drivers.sim.caller import FarCaller
from drivers.sim.runner import SimulatedModem
from drivers.sim.sound import Samples, from_bytes

#: generous: only a hang reaches it
DEADLINE_S = 30.0
SPEED = 10.0
FAST = Timings(
    command_s=1.0,
    call_command_s=2.0,
    quiet_s=0.05,
    look_busy_s=0.2,
    look_idle_s=0.4,
    recheck_s=0.05,
    caller_id_s=0.3,
    network_s=0.1,
    radio_restart_s=0.5,
    reopen_first_s=0.05,
    reopen_most_s=0.2,
)

Event = TypeVar("Event")


async def until(true: Callable[[], bool]) -> None:
    """Wait until *true* holds; for what nobody announces."""
    async with asyncio.timeout(DEADLINE_S):
        while not true():  # noqa: ASYNC110
            await asyncio.sleep(0.002)


#: for as long as a test may last
PATIENT = 600.0


class Rig:
    """The line under test, what it said, and the modem behind it."""

    def __init__(self, modem: SimulatedModem) -> None:
        self.sim = modem
        self.events: list[LineEvent] = []
        self._news = asyncio.Event()
        self._read = 0
        self.line: GsmLine

    def plug(self, **options: object) -> None:
        """Make the line; *options* go to it."""
        settings: dict[str, object] = {"timings": FAST} | options
        self.line = GsmLine(
            profile_named("sim7600"),
            *self.sim.paths,
            on_event=self.on_event,
            **settings,  # type: ignore[arg-type]
        )

    def on_event(self, event: LineEvent) -> None:
        self.events.append(event)
        self._news.set()

    async def wait_for(self, kind: type[Event]) -> Event:
        """Return the next event of this kind; those before it are passed over."""
        async with asyncio.timeout(DEADLINE_S):
            while True:
                while self._read < len(self.events):
                    event = self.events[self._read]
                    self._read += 1
                    if isinstance(event, kind):
                        return event
                self._news.clear()
                await self._news.wait()

    async def until(self, true: Callable[[], bool]) -> None:
        """Wait until *true* holds."""
        await until(true)

    def state(self) -> LineState:
        return self.line.state

    async def until_idle(self) -> None:
        await self.until(lambda: self.line.state is LineState.IDLE)

    async def read_pcm(self, count: int) -> Samples:
        """Return so many samples from the line's PCM descriptor."""
        fd = self.line.pcm_fd
        assert fd is not None
        data = b""
        async with asyncio.timeout(DEADLINE_S):
            while len(data) < 2 * count:
                try:
                    data += os.read(fd, PCM_FRAME_BYTES)
                except BlockingIOError:
                    await asyncio.sleep(0.001)
        return from_bytes(data[: 2 * count])


@asynccontextmanager
async def rigged(
    folder: Path, *, speed: float = SPEED, **sim_options: object
) -> AsyncIterator[Rig]:
    """A running modem in *folder*; `plug` a line into the rig."""
    modem = SimulatedModem(folder, speed=speed, **sim_options)  # type: ignore[arg-type]
    await modem.start()
    rig = Rig(modem)
    rig.plug()
    try:
        yield rig
    finally:
        await rig.line.close()
        await modem.stop()


def level_at(samples: Samples, hz: float) -> float:
    """Return the amplitude at *hz*, of full scale (Goertzel over all samples)."""
    coefficient = 2 * math.cos(2 * math.pi * hz / PCM_RATE_HZ)
    last = before = 0.0
    for sample in samples:
        last, before = sample + coefficient * last - before, last
    power = last * last + before * before - coefficient * last * before
    return 2 * math.sqrt(max(power, 0.0)) / len(samples) / 32768


def wav_samples(path: Path) -> Samples:
    """Return the samples of an 8 kHz mono WAV file."""
    with wave.open(str(path), "rb") as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (8000, 1, 2)
        return from_bytes(file.readframes(file.getnframes()))


def call_in(
    rig: Rig, number: str | None = "+33612345678", *, patience_s: float = PATIENT, **far: Any
) -> list[dict[str, Any]]:
    """Let somebody call, and return the list of what they will be told."""
    told: list[dict[str, Any]] = []
    caller = FarCaller(**({"talk_s": PATIENT} | far))
    rig.sim.modem.ring(number, caller, told.append, patience_s=patience_s)
    return told


async def talk(rig: Rig, **far: Any) -> list[dict[str, Any]]:
    """Let somebody call and answer them."""
    told = call_in(rig, **far)
    await rig.wait_for(Incoming)
    await rig.line.answer()
    await rig.wait_for(Answered)
    return told
