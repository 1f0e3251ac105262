"""Entries as batches: packed and unpacked whole, cut to measure, followed by hash."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.base.clock import HeldClock
from appliance.base.errors import PeerError
from appliance.ledger.entry import NO_HASH, Entry
from appliance.ledger.journal import LedgerJournal
from appliance.ledger.records import ContactArrived, FlowStepped
from appliance.ledger.store import LedgerReader
from appliance.ledger.upload import (
    BATCH_BYTES,
    MAX_ENTRIES,
    ChainHead,
    follow,
    pack,
    portion,
    unpack,
)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[LedgerJournal]:
    with LedgerJournal(tmp_path / "ledger.db", "box", clock=HeldClock()) as opened:
        yield opened


def filled(journal: LedgerJournal, count: int, *, size: int = 0) -> list[Entry]:
    for number in range(count):
        journal.record(FlowStepped(step="x" * size), f"c{number}")
    journal.commit()
    return journal.entries(limit=1_000_000)


def test_what_is_packed_comes_out_again(journal: LedgerJournal) -> None:
    entries = filled(journal, 30)
    first = entries[0]
    assert unpack("box", first.chain, first.number, pack(entries)) == entries
    assert unpack("box", first.chain, 11, pack(entries[10:])) == entries[10:]


def test_a_batch_has_a_measure(journal: LedgerJournal) -> None:
    entries = filled(journal, MAX_ENTRIES + 50)
    assert len(portion(entries)) == MAX_ENTRIES
    assert list(portion(entries[:5])) == entries[:5]


def test_a_batch_of_long_entries_is_short_but_never_empty(journal: LedgerJournal) -> None:
    entries = filled(journal, 10, size=BATCH_BYTES // 3)
    assert [len(portion(entries[at:])) for at in (0, 2, 4)] == [4, 2, 2]
    huge = filled(journal, 1, size=2 * BATCH_BYTES)[-1]
    assert list(portion([huge])) == [huge]


def test_a_batch_is_of_one_chain_and_without_gaps(journal: LedgerJournal) -> None:
    entries = filled(journal, 5)
    assert list(portion(entries[:2] + entries[3:])) == entries[:2]
    journal.begin_chain("broken", ChainHead("box", *journal.head()))
    entries = journal.entries()
    assert len(portion(entries)) == len(entries) - 1


def test_hashes_are_followed_to_the_first_that_does_not_fit(journal: LedgerJournal) -> None:
    entries = filled(journal, 6)
    assert follow(NO_HASH, entries) == (len(entries), "")
    assert follow(entries[2].hash, entries[3:]) == (len(entries) - 3, "")
    assert follow(entries[1].hash, entries[3:])[0] == 0
    entries[4] = msgspec.structs.replace(entries[4], wall_us=1)
    count, why = follow(NO_HASH, entries)
    assert count == 4
    assert f"entry {entries[4].number}" in why
    assert follow(NO_HASH, entries[1:])[0] == 0


@given(data=st.binary(max_size=200))
def test_bytes_that_are_no_batch_are_refused(data: bytes) -> None:
    with pytest.raises(PeerError) as error:
        unpack("box", "c", 1, data)
    assert error.value.reason in {"bad-request", "too-large"}


def test_a_new_chain_names_what_it_is_told(journal: LedgerJournal) -> None:
    journal.record(ContactArrived(arrival=1), "c1")
    head = ChainHead("box", "far-chain", 500, b"h" * 32)
    journal.begin_chain("lost", head)
    journal.record(ContactArrived(arrival=2), "c2")
    journal.commit()
    entries = journal.entries()
    begun = entries[-2]
    assert [one.kind for one in entries[-3:]] == [
        "contact-arrived",
        "chain-begun",
        "contact-arrived",
    ]
    assert begun.number == 501
    assert begun.as_dict() == {
        "reason": "lost",
        "previous_chain": "far-chain",
        "previous_number": 500,
        "previous_hash": b"h" * 32,
    }
    result = journal.verify()
    assert (result.ok, result.chains) == (True, 2)


def test_chains_are_found_where_they_begin_and_end(journal: LedgerJournal) -> None:
    for count in (3, 1, 40):
        filled(journal, count)
        chain, number, digest = journal.head()
        # each begins with a gap in the numbers
        journal.begin_chain("lost", ChainHead("box", chain, number + 100, digest))
    entries = journal.entries(limit=1000)
    reader = LedgerReader(journal.path)
    found = {(one.chain, one.first, one.last) for one in reader.chains()}
    order = [one.chain for one in reader.chains()]
    reader.close()
    numbers: dict[str, list[int]] = {}
    for entry in entries:
        numbers.setdefault(entry.chain, []).append(entry.number)
    assert order == list(numbers)
    assert found == {(chain, own[0], own[-1]) for chain, own in numbers.items()}
    assert len(found) == 4


def test_a_new_chain_is_there_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    with LedgerJournal(path, "box", clock=HeldClock()) as journal:
        journal.begin_chain("lost", ChainHead("box", "far-chain", 500, b"h" * 32))
        chain, number, _ = journal.head()
    with LedgerJournal(path, "box", clock=HeldClock()) as journal:
        assert journal.head()[:2] == (chain, number + 1)
        assert journal.verify().ok
