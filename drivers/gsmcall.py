"""The one call of a GSM line: its state, its sound path, its end.

The modem's own list (+CLCC) alone moves the state; unsolicited lines only say when to look at it
and why a call ended.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from dataclasses import dataclass

from drivers import gsmwords as words
from drivers.at import AtChannel, Urc
from drivers.errors import CommandRefused, DriverError, LineLost, LineSilent
from drivers.line import Alerting, Answered, DigitHeard, Ended, Incoming, LineState, OnEvent
from drivers.profiles.profile import Profile
from drivers.serialport import SerialPort

LOGGER = logging.getLogger(__name__)

#: unsolicited ends and finals -> reason and Q.850 cause; the others ask the modem (+CEER)
_END_WORDS = {"busy": ("busy", 17), "BUSY": ("busy", 17)} | dict.fromkeys(
    ("no-answer", "NO ANSWER"), ("no-answer", 19)
)
_END_URCS = frozenset({"end", "no-carrier", "busy", "no-answer", "missed"})
#: a dialled call must be missing from the list so often before it counts as over
_MISSES_MAX = 3


@dataclass(frozen=True, slots=True)
class Timings:
    """The driver's patience [s]."""

    #: a command's answer; SIMCom's manual allows up to 9 s, its voice commands answer at once
    command_s: float = 3.0
    #: dialling and answering: the modem may have to change to another network first
    call_command_s: float = 15.0
    #: after an answer was lost: how long stragglers may still come in
    quiet_s: float = 0.2
    #: between two looks at the calls, while there is one and while there is none
    look_busy_s: float = 2.0
    look_idle_s: float = 10.0
    #: before a call that is missing from the list is looked for again
    recheck_s: float = 0.3
    #: how long an incoming call waits for its caller id
    caller_id_s: float = 1.0
    #: between two looks at the network while not registered
    network_s: float = 2.0
    #: without a network for so long, the radio is switched off and on
    radio_restart_s: float = 120.0
    #: pause before the ports are opened again: the first, doubling up to the last
    reopen_first_s: float = 1.0
    reopen_most_s: float = 30.0


@dataclass(slots=True)
class _Call:
    """What is known of the call."""

    outgoing: bool
    t_seen: float
    index: int = 0
    caller: words.CallerId | None = None
    #: the modem has taken the dial command
    placed: bool = True
    announced: bool = False
    alerted: bool = False
    answered: bool = False
    by_us: bool = False
    #: unsolicited line or final that told of the end, or empty
    end_word: str = ""
    #: the driver's own reason for ending it, or empty
    given_up: str = ""
    misses: int = 0


