"""The journal: what is committed stands, in order, chained, and comes back after a restart."""

import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from appliance.base.clock import HeldClock
from appliance.base.errors import Verdict
from appliance.ledger import journal as journal_module
from appliance.ledger.errors import LedgerError
from appliance.ledger.journal import LedgerJournal
from appliance.ledger.records import (
    KINDS,
    ChainBegun,
    ContactAnswered,
    ContactArrived,
    ContactEnded,
    EntriesDropped,
    FlowStepped,
    LedgerOpened,
)

DEADLINE_S = 10


@pytest.fixture
def clock() -> HeldClock:
    return HeldClock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "ledger.db"


@pytest.fixture
def journal(path: Path, clock: HeldClock) -> Iterator[LedgerJournal]:
    with LedgerJournal(path, "box", clock=clock) as opened:
        yield opened


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true"
        time.sleep(0.002)


def write(journal: LedgerJournal, contact: str, steps: int) -> None:
    journal.record(ContactArrived(arrival=1, caller="0301234567"), contact)
    for step in range(steps):
        journal.record(FlowStepped(step=f"step-{step}", digit="1"), contact)
    journal.commit()


def test_first_entries_tell_of_the_chain_and_the_opening(journal: LedgerJournal) -> None:
    begun, opened = journal.entries()
    assert begun.fact() == ChainBegun(reason="first")
    fact = opened.fact()
    assert isinstance(fact, LedgerOpened)
    assert fact.incarnation == journal.incarnation
    assert journal.head() == (opened.chain, 2, opened.hash)


def test_entries_come_back_as_they_were_added(journal: LedgerJournal, clock: HeldClock) -> None:
    journal.record(ContactArrived(arrival=7, caller="0301234567", private=True), "c1")
    clock.advance(1.25)
    journal.add("of-the-future", "c1", {"what": "ever", "n": 3})
    assert journal.commit() == 4
    first, second = journal.entries(after=2)
    assert first.fact() == ContactArrived(arrival=7, caller="0301234567", private=True)
    assert (first.number, first.kind, first.contact) == (3, "contact-arrived", "c1")
    assert first.ts == "2027-01-15T08:00:00.000000Z"
    assert second.mono_s - first.mono_s == 1.25
    assert second.fact() is None
    assert second.as_dict() == {"what": "ever", "n": 3}


def test_facts_this_version_cannot_read_are_not_an_error(journal: LedgerJournal) -> None:
    journal.add("contact-ended", "c1", {"outcome": "beamed-up"})
    journal.commit()
    (entry,) = journal.entries(contact="c1")
    assert entry.fact() is None
    assert entry.as_dict() == {"outcome": "beamed-up"}


def test_one_contact_can_be_read_alone(journal: LedgerJournal) -> None:
    write(journal, "c1", 3)
    write(journal, "c2", 2)
    assert [entry.contact for entry in journal.entries(contact="c2")] == ["c2"] * 3
    assert journal.entries(contact="") == []
    assert len(journal.entries(after=0, limit=4)) == 4


def test_nothing_is_written_before_the_commit(journal: LedgerJournal, path: Path) -> None:
    journal.record(ContactAnswered(), "c1")
    journal.keep("call/1", b"state")
    assert journal.entries(contact="c1") == []
    assert list(journal.kept()) == []
    number = journal.commit()
    assert number == 3
    assert journal.commit() == 3, "an empty commit is no entry"
    with sqlite3.connect(path) as other:
        assert other.execute("SELECT count(*) FROM entry").fetchone() == (3,)
    other.close()


def test_kept_states_by_prefix(journal: LedgerJournal) -> None:
    for key in ("call/1", "call/2", "call_3", "flow/1"):
        journal.keep(key, key.encode())
    journal.commit()
    journal.keep("call/1", b"newer")
    journal.forget("call/2")
    journal.forget("never-there")
    journal.commit()
    assert list(journal.kept("call/")) == [("call/1", b"newer")]
    assert [key for key, _ in journal.kept()] == ["call/1", "call_3", "flow/1"]


