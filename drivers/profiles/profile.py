"""What a GSM voice modem's profile says: ids, roles, start-up, URCs, sound path, quirks."""

from dataclasses import dataclass, field
from enum import StrEnum

from drivers.line import LineSound


class Role(StrEnum):
    """What one of a device's ports is for."""

    CONTROL = "control"
    CONTROL_2 = "control-2"
    AUDIO = "audio"
    GPS = "gps"
    DIAGNOSTICS = "diagnostics"


@dataclass(frozen=True, slots=True)
class UsbId:
    """A USB vendor and product id, lower-case hexadecimal."""

    vendor: str
    product: str


@dataclass(frozen=True, slots=True)
class Step:
    """One start-up command; an *optional* one may be refused."""

    command: str
    optional: bool = False


@dataclass(frozen=True, slots=True)
class AudioHooks:
    """How PCM is switched on once a call is active, and off at its end."""

    on: str
    off: str
    #: from the call being active to the first try [s]
    settle_s: float
    tries: int
    #: between two tries [s]
    retry_gap_s: float


@dataclass(frozen=True, slots=True)
class Quirks:
    """Where a make departs from what one would expect."""

    #: PCM that needs more than one try is worn out: reset the modem once the call is over
    reset_when_audio_needs_retries: bool = False
    #: what resets the whole modem, USB and all
    reset: str = "AT+CFUN=1,1"
    #: firmware revisions whose uplink is known to be dead
    deaf_firmware: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Profile:
    """Everything the driver must know about one make of modem."""

    name: str
    title: str
    usb_ids: tuple[UsbId, ...]
    #: USB interface number -> what its port is for
    roles: dict[int, Role]
    #: what follows ATZ, ATE0, AT+CMEE=1 and the SIM's PIN
    init: tuple[Step, ...]
    #: beginning of an unsolicited line -> its name
    urcs: dict[str, str]
    audio: AudioHooks
    #: how many PIN attempts are left; the first number of the answer
    pin_attempts: str
    #: what comes and goes on the audio port
    sound: LineSound = field(default_factory=LineSound)
    radio_off: str = "AT+CFUN=4"
    radio_on: str = "AT+CFUN=1"
    quirks: Quirks = field(default_factory=Quirks)