class CallKeeper:
    """Keeps the call of one modem; `attach` it to a started modem, `look` whenever woken."""

    def __init__(
        self, profile: Profile, timings: Timings, emit: OnEvent, wake: Callable[[], None]
    ) -> None:
        self._profile = profile
        self._timings = timings
        self._emit = emit
        self._wake = wake
        self._channel: AtChannel | None = None
        self._audio: SerialPort | None = None
        self._call: _Call | None = None
        self._heard_caller: words.CallerId | None = None
        self._ending = False
        self._free = asyncio.Event()
        #: the sound path wants a reset of the modem (see `Quirks`)
        self.worn = False

    # -- state ----------------------------------------------------------------------------------

    @property
    def state(self) -> LineState:
        """The call's state; `IDLE` when there is none."""
        if self._ending:
            return LineState.ENDED
        if self._call is None:
            return LineState.IDLE
        if self._call.answered:
            return LineState.ACTIVE
        return LineState.DIALLING if self._call.outgoing else LineState.RINGING

    @property
    def pcm_fd(self) -> int | None:
        """The PCM descriptor while the call is active."""
        if self._call is None or not self._call.answered or self._audio is None:
            return None
        return self._audio.fd

    def attach(self, channel: AtChannel, audio: SerialPort) -> None:
        """Work with this modem from now on."""
        self._channel, self._audio = channel, audio
        self.worn = False

    def detach(self, reason: str) -> None:
        """The modem is gone: a call that stood has ended for *reason*."""
        if self._call is not None:
            self._tell_end(reason, 0, by_far=False)
        self._channel = self._audio = None
        self._heard_caller = None
        self._ending = False
        self._free.set()

    # -- commands -------------------------------------------------------------------------------

    async def answer(self) -> None:
        """Answer the ringing call."""
        if self.state is not LineState.RINGING:
            raise DriverError("wrong-state", f"nothing to answer: the line is {self.state}")
        with contextlib.suppress(CommandRefused):  # the caller was quicker: `Ended` follows
            await self._command("ATA", self._timings.call_command_s)
        self._wake()

    async def dial(self, number: str) -> None:
        """Call *number*."""
        if not words.DIALLABLE.fullmatch(number):
            raise DriverError("bad-request", f"{number[:40]!r} can't be dialled")
        if self.state is LineState.ENDED:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._timings.call_command_s):
                    await self._free.wait()
        if self.state is not LineState.IDLE:
            raise DriverError("wrong-state", f"can't dial: the line is {self.state}")
        call = _Call(outgoing=True, t_seen=self._now(), placed=False)
        self._call = call
        try:
            await self._command(f"ATD{number};", self._timings.call_command_s)
        except CommandRefused as error:
            call.end_word = error.final
        except BaseException:
            # nobody knows whether it rings out there: it must not
            call.given_up = "timeout"
            raise
        finally:
            call.placed = True
            self._wake()
        if call is not self._call:
            raise LineLost("the modem went away while dialling")
        # from here on `Ended` will follow; where `dial` raises it does not
        call.announced = True

    async def hang_up(self) -> None:
        """End or refuse the call; harmless when there is none."""
        if self._call is None:
            return
        self._call.by_us = True
        with contextlib.suppress(CommandRefused):  # it is over already
            await self._command("AT+CHUP")
        self._wake()

    async def send_digits(self, digits: str) -> None:
        """Send DTMF digits to the far end."""
        digits = digits.upper()
        if not words.DTMF_DIGITS.issuperset(digits) or len(digits) > 64:
            raise DriverError("bad-request", f"{digits[:40]!r} are not DTMF digits")
        for digit in digits:
            if self.state is not LineState.ACTIVE:
                raise DriverError("wrong-state", f"no digits now: the line is {self.state}")
            await self._command(f'AT+VTS="{digit}"', self._timings.call_command_s)

    # -- what the modem says --------------------------------------------------------------------

    def on_urc(self, urc: Urc) -> None:
        """Take an unsolicited line."""
        call = self._call
        if urc.name == "clip":
            self._heard_caller = words.parse_clip(urc.text) or self._heard_caller
        elif urc.name == "digit":
            digit = urc.text.partition(":")[2].strip().upper()
            if self.state is LineState.ACTIVE and digit in words.DTMF_DIGITS:
                self._emit(DigitHeard(digit))
            return
        elif urc.name in _END_URCS and call is not None and call.end_word not in _END_WORDS:
            call.end_word = urc.name
        self._wake()

    async def look(self) -> float:
        """Ask for the list of calls, act on it, and return how long to wait for the next look [s].

        Raises `DriverError` when the modem is silent or gone.
        """
        lines = await self._command("AT+CLCC")
        listed = [words.parse_clcc(line) for line in lines if line.startswith("+CLCC:")]
        calls = [entry for entry in listed if entry is not None and entry.voice]
        if None in listed or ((call := self._call) is not None and not call.placed):
            return self._timings.recheck_s
        if call is None:
            return await self._look_for_new(calls)
        entry = next((entry for entry in calls if _is_same(call, entry)), None)
        if entry is None or entry.stat == words.GONE or _is_next(call, entry):
            return await self._look_gone(call, listed=entry is not None)
        call.misses, call.index = 0, entry.index
        return await self._look_alive(call, entry)

    # -- the look's cases -----------------------------------------------------------------------

    async def _look_for_new(self, calls: list[words.CallEntry]) -> float:
        for entry in calls:
            if not entry.outgoing and entry.stat in {words.INCOMING, words.WAITING}:
                call = _Call(outgoing=False, t_seen=self._now(), index=entry.index)
                self._call = call
                return await self._look_alive(call, entry)
            if entry.stat != words.GONE:
                # nobody here knows it: it outlived an earlier life of ours
                with contextlib.suppress(CommandRefused):
                    await self._command("AT+CHUP")
                return self._timings.recheck_s
        return self._timings.look_idle_s

    async def _look_alive(self, call: _Call, entry: words.CallEntry) -> float:
        if call.by_us or call.given_up:
            # it should be gone: the hang-up was lost on the way, or has not come yet
            with contextlib.suppress(CommandRefused):
                await self._command("AT+CHUP")
            return self._timings.recheck_s
        if entry.stat == words.ACTIVE and not call.answered:
            await self._activate(call)
        elif entry.stat == words.ALERTING and call.outgoing and not call.alerted:
            call.alerted = True
            self._emit(Alerting())
        elif not call.announced:
            return self._announce(call, entry)
        if call.given_up:
            return 0.0
        return self._timings.look_busy_s

    def _announce(self, call: _Call, entry: words.CallEntry) -> float:
        caller, self._heard_caller = self._heard_caller, None
        waited_s = self._now() - call.t_seen
        if caller is None and waited_s < self._timings.caller_id_s:
            return self._timings.caller_id_s - waited_s + 0.01
        name = caller.name if caller is not None else ""
        number = entry.number
        if caller is not None and number is None:
            number = caller.number
        call.announced = True
        self._emit(Incoming(number, name))
        return self._timings.look_busy_s

    async def _look_gone(self, call: _Call, *, listed: bool) -> float:
        # one empty list may be a line that noise ate; a word about the end makes it certain
        certain = listed or call.end_word or call.by_us or call.misses + 1 >= _MISSES_MAX
        if not certain:
            call.misses += 1
            return self._timings.recheck_s
        await self._finish(call)
        return 0.0

    async def _activate(self, call: _Call) -> None:
        """Switch the sound path on; a call without one is given up."""
        hooks = self._profile.audio
        await asyncio.sleep(hooks.settle_s)
        for attempt in range(hooks.tries):
            if call.end_word or call.by_us:
                return
            try:
                await self._command(hooks.on)
            except CommandRefused:
                self.worn = self._profile.quirks.reset_when_audio_needs_retries
                await asyncio.sleep(hooks.retry_gap_s)
                continue
            if attempt:
                LOGGER.warning("sound came on at try %d only", attempt + 1)
            break
        else:
            call.given_up = "line-lost"
            LOGGER.warning("sound does not come on: the call is given up")
            return
        if self._audio is not None:
            self._audio.flush_input()
        call.answered = call.announced = True
        self._emit(Answered())

    async def _finish(self, call: _Call) -> None:
        reason, cause = await self._why(call)
        self._free.clear()
        self._ending = True
        try:
            if call is self._call:
                self._tell_end(reason, cause, by_far=not (call.by_us or call.given_up))
            await self._switch_sound_off()
        finally:
            self._ending = False
            self._heard_caller = None
            self._free.set()

    async def _switch_sound_off(self) -> None:
        for _ in range(2):
            try:
                await self._command(self._profile.audio.off)
            except LineSilent:
                # the next look will tell whether it is more than noise
                continue
            except CommandRefused:
                pass
            return

    async def _why(self, call: _Call) -> tuple[str, int]:
        """Return the reason word and Q.850 cause of the call's end."""
        if call.given_up:
            return call.given_up, 0
        if call.by_us:
            if call.answered:
                return "normal", 16
            return ("cancelled", 16) if call.outgoing else ("declined", 21)
        if not call.outgoing and not call.answered:
            return "cancelled", 16
        if call.end_word in _END_WORDS and not call.answered:
            return _END_WORDS[call.end_word]
        cause = 0
        with contextlib.suppress(CommandRefused):
            cause = words.parse_cause(await self._command("AT+CEER"))
        if cause:
            return words.reason_of_cause(cause), cause
        return ("normal", 16) if call.answered else ("carrier-failure", 0)

    def _tell_end(self, reason: str, cause: int, *, by_far: bool) -> None:
        call = self._call
        try:
            # nobody heard of a call that was never announced
            if call is not None and call.announced:
                self._emit(Ended(reason, cause, by_far))
        finally:
            self._call = None

    async def _command(self, text: str, timeout_s: float | None = None) -> list[str]:
        if self._channel is None:
            raise LineLost("the modem is not there")
        return await self._channel.command(text, timeout_s=timeout_s)

    def _now(self) -> float:
        return asyncio.get_running_loop().time()


def _is_same(call: _Call, entry: words.CallEntry) -> bool:
    if call.index:
        return entry.index == call.index and entry.outgoing == call.outgoing
    return entry.outgoing == call.outgoing


def _is_next(call: _Call, entry: words.CallEntry) -> bool:
    # modems give a new call the index of the one that just ended
    if call.answered:
        return entry.stat not in {words.ACTIVE, words.HELD}
    return call.end_word == "missed"
