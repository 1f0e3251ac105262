"""`branchline control ledger …` on a database that two boxes told of."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from appliance.ledger.records import ContactArrived, ContactEnded
from control.cli import app
from control.fleet.keys import plan_key
from control.ledger.store import LedgerStore
from control.models.ledger import Contact, LedgerEntry
from control.parts import ControlParts
from control.settings import ControlSettings
from tests.control.ledger.rig import Books, Desk, batch_of


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """Return a control that box a told of ten contacts, and a and b of one together."""
    settings = ControlSettings(state_dir=str(tmp_path / "state"))
    parts = ControlParts.make(settings)
    store = LedgerStore(parts.database, plan_key(settings.state_path), parts.clock)
    made = Desk(parts.database, store)
    with Books(tmp_path, "a") as here, Books(tmp_path, "b") as there:
        here.calls(10)
        here.tell("crossed", [ContactArrived(arrival=1, caller="\x1b[31m")])
        there.tell("crossed", [ContactEnded(outcome="released", reason="closed")])
        made.hand_in("a", here.entries())
        made.hand_in("b", there.entries())
    yield made
    parts.close()


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "control.toml"
    path.write_text(f'state_dir = "{tmp_path / "state"}"\n')
    return path


def run(config: Path, *words: str) -> Result:
    return CliRunner().invoke(app, ["ledger", *words, "--config", str(config)])


def fine(config: Path, *words: str) -> str:
    result = run(config, *words)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_list(desk: Desk, config: Path) -> None:
    lines = fine(config, "list").splitlines()
    assert lines[0].split() == [
        "contact", "arrived", "branch", "queue", "agent", "waited", "talked", "outcome",
    ]  # fmt: skip
    assert len(lines) == 12
    rows = json.loads(fine(config, "list", "--json"))
    assert {row["outcome"] for row in rows} == {"served", "abandoned", "released", "failed"}
    (crossed,) = [row for row in rows if row["contact"] == "crossed"]
    assert (crossed["boxes"], crossed["appliance"]) == ("a b", "a")
    asked = ("list", "--json", "--queue", "sales", "--outcome", "served", "--day", "today")
    today = [row for row in rows if row["arrived_at"][:10] == f"{datetime.now(UTC):%Y-%m-%d}"]
    wanted = [row for row in today if (row["queue"], row["outcome"]) == ("sales", "served")]
    assert json.loads(fine(config, *asked)) == wanted
    assert json.loads(fine(config, "list", "--json", "--branch", "nowhere")) == []
    assert len(json.loads(fine(config, "list", "--json", "--last", "3"))) == 3


@pytest.mark.parametrize("words", [("--day", "yesterday"), ("--outcome", "fine")])
def test_what_cannot_be_asked_is_said(desk: Desk, config: Path, words: tuple[str, str]) -> None:
    result = run(config, "list", *words)
    assert result.exit_code == 1
    assert f"{words[0]} {words[1]}" in result.output


def test_show_tells_the_story_over_both_boxes(desk: Desk, config: Path) -> None:
    lines = fine(config, "show", "crossed").splitlines()
    assert [line.split()[3:5] for line in lines] == [
        ["a", "contact-arrived"],
        ["b", "contact-ended"],
    ]
    assert "\x1b" not in "".join(lines)
    steps = json.loads(fine(config, "show", "crossed", "--json"))
    assert [step["appliance"] for step in steps] == ["a", "b"]
    assert steps[1]["facts"] == {"outcome": "released", "reason": "closed"}
    assert run(config, "show", "nobody").exit_code == 1


def test_books(desk: Desk, config: Path) -> None:
    assert fine(config, "books").splitlines()[0].split()[:2] == ["queue", "offered"]
    queues = json.loads(fine(config, "books", "--json"))["queues"]
    assert {name: tally["offered"] for name, tally in queues.items()} == {
        "": 1, "billing": 5, "sales": 5,
    }  # fmt: skip
    with desk.database.session() as session:
        session.get_one(Contact, "crossed").fault = "no-end"
    result = run(config, "books")
    assert result.exit_code == 1
    assert "IMBALANCE: contact crossed: no-end" in result.output


def test_verify_finds_what_was_altered_and_forks(desk: Desk, config: Path) -> None:
    assert fine(config, "verify").count(": whole") == 2
    assert fine(config, "verify", "a").count(": whole") == 1
    with desk.database.session() as session:
        entry = session.query(LedgerEntry).filter_by(appliance="a", number=4).one()
        entry.contact = "x"
    result = run(config, "verify")
    assert result.exit_code == 1
    assert "entry 4: its hash does not follow" in result.output
    told = json.loads(run(config, "verify", "--json").stdout)
    assert [chain["whole"] for chain in told["chains"]] == [False, True]


def test_verify_tells_alarms(desk: Desk, config: Path, tmp_path: Path) -> None:
    with Books(tmp_path, "stranger") as box:
        desk.store.take("b", batch_of(box.entries()))
    told = fine(config, "verify")
    assert "ALARM" in told
    assert "foreign" in told


def test_rebuild(desk: Desk, config: Path) -> None:
    with desk.database.session() as session:
        session.query(Contact).delete()
    assert fine(config, "rebuild") == "11 contacts derived anew\n"
    assert len(json.loads(fine(config, "list", "--json"))) == 11
