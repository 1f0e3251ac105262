"""The pretend phones: in one process and as a command; what they say and hear."""

import asyncio
import os
import signal
import subprocess
import sys
import wave
from pathlib import Path

import numpy as np
import pytest

from appliance.legs.robot import Robot, RobotPhones
from appliance.wire.commands import Bridge, Dial, Hang
from appliance.wire.events import LegDown, LegOut, LegUp, Registered, Unregistered
from tests.appliance.legs.legsrig import legs_running, settings_for
from tests.appliance.legs.robotrig import PHONES, accounts, robots
from tests.audio import Sound, level_dbm0, tone
from tests.ports import free_port


async def test_two_phones_hear_what_the_other_says(tmp_path: Path) -> None:
    """A tone one way, a spoken file the other way, found at the far side and not elsewhere."""
    said = tmp_path / "said.wav"
    with wave.open(str(said), "wb") as file:
        file.setframerate(8000)
        file.setnchannels(1)
        file.setsampwidth(2)
        file.writeframes(tone(700, 500).tobytes())
    phones = [
        Robot("1001", "s3cret", 0.0, 3.0, records=str(tmp_path / "heard.wav"), tone_hz=440),
        Robot("1002", "s3cret", 0.0, -1.0, says=str(said)),
    ]
    async with legs_running(settings_for(tmp_path)) as rig:
        brain = await rig.brain()
        brain.put(accounts("1001", "1002"))
        async with robots(rig, *phones):
            await brain.count(Registered, 2)
            brain.put(*(Dial(tok=name, kind="phone", via=name) for name in ("1001", "1002")))
            await brain.count(LegUp, 2)
            legs = [brain.heard(LegOut, tok=name)[0].leg for name in ("1001", "1002")]
            brain.put(Bridge("b", legs))
            await brain.count(LegDown, 2)
    middle = _heard(tmp_path)[12000:16000]
    assert level_dbm0(middle, 700) > -20
    assert level_dbm0(middle, 440) < -50


def _heard(folder: Path) -> Sound:
    """Return what the first phone heard: the left side of its recording."""
    (path,) = folder.glob("heard-1001-*.wav")
    with wave.open(str(path)) as file:
        both = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2")
    return np.asarray(both[::2], dtype=np.int16)


async def test_a_phone_that_talks_is_busy(tmp_path: Path) -> None:
    async with legs_running(settings_for(tmp_path)) as rig:
        brain = await rig.brain()
        brain.put(accounts("1001"))
        async with robots(rig, Robot("1001", "s3cret", 0.0, -1.0)):
            await brain.event(Registered)
            brain.put(Dial(tok="a", kind="phone", via="1001"))
            await brain.event(LegUp)
            brain.put(Dial(tok="b", kind="phone", via="1001"))
            assert (await brain.event(LegDown)).reason == "busy"
            brain.put(Hang(brain.heard(LegUp)[0].leg))
            await brain.count(LegDown, 2)
            brain.put(Dial(tok="c", kind="phone", via="1001"))
            await brain.count(LegUp, 2)


async def test_a_file_that_cannot_be_spoken_is_said_at_the_start(tmp_path: Path) -> None:
    robot = Robot("1001", "s3cret", says=str(tmp_path / "none.wav"))
    phones = RobotPhones([robot], ("127.0.0.1", 5060), address=PHONES, port=free_port(PHONES))
    with pytest.raises(Exception, match="unknown-prompt"):
        await phones.start()


async def test_phones_as_a_command(tmp_path: Path) -> None:
    async with legs_running(settings_for(tmp_path)) as rig:
        brain = await rig.brain()
        brain.put(accounts("1001", "1002"))
        command = [sys.executable, "-m", "appliance.legs.cli", "phone"]
        for name in ("1001", "1002"):
            command += ["--account", name, "--secret", "s3cret"]
        command += ["--registrar", f"{rig.sip[0]}:{rig.sip[1]}", "--address", PHONES]
        command += ["--port", str(free_port(PHONES)), "--answer-after-s", "0", "--talk-s", "0.5"]
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
        process = await asyncio.create_subprocess_exec(
            *command, env=environment, stderr=subprocess.DEVNULL
        )
        try:
            await brain.count(Registered, 2)
            brain.put(Dial(tok="a", kind="phone", via="1002"))
            down = await brain.event(LegDown)
            assert (down.reason, down.by_far) == ("normal", True)
            process.send_signal(signal.SIGTERM)
            await brain.count(Unregistered, 2)
            async with asyncio.timeout(20):
                assert await process.wait() == 0
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["--account", "a", "--secret", "b", "--secret", "c"], "one --secret for each --account"),
        (["--account", "a", "--secret", "b"], "is not HOST:PORT"),
    ],
)
def test_bad_arguments_are_said(arguments: list[str], word: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "appliance.legs.cli", "phone", *arguments, "--registrar", "x"],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == 78
    assert word in done.stderr
