"""What GSM modems say about calls, numbers and the network, parsed. Pure; nothing here raises.

3GPP TS 27.007: +CLCC §7.18, +CLIP §7.11, +CREG §7.2, +COPS §7.3, +CSQ §8.5, +CEER §6.10.
"""

import re
from dataclasses import dataclass

#: what may be dialled: ITU-T E.123 digits, service codes, a leading plus
DIALLABLE = re.compile(r"\+?[0-9*#]{1,32}")
DTMF_DIGITS = frozenset("0123456789*#ABCD")

#: <stat> of +CLCC; 6 is SIMCom's «disconnected»
ACTIVE, HELD, DIALLING, ALERTING, INCOMING, WAITING, GONE = range(7)

_INTERNATIONAL = 145  # <type> of TS 24.008 §10.5.4.7: the number is international
_REGISTERED = frozenset({1, 5})  # home, roaming
#: a comma outside quotes
_COMMA = re.compile(r',(?=(?:[^"]*"[^"]*")*[^"]*$)')
_UCS2 = re.compile(r"(?:[0-9A-Fa-f]{4})+")


@dataclass(frozen=True, slots=True)
class CallEntry:
    """One call as +CLCC lists it; *number* is None when withheld or not known."""

    index: int
    outgoing: bool
    stat: int
    voice: bool
    number: str | None


@dataclass(frozen=True, slots=True)
class CallerId:
    """Who calls; *number* is None when withheld."""

    number: str | None
    name: str = ""


def fields(line: str) -> list[str]:
    """Return the comma-separated values after the line's `+XXX:`, without their quotes."""
    _, _, rest = line.partition(":")
    return [value.strip().strip('"').strip() for value in _COMMA.split(rest)]


def number_or_none(text: str, type_of: int | None) -> str | None:
    """Return a number fit to be shown and dialled, or None for an empty or mangled one."""
    if type_of == _INTERNATIONAL and text and not text.startswith("+"):
        text = "+" + text
    return text if DIALLABLE.fullmatch(text) else None


def text_of(value: str) -> str:
    """Return *value*, read as UCS-2 in hexadecimal where it is that."""
    if _UCS2.fullmatch(value) and not (value.isdigit() and len(value) < 8):
        decoded = bytes.fromhex(value).decode("utf-16-be", "replace")
        if decoded.isprintable():
            return decoded
    return value


def parse_clcc(line: str) -> CallEntry | None:
    """Return the call of a `+CLCC:` line, or None when it is mangled."""
    values = fields(line)
    numbers = [_int(value) for value in values[:5]]
    if len(numbers) < 5 or None in numbers:
        return None
    index, direction, stat, mode, _ = (number or 0 for number in numbers)
    if not (0 < index < 8 and direction in {0, 1} and ACTIVE <= stat <= GONE):
        return None
    number = None
    if len(values) > 6:
        number = number_or_none(values[5], _int(values[6]))
    return CallEntry(index, direction == 0, stat, mode == 0, number)


def parse_clip(line: str) -> CallerId | None:
    """Return who calls from a `+CLIP:` line, or None when it is mangled."""
    values = fields(line)
    if len(values) < 2 or _int(values[1]) is None:
        return None
    name = text_of(values[4]) if len(values) > 4 else ""
    # CLI validity 1: withheld by the caller, 2: not available
    withheld = len(values) > 5 and _int(values[5]) in {1, 2}
    number = None if withheld else number_or_none(values[0], _int(values[1]))
    return CallerId(number, name[:80])


def parse_registered(lines: list[str]) -> bool | None:
    """Return whether `+CREG?` or `+CEREG?` says registered; None when the answer is mangled."""
    for line in reversed(lines):
        values = fields(line)
        # the answer has <n>,<stat>; the unsolicited form has no <n> and quotes what follows
        if re.match(r"\+CE?REG: ?\d,\d", line) and len(values) >= 2:
            return _int(values[1]) in _REGISTERED
    return None


def parse_operator(lines: list[str]) -> str:
    """Return the operator's name from `+COPS?`, or an empty string."""
    for line in lines:
        values = fields(line)
        if line.startswith("+COPS:") and len(values) >= 3:
            return text_of(values[2])[:40]
    return ""


def parse_signal_dbm(line: str) -> int | None:
    """Return the signal strength of a `+CSQ:` line [dBm], or None when not known."""
    values = fields(line)
    rssi = _int(values[0]) if values else None
    if rssi is None or not 0 <= rssi <= 31:
        return None
    return -113 + 2 * rssi


def parse_cause(lines: list[str]) -> int:
    """Return the Q.850 cause that `+CEER` names, or 0."""
    for line in lines:
        found = re.match(r'\+CEER: ?"?(\d{1,3})\b', line)
        if found:
            return int(found.group(1)) & 0x7F
    return 0


def parse_first_number(lines: list[str], prefix: str) -> int | None:
    """Return the first number of the line that begins with *prefix*, or None."""
    for line in lines:
        values = fields(line)
        if line.startswith(prefix) and values:
            return _int(values[0])
    return None


#: ITU-T Q.850 §2.2.7 cause -> reason word
_CAUSES = {
    1: "not-found",
    3: "carrier-failure",
    16: "normal",
    17: "busy",
    18: "no-answer",
    19: "no-answer",
    20: "unavailable",
    21: "declined",
    22: "not-found",
    27: "unavailable",
    28: "not-found",
    31: "normal",
    34: "congestion",
    42: "congestion",
    44: "congestion",
    47: "congestion",
    102: "timeout",
}


def reason_of_cause(cause: int) -> str:
    """Return the reason word of a Q.850 cause; one not listed is the carrier's failure."""
    return _CAUSES.get(cause, "carrier-failure")


def _int(text: str) -> int | None:
    return int(text) if re.fullmatch(r"\d{1,6}", text) else None