def test_reopening_raises_the_incarnation_and_goes_on(path: Path, clock: HeldClock) -> None:
    seen, chains = [], set()
    for life in range(3):
        with LedgerJournal(path, "box", clock=clock) as journal:
            seen.append(journal.incarnation)
            assert journal.same_boot is (life > 0)
            write(journal, f"c{life}", 2)
            journal.keep("life", str(life).encode())
            journal.commit()
            chains.add(journal.head()[0])
    assert seen == [seen[0], seen[0] + 1, seen[0] + 2]
    with LedgerJournal(path, "box", clock=clock) as journal:
        assert list(journal.kept()) == [("life", b"2")]
        assert chains == {journal.head()[0]}
        result = journal.verify()
    assert result.ok
    assert (result.chains, result.entries) == (1, 1 + 4 + 9)


def test_a_fresh_disk_still_raises_the_incarnation(tmp_path: Path, clock: HeldClock) -> None:
    with LedgerJournal(tmp_path / "old" / "ledger.db", "box", clock=clock) as journal:
        before = journal.incarnation
    clock.advance(60)
    with LedgerJournal(tmp_path / "new" / "ledger.db", "box", clock=clock) as journal:
        assert journal.incarnation > before


def test_another_boot_is_noticed(path: Path, clock: HeldClock) -> None:
    LedgerJournal(path, "box", clock=clock).close()
    with sqlite3.connect(path) as other:
        other.execute("UPDATE meta SET value = 'another' WHERE key = 'boot'")
    other.close()
    with LedgerJournal(path, "box", clock=clock) as journal:
        assert not journal.same_boot


def test_commits_reach_the_disk_without_being_waited_for(journal: LedgerJournal) -> None:
    write(journal, "c1", 5)
    until(lambda: journal.synced == journal.head()[1])


def test_a_disk_that_refuses_to_sync_is_no_ledger_any_more(journal: LedgerJournal) -> None:
    reads, no_disk = os.pipe()  # a pipe cannot be synced, as a dying disk cannot
    true_log, journal._sync._wal = journal._sync._wal, no_disk
    synced = journal.synced
    write(journal, "c1", 1)
    until(lambda: journal._sync.error is not None)
    journal.record(ContactAnswered(), "c1")
    with pytest.raises(LedgerError, match="the disk failed") as caught:
        journal.commit()
    assert caught.value.reason == "ledger-unwritable"
    assert journal.synced == synced, "nothing more is promised"
    os.close(reads)
    os.close(true_log)


