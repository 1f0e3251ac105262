"""The AT parser and channel: what modems send, whole, in pieces, hit by noise, and late."""

import asyncio
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.at import LINE_MAX, AtChannel, AtEvent, AtParser, Final, Noise, Reply, Urc
from drivers.errors import CommandRefused, LineLost, LineSilent
from drivers.profiles.sim7600 import SIM7600

#: a dial-in as a SIM7600 sends it while AT+CSQ runs
TALK = (
    b'AT+CSQ\r\r\n+CSQ: 21,99\r\n\r\nRING\r\n\r\n+CLIP: "+33612345678",145,,,,0\r\n\r\nOK\r\n'
    b"\r\nVOICE CALL: BEGIN\r\n\r\n+RXDTMF: 5\r\n"
)
TALK_EVENTS: list[AtEvent] = [
    Reply("+CSQ: 21,99"),
    Urc("ring", "RING"),
    Urc("clip", '+CLIP: "+33612345678",145,,,,0'),
    Final(True, "OK"),
    Urc("begin", "VOICE CALL: BEGIN"),
    Urc("digit", "+RXDTMF: 5"),
]


def parser_for(command: str) -> AtParser:
    parser = AtParser(SIM7600.urcs)
    parser.expect(command)
    return parser


@pytest.mark.parametrize("size", [1, 2, 3, 7, len(TALK)])
def test_pieces_of_any_size_give_the_same_events(size: int) -> None:
    parser = parser_for("AT+CSQ")
    events = []
    for start in range(0, len(TALK), size):
        events += parser.feed(TALK[start : start + size])
    assert events == TALK_EVENTS


@pytest.mark.parametrize("noise", [b"\x00", b"\xff\xfe\x80", b"\r\n\xf0\r", b"\x1b\x00\x00"])
def test_noise_between_lines_costs_nothing(noise: bytes) -> None:
    parser = parser_for("AT+CSQ")
    events = parser.feed(TALK.replace(b"\r\n\r\n", b"\r\n" + noise + b"\r\n"))
    assert events == TALK_EVENTS


def test_noise_inside_a_line_costs_that_line_only() -> None:
    parser = parser_for("AT+CSQ")
    events = parser.feed(b"\r\n+CS\xffQ: 21,99\r\n\r\nOK\r\n")
    assert events[-1] == Final(True, "OK")
    assert Reply("+CSQ: 21,99") not in events


def test_final_right_after_noise_is_found() -> None:
    assert parser_for("AT").feed(b"\x81\x92OK\r\n") == [Final(True, "OK")]


def test_over_long_line_is_dropped_and_memory_stays_bounded() -> None:
    parser = parser_for("AT+CSQ")
    for _ in range(100):
        assert parser.feed(b"x" * 1000) == []
        assert len(parser._buffer) <= LINE_MAX
    assert parser.feed(b"tail\r\nOK\r\n") == [Final(True, "OK")]


@pytest.mark.parametrize(
    ("command", "line", "event"),
    [
        ("ATD123;", "BUSY", Final(False, "BUSY")),
        ("ATA", "NO CARRIER", Final(False, "NO CARRIER")),
        ("AT+CLCC", "NO CARRIER", Urc("no-carrier", "NO CARRIER")),
        ("", "BUSY", Urc("busy", "BUSY")),
        ("AT+CPIN?", "+CME ERROR: 10", Final(False, "+CME ERROR: 10")),
        ("AT+CGSN", "861234567890123", Reply("861234567890123")),
        ("", "861234567890123", Noise("861234567890123")),
        ("AT+CREG?", "+CREG: 2,1", Reply("+CREG: 2,1")),
        ("", "+CREG: 2", Urc("registration", "+CREG: 2")),
    ],
)
def test_line_is_told_by_the_running_command(command: str, line: str, event: AtEvent) -> None:
    assert parser_for(command).feed(line.encode() + b"\r\n") == [event]


@settings(max_examples=300)
@given(st.lists(st.binary(max_size=80), max_size=30), st.text(max_size=20))
def test_parser_takes_anything(chunks: list[bytes], command: str) -> None:
    parser = parser_for(command)
    for chunk in chunks:
        parser.feed(chunk)
    parser.feed(b"\r\n")
    parser.expect("")
    assert parser.feed(b"RING\r\n") == [Urc("ring", "RING")]


