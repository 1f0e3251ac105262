"""What a hardware line can do, whatever stands behind it: a modem, an analogue port, a channel.

A line has one call at a time. Events are handed to a callback, in order, from the event loop.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, Protocol

#: one frame of a plain `LineSound`: 20 ms of signed 16-bit little-endian mono at 8 kHz
PCM_RATE_HZ = 8000
PCM_FRAME_MS = 20
PCM_FRAME_BYTES = 320


class LineState(StrEnum):
    """Where a line is in the life of its call."""

    #: not usable: `LineUp` has not come yet, or `LineDown` was the last of the two
    DOWN = "down"
    IDLE = "idle"
    RINGING = "ringing"
    DIALLING = "dialling"
    ACTIVE = "active"
    #: the call is over and its sound path is being put away; `IDLE` follows by itself
    ENDED = "ended"


#: how samples are written; all are mono
SampleFormat = Literal["s16le", "u8", "s8", "PCMU", "PCMA"]


@dataclass(frozen=True, slots=True)
class LineSound:
    """How a line gives and takes its sound, and what has to be done to it."""

    sample_format: SampleFormat = "s16le"
    rate_hz: Literal[8000, 16_000] = 8000
    #: samples of each read and write, as DAHDI channels have it; 0: any number
    block: int = 0
    #: tail of the echo that comes back on two wires, 16 to 128 ms; 0: there is none to cancel
    echo_ms: int = 0
    #: also suppress what the canceller leaves of it
    suppress: bool = False
    #: a voice modem's stream, with DLE codes in it (ITU-T V.253)
    shielded: bool = False
    #: gain of what the far end says, and of what it hears, -40 to 40
    in_db: float = 0.0
    out_db: float = 0.0


@dataclass(frozen=True, slots=True)
class LineUp:
    """The line can make and take calls."""

    operator: str
    #: received signal strength, or None when the device does not know [dBm]
    signal_dbm: int | None


@dataclass(frozen=True, slots=True)
class LineDown:
    """The line can't be used, for this reason word; it is being recovered."""

    reason: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Incoming:
    """Somebody calls; *number* is None when withheld."""

    number: str | None
    name: str = ""


@dataclass(frozen=True, slots=True)
class Alerting:
    """The far end of a dialled call rings."""


@dataclass(frozen=True, slots=True)
class Answered:
    """The call is active and `pcm_fd` is valid."""


@dataclass(frozen=True, slots=True)
class Ended:
    """The call is over; *cause* is Q.850's, 0 where the device gives none.

    `pcm_fd` stays open until the callback has returned: let go of it before that.
    """

    reason: str
    cause: int = 0
    #: the far end (or its network) ended it
    by_far: bool = True


@dataclass(frozen=True, slots=True)
class DigitHeard:
    """The device heard a DTMF digit from the far end."""

    digit: str


LineEvent = LineUp | LineDown | Incoming | Alerting | Answered | Ended | DigitHeard
OnEvent = Callable[[LineEvent], None]


class Line(Protocol):
    """One hardware line; commands raise `DriverError` with a reason word."""

    @property
    def state(self) -> LineState:
        """Where the line is in the life of its call."""

    @property
    def pcm_fd(self) -> int | None:
        """While active: a non-blocking descriptor of its sound, as `sound` says."""

    @property
    def sound(self) -> LineSound:
        """How `pcm_fd` is read and written."""

    async def start(self) -> None:
        """Open the device and keep it open from now on; `LineUp` follows by callback."""

    async def close(self) -> None:
        """End the call if there is one and let go of the device."""

    async def answer(self) -> None:
        """Answer the ringing call; `Answered` follows."""

    async def dial(self, number: str) -> None:
        """Call *number* (digits, `*`, `#`, a leading `+`); `Answered` or `Ended` follows.

        Where it raises, neither does.
        """

    async def hang_up(self) -> None:
        """End or refuse the call; `Ended` follows. Harmless when there is none."""

    async def send_digits(self, digits: str) -> None:
        """Send DTMF digits to the far end."""
