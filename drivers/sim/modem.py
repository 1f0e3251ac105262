"""A pretend SIM7600: answers AT commands, rings, talks, breaks; its time moves by 20 ms ticks.

Bytes in by `from_host` and `pcm_from_host`, bytes out by the callables it is given. It refuses
what the real one refuses: unknown commands with ERROR, calls without a network, sound without a
call, everything but the PIN while the SIM is locked.
"""

import heapq
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from drivers.errors import DriverError
from drivers.gsmwords import ACTIVE, ALERTING, DIALLING, GONE, INCOMING
from drivers.line import PCM_FRAME_BYTES, PCM_FRAME_MS
from drivers.sim.answers import find_answer
from drivers.sim.caller import FarCaller
from drivers.sim.faults import FaultyWire
from drivers.sim.sim7600_answers import Sim7600Answers

TICK_S = PCM_FRAME_MS / 1000
#: sound the host has sent and nobody has taken: half a second, then the oldest goes
_PCM_BACKLOG_BYTES = 25 * PCM_FRAME_BYTES
_COMMAND_MAX = 1024
#: between two RINGs; networks do 5 s, impatient demonstrations like 3 [s]
_RING_EVERY_S = 3.0
_BOOT_S = 2.0

#: outcome of a dialled call -> unsolicited word, what +CEER says
OUTCOMES = {
    "answer": ("", ""),
    "busy": ("BUSY", "17 User busy"),
    "no-answer": ("NO CARRIER", "19 User alerting, no answer"),
    "not-found": ("NO CARRIER", "1 Unassigned number"),
    "congestion": ("NO CARRIER", "34 No circuit/channel available"),
}

Tell = Callable[[dict[str, Any]], None]


@dataclass(slots=True)
class SimCall:
    """The one call of the modem."""

    index: int
    outgoing: bool
    number: str
    far: FarCaller
    stat: int
    tell: Tell
    withheld: bool = False
    t_answered: float | None = None

    def clcc(self) -> str:
        """Return its line of +CLCC."""
        kind = 145 if self.number.startswith("+") else 129
        return (
            f"+CLCC: {self.index},{0 if self.outgoing else 1},{self.stat},0,0,"
            f'"{"" if self.withheld else self.number}",{128 if self.withheld else kind}'
        )


