"""Errors become one line and an exit code of sysexits.h."""

import pytest
import typer

from appliance.base.errors import BranchlineError, ConfigError, PeerError
from appliance.base.reasons import REASONS, verdict_of
from appliance.cli.exits import exit_code, printable, told


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        ("bad-config", 78),
        ("missing-file", 78),
        ("bad-token", 78),
        ("port-busy", 69),
        ("control-unreachable", 69),
        ("timeout", 69),
        ("disk-full", 74),
        ("ledger-unwritable", 74),
        ("internal", 70),
        ("normal", 70),
    ],
)
def test_codes(reason: str, code: int) -> None:
    assert exit_code(BranchlineError(reason, "x", verdict=verdict_of(reason))) == code


def test_every_reason_has_a_code() -> None:
    codes = {exit_code(BranchlineError(r, "", verdict=v)) for r, v in REASONS.items()}
    assert codes <= {69, 70, 74, 78}


def test_an_error_is_told_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as caught, told("ledger show"):
        raise ConfigError("bad-config", "a\x1b[31m name\nand more")
    assert caught.value.exit_code == 78
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert said.startswith("branchline ledger show: bad-config: a")
    assert "\x1b" not in said


def test_other_errors_are_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError), told("x"):
        raise ZeroDivisionError
    assert exit_code(PeerError("not-approved", "wait")) == 69


@pytest.mark.parametrize("text", ["plain", "münchen «x» 日本", ""])
def test_people_s_letters_stay(text: str) -> None:
    assert printable(text) == text
