"""Promises of a wait, from two boxes' entries to the table of days and queues."""

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from appliance.base.clock import HeldClock
from appliance.ledger.promises import Promises
from appliance.ledger.records import (
    ContactArrived,
    ContactConnected,
    ContactEnded,
    ContactQueued,
    WaitAnnounced,
)
from control.cli import app
from control.fleet.keys import plan_key
from control.ledger.promised import PromisesOfDay, by_day, total
from control.ledger.queries import rebuild
from control.ledger.store import LedgerStore
from control.models.ledger import Contact
from control.parts import ControlParts
from control.settings import ControlSettings
from tests.control.ledger.rig import Books, Desk

#: 2027-01-15, when the held clock begins
DAY = date(2027, 1, 15)
TALK = ContactConnected(seat="ann", owner="a")
SERVED = ContactEnded(outcome="served")


def promise(books: Books, clock: HeldClock, name: str, queue: str, waited_s: float) -> None:
    """Journal a caller who is told 10 to 60 s and talks after *waited_s*; 0: waits still."""
    books.tell(name, [ContactArrived(arrival=1), ContactQueued(queue=queue)])
    books.tell(name, [WaitAnnounced(low_s=10, high_s=60)])
    if waited_s:
        clock.advance(waited_s)
        books.tell(name, [TALK, SERVED])


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    settings = ControlSettings(state_dir=str(tmp_path / "state"))
    parts = ControlParts.make(settings)
    desk = Desk(
        parts.database, LedgerStore(parts.database, plan_key(settings.state_path), parts.clock)
    )
    clock = HeldClock()
    with Books(tmp_path, "a", clock) as here, Books(tmp_path, "b", clock) as there:
        for number, waited_s in enumerate((5, 30, 30, 30, 90)):
            promise(here, clock, f"a{number}", "sales", waited_s)
        promise(there, clock, "b0", "help", 0)
        there.tell("silent", [ContactArrived(arrival=1), ContactQueued(queue="help"), SERVED])
        clock.advance(86_400)
        promise(there, clock, "next", "sales", 20)
        desk.hand_in("a", here.entries())
        desk.hand_in("b", there.entries())
    yield desk
    parts.close()


def test_a_contact_s_row_says_what_was_told_and_what_came_true(desk: Desk) -> None:
    rows = {row.contact: row for row in desk.rows(Contact)}
    late = rows["a4"]
    assert (late.promise, late.promise_queue) == ("late", "sales")
    assert (late.promise_low_ms, late.promise_high_ms) == (10_000, 60_000)
    assert late.promise_came_ms == 90_000
    assert rows["b0"].promise == "open"
    assert rows["silent"].promise == ""


def test_by_day_and_queue(desk: Desk) -> None:
    with desk.database.session() as session:
        rows = by_day(session, date(2027, 1, 16), 2)
        assert by_day(session, date(2027, 1, 16), 2, "help") == [rows[1]]
        assert by_day(session, date(2027, 1, 14), 30) == []
    assert rows == [
        PromisesOfDay(date(2027, 1, 16), "sales", Promises(kept=1)),
        PromisesOfDay(DAY, "help", Promises(open=1)),
        PromisesOfDay(DAY, "sales", Promises(kept=3, early=1, late=1)),
    ]
    assert total(rows) == Promises(kept=4, early=1, late=1, open=1)


def test_they_are_derived_anew_from_the_entries(desk: Desk) -> None:
    before = {row.contact: row.promise for row in desk.rows(Contact)}
    with desk.database.session() as session:
        rebuild(session)
    assert {row.contact: row.promise for row in desk.rows(Contact)} == before


def run(tmp_path: Path, *words: str) -> Result:
    config = tmp_path / "control.toml"
    config.write_text(f'state_dir = "{tmp_path / "state"}"\n')
    return CliRunner().invoke(app, ["promises", *words, "--config", str(config)])


def test_the_command(desk: Desk, tmp_path: Path) -> None:
    result = run(tmp_path, "--day", "2027-01-16", "--days", "2")
    assert result.exit_code == 0, result.output
    lines = [line.split() for line in result.stdout.splitlines()]
    assert lines[0] == [
        "day",
        "queue",
        "told",
        "kept",
        "early",
        "late",
        "left",
        "open",
        "hit",
        "rate",
    ]
    assert lines[3] == ["2027-01-15", "sales", "5", "3", "1", "1", "0", "0", "60.0%"]
    assert lines[4] == ["total", "7", "4", "1", "1", "0", "1", "66.7%"]
    answer = json.loads(run(tmp_path, "--day", "2027-01-15", "--json").stdout)
    assert answer["nominal"] == 0.8
    assert answer["total"]["told"] == 6
    assert [row["queue"] for row in answer["days"]] == ["help", "sales"]
    assert run(tmp_path, "--day", "yesterday-ish").exit_code == 1
