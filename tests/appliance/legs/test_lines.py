"""A hardware line as a leg: a pretend modem on pseudo-terminals, the real driver and engine."""

import asyncio
import contextlib
import socket
import wave
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import numpy as np
import pytest

from appliance.base.errors import ConfigError
from appliance.config.model import LineSettings
from appliance.legs.daemon import LegsDaemon
from appliance.legs.engine import MediaEngine
from appliance.legs.lines import LinePort, device_of
from appliance.wire.commands import Answer, Dial, Hang, Play, RecordLeg
from appliance.wire.events import (
    Digit,
    LegDown,
    LegIn,
    LegOut,
    LegUp,
    PlayDone,
    RecordingDone,
    Refused,
    TrunkChanged,
)
from drivers.line import Answered, Ended, Incoming, LineSound, LineState, LineUp, OnEvent
from drivers.profiles import PROFILES, Profile
from drivers.sim.caller import FarCaller
from drivers.sim.modem import Sim7600Simulator
from drivers.sim.runner import SimulatedModem
from tests.appliance.legs.legsrig import LegsRig, ScriptedBrain, legs_running, settings_for
from tests.audio import RATE_HZ, Sound, frames, g711_encode, level_dbm0, tone

DLE = b"\x10"
#: what the far end of a line says
HZ = 440.0


@contextlib.asynccontextmanager
async def line(folder: Path) -> AsyncIterator[tuple[LegsRig, ScriptedBrain, Sim7600Simulator]]:
    """Run legs with one line, and wait until it is up."""
    modem = SimulatedModem(folder / "modem")
    await modem.start()
    control, audio = modem.paths
    port = LineSettings(profile="sim7600", control=control, audio=audio, number="0800")
    settings = msgspec.structs.replace(settings_for(folder), lines={"gsm1": port})
    try:
        async with legs_running(settings) as rig:
            brain = await rig.brain()
            await brain.until(
                lambda: brain.trunks["gsm1"].up or bool(brain.heard(TrunkChanged)), "line up"
            )
            yield rig, brain, modem.modem
    finally:
        await modem.stop()


async def test_a_call_on_a_line_is_answered_and_its_digits_are_heard(tmp_path: Path) -> None:
    async with line(tmp_path) as (_, brain, modem):
        far = FarCaller(say="tone:440", press="5", press_after_s=1.0, talk_s=30)
        modem.ring("+49151", far, lambda _: None)
        row = (await brain.event(LegIn)).row
        assert (row.kind, row.via, row.caller, row.called) == ("line", "gsm1", "+49151", "0800")
        brain.put(Answer(row.leg))
        await brain.event(LegUp, leg=row.leg)
        brain.put(Play(row.leg, 1, ["tone:440"]))
        assert (await brain.event(Digit, leg=row.leg)).digit == "5"
        await brain.event(PlayDone)
        brain.put(Hang(row.leg))
        assert (await brain.event(LegDown)).by_far is False
        assert max(far.heard) > 1000


async def test_a_caller_who_leaves_a_line_is_told(tmp_path: Path) -> None:
    async with line(tmp_path) as (_, brain, modem):
        modem.ring(None, FarCaller(say="tone:440", talk_s=1.0), lambda _: None)
        row = (await brain.event(LegIn)).row
        assert (row.caller, row.private) == ("", True)
        brain.put(Answer(row.leg))
        down = await brain.event(LegDown)
        assert (down.reason, down.cause, down.by_far) == ("normal", 16, True)


async def test_a_line_is_dialled_and_busy_meanwhile(tmp_path: Path) -> None:
    async with line(tmp_path) as (_, brain, _modem):
        brain.put(Dial(tok="a", kind="line", via="gsm1", to="030123"))
        leg = (await brain.event(LegOut, tok="a")).leg
        brain.put(Dial(tok="b", kind="line", via="gsm1", to="030124"))
        assert (await brain.event(Refused, about="b")).reason == "busy"
        await brain.event(LegUp, leg=leg)
        brain.put(Hang(leg))
        assert (await brain.event(LegDown)).leg == leg


async def test_a_line_that_is_busy_at_the_far_end(tmp_path: Path) -> None:
    async with line(tmp_path) as (_, brain, modem):
        modem.outcomes["030999"] = "busy"
        brain.put(Dial(tok="a", kind="line", via="gsm1", to="030999"))
        assert (await brain.event(LegDown)).reason == "busy"


async def test_a_modem_that_is_pulled_out_ends_its_call(tmp_path: Path) -> None:
    async with line(tmp_path) as (_, brain, modem):
        modem.ring("1", FarCaller(say="tone:440", talk_s=30), lambda _: None)
        leg = (await brain.event(LegIn)).row.leg
        brain.put(Answer(leg))
        await brain.event(LegUp)
        seen = len(brain.heard(TrunkChanged))
        modem.fault("reset")
        assert (await brain.event(LegDown)).reason == "line-lost"
        await brain.count(TrunkChanged, seen + 1)
        assert brain.heard(TrunkChanged)[seen].trunk.up is False


