"""The doctor's checks, one by one, against real ports, folders and files."""

import socket
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from appliance.base.clock import HeldClock
from appliance.cli import checks
from appliance.cli.checks import (
    check_all,
    check_clock,
    check_ledger,
    check_ports,
    check_prompts,
    check_state,
)
from appliance.config.model import (
    ApplianceSettings,
    LinkSettings,
    MediaSettings,
    SipSettings,
    TelemetrySettings,
)
from appliance.ledger.journal import LedgerJournal
from appliance.ledger.records import ContactArrived
from appliance.ledger.store import ledger_path
from tests.ports import free_port


def settings(tmp_path: Path, **other: object) -> ApplianceSettings:
    return ApplianceSettings(state_dir=str(tmp_path), **other)  # type: ignore[arg-type]


def test_ports(tmp_path: Path) -> None:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken,
        socket.create_server(("127.0.0.1", 0)) as also,
    ):
        taken.bind(("127.0.0.1", 0))
        sip, link = taken.getsockname()[1], also.getsockname()[1]
        found = list(
            check_ports(
                settings(
                    tmp_path,
                    sip=SipSettings(port=sip),
                    link=LinkSettings(port=link),
                    telemetry=TelemetrySettings(port=free_port()),
                )
            )
        )
    assert [check.level for check in found] == ["warn", "ok", "warn", "ok"]
    assert str(sip) in found[0].advice


def test_an_address_that_is_not_ours_is_a_failure(tmp_path: Path) -> None:
    found = list(check_ports(settings(tmp_path, sip=SipSettings(address="203.0.113.1"))))
    assert [check.level for check in found[:2]] == ["fail", "fail"]


def test_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = {check.name: check for check in check_state(settings(tmp_path))}
    assert found["state"].level == "ok"
    assert found["fleet"].level == "warn"
    (tmp_path / "identity").mkdir()
    assert [c.level for c in check_state(settings(tmp_path)) if c.name == "fleet"] == ["ok"]
    monkeypatch.setattr(checks, "DISK_WARN_MIB", 1 << 40)
    assert [c.level for c in check_state(settings(tmp_path)) if c.name == "disk"] == ["warn"]
    monkeypatch.setattr(checks, "DISK_FAIL_MIB", 1 << 40)
    assert [c.level for c in check_state(settings(tmp_path)) if c.name == "disk"] == ["fail"]


def test_prompts(tmp_path: Path) -> None:
    full, empty = tmp_path / "full", tmp_path / "empty"
    full.mkdir()
    empty.mkdir()
    (full / "hello.wav").touch()
    media = MediaSettings(prompt_dirs=(str(full), str(empty), str(tmp_path / "none")))
    found = check_prompts(settings(tmp_path, media=media))
    assert [check.level for check in found] == ["ok", "warn", "warn"]


def test_the_clock_is_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (found,) = check_clock(settings(tmp_path))
    assert found.level in {"ok", "warn"}
    monkeypatch.setattr(checks, "RELEASED_US", 1 << 62)
    (found,) = check_clock(settings(tmp_path))
    assert found.level == "fail"


def test_the_ledger_is_walked(tmp_path: Path) -> None:
    def level() -> str:
        (check,) = check_ledger(settings(tmp_path))
        return check.level

    assert level() == "ok"
    path = ledger_path(tmp_path)
    with LedgerJournal(path, "box", clock=HeldClock()) as journal:
        journal.record(ContactArrived(arrival=1), "c1")
        journal.commit()
        assert level() == "ok", "also beside a running brain"
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("UPDATE entry SET contact = 'c2' WHERE contact = 'c1'")
    assert level() == "fail"


def test_a_check_that_goes_wrong_is_a_failure(tmp_path: Path) -> None:
    ledger_path(tmp_path).write_bytes(b"no database at all")
    found = [check for check in check_all(settings(tmp_path)) if check.name == "ledger"]
    assert [check.level for check in found] == ["fail"]
