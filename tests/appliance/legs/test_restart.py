"""Legs as a process: killed without warning, told to stop, started where it cannot run."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.appliance.legs.legsrig import CALLER, TRUNK_ADDRESS, ScriptedBrain, answered, done
from tests.ports import free_port
from tests.sippkit import Sipp

DEADLINE_S = 20


class LegsProcess:
    """`branchline legs run` as a process of its own."""

    def __init__(self, folder: Path) -> None:
        self.state = folder / "state"
        self.socket = self.state / "legs.sock"
        self.sip = ("127.0.0.1", free_port())
        self.config = folder / "appliance.toml"
        self.config.write_text(
            f'state_dir = "{self.state}"\n'
            f"[sip]\nport = {self.sip[1]}\n"
            f"[media]\nfirst_port = {free_port() & ~1}\nlast_port = 65534\n"
            f'[trunks.city]\nhost = "{TRUNK_ADDRESS}"\ncheck_s = 0\n'
        )
        self._log = folder / "legs.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "appliance.legs.cli", "run", "--config", str(self.config)],
                env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
                stderr=log,
            )

    def end(self, number: int) -> int:
        """Send a signal; return the exit code."""
        assert self._process
        self._process.send_signal(number)
        return self.wait()[0]

    def wait(self) -> tuple[int, str]:
        """Return the exit code and what it wrote."""
        assert self._process
        code = self._process.wait(DEADLINE_S)
        return code, self._log.read_text()

    def close(self) -> None:
        if self._process and self._process.poll() is None:
            self._process.kill()
            self._process.wait()


@pytest.fixture
def legs(tmp_path: Path) -> Iterator[LegsProcess]:
    process = LegsProcess(tmp_path)
    with contextlib.closing(process):
        yield process


async def test_after_a_kill_nobody_is_left_in_silence(legs: LegsProcess) -> None:
    legs.start()
    brain = await ScriptedBrain(legs.socket).start()
    with Sipp(CALLER, remote=legs.sip, address=TRUNK_ADDRESS) as caller:
        await answered(brain)
        assert legs.end(signal.SIGKILL) == -signal.SIGKILL
        brain.whole = False
        legs.start()
        await done(caller)
        await brain.until(lambda: brain.whole, "the brain attaches by itself")
        assert brain.rows == {}
        assert brain.hello
        assert brain.hello.epoch.startswith("2-")
    await brain.stop()
    assert legs.end(signal.SIGTERM) == 0


async def test_a_stop_ends_calls_and_exits_with_zero(legs: LegsProcess) -> None:
    legs.start()
    brain = await ScriptedBrain(legs.socket).start()
    with Sipp(CALLER, remote=legs.sip, address=TRUNK_ADDRESS) as caller:
        await answered(brain)
        assert legs.end(signal.SIGTERM) == 0
        await done(caller)
    await brain.stop()
    assert not legs.socket.exists()


def _fails(legs: LegsProcess) -> tuple[int, str]:
    legs.start()
    code, text = legs.wait()
    (line,) = [line for line in text.splitlines() if line.startswith("branchline legs: ")]
    return code, line


def test_a_bad_setting_is_said_in_one_line(legs: LegsProcess) -> None:
    legs.config.write_text("[sip]\nport = 70000\n")
    code, line = _fails(legs)
    assert code == 78
    assert "bad-config" in line
    assert "70000" in line


def test_a_missing_file_is_said_in_one_line(legs: LegsProcess) -> None:
    legs.config.unlink()
    code, line = _fails(legs)
    assert (code, "missing-file" in line) == (78, True)


def test_a_busy_port_is_said_in_one_line(legs: LegsProcess, tmp_path: Path) -> None:
    with Sipp("uas", address=legs.sip[0], port=legs.sip[1]):
        code, line = _fails(legs)
    assert (code, "port-busy" in line) == (69, True)
    assert not legs.socket.exists()


def test_a_state_folder_that_cannot_be_made_is_said_in_one_line(legs: LegsProcess) -> None:
    legs.state.write_text("a file")
    code, line = _fails(legs)
    assert (code, "missing-file" in line) == (78, True)


def test_a_second_legs_process_leaves_the_first_alone(legs: LegsProcess) -> None:
    first = LegsProcess(legs.state.parent)
    with contextlib.closing(first):
        first.start()
        deadline = time.monotonic() + DEADLINE_S
        while not first.socket.exists():
            assert time.monotonic() < deadline
            time.sleep(0.05)
        code, line = _fails(legs)
        assert (code, "port-busy" in line) == (69, True)
        assert first.end(signal.SIGTERM) == 0
