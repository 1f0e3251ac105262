"""What a SIM7600 answers to each AT command, and the settings those commands change."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from drivers.gsmwords import ACTIVE, INCOMING
from drivers.sim.answers import answers

if TYPE_CHECKING:
    from drivers.sim.modem import SimCall

FIRMWARE = "LE20B04SIM7600M22"
ICCID = "89860012345678901234"
IMSI = "001010123456789"
_WORK_LOCKED = ("ATE", "ATZ", "ATI", "AT+CPIN", "AT+SPIC", "AT+CMEE", "AT+CG", "AT+CRESET")


class Sim7600Answers:
    """The modem's memory and its answers; what a call does is its subclass's affair."""

    now_s: float

    def __init__(self, *, imei: str, operator: str, pin: str, pin_attempts: int) -> None:
        self.imei = imei
        self.operator = operator
        self.pin = pin
        self.pin_attempts = pin_attempts
        self.locked = bool(pin)
        self.registered = True
        self.off = False
        self.call: SimCall | None = None
        self.ceer = ""
        #: how often sound was switched on since the last reset, and whether that wears it out
        self.audio_cycles = 0
        self.wears = False
        self.forget()

    def forget(self) -> None:
        """Go back to the factory's settings, as a reset does."""
        self.echo = True
        self.cmee = 0
        self.ucs2 = False
        self.clip = False
        self.clcc_urcs = False
        self.ddet = False
        self.creg = 0
        self.pcm_on = False
        self.audio_cycles = 0
        self._audio_refusals = 0
        self.locked = bool(self.pin)

    # what the subclass does
    def urc(self, text: str) -> None:
        """Say something unasked."""
        raise NotImplementedError

    def dialled(self, number: str) -> None:
        """The host has dialled."""
        raise NotImplementedError

    def connect(self, call: SimCall) -> None:
        """The call is answered."""
        raise NotImplementedError

    def host_hangs_up(self, call: SimCall) -> str:
        """The host ends the call; returns the line that says so."""
        raise NotImplementedError

    def later(self, delay_s: float, do: Callable[[], None]) -> None:
        """Run something later."""
        raise NotImplementedError

    def reset(self) -> None:
        """Fall off the bus."""
        raise NotImplementedError

    # -- manners --------------------------------------------------------------------------------

    def cme(self, code: int) -> str:
        """Return an error as AT+CMEE wants it."""
        return f"+CME ERROR: {code}" if self.cmee else "ERROR"

    def works_locked(self, command: str) -> bool:
        """Return whether *command* works while the SIM is locked."""
        return command.upper() == "AT" or command.upper().startswith(_WORK_LOCKED)

    def set_registered(self, *, on: bool) -> None:
        """Find or lose the network."""
        if self.registered != on:
            self.registered = on
            if self.creg:
                self.urc('+CREG: 1,"1A2B","01C3D4E5",7' if on else "+CREG: 2")

    @answers(r"AT|ATZ")
    def _plain(self) -> str:
        return "OK"

    @answers(r"ATE([01])?")
    def _echo(self, on: str | None) -> str:
        self.echo = on == "1"
        return "OK"

    @answers(r"AT\+CMEE=([012])")
    def _cmee(self, level: str) -> str:
        self.cmee = int(level)
        return "OK"

    @answers(r'AT\+CSCS="(IRA|GSM|UCS2)"')
    def _cscs(self, alphabet: str) -> str:
        self.ucs2 = alphabet.upper() == "UCS2"
        return "OK"

    # -- who it is ------------------------------------------------------------------------------

    @answers(r"AT\+CGMI")
    def _make(self) -> list[str]:
        return ["SIMCOM INCORPORATED", "OK"]

    @answers(r"AT\+CGMM")
    def _model(self) -> list[str]:
        return ["SIMCOM_SIM7600E-H", "OK"]

    @answers(r"AT\+CGMR")
    def _firmware(self) -> list[str]:
        return [f"+CGMR: {FIRMWARE}", "OK"]

    @answers(r"AT\+CGSN")
    def _imei(self) -> list[str]:
        return [self.imei, "OK"]

    @answers(r"AT\+CIMI")
    def _imsi(self) -> list[str]:
        return [IMSI, "OK"]

    @answers(r"AT\+CICCID")
    def _iccid(self) -> list[str]:
        return [f"+ICCID: {ICCID}", "OK"]

    # -- SIM ------------------------------------------------------------------------------------

    @answers(r"AT\+CPIN\?")
    def _pin_state(self) -> list[str]:
        if not self.locked:
            return ["+CPIN: READY", "OK"]
        return ["+CPIN: SIM PIN" if self.pin_attempts else "+CPIN: SIM PUK", "OK"]

    @answers(r'AT\+CPIN="?(\d{4,8})"?')
    def _pin(self, digits: str) -> str:
        if not self.locked:
            return self.cme(3)
        if not self.pin_attempts:
            return self.cme(12)
        if digits == self.pin:
            self.locked, self.pin_attempts = False, 3
            return "OK"
        self.pin_attempts -= 1
        return self.cme(16)

    @answers(r"AT\+SPIC")
    def _pin_attempts(self) -> list[str]:
        return [f"+SPIC: {self.pin_attempts},10,3,10", "OK"]

    # -- network --------------------------------------------------------------------------------

    @answers(r"AT\+C(E?)REG=([012])")
    def _reg_mode(self, lte: str, mode: str) -> str:
        if not lte:
            self.creg = int(mode)
        return "OK"

    @answers(r"AT\+C(E?)REG\?")
    def _reg(self, lte: str) -> list[str]:
        place = '1,"1A2B","01C3D4E5",7' if self.registered else "2"
        return [f"+C{lte.upper()}REG: 2,{place}", "OK"]

    @answers(r"AT\+COPS\?")
    def _operator(self) -> list[str]:
        if not self.registered:
            return ["+COPS: 0", "OK"]
        name = self.operator.encode("utf-16-be").hex().upper() if self.ucs2 else self.operator
        return [f'+COPS: 0,0,"{name}",7', "OK"]

    @answers(r"AT\+CSQ")
    def _signal(self) -> list[str]:
        return ["+CSQ: 21,99" if self.registered else "+CSQ: 99,99", "OK"]

    @answers(r"AT\+CFUN=([014])(?:,1)?")
    def _radio(self, level: str) -> str:
        self.set_registered(on=level == "1")
        return "OK"

    # -- calls ----------------------------------------------------------------------------------

    @answers(r"AT\+(CLIP|CLCC|DDET)=([01])")
    def _switch(self, what: str, on: str) -> str:
        match what.upper():
            case "CLIP":
                self.clip = on == "1"
            case "CLCC":
                self.clcc_urcs = on == "1"
            case "DDET":
                self.ddet = on == "1"
        return "OK"

    @answers(r"AT\+(?:COLP|CPCMFRM|CVHU)=[01]|AT\+AUTOCSQ=[01],[01]")
    def _taken(self) -> str:
        return "OK"

    @answers(r"AT\+CLCC")
    def _list(self) -> list[str]:
        return [self.call.clcc(), "OK"] if self.call is not None else ["OK"]

    @answers(r"ATD([+0-9*#]{1,40});")
    def _dial(self, number: str) -> str:
        if not self.registered:
            return self.cme(30)
        if self.call is not None:
            return "NO CARRIER"
        self.dialled(number)
        return "OK"

    @answers(r"ATA")
    def _answer(self) -> str:
        call = self.call
        if call is None or call.stat != INCOMING:
            return "NO CARRIER"
        self.later(0.1, lambda: self.connect(call))
        return "OK"

    @answers(r"AT\+CHUP|ATH")
    def _hang_up(self) -> list[str] | str:
        if self.call is None:
            return "OK"
        return [self.host_hangs_up(self.call), "OK"]

    @answers(r'AT\+VTS="?([0-9A-D*#])"?')
    def _send_digit(self, digit: str) -> str:
        if self.call is None or self.call.stat != ACTIVE:
            return "ERROR"
        self.call.tell({"event": "digit", "digit": digit.upper()})
        return "OK"

    @answers(r"AT\+CEER")
    def _cause(self) -> list[str]:
        return [f'+CEER: "{self.ceer}"', "OK"]

    # -- sound ----------------------------------------------------------------------------------

    @answers(r"AT\+CPCMREG=([01])")
    def _pcm(self, on: str) -> str:
        if on == "0":
            self.pcm_on = False
            return "OK"
        if self.pcm_on or self.call is None or self.call.stat != ACTIVE:
            return "ERROR"
        if self.wears and self.audio_cycles and self._audio_refusals < 2:
            self._audio_refusals += 1
            return "ERROR"
        self._audio_refusals = 0
        self.audio_cycles += 1
        self.pcm_on = True
        return "OK"

    @answers(r"AT\+CPCMREG\?")
    def _pcm_state(self) -> list[str]:
        return [f"+CPCMREG: {int(self.pcm_on)}", "OK"]

    @answers(r"AT\+(?:COUTGAIN|CMICGAIN)=[0-8]")
    def _gain(self) -> str:
        return "OK"

    @answers(r"AT\+CRESET")
    def _reset(self) -> str:
        self.later(0.1, self.reset)
        return "OK"