class Wire:
    """A modem made of a function: command in, bytes out; *delay_s* later."""

    def __init__(self, replies: dict[str, bytes], *, timeout_s: float = 5.0) -> None:
        self.replies = replies
        self.sent: list[str] = []
        self.delay_s = 0.0
        self.urcs: list[Urc] = []
        self.channel = AtChannel(
            self.write, SIM7600.urcs, self.urcs.append, timeout_s=timeout_s, quiet_s=0.1
        )

    def write(self, data: bytes) -> None:
        command = data.decode().rstrip("\r")
        self.sent.append(command)
        reply = self.replies.get(command, b"\r\nOK\r\n")
        asyncio.get_running_loop().call_later(self.delay_s, self.channel.data_received, reply)


async def test_command_returns_its_lines_and_urcs_go_their_way() -> None:
    wire = Wire({"AT+CSQ": TALK})
    assert await wire.channel.command("AT+CSQ") == ["+CSQ: 21,99"]
    assert [urc.name for urc in wire.urcs] == ["ring", "clip", "begin", "digit"]


async def test_refusal_names_the_final() -> None:
    wire = Wire({"AT+CPIN?": b"\r\n+CME ERROR: 10\r\n"})
    with pytest.raises(CommandRefused) as caught:
        await wire.channel.command("AT+CPIN?")
    assert caught.value.final == "+CME ERROR: 10"


async def test_commands_at_once_are_sent_one_after_the_other() -> None:
    wire = Wire({f"AT+X{n}": f"\r\n+X{n}: {n}\r\nOK\r\n".encode() for n in range(8)})
    wire.delay_s = 0.005
    answers = await asyncio.gather(*(wire.channel.command(f"AT+X{n}") for n in range(8)))
    assert answers == [[f"+X{n}: {n}"] for n in range(8)]


async def test_late_answer_is_not_taken_for_the_next_commands() -> None:
    wire = Wire({"AT+CGSN": b"\r\n111111111111111\r\nOK\r\n", "AT+CSQ": b"+CSQ: 9,99\r\nOK\r\n"})
    wire.channel = AtChannel(wire.write, {}, wire.urcs.append, timeout_s=0.05, quiet_s=0.15)
    wire.delay_s = 0.08
    with pytest.raises(LineSilent):
        await wire.channel.command("AT+CGSN")
    wire.delay_s = 0.0
    assert await wire.channel.command("AT+CSQ") == ["+CSQ: 9,99"]
    assert wire.sent == ["AT+CGSN", "AT", "AT+CSQ"]


async def test_silence_after_silence_is_reported_again() -> None:
    wire = Wire(dict.fromkeys(("AT", "AT+CSQ"), b""), timeout_s=0.02)
    for _ in range(2):
        with pytest.raises(LineSilent):
            await wire.channel.command("AT+CSQ")
    assert wire.sent.count("AT") == AtChannel.RESYNC_TRIES


async def test_lost_port_fails_the_running_and_the_next_command() -> None:
    wire = Wire({"AT+CSQ": b""})
    running = asyncio.create_task(wire.channel.command("AT+CSQ"))
    await asyncio.sleep(0)
    wire.channel.connection_lost("unplugged")
    with pytest.raises(LineLost, match="unplugged"):
        await running
    with pytest.raises(LineLost, match="unplugged"):
        await wire.channel.command("AT")


@pytest.mark.parametrize("seed", range(10))
async def test_line_recovers_from_loss(seed: int) -> None:
    """One byte in fifty is lost; whatever gets an answer gets its own."""
    noise = random.Random(seed)
    wire = Wire({f"AT+X{n}": f"\r\n+X{n}: {n}\r\n\r\nOK\r\n".encode() for n in range(40)})
    channel = AtChannel(wire.write, {}, wire.urcs.append, timeout_s=0.02, quiet_s=0.005)
    wire.channel = channel
    received = channel.data_received
    channel.data_received = lambda data: received(  # type: ignore[method-assign]
        bytes(byte for byte in data if noise.random() > 0.02)
    )
    answered = 0
    for n in range(40):
        try:
            lines = await channel.command(f"AT+X{n}")
        except (LineSilent, CommandRefused):
            continue
        answered += lines == [f"+X{n}: {n}"]
        assert all(f"{(n - 1)}" not in line or f"{n}" in line for line in lines)
    assert answered > 20


async def test_pin_is_never_logged(caplog: pytest.LogCaptureFixture) -> None:
    wire = Wire({'AT+CPIN="1234"': b""}, timeout_s=0.01)
    with caplog.at_level("DEBUG"), pytest.raises(LineSilent) as caught:
        await wire.channel.command('AT+CPIN="1234"')
    assert "1234" not in caplog.text
    assert "1234" not in str(caught.value)
