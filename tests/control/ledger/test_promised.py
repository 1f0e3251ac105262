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
    CallBackPromised,
    CallBackScored,
    ContactArrived,
    ContactConnected,
    ContactEnded,
    ContactQueued,
    EscrowTaken,
    WaitAnnounced,
)
from appliance.ledger.windows import Windows
from control.cli import app
from control.fleet.keys import plan_key
from control.ledger.promised import (
    PromisesOfDay,
    WindowsOfDay,
    by_day,
    total,
    windows_by_day,
    windows_total,
)
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


def leave(books: Books, name: str, queue: str, klass: str) -> None:
    """Journal a caller who leaves a number and is promised a call in 60 to 600 s."""
    promised = CallBackPromised(number="1", queue=queue, low_s=60, high_s=600)
    queued = ContactQueued(queue=queue, klass=klass)
    books.tell(name, [ContactArrived(arrival=1), promised, queued])


def score(after_s: float, reason: str = "") -> CallBackScored:
    return CallBackScored(kept=not reason, after_s=after_s, low_s=60, high_s=600, reason=reason)


@pytest.fixture
def called(desk: Desk, tmp_path: Path) -> Desk:
    """Hand in six who left a number; a peer called one of them, whose branch had died."""
    clock = HeldClock()
    with Books(tmp_path, "x", clock) as here, Books(tmp_path, "y", clock) as there:
        for name, after_s in (("x0", 30.0), ("x1", 100.0), ("x2", 700.0)):
            leave(here, name, "sales", "gold")
            here.tell(name, [score(after_s), SERVED])
        leave(here, "x3", "sales", "bronze")
        here.tell("x3", [score(50, "cancelled"), ContactEnded(outcome="released")])
        leave(here, "x4", "sales", "bronze")
        leave(here, "died", "sales", "gold")
        clock.advance(640)
        there.tell("died", [EscrowTaken(owner="x", number="1"), score(640.0), TALK, SERVED])
        desk.hand_in("x", here.entries())
        desk.hand_in("y", there.entries())
    return desk


def test_windows_by_day_queue_and_class(called: Desk) -> None:
    row = {row.contact: row for row in called.rows(Contact)}["died"]
    assert (row.window, row.window_queue, row.window_klass) == ("late", "sales", "gold")
    assert (row.window_low_ms, row.window_high_ms) == (60_000, 600_000)
    assert (row.window_came_ms, row.window_off_ms) == (640_000, 40_000)
    with called.database.session() as session:
        rows = windows_by_day(session, DAY, 2)
        assert windows_by_day(session, DAY, 2, "help") == []
        assert windows_by_day(session, date(2027, 1, 14), 3) == []
    gold = Windows(kept=1, early=1, late=2, early_ms=30_000, late_ms=140_000, latest_ms=100_000)
    assert rows == [
        WindowsOfDay(DAY, "sales", "bronze", Windows(given_up=1, open=1)),
        WindowsOfDay(DAY, "sales", "gold", gold),
    ]
    sum_ = windows_total(rows)
    assert (sum_.promised, sum_.known, sum_.hit_rate, sum_.latest_ms) == (6, 5, 0.2, 100_000)


def test_the_command_tells_of_calls_promised(called: Desk, tmp_path: Path) -> None:
    lines = [line.split() for line in run(tmp_path, "--day", "2027-01-15").stdout.splitlines()]
    (gold,) = [line for line in lines if "gold" in line]
    assert " ".join(gold) == "2027-01-15 sales gold 4 1 1 2 0 0 0 30 s 70 s 100 s 25.0%"
    answer = json.loads(run(tmp_path, "--day", "2027-01-15", "--json").stdout)
    assert [row["class"] for row in answer["windows"]] == ["bronze", "gold"]
    assert answer["windows_total"]["given_up"] == 1
