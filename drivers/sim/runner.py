"""Runs a pretend modem: its two ttys, its time, and the socket that steers it."""

import asyncio
import contextlib
from collections.abc import Callable
from pathlib import Path

from drivers.errors import DriverError
from drivers.sim.control import ControlServer
from drivers.sim.modem import TICK_S, Sim7600Simulator
from drivers.sim.pty import Pty

#: names in the modem's folder
CONTROL_PORT, AUDIO_PORT, CONTROL_SOCKET = "at", "pcm", "control"
#: ticks that are made up for at once after the machine was busy: half a second
_CATCH_UP_TICKS = 25


class SimulatedModem:
    """A modem in a folder: `at`, `pcm` and `control` in it are what the world sees."""

    def __init__(
        self,
        folder: Path,
        *,
        imei: str = "861234567890123",
        operator: str = "Loopback Mobile",
        pin: str = "",
        pin_attempts: int = 3,
        seed: int = 1,
        speed: float = 1.0,
        kind: type[Sim7600Simulator] = Sim7600Simulator,
        clock: Callable[[], float] | None = None,
    ) -> None:
        """Take the folder; *speed* lets the modem's time run faster than *clock*'s [s].

        *kind* is the make's class: the SIM7600 or one derived from it.
        """
        self._folder = folder
        self._at = Pty(folder / CONTROL_PORT, lambda data: self.modem.from_host(data))
        self._pcm = Pty(folder / AUDIO_PORT, lambda data: self.modem.pcm_from_host(data))
        self.modem = kind(
            self._at.send,
            self._pcm.send,
            imei=imei,
            operator=operator,
            pin=pin,
            pin_attempts=pin_attempts,
            seed=seed,
        )
        self.modem.on_reset = self._fall_off_the_bus
        self._server = ControlServer(folder / CONTROL_SOCKET, self.modem)
        self._tick_s = TICK_S / speed
        self._clock = clock
        self._task: asyncio.Task[None] | None = None

    @property
    def paths(self) -> tuple[str, str]:
        """The control and audio ports' paths, which last over resets."""
        return str(self._folder / CONTROL_PORT), str(self._folder / AUDIO_PORT)

    async def start(self) -> None:
        """Plug it in. Raises `DriverError` (`bad-config`) when the folder can't be used."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            await self._server.start()
            self._at.open()
            self._pcm.open()
        except OSError as error:
            await self.stop()
            raise DriverError("bad-config", f"{self._folder}: {error.strerror}") from error
        self._task = asyncio.create_task(self._run(), name=f"modem {self._folder}")

    async def stop(self) -> None:
        """Pull it out."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        await self._server.stop()
        self.modem.power_off("unplugged")
        self._at.close()
        self._pcm.close()

    async def _run(self) -> None:
        now = self._clock or asyncio.get_running_loop().time
        due = now()
        while True:
            # absolute deadlines: a late tick does not make the next one late
            due += self._tick_s
            behind = now() - due
            if behind > _CATCH_UP_TICKS * self._tick_s:
                due += behind
            await asyncio.sleep(max(0.0, due - now()))
            self.modem.tick()

    def _fall_off_the_bus(self) -> None:
        self._at.close()
        self._pcm.close()
        self.modem.later(1.8, self._plug_in)
        self.modem.boot()

    def _plug_in(self) -> None:
        if not self._at.is_open:
            self._at.open()
            self._pcm.open()