def test_the_log_is_moved_into_the_file(
    path: Path, clock: HeldClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("appliance.ledger.sync.CHECKPOINT_EVERY", 10)
    with LedgerJournal(path, "box", clock=clock) as journal:
        before = path.stat().st_size
        for number in range(40):
            write(journal, f"c{number}", 10)
        until(lambda: path.stat().st_size > before)
        assert journal.verify().ok


def test_only_one_writer(journal: LedgerJournal, path: Path, clock: HeldClock) -> None:
    with pytest.raises(LedgerError, match="another process") as caught:
        LedgerJournal(path, "box", clock=clock)
    assert caught.value.reason == "ledger-unwritable"
    write(journal, "c1", 1)


def test_closing_lets_the_next_one_in(path: Path, clock: HeldClock) -> None:
    journal = LedgerJournal(path, "box", clock=clock)
    journal.close()
    journal.close()
    LedgerJournal(path, "box", clock=clock).close()


def test_a_box_that_is_given_its_name_goes_on_in_a_new_chain(path: Path, clock: HeldClock) -> None:
    with LedgerJournal(path, "appliance", clock=clock) as journal:
        write(journal, "c1", 2)
        journal.keep("call/1", b"state")
        journal.commit()
        chain, number, digest = journal.head()
        incarnation = journal.incarnation
    for life in (1, 2):
        with LedgerJournal(path, "berlin-1", clock=clock) as journal:
            assert journal.incarnation == incarnation + life
            assert dict(journal.kept()) == {"call/1": b"state"}
            assert journal.verify().ok
            assert journal.verify().chains == 2
    with LedgerJournal(path, "berlin-1", clock=clock) as journal:
        begun, *_ = journal.entries(after=number)
    assert (begun.appliance, begun.number) == ("berlin-1", number + 1)
    assert begun.fact() == ChainBegun(
        reason="renamed", previous_chain=chain, previous_number=number, previous_hash=digest
    )


def test_someone_elses_database_is_refused(path: Path, clock: HeldClock) -> None:
    path.parent.mkdir()
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE theirs (x)")
    other.close()
    with pytest.raises(LedgerError, match="not a ledger"):
        LedgerJournal(path, "box", clock=clock)


def test_a_newer_layout_is_refused(path: Path, clock: HeldClock) -> None:
    LedgerJournal(path, "box", clock=clock).close()
    with sqlite3.connect(path) as other:
        other.execute("PRAGMA user_version = 99")
    other.close()
    with pytest.raises(LedgerError, match="layout 99"):
        LedgerJournal(path, "box", clock=clock)


def test_an_impossible_folder_is_an_error_with_a_reason(tmp_path: Path, clock: HeldClock) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(LedgerError) as caught:
        LedgerJournal(tmp_path / "file" / "ledger.db", "box", clock=clock)
    assert (caught.value.reason, caught.value.verdict) == ("ledger-unwritable", Verdict.HARDWARE)


def test_what_no_file_can_hold_fails_when_added(journal: LedgerJournal) -> None:
    with pytest.raises(UnicodeEncodeError):
        journal.add("x", "\udc80", {})
    with pytest.raises(UnicodeEncodeError):
        journal.keep("\udc80", b"")
    with pytest.raises(TypeError):
        journal.add("x", "c1", {"a": object()})
    write(journal, "c1", 1)
    assert journal.verify().ok


def test_a_locked_file_costs_nothing_that_was_staged(journal: LedgerJournal, path: Path) -> None:
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    journal.record(ContactAnswered(), "c1")
    with pytest.raises(LedgerError) as caught:
        journal.commit()
    assert caught.value.reason == "ledger-unwritable"
    other.execute("ROLLBACK")
    other.close()
    assert journal.commit() == 3
    assert len(journal.entries(contact="c1")) == 1


def test_a_refused_row_takes_the_whole_commit_back(journal: LedgerJournal, path: Path) -> None:
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("CREATE TRIGGER no BEFORE INSERT ON state BEGIN SELECT RAISE (ABORT, 'no'); END")
    journal.record(ContactAnswered(), "c1")
    journal.keep("call/1", b"state")
    with pytest.raises(LedgerError):
        journal.commit()
    assert journal.entries(contact="c1") == []
    other.execute("DROP TRIGGER no")
    other.close()
    assert journal.commit() == 3
    assert dict(journal.kept()) == {"call/1": b"state"}
    assert journal.verify().ok


def test_a_state_is_written_once(journal: LedgerJournal, path: Path) -> None:
    journal.keep("call/1", b"state")
    journal.commit()
    with sqlite3.connect(path) as other:
        other.execute("DELETE FROM state")
    other.close()
    write(journal, "c1", 1)
    assert dict(journal.kept()) == {}


def test_dropped_entries_are_confessed(
    journal: LedgerJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_module, "STAGED_MOST", 3)
    for _ in range(5):
        journal.record(ContactAnswered(), "c1")
    journal.commit()
    assert journal.entries()[-1].fact() == EntriesDropped(count=2)
    journal.record(ContactEnded(outcome="served"), "c1")
    journal.commit()
    assert journal.verify().ok
    assert len(journal.entries(contact="c1")) == 4
    assert [entry.kind for entry in journal.entries()].count("entries-dropped") == 1


def test_every_kind_survives_the_round_trip(journal: LedgerJournal) -> None:
    made = []
    for kind, record in KINDS.items():
        values = {
            field.encode_name: _example(field.type) for field in msgspec.structs.fields(record)
        }
        fact = msgspec.convert(values, record)
        made.append((kind, fact))
        journal.record(fact, "c1")
    journal.commit()
    read = [(entry.kind, entry.fact()) for entry in journal.entries(contact="c1")]
    assert read == made


def _example(kind: object) -> object:
    """Return a value of a field's type that is not its default."""
    args: tuple[object, ...] = getattr(kind, "__args__", ())
    examples: dict[object, object] = {int: 3, float: 2.5, str: "text", bytes: b"\x00", bool: True}
    examples |= {dict[str, int]: {"german": 2}, dict[str, str]: {"a": "b"}, list[str]: ["a"]}
    if kind in examples:
        return examples[kind]
    return args[-1]
