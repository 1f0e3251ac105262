"""Brings a GSM modem from an open port to a registered line: set-up, SIM, identity, network."""

import asyncio
import logging
import re
from dataclasses import dataclass

from drivers.at import AtChannel
from drivers.errors import CommandRefused, DriverError, LineLost, LineSilent
from drivers.gsmwords import parse_first_number, parse_operator, parse_registered, parse_signal_dbm
from drivers.profiles.profile import Profile, Step

LOGGER = logging.getLogger(__name__)

#: tries of a start-up command before it counts: a line may be hit by noise
TRIES = 3
#: a wrong PIN costs an attempt and none left costs the card: never touch the last one
PIN_ATTEMPTS_MIN = 2
#: +CME ERROR of TS 27.007 §9.2.1: SIM not inserted, failure, busy, wrong
_CME_SIM = {"10": "there is no SIM card", "13": "the SIM card fails", "15": "wrong SIM card"}
_CME_SIM_BUSY = "14"


@dataclass(frozen=True, slots=True)
class Identity:
    """Which modem and card it is; empty where the modem does not tell."""

    imei: str
    iccid: str
    firmware: str


@dataclass(frozen=True, slots=True)
class Network:
    """Where the line stands in the network."""

    registered: bool
    operator: str = ""
    signal_dbm: int | None = None


class Pin:
    """The SIM's PIN, with the memory that it was refused: it is never sent twice then."""

    def __init__(self, digits: str | None) -> None:
        if digits is not None and not re.fullmatch(r"\d{4,8}", digits):
            raise DriverError("bad-config", "a SIM PIN has 4 to 8 digits")
        self.digits = digits
        self.refused = False


async def greet(channel: AtChannel) -> None:
    """Find the modem's ear and make its answers readable; works while the SIM is locked."""
    for command in ("AT", "ATZ", "ATE0", "AT+CMEE=1"):
        await _insist(channel, Step(command))


async def set_up(channel: AtChannel, profile: Profile) -> None:
    """Send the profile's start-up commands; raises when the modem does not follow."""
    for step in profile.init:
        await _insist(channel, step)


async def read_identity(channel: AtChannel, profile: Profile) -> Identity:
    """Ask the modem who it is."""
    imei = _digits_in(await _insist(channel, Step("AT+CGSN", optional=True)), 14, 16)
    iccid = _digits_in(await _insist(channel, Step("AT+CICCID", optional=True)), 18, 20)
    firmware = " ".join(await _insist(channel, Step("AT+CGMR", optional=True)))[:80]
    for bad in profile.quirks.deaf_firmware:
        if bad in firmware:
            LOGGER.warning("firmware %s: callers will not hear us; update the modem", firmware)
    return Identity(imei, iccid, firmware)


async def unlock_sim(channel: AtChannel, profile: Profile, pin: Pin) -> None:
    """Make the SIM usable; raises `DriverError` (`sim-locked`) rather than risk the card."""
    state = await _sim_state(channel)
    if state == "READY":
        return
    if state != "SIM PIN":
        raise DriverError("sim-locked", f"the SIM card wants {state}")
    if pin.digits is None:
        raise DriverError("sim-locked", "the SIM card wants a PIN and none is configured")
    if pin.refused:
        raise DriverError("sim-locked", "the configured PIN was refused; it is not sent again")
    answer = await _insist(channel, Step(profile.pin_attempts, optional=True))
    left = parse_first_number(answer, profile.pin_attempts.removeprefix("AT") + ":")
    if left is None or left < PIN_ATTEMPTS_MIN:
        known = "an unknown number of" if left is None else str(left)
        raise DriverError("sim-locked", f"{known} PIN attempts left: not tried")
    # from here until the modem says OK the attempt counts as spent, whatever happens
    pin.refused = True
    try:
        await channel.command(f'AT+CPIN="{pin.digits}"', timeout_s=10.0)
    except CommandRefused as error:
        raise DriverError(
            "sim-locked", f"the configured PIN was refused: {error.final}"
        ) from error
    pin.refused = False


async def read_network(channel: AtChannel) -> Network | None:
    """Ask where the line stands; None when the answers were mangled."""
    # a modem that speaks on LTE only is registered there and nowhere else
    voice = parse_registered(await _insist(channel, Step("AT+CREG?", optional=True)))
    if not voice:
        lte = parse_registered(await _insist(channel, Step("AT+CEREG?", optional=True)))
        if voice is None and lte is None:
            return None
        if not lte:
            return Network(registered=False)
    operator = parse_operator(await _insist(channel, Step("AT+COPS?", optional=True)))
    signal = await _insist(channel, Step("AT+CSQ", optional=True))
    dbm = next((parse_signal_dbm(line) for line in signal if line.startswith("+CSQ:")), None)
    return Network(True, operator, dbm)


async def restart_radio(channel: AtChannel, profile: Profile) -> None:
    """Switch the radio off and on: regains a network that was lost for long."""
    for command in (profile.radio_off, profile.radio_on):
        try:
            await channel.command(command, timeout_s=10.0)
        except CommandRefused as error:
            LOGGER.info("radio: %s", error)


async def _sim_state(channel: AtChannel) -> str:
    for _ in range(TRIES):
        try:
            lines = await channel.command("AT+CPIN?")
        except CommandRefused as error:
            code = error.final.rpartition(":")[2].strip()
            if code in _CME_SIM:
                raise DriverError("sim-locked", _CME_SIM[code]) from error
            if code == _CME_SIM_BUSY:
                await asyncio.sleep(0.5)
        except LineSilent:
            continue
        else:
            for line in lines:
                if line.startswith("+CPIN:"):
                    return line.removeprefix("+CPIN:").strip()
    raise LineSilent("the modem does not say what its SIM card wants")


async def _insist(channel: AtChannel, step: Step) -> list[str]:
    for attempt in range(TRIES):
        try:
            return await channel.command(step.command)
        except LineSilent:
            if attempt == TRIES - 1:
                raise
        except CommandRefused as error:
            if attempt < TRIES - 1:
                continue
            if not step.optional:
                raise LineLost(f"the modem will not start: {error.message}") from error
    return []


def _digits_in(lines: list[str], least: int, most: int) -> str:
    for line in lines:
        found = re.search(rf"(?<!\d)\d{{{least},{most}}}(?!\d)", line)
        if found:
            return found.group()
    return ""
