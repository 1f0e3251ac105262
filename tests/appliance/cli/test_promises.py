"""`branchline promises` on a real ledger."""

import json
from pathlib import Path

import pytest

from appliance.base.clock import HeldClock
from appliance.ledger.journal import LedgerJournal
from appliance.ledger.records import (
    CallBackPromised,
    CallBackScored,
    ContactArrived,
    ContactConnected,
    ContactEnded,
    ContactQueued,
    WaitAnnounced,
)
from appliance.ledger.store import ledger_path
from tests.appliance.cli.runner import branchline


@pytest.fixture
def file(tmp_path: Path) -> str:
    """Journal three callers who were told 10 to 60 s: 30 s, 90 s, one waits; and one told none."""
    clock = HeldClock()
    with LedgerJournal(ledger_path(tmp_path), "box", clock=clock) as journal:
        for contact, queue, waited_s in (("a", "sales", 30), ("b", "sales", 90), ("c", "help", 0)):
            journal.record(ContactArrived(arrival=1), contact)
            journal.record(ContactQueued(queue=queue), contact)
            journal.record(WaitAnnounced(low_s=10, high_s=60), contact)
            if waited_s:
                clock.advance(waited_s)
                journal.record(ContactConnected(seat="ann", owner="box"), contact)
                journal.record(ContactEnded(outcome="served"), contact)
        journal.record(ContactArrived(arrival=1), "d")
        journal.record(ContactEnded(outcome="released"), "d")
        journal.commit()
    return str(ledger_path(tmp_path))


def test_the_table(file: str) -> None:
    done = branchline("promises", "--file", file)
    assert done.returncode == 0, done.stderr
    head, helped, sales = (line.split() for line in done.stdout.splitlines())
    assert head[:3] == ["day", "queue", "told"]
    assert helped[1:] == ["help", "1", "0", "0", "0", "0", "1", "–"]
    assert sales[1:] == ["sales", "2", "1", "0", "1", "0", "0", "50.0%"]


def test_json_of_one_queue_and_day(file: str) -> None:
    answer = json.loads(
        branchline("promises", "--file", file, "--queue", "sales", "--json").stdout
    )
    assert answer["nominal"] == 0.8
    (row,) = answer["days"]
    assert (row["queue"], row["told"], row["kept"], row["hit_rate"]) == ("sales", 2, 1, 0.5)
    other = branchline("promises", "--file", file, "--day", "2001-01-01", "--json")
    assert json.loads(other.stdout)["days"] == []
    same = branchline("promises", "--file", file, "--day", row["day"], "--json")
    assert len(json.loads(same.stdout)["days"]) == 2


def test_what_is_no_ledger_is_named(tmp_path: Path) -> None:
    missing = branchline("promises", "--file", str(tmp_path / "none.db"))
    assert missing.returncode != 0
    assert "none.db" in missing.stderr


@pytest.fixture
def left(tmp_path: Path) -> str:
    """Journal three who left a number: called in time, 90 s late, not called yet."""
    clock = HeldClock()
    with LedgerJournal(ledger_path(tmp_path), "box", clock=clock) as journal:
        for contact, after_s in (("a", 300.0), ("b", 690.0), ("c", 0.0)):
            journal.record(ContactArrived(arrival=1), contact)
            promised = CallBackPromised(number="1", queue="sales", low_s=60, high_s=600)
            journal.record(promised, contact)
            journal.record(ContactQueued(queue="sales", klass="gold"), contact)
            if after_s:
                scored = CallBackScored(kept=True, after_s=after_s, low_s=60, high_s=600)
                journal.record(scored, contact)
        journal.commit()
    return str(ledger_path(tmp_path))


def test_calls_promised_by_queue_and_class(left: str) -> None:
    done = branchline("promises", "--file", left)
    assert done.returncode == 0, done.stderr
    cells = done.stdout.splitlines()[-1].split()
    assert cells[1:3] == ["sales", "gold"]
    assert cells[3:] == ["3", "1", "0", "1", "0", "0", "1", "–", "90", "s", "90", "s", "50.0%"]
    answer = json.loads(branchline("promises", "--file", left, "--json").stdout)
    (row,) = answer["windows"]
    assert (row["class"], row["promised"], row["late"]) == ("gold", 3, 1)
    assert (row["mean_late_ms"], row["latest_ms"], row["hit_rate"]) == (90_000, 90_000, 0.5)
    other = branchline("promises", "--file", left, "--queue", "help", "--json").stdout
    assert json.loads(other)["windows"] == []