async def test_an_unknown_profile_is_a_bad_setting(tmp_path: Path) -> None:
    port = LineSettings(profile="no-such", control="/dev/null", audio="/dev/null")
    settings = msgspec.structs.replace(settings_for(tmp_path), lines={"gsm1": port})
    with pytest.raises(ConfigError, match="bad-config"):
        LegsDaemon(settings)


class PretendLine:
    """A line of any kind of sound on a socket pair; it has a call and takes every command."""

    def __init__(self, sound: LineSound, on_event: OnEvent) -> None:
        self.sound = sound
        self.state = LineState.DOWN
        self.pcm_fd: int | None = None
        self._on_event = on_event
        device, self.far = socket.socketpair()
        self._device = device

    async def start(self) -> None:
        """Let somebody call."""
        self.state = LineState.RINGING
        self._on_event(LineUp("", None))
        self._on_event(Incoming("1"))

    async def close(self) -> None:
        """Let go of the device."""
        self._device.close()
        self.far.close()

    async def answer(self) -> None:
        """Answer at once."""
        self.state, self.pcm_fd = LineState.ACTIVE, self._device.fileno()
        self._on_event(Answered())

    async def dial(self, number: str) -> None:
        """Do nothing."""

    async def hang_up(self) -> None:
        """End the call."""
        self.state, self.pcm_fd = LineState.IDLE, None
        self._on_event(Ended("normal"))

    async def send_digits(self, digits: str) -> None:
        """Do nothing."""


@contextlib.asynccontextmanager
async def line_of(
    folder: Path, sound: LineSound
) -> AsyncIterator[tuple[LegsRig, ScriptedBrain, PretendLine]]:
    """Run legs with a line of that sound, and have it answered."""
    async with legs_running(settings_for(folder)) as rig:
        brain = await rig.brain()
        port = LinePort("port1", "100", rig.daemon.exchange, rig.daemon.trunk_table)
        port.line = line = PretendLine(sound, port.tell)
        await line.start()
        brain.put(Answer((await brain.event(LegIn)).row.leg))
        try:
            yield rig, brain, line
        finally:
            await line.close()


def written(sound: Sound, how: LineSound) -> bytes:
    """Return sound of 8 kHz as a device of that kind gives it."""
    wide = np.repeat(sound, how.rate_hz // RATE_HZ)
    match how.sample_format:
        case "s16le":
            return wide.astype("<i2").tobytes()
        case "u8":
            return (wide // 256 + 128).astype(np.uint8).tobytes().replace(DLE, DLE + DLE)
        case "s8":
            return (wide // 256).astype(np.int8).tobytes()
        case codec:
            return g711_encode(wide, codec)


@pytest.mark.parametrize(
    "how",
    [
        LineSound(),
        LineSound(rate_hz=16_000, in_db=-6.0),
        LineSound("PCMA", block=160, echo_ms=64, suppress=True),
        LineSound("PCMU", block=160),
        LineSound("u8", shielded=True),
        LineSound("s8", in_db=6.0),
    ],
    ids=lambda how: f"{how.sample_format}-{how.rate_hz}",
)
async def test_a_line_of_any_kind_is_heard_as_it_is(tmp_path: Path, how: LineSound) -> None:
    async with line_of(tmp_path, how) as (rig, brain, line):
        leg = (await brain.event(LegUp)).leg
        brain.put(RecordLeg(leg, "talk", "talk.wav"))
        loop = asyncio.get_running_loop()
        for frame in frames(tone(HZ, 1500, -20.0), 160):
            await loop.sock_sendall(line.far, written(frame, how))
            await asyncio.sleep(0.02)
        if how.shielded:
            await loop.sock_sendall(line.far, DLE + b"7")
            assert (await brain.event(Digit)).digit == "7"
        brain.put(Hang(leg))
        assert (await brain.event(LegDown)).reason == "normal"
        await brain.event(RecordingDone)
    (path,) = (Path(rig.daemon.settings.state_dir) / "recordings").glob("*.wav")
    with wave.open(str(path)) as file:
        rate_hz = file.getframerate()
        samples = np.frombuffer(file.readframes(file.getnframes()), np.int16)[::2]
    assert rate_hz == how.rate_hz
    said = samples[:: rate_hz // RATE_HZ]
    loudest = max(level_dbm0(part, HZ) for part in frames(said, 800))
    assert loudest == pytest.approx(-20 + how.in_db, abs=1.0)


async def test_a_line_whose_sound_the_engine_refuses_is_hung_up(tmp_path: Path) -> None:
    async with line_of(tmp_path, LineSound(echo_ms=9999)) as (_, brain, line):
        down = await brain.event(LegDown)
        assert (down.reason, down.by_far) == ("bad-request", False)
        await brain.until(lambda: line.state is LineState.IDLE, "hung up")


@pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES)
def test_the_engine_takes_the_sound_of_every_profile(profile: Profile) -> None:
    device, far = socket.socketpair()
    with device, far, MediaEngine(stepped=True, max_legs=1) as engine:
        engine.add_device_leg(1, device.fileno(), device_of(profile.sound))