class Sim7600Simulator(Sim7600Answers):
    """The modem; its answers to AT commands are in `Sim7600Answers`."""

    def __init__(
        self,
        to_host: Callable[[bytes], None],
        pcm_to_host: Callable[[bytes], None],
        *,
        imei: str = "861234567890123",
        operator: str = "Loopback Mobile",
        pin: str = "",
        pin_attempts: int = 3,
        seed: int = 1,
    ) -> None:
        super().__init__(imei=imei, operator=operator, pin=pin, pin_attempts=pin_attempts)
        self.now_s = 0.0
        self._pcm_to_host = pcm_to_host
        self._later: list[tuple[float, int, Callable[[], None]]] = []
        self._order = 0
        self.wire = FaultyWire(to_host, self.later, seed)
        self._typed = b""
        self._pcm_heard = bytearray()
        self._indexes = 0
        #: what happens to dialled numbers; all others are answered
        self.outcomes: dict[str, str] = {}
        #: makes the far end of an answered dialled call
        self.make_callee: Callable[[str], FarCaller] = lambda _: FarCaller(say="tone:440")
        #: told of calls that the host dials
        self.tell_dialled: Tell = lambda _: None
        #: called when the modem falls off the bus; whoever holds the ttys brings it back by `boot`
        self.on_reset: Callable[[], None] = self.boot

    # -- time and bytes -------------------------------------------------------------------------

    def later(self, delay_s: float, do: Callable[[], None]) -> None:
        """Run *do* when so much of the modem's time has passed."""
        self._order += 1
        heapq.heappush(self._later, (self.now_s + delay_s, self._order, do))

    def tick(self) -> None:
        """Let 20 ms pass."""
        self.now_s += TICK_S
        while self._later and self._later[0][0] <= self.now_s:
            heapq.heappop(self._later)[2]()
        if self.call is not None and self.call.stat == ACTIVE:
            self._talk(self.call)

    def from_host(self, data: bytes) -> None:
        """Take what the host typed."""
        if "silent" in self.wire.on or self.off:
            return
        self._typed += data
        *commands, self._typed = self._typed.replace(b"\n", b"\r").split(b"\r")
        self._typed = self._typed[-_COMMAND_MAX:]
        for command in commands:
            if command.strip():
                self._execute(command.decode("ascii", "replace").strip())

    def pcm_from_host(self, data: bytes) -> None:
        """Take sound for the far end."""
        self._pcm_heard += data
        del self._pcm_heard[: max(0, len(self._pcm_heard) - _PCM_BACKLOG_BYTES) & ~1]

    def urc(self, text: str) -> None:
        """Say something unasked."""
        if not self.off:
            self.wire.send(f"\r\n{text}\r\n".encode())

    def _execute(self, command: str) -> None:
        if self.echo or "echo" in self.wire.on:
            self.wire.send(command.encode("ascii", "replace") + b"\r")
        answer = find_answer(self, command.removeprefix("\x1b"))
        if answer is None:
            lines: list[str] | str = "ERROR"
        elif self.locked and not self.works_locked(command):
            lines = self.cme(11)
        else:
            lines = answer()
        for line in [lines] if isinstance(lines, str) else lines:
            self.wire.send(f"\r\n{line}\r\n".encode("ascii", "replace"))

    # -- the network's side ---------------------------------------------------------------------

    def ring(
        self, number: str | None, far: FarCaller, tell: Tell, *, patience_s: float = 45.0
    ) -> None:
        """Let *far* call from *number* (None: withheld), telling *tell* how it goes.

        Raises `DriverError`: `busy` during another call, `no-signal` without a network.
        """
        if self.off or self.locked or not self.registered:
            raise DriverError("no-signal", "the pretend modem is in no network")
        if self.call is not None:
            raise DriverError("busy", "the pretend line has a call already")
        call = self._new_call(number or "", far, INCOMING, tell, outgoing=False)
        call.withheld = number is None
        tell({"event": "ringing"})
        self._ring_once(call)
        self.later(patience_s, lambda: self._tire_of(call))

    def hang_up_far(self, ceer: str = "16 Normal call clearing") -> None:
        """Let the far end hang up; harmless without a call."""
        call = self.call
        if call is None:
            return
        self.ceer = ceer
        answered = call.t_answered is not None
        self._drop(call, "far" if answered else "cancelled")
        if answered:
            self.urc("NO CARRIER")
            self.urc(self._end_line(call))
        else:
            self.urc(f"MISSED_CALL: 09:41AM {call.number}")

    def fault(self, name: str) -> None:
        """Make something go wrong, by its name in `faults.FAULTS`, or `clear` everything."""
        match name:
            case "reset":
                self.reset()
            case "restart":
                self.power_off("reset")
                self.boot()
            case "worn":
                self.audio_cycles, self.wears = max(1, self.audio_cycles), True
            case "no-network":
                self.set_registered(on=False)
            case _:
                self.wire.switch(name)
                if name == "clear":
                    self.wears = False
                    self.set_registered(on=True)

    def reset(self) -> None:
        """Fall off the bus: the call, the set-up and the ports are gone."""
        self.power_off("reset")
        self.on_reset()

    def power_off(self, why: str) -> None:
        """Lose all that is not in flash."""
        call = self.call
        if call is not None:
            self._drop(call, why, silently=True)
        self.forget()
        self.off = True
        self._typed = b""
        self._later.clear()

    def boot(self, after_s: float = _BOOT_S) -> None:
        """Come back after a while, with the settings of the factory."""
        self.later(after_s, self._booted)

    def _booted(self) -> None:
        self.off = False
        self.urc("RDY")
        self.urc("+CPIN: SIM PIN" if self.locked else "+CPIN: READY")
        self.urc("SMS DONE")

    # -- calls ----------------------------------------------------------------------------------

    def dialled(self, number: str) -> None:
        """The host has dialled: what follows is up to `outcomes`."""
        outcome = self.outcomes.get(number, "answer")
        word, self.ceer = OUTCOMES[outcome]
        call = self._new_call(number, self.make_callee(number), DIALLING, self.tell_dialled)
        call.tell({"event": "dialled", "to": number})
        if outcome in {"answer", "no-answer"}:
            self.later(0.4, lambda: self._move(call, ALERTING))
        if outcome == "answer":
            self.later(1.0, lambda: self.connect(call))
        else:
            self.later(
                {"no-answer": 3.0}.get(outcome, 0.8), lambda: self._fail(call, word, outcome)
            )

    def connect(self, call: SimCall) -> None:
        """The call is answered by whoever was called."""
        if call is not self.call or call.stat == ACTIVE:
            return
        call.t_answered = self.now_s
        self._pcm_heard.clear()
        self.urc("VOICE CALL: BEGIN")
        self._move(call, ACTIVE)
        call.tell({"event": "answered"})

    def host_hangs_up(self, call: SimCall) -> str:
        """The host ends or refuses the call; returns what the modem says of its end."""
        self.ceer = "0 Unknown"
        self._drop(call, "near")
        return self._end_line(call)

    def _new_call(
        self, number: str, far: FarCaller, stat: int, tell: Tell, *, outgoing: bool = True
    ) -> SimCall:
        self._indexes = self._indexes % 7 + 1
        self.call = SimCall(self._indexes, outgoing, number, far, stat, tell)
        return self.call

    def _ring_once(self, call: SimCall) -> None:
        if call is not self.call or call.stat != INCOMING:
            return
        self.urc("RING")
        if self.clcc_urcs:
            self.urc(call.clcc())
        if self.clip:
            kind = 128 if call.withheld else 145 if call.number.startswith("+") else 129
            self.urc(f'+CLIP: "{call.number}",{kind},,,,{1 if call.withheld else 0}')
        self.later(_RING_EVERY_S, lambda: self._ring_once(call))

    def _tire_of(self, call: SimCall) -> None:
        if call is self.call and call.stat == INCOMING:
            self.hang_up_far()

    def _fail(self, call: SimCall, word: str, outcome: str) -> None:
        if call is self.call:
            ceer = self.ceer
            self._drop(call, outcome)
            self.ceer = ceer
            self.urc(word)
            self.urc(self._end_line(call))

    def _move(self, call: SimCall, stat: int) -> None:
        if call is self.call:
            call.stat = stat
            if self.clcc_urcs:
                self.urc(call.clcc())

    def _drop(self, call: SimCall, why: str, *, silently: bool = False) -> None:
        if not silently:
            self._move(call, GONE)
        # sound stays switched on until the host switches it off, as on the real one
        self.call = None
        call.far.leave()
        call.tell({"event": "ended", "by": why, "answered": call.t_answered is not None})

    def _end_line(self, call: SimCall) -> str:
        talked_s = 0.0 if call.t_answered is None else self.now_s - call.t_answered
        return f"VOICE CALL: END: {int(talked_s):06d}"

    def _talk(self, call: SimCall) -> None:
        said = call.far.speak()
        if self.pcm_on and "silent" not in self.wire.on:
            self._pcm_to_host(said)
            heard = bytes(self._pcm_heard[:PCM_FRAME_BYTES])
            del self._pcm_heard[:PCM_FRAME_BYTES]
        else:
            heard = b""
        call.far.hear(heard.ljust(PCM_FRAME_BYTES, b"\0"))
        if self.ddet:
            for key in call.far.keys_pressed():
                self.urc(f"+RXDTMF: {key}")
        if call.far.done:
            self.hang_up_far()
