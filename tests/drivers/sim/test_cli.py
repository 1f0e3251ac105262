"""`branchline sim` as people use it: in a process of its own."""

import signal
import subprocess
import sys
import time
from pathlib import Path

from typer.testing import CliRunner

from drivers.errors import DriverError
from drivers.sim.cli import app
from drivers.sim.client import ask


def test_modem_runs_until_told_to_stop_and_tidies_up(tmp_path: Path) -> None:
    folder = tmp_path / "modem"
    code = "from drivers.sim.cli import app; app()"
    command = [sys.executable, "-c", code, "modem", "sim7600", "--dir", str(folder)]
    with subprocess.Popen([*command, "--operator", "Test"], stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            said = process.stdout.readline()
            assert str(folder / "at").encode() in said
            runner = CliRunner()
            shown = runner.invoke(app, ["status", "--dir", str(folder)])
            assert '"operator": "Test"' in shown.output
            calling = runner.invoke(app, ["call", "--dir", str(folder), "--say", "nowhere.wav"])
            assert calling.exit_code == 1
            assert "missing-file" in calling.output
            process.send_signal(signal.SIGINT)
            assert process.wait(20) == 0
        finally:
            process.kill()
    assert list(folder.iterdir()) == []


def test_modem_that_is_killed_leaves_a_folder_the_next_can_use(tmp_path: Path) -> None:
    code = "from drivers.sim.cli import app; app()"
    command = [sys.executable, "-c", code, "modem", "sim7600", "--dir", str(tmp_path)]
    for _ in range(2):
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
            try:
                _wait_for_modem(tmp_path)
            finally:
                process.kill()


def _wait_for_modem(folder: Path) -> None:
    deadline_s = time.monotonic() + 30
    while True:
        try:
            assert ask(folder, {"do": "status"})["ok"]
        except DriverError:
            assert time.monotonic() < deadline_s
            time.sleep(0.05)
        else:
            return


def test_mistakes_are_told_plainly(tmp_path: Path) -> None:
    runner = CliRunner()
    result = runner.invoke(app, ["modem", "nokia", "--dir", str(tmp_path)])
    assert (result.exit_code, result.output) == (
        1,
        "no pretend modem 'nokia'; there is: sim7600\n",
    )
    result = runner.invoke(app, ["modem", "sim7600", "--dir", str(tmp_path), "--imei", "12"])
    assert "15 digits" in result.output
    result = runner.invoke(app, ["status", "--dir", str(tmp_path)])
    assert "no pretend modem at" in result.output


def test_help_teaches() -> None:
    shown = CliRunner().invoke(app, ["modem", "--help"]).output
    assert "branchline sim call" in shown
    shown = CliRunner().invoke(app, ["fault", "--help"]).output
    assert "silent" in shown
    assert "falls off the bus" in shown
