"""The `branchline` command: what it lists, loads and refuses."""

import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from appliance.cli.entry import find_commands, help_text, summary
from tests.appliance.cli.runner import ROOT, branchline


@pytest.fixture
def extra(tmp_path: Path) -> Path:
    """Install a package with three commands: one that works, two that cannot be loaded."""
    info = tmp_path / "extra-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: extra\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[branchline.commands]\n"
        "hello = extra_hello:app\n"
        "broken = extra_broken:app\n"
        "absent = extra_absent:app\n"
    )
    (tmp_path / "extra_hello.py").write_text(
        '"""`branchline hello`: says hello.\n\nMore.\n"""\n'
        "import typer\n"
        "app = typer.Typer()\n"
        "@app.command()\n"
        "def hello(name: str, twice: bool = False) -> None:\n"
        "    print('hello', name)\n"
        "    raise typer.Exit(7 if twice else 0)\n"
    )
    (tmp_path / "extra_broken.py").write_text('"""Breaks."""\nimport nothing_of_that_name\n')
    return tmp_path


def test_help_lists_all_commands_without_importing_any(extra: Path) -> None:
    done = branchline("--help", path=extra)
    assert done.returncode == 0
    assert "\n  hello       Says hello.\n" in done.stdout
    assert "\n  broken      Breaks.\n" in done.stdout
    assert "\n  absent      (not installed)\n" in done.stdout
    for name in ("appliance", "doctor", "ledger", "telemetry", "hw"):
        assert f"\n  {name} " in done.stdout


def test_only_what_is_asked_for_is_imported() -> None:
    code = (
        "import sys; from appliance.cli.entry import find_commands, help_text;"
        "help_text(find_commands());"
        "print(*[m for m in ('zmq', 'aiohttp', 'flask', 'control.cli') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == ""


def test_no_words_print_the_help_and_say_that_it_was_a_mistake() -> None:
    done = branchline()
    assert done.returncode == 64
    assert done.stdout.startswith("Branchline:")


def test_a_command_runs_with_its_arguments(extra: Path) -> None:
    done = branchline("hello", "world", path=extra)
    assert (done.returncode, done.stdout) == (0, "hello world\n")
    assert branchline("hello", "world", "--twice", path=extra).returncode == 7


def test_wrong_use_of_a_command_is_64(extra: Path) -> None:
    done = branchline("hello", path=extra)
    assert done.returncode == 64
    assert "branchline hello" in done.stderr
    assert branchline("hello", "x", "--nonsense", path=extra).returncode == 64


@pytest.mark.parametrize(
    ("typed", "answer"),
    [("doctr", "«branchline doctor»"), ("telemtry", "«branchline telemetry»"), ("zzz", "--help")],
)
def test_an_unknown_command_is_answered_with_a_hint(typed: str, answer: str) -> None:
    done = branchline(typed)
    assert done.returncode == 64
    assert answer in done.stderr


@pytest.mark.parametrize("name", ["broken", "absent"])
def test_a_command_that_cannot_be_loaded_says_why(extra: Path, name: str) -> None:
    done = branchline(name, path=extra)
    assert done.returncode == 70
    assert "cannot be loaded: No module named" in done.stderr
    assert "Traceback" not in done.stderr


def test_version() -> None:
    done = branchline("--version")
    assert done.returncode == 0
    assert done.stdout.startswith("branchline ")


def test_summaries_come_from_the_modules(tmp_path: Path) -> None:
    assert summary(EntryPoint("x", "appliance.cli.doctor:app", "g")).startswith("Is everything")
    assert summary(EntryPoint("x", "no.such.module:app", "g")) == "(cannot be read)"
    assert summary(EntryPoint("x", "nosuchmodule:app", "g")) == "(not installed)"


def test_an_empty_installation_still_answers() -> None:
    assert "(none is installed)" in help_text([])


def test_the_commands_of_the_project_are_found() -> None:
    assert {"appliance", "control", "doctor", "legs", "sim"} <= {
        point.name for point in find_commands()
    }
