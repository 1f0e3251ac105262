"""Opening after something happened to the file: a new chain says so, and the box goes on."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from appliance.base.clock import HeldClock
from appliance.ledger.journal import LedgerJournal
from appliance.ledger.records import ChainBegun, ContactArrived
from appliance.ledger.store import LedgerReader


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


def fill(path: Path, entries: int = 20) -> tuple[str, int, bytes]:
    with LedgerJournal(path, "box", clock=HeldClock()) as journal:
        for number in range(entries):
            journal.record(ContactArrived(arrival=number), f"c{number}")
        journal.keep("call/1", b"state")
        journal.commit()
        return journal.head()


def alter(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path)) as db, db:
        db.execute(statement)


def begun(journal: LedgerJournal) -> ChainBegun:
    """Return the first entry of the chain that is written now."""
    chain, _, _ = journal.head()
    (first,) = [
        entry
        for entry in journal.entries(limit=10_000)
        if entry.chain == chain and entry.kind == "chain-begun"
    ]
    fact = first.fact()
    assert isinstance(fact, ChainBegun)
    return fact


ALTERED: list[tuple[str, str]] = [
    ("facts", "UPDATE entry SET facts = x'80' WHERE number = 12"),
    ("contact", "UPDATE entry SET contact = 'other' WHERE number = 12"),
    ("time", "UPDATE entry SET wall_us = wall_us + 1 WHERE number = 12"),
    ("order", "UPDATE entry SET kind = 'contact-ended' WHERE number = 12"),
    ("hash", "UPDATE entry SET hash = zeroblob(32) WHERE number = 12"),
]


@pytest.mark.parametrize(("what", "statement"), ALTERED, ids=[what for what, _ in ALTERED])
def test_an_altered_entry_is_named(path: Path, what: str, statement: str) -> None:
    head = fill(path)
    alter(path, statement)
    with closing(LedgerReader(path)) as reader:
        result = reader.verify()
    assert not result.ok, what
    assert (result.breaks[0].chain, result.breaks[0].number) == (head[0], 12)


def test_a_removed_entry_is_named(path: Path) -> None:
    fill(path)
    alter(path, "DELETE FROM entry WHERE number = 12")
    with closing(LedgerReader(path)) as reader:
        (found,) = reader.verify().breaks
    assert found.number == 13
    assert "12" in found.why


def test_a_broken_chain_is_left_and_a_new_one_names_its_head(path: Path) -> None:
    chain, number, digest = fill(path)
    alter(path, "UPDATE entry SET facts = x'80' WHERE number = 12")
    with LedgerJournal(path, "box", clock=HeldClock()) as journal:
        assert journal.head()[0] != chain
        assert begun(journal) == ChainBegun(
            reason="broken", previous_chain=chain, previous_number=number, previous_hash=digest
        )
        assert dict(journal.kept()) == {"call/1": b"state"}
        result = journal.verify()
        assert [(found.chain, found.number) for found in result.breaks] == [(chain, 12)]
        second = journal.head()[0]
    with LedgerJournal(path, "box", clock=HeldClock()) as journal:
        assert journal.head()[0] == second, "once is enough"


def test_a_lost_tail_is_noticed(path: Path) -> None:
    chain, number, digest = fill(path)
    alter(path, "DELETE FROM entry WHERE number > (SELECT max(number) - 3 FROM entry)")
    with LedgerJournal(path, "box", clock=HeldClock()) as journal:
        assert begun(journal) == ChainBegun(
            reason="lost", previous_chain=chain, previous_number=number, previous_hash=digest
        )
        assert journal.entries(after=number)[0].number == number + 1, "no number is used twice"


def test_a_lost_file_is_noticed(path: Path) -> None:
    chain, number, digest = fill(path)
    with LedgerJournal(path, "box", clock=HeldClock()) as journal:
        incarnation, (_, number, digest) = journal.incarnation, journal.head()
    path.unlink()
    with LedgerJournal(path, "box", clock=HeldClock()) as journal:
        assert journal.incarnation == incarnation + 1
        fact = begun(journal)
        assert fact == ChainBegun(
            reason="lost", previous_chain=chain, previous_number=number, previous_hash=digest
        )
        assert journal.verify().ok


def test_an_older_copy_is_noticed(path: Path) -> None:
    fill(path)
    old = path.read_bytes()
    with LedgerJournal(path, "box", clock=HeldClock()) as journal:
        journal.record(ContactArrived(arrival=99), "late")
        journal.commit()
        incarnation = journal.incarnation
    path.write_bytes(old)
    with LedgerJournal(path, "box", clock=HeldClock()) as journal:
        assert begun(journal).reason == "lost"
        assert journal.incarnation > incarnation


def damage_head(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(b"this is no database at all")


def damage_everything(path: Path) -> None:
    path.write_bytes(b"\xa5" * path.stat().st_size)


def damage_tables(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[4096:] = b"\x00" * (len(content) - 4096)
    path.write_bytes(content)


@pytest.mark.parametrize("damage", [damage_head, damage_everything, damage_tables])
def test_a_damaged_file_is_set_aside(path: Path, damage: Callable[[Path], None]) -> None:
    chain, number, digest = fill(path)
    with LedgerJournal(path, "box", clock=HeldClock()) as journal:
        incarnation, (_, number, digest) = journal.incarnation, journal.head()
    damage(path)
    with LedgerJournal(path, "box", clock=HeldClock()) as journal:
        assert begun(journal) == ChainBegun(
            reason="damaged", previous_chain=chain, previous_number=number, previous_hash=digest
        )
        assert journal.incarnation > incarnation
        journal.record(ContactArrived(arrival=1), "after")
        journal.commit()
        assert journal.verify().ok
    assert len(list(path.parent.glob("ledger.db.damaged-*"))) == 1


def test_damage_found_by_a_commit_does_not_stop_the_box(path: Path) -> None:
    fill(path, entries=2000)
    with LedgerJournal(path, "box", clock=HeldClock()) as journal:
        chain = journal.head()[0]
        # rubbish in the inner pages, which the next commits read
        size = path.stat().st_size
        with path.open("r+b") as file:
            file.seek(4096)
            file.write(b"\xa5" * (size - 4096))
        for number in range(200):
            journal.record(ContactArrived(arrival=number), f"late-{number:03}")
            journal.commit()
        assert journal.head()[0] != chain
        assert begun(journal).reason == "damaged"
        assert journal.verify().ok
        kept = {entry.contact for entry in journal.entries(limit=1000)}
    assert "late-199" in kept


def test_another_history_of_the_same_length_is_noticed(path: Path) -> None:
    fill(path)
    old, note = path.read_bytes(), path.with_name("ledger.db.head")
    with LedgerJournal(path, "box", clock=HeldClock()) as journal:
        journal.record(ContactArrived(arrival=1), "true")
        journal.commit()
    true_note = note.read_bytes()
    path.write_bytes(old)
    note.unlink()
    with LedgerJournal(path, "box", clock=HeldClock()) as journal:
        for number in range(5):
            journal.record(ContactArrived(arrival=number), "invented")
        journal.commit()
    note.write_bytes(true_note)
    with LedgerJournal(path, "box", clock=HeldClock()) as journal:
        assert begun(journal).reason == "lost"


def test_states_are_saved_from_a_damaged_file(path: Path) -> None:
    fill(path)
    with closing(sqlite3.connect(path)) as db:
        (page,) = db.execute("SELECT rootpage FROM sqlite_master WHERE name = 'entry'").fetchone()
        (size,) = db.execute("PRAGMA page_size").fetchone()
    with path.open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"\xa5" * size)
    with LedgerJournal(path, "box", clock=HeldClock()) as journal:
        assert begun(journal).reason == "damaged"
        assert dict(journal.kept()) == {"call/1": b"state"}


@pytest.mark.parametrize("note", [b"", b"{", b"[]", b'{"number": "x"}', b"\xff" * 100])
def test_a_spoiled_note_is_not_believed(path: Path, note: bytes) -> None:
    chain, _, _ = fill(path)
    path.with_name("ledger.db.head").write_bytes(note)
    with LedgerJournal(path, "box", clock=HeldClock()) as journal:
        assert journal.head()[0] == chain


def test_only_the_end_is_checked_at_opening_but_all_by_verify(path: Path) -> None:
    chain, _, _ = fill(path, entries=1500)
    alter(path, "UPDATE entry SET facts = x'80' WHERE number = 12")
    with LedgerJournal(path, "box", clock=HeldClock()) as journal:
        assert journal.head()[0] == chain
        assert journal.verify().breaks[0].number == 12
