"""The pretend SIM7600 alone: it answers and refuses as the real one does."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.errors import DriverError
from drivers.sim.caller import FarCaller
from drivers.sim.modem import Sim7600Simulator


class Host:
    """Whoever sits at the modem's ports."""

    def __init__(self, **options: Any) -> None:
        self.at = b""
        self.pcm = b""
        self.told: list[str] = []
        self.modem = Sim7600Simulator(self._at, self._pcm, **options)
        self.ask("ATE0")

    def _at(self, data: bytes) -> None:
        self.at += data

    def _pcm(self, data: bytes) -> None:
        self.pcm += data

    def tell(self, event: dict[str, Any]) -> None:
        self.told.append(event["event"])

    def ask(self, command: str) -> list[str]:
        """Type a command and return the lines that came."""
        self.at = b""
        self.modem.from_host(command.encode() + b"\r")
        return self.lines()

    def lines(self) -> list[str]:
        lines, self.at = self.at.decode().split("\r\n"), b""
        return [line for line in lines if line]

    def run(self, seconds: float) -> list[str]:
        """Let time pass and return the lines that came."""
        for _ in range(round(seconds * 50)):
            self.modem.tick()
        return self.lines()


def test_echo_until_told_otherwise() -> None:
    host = Host()
    host.ask("ATE1")
    assert host.ask("AT+CSQ") == ["AT+CSQ\r", "+CSQ: 21,99", "OK"]
    host.ask("ATE0")
    assert host.ask("at+csq") == ["+CSQ: 21,99", "OK"]


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("AT+NOSUCH=1", "ERROR"),
        ("ATD;rm", "ERROR"),
        ("ATA", "NO CARRIER"),
        ('AT+VTS="1"', "ERROR"),
        ("AT+CPCMREG=1", "ERROR"),
        ("AT+CPIN=1234", "ERROR"),
    ],
)
def test_refuses_what_the_real_one_refuses(command: str, answer: str) -> None:
    assert Host().ask(command) == [answer]


def test_locked_sim_refuses_all_but_the_pin() -> None:
    host = Host(pin="1234")
    host.ask("AT+CMEE=1")
    assert host.ask("ATD118;") == ["+CME ERROR: 11"]
    assert host.ask("AT+CPIN?") == ["+CPIN: SIM PIN", "OK"]
    assert host.ask('AT+CPIN="9999"') == ["+CME ERROR: 16"]
    assert host.ask("AT+SPIC") == ["+SPIC: 2,10,3,10", "OK"]
    assert host.ask('AT+CPIN="1234"') == ["OK"]
    assert host.ask("AT+SPIC") == ["+SPIC: 3,10,3,10", "OK"]


def test_incoming_call_word_for_word() -> None:
    host = Host()
    for command in ("AT+CLIP=1", "AT+CLCC=1", "AT+DDET=1"):
        host.ask(command)
    host.modem.ring("+33612345678", FarCaller(press="7", talk_s=3.0), host.tell)
    listed = '"+33612345678",145'
    ringing = ["RING", f"+CLCC: 1,1,4,0,0,{listed}", f"+CLIP: {listed},,,,0"]
    assert host.lines() == ringing
    assert host.run(3.1) == ringing
    assert host.ask("ATA") == ["OK"]
    assert host.run(0.2) == ["VOICE CALL: BEGIN", f"+CLCC: 1,1,0,0,0,{listed}"]
    assert host.ask("AT+CPCMREG=1") == ["OK"]
    assert host.run(1.0) == ["+RXDTMF: 7"]
    assert len(host.pcm) == 50 * 320
    assert host.run(2.0) == [f"+CLCC: 1,1,6,0,0,{listed}", "NO CARRIER", "VOICE CALL: END: 000002"]
    assert host.ask("AT+CEER") == ['+CEER: "16 Normal call clearing"', "OK"]
    assert host.ask("AT+CLCC") == ["OK"]
    assert host.told == ["ringing", "answered", "ended"]


def test_caller_who_is_not_answered_is_missed() -> None:
    host = Host()
    host.modem.ring("0612", FarCaller(), host.tell, patience_s=4.0)
    assert host.run(5.0)[-1] == "MISSED_CALL: 09:41AM 0612"


def test_no_sound_before_it_is_switched_on_and_none_without_a_call() -> None:
    host = Host()
    host.modem.ring("0612", FarCaller(say="tone:440"), host.tell)
    host.ask("ATA")
    host.run(1.0)
    assert host.pcm == b""
    host.ask("AT+CPCMREG=1")
    host.run(0.1)
    assert len(host.pcm) == 5 * 320
    host.ask("AT+CHUP")
    host.run(1.0)
    assert len(host.pcm) == 5 * 320


def test_sound_nobody_takes_is_bounded() -> None:
    host = Host()
    for _ in range(100):
        host.modem.pcm_from_host(bytes(4095))
    assert len(host.modem._pcm_heard) <= 25 * 320 + 1


def test_second_call_is_busy_and_a_lost_network_takes_none() -> None:
    host = Host()
    host.modem.ring("0612", FarCaller(), host.tell)
    with pytest.raises(DriverError, match="busy"):
        host.modem.ring("0613", FarCaller(), host.tell)
    host.ask("AT+CHUP")
    host.modem.fault("no-network")
    with pytest.raises(DriverError, match="no-signal"):
        host.modem.ring("0613", FarCaller(), host.tell)
    assert host.ask("ATD118;") == ["ERROR"]


def test_reset_forgets_everything_and_says_so_when_back() -> None:
    host = Host()
    host.modem.ring("0612", FarCaller(), host.tell)
    host.modem.reset()
    assert host.told[-1] == "ended"
    host.lines()
    assert host.ask("AT") == []
    assert host.run(3.0) == ["RDY", "+CPIN: READY", "SMS DONE"]
    assert host.ask("AT") == ["AT\r", "OK"]


@settings(max_examples=200)
@given(st.lists(st.binary(max_size=64), max_size=40))
def test_modem_takes_anything(chunks: list[bytes]) -> None:
    host = Host()
    for chunk in chunks:
        host.modem.from_host(chunk)
        host.modem.tick()
    host.modem.from_host(b"\r")
    host.run(0.2)
    assert host.ask("AT")[-1] == "OK" or host.modem.off
