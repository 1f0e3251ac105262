"""A line over a GSM voice modem: opens it, starts it, watches it, and opens it again.

One supervisor task owns the ports. It looks at the calls whenever an unsolicited line says that
something happened, and now and then anyway, which is also how a silent modem is noticed.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable

from drivers.at import AtChannel, Urc
from drivers.errors import CommandRefused, DriverError, LineLost, LineSilent
from drivers.gsmcall import CallKeeper, Timings
from drivers.gsmstart import (
    Identity,
    Pin,
    greet,
    read_identity,
    read_network,
    restart_radio,
    set_up,
    unlock_sim,
)
from drivers.gsmwords import parse_signal_dbm
from drivers.line import LineDown, LineEvent, LineSound, LineState, LineUp, OnEvent
from drivers.profiles.profile import Profile
from drivers.serialport import SerialPort, open_port

__all__ = ["GsmLine", "Timings"]

LOGGER = logging.getLogger(__name__)

#: looks in a row without an answer that makes sense before the modem counts as silent; each has
#: the channel's own tries inside
_FAILURES_MAX = 2


class GsmLine:
    """One GSM modem as a `drivers.line.Line`."""

    def __init__(
        self,
        profile: Profile,
        control_path: str,
        audio_path: str,
        *,
        on_event: OnEvent,
        pin: str | None = None,
        timings: Timings | None = None,
        opener: Callable[[str], SerialPort] = open_port,
    ) -> None:
        """Take the modem's make and the paths of its control and audio ports.

        Raises `DriverError` (`bad-config`) for a PIN that can't be one.
        """
        self._profile = profile
        self._paths = (control_path, audio_path)
        self._on_event = on_event
        self._pin = Pin(pin)
        self._timings = timings or Timings()
        self._open = opener
        self._wake = asyncio.Event()
        self._calls = CallKeeper(profile, self._timings, self._emit, self._wake.set)
        self._ports: list[SerialPort] = []
        self._channel: AtChannel | None = None
        self._task: asyncio.Task[None] | None = None
        self._up = False
        self._down_reason = ""
        self._fault: DriverError | None = None
        self._failures = 0
        self._ask_network = True
        self._t_network_lost: float | None = None
        #: who the modem is, once known
        self.identity = Identity("", "", "")
        #: last known operator and signal
        self.operator = ""
        self.signal_dbm: int | None = None

    @property
    def state(self) -> LineState:
        """Where the line is in the life of its call."""
        state = self._calls.state
        return LineState.DOWN if state is LineState.IDLE and not self._up else state

    @property
    def pcm_fd(self) -> int | None:
        """While active, and until the callback of `Ended` returns: the PCM descriptor."""
        return self._calls.pcm_fd

    @property
    def sound(self) -> LineSound:
        """How the PCM descriptor is read and written."""
        return self._profile.sound

    async def start(self) -> None:
        """Begin to open the modem and keep it open; `LineUp` follows by callback."""
        if self._task is None:
            self._task = asyncio.create_task(self._supervise(), name=f"line {self._paths[0]}")

    async def close(self) -> None:
        """End the call if there is one, and let go of the modem."""
        task, self._task = self._task, None
        if task is None:
            return
        with contextlib.suppress(DriverError, TimeoutError):
            async with asyncio.timeout(self._timings.command_s):
                await self._calls.hang_up()
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        self._went_down(DriverError("shutdown", "the line was closed"))

    async def answer(self) -> None:
        """Answer the ringing call; raises `DriverError` (`wrong-state`) when none rings."""
        await self._calls.answer()

    async def dial(self, number: str) -> None:
        """Call *number*; raises `DriverError` when the number or the state does not allow it."""
        if not self._up:
            reason = self._down_reason or "line-lost"
            raise DriverError(reason, "can't dial: the line is down")
        await self._calls.dial(number)

    async def hang_up(self) -> None:
        """End or refuse the call; harmless when there is none."""
        await self._calls.hang_up()

    async def send_digits(self, digits: str) -> None:
        """Send DTMF digits; raises `DriverError` when there is no active call to send them in."""
        await self._calls.send_digits(digits)

    # -- supervision ----------------------------------------------------------------------------

    async def _supervise(self) -> None:
        while True:
            try:
                await self._begin()
                await self._serve()
            except DriverError as error:
                LOGGER.info("%s: %s", self._paths[0], error)
                self._went_down(error)
            except Exception as error:
                LOGGER.exception("%s: the driver broke", self._paths[0])
                self._went_down(DriverError("internal", repr(error)))
            finally:
                self._close_ports()
            pause_s = self._timings.reopen_first_s * 2 ** min(self._failures, 16)
            self._failures += 1
            await asyncio.sleep(min(pause_s, self._timings.reopen_most_s))

    async def _begin(self) -> None:
        self._fault = None
        self._ask_network, self._t_network_lost = True, None
        for path in self._paths:
            self._ports.append(self._open(path))
        control, audio = self._ports
        channel = AtChannel(
            control.write,
            self._profile.urcs,
            self._on_urc,
            timeout_s=self._timings.command_s,
            quiet_s=self._timings.quiet_s,
        )
        self._channel = channel
        control.flush_input()
        control.listen(channel.data_received, self._port_lost)
        await greet(channel)
        self.identity = await read_identity(channel, self._profile)
        await unlock_sim(channel, self._profile, self._pin)
        await set_up(channel, self._profile)
        self._calls.attach(channel, audio)

    async def _serve(self) -> None:
        failures = 0
        while self._channel is not None:
            self._wake.clear()
            if self._fault is not None:
                raise self._fault
            try:
                pause_s = await self._look(self._channel)
                failures = 0
            except (LineSilent, CommandRefused) as error:
                # one lost answer may be noise: the channel finds the beat before its next command
                failures += 1
                if failures >= _FAILURES_MAX:
                    raise LineSilent(error.message) from error
                continue
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause_s):
                    await self._wake.wait()

    async def _look(self, channel: AtChannel) -> float:
        pause_s = await self._calls.look()
        if self._calls.state is not LineState.IDLE:
            return pause_s
        if self._calls.worn:
            await self._reset(channel)
        if not self._up or self._ask_network or pause_s >= self._timings.look_idle_s:
            await self._look_at_network(channel)
        return pause_s if self._up else min(pause_s, self._timings.network_s)

    async def _look_at_network(self, channel: AtChannel) -> None:
        network = await read_network(channel)
        if network is None:
            return
        self._ask_network = False
        if network.registered:
            self._t_network_lost = None
            self.operator, self.signal_dbm = network.operator, network.signal_dbm
            if not self._up:
                self._up, self._down_reason, self._failures = True, "", 0
                self._emit(LineUp(network.operator, network.signal_dbm))
            return
        self._tell_down(DriverError("no-signal", "the modem is in no network"))
        now = asyncio.get_running_loop().time()
        self._t_network_lost = self._t_network_lost or now
        if now - self._t_network_lost >= self._timings.radio_restart_s:
            self._t_network_lost = now
            await restart_radio(channel, self._profile)

    async def _reset(self, channel: AtChannel) -> None:
        LOGGER.warning("%s: the sound path is worn, the modem is reset", self._paths[0])
        with contextlib.suppress(CommandRefused):
            await channel.command(self._profile.quirks.reset)
        raise LineLost("the modem was reset: its sound path was worn")

    # -- news -----------------------------------------------------------------------------------

    def _on_urc(self, urc: Urc) -> None:
        match urc.name:
            case "signal":
                self.signal_dbm = parse_signal_dbm(urc.text)
            case "registration" | "registration-lte":
                self._ask_network = True
                self._wake.set()
            case "restarted":
                self._fail(LineLost("the modem restarted"))
            case "sim":
                pass
            case _:
                self._calls.on_urc(urc)

    def _port_lost(self, why: str) -> None:
        if self._channel is not None:
            self._channel.connection_lost(why)
        self._fail(LineLost(why))

    def _fail(self, fault: DriverError) -> None:
        self._fault = self._fault or fault
        self._wake.set()

    def _went_down(self, error: DriverError) -> None:
        self._calls.detach(error.reason)
        self._tell_down(error)

    def _tell_down(self, error: DriverError) -> None:
        if self._up or self._down_reason != error.reason:
            self._up, self._down_reason = False, error.reason
            self._emit(LineDown(error.reason, error.message))

    def _close_ports(self) -> None:
        if self._channel is not None:
            self._channel.connection_lost("the port was closed")
        self._channel = None
        while self._ports:
            self._ports.pop().close()

    def _emit(self, event: LineEvent) -> None:
        LOGGER.debug("%s: %s", self._paths[0], event)
        self._on_event(event)
