"""Intake into both kinds of database: what is kept, refused in words, and never counted twice."""

import zlib
from pathlib import Path

import msgspec
import pytest

from appliance.ledger.books import recount
from appliance.ledger.entry import NO_HASH, Entry, hash_of
from appliance.ledger.records import ContactArrived, ContactEnded
from appliance.ledger.upload import MAX_BYTES, MAX_ENTRIES, ChainHead, head_of
from appliance.link.messages import LedgerAsk, LedgerBatch
from control.ledger import queries
from control.ledger.queries import ContactFilter
from control.ledger.store import entries_of
from control.models.ledger import Contact, LedgerAlarm, LedgerChain, LedgerEntry
from control.models.people import last_changes
from tests.control.ledger.rig import Books, Desk, batch_of


def altered(entry: Entry, **fields: object) -> Entry:
    return msgspec.structs.replace(entry, **fields)


def rechained(entries: list[Entry], after: bytes) -> list[Entry]:
    """Return *entries* with hashes that follow, as a forger who knows the rule makes them."""
    made = []
    for entry in entries:
        one = altered(entry, hash=hash_of(after, entry))
        made.append(one)
        after = one.hash
    return made


def test_what_was_taken_stands_there_as_the_box_wrote_it(desk: Desk, tmp_path: Path) -> None:
    with Books(tmp_path) as box:
        box.calls(120)
        told = box.entries()
        assert len(told) > MAX_ENTRIES
        answers = desk.hand_in("a", told)
        assert {answer.reason for answer in answers} == {"normal"}
        assert answers[-1].head is not None
        assert answers[-1].head.hash == box.journal.head()[2]
    kept = sorted(entries_of(desk.rows(LedgerEntry)), key=lambda one: one.number)
    assert kept == told
    assert desk.rows(LedgerAlarm) == []


def test_the_same_again_changes_nothing(desk: Desk, tmp_path: Path) -> None:
    with Books(tmp_path) as box:
        box.calls(20)
        first = desk.hand_in("a", box.entries())
        assert desk.hand_in("a", box.entries()) == first
        box.calls(3)
        # from the middle, as after an answer that was lost
        told = box.entries()
        answer = desk.store.take("a", batch_of(told[10:], after=told[9].hash))
    assert answer.reason == "normal"
    assert len(desk.rows(LedgerEntry)) == len(told)
    assert len(desk.rows(Contact)) == 23


def test_books_balance_as_at_the_box(desk: Desk, tmp_path: Path) -> None:
    entries = []
    for name in ("a", "b"):
        with Books(tmp_path, name) as box:
            box.calls(33)
            box.tell("still-there-" + name, [ContactArrived(arrival=1)])
            desk.hand_in(name, box.entries())
            entries += box.entries()
    books = recount(entries)
    with desk.database.session() as session:
        assert queries.tallies(session, ContactFilter()) == books.queues
        assert all(tally.balanced for tally in queries.tallies(session, ContactFilter()).values())
        assert queries.faults(session, ContactFilter()) == {}
    assert books.total.offered == 68


def test_a_contact_that_crossed_two_boxes_is_one_row(desk: Desk, tmp_path: Path) -> None:
    with Books(tmp_path, "a") as here, Books(tmp_path, "b") as there:
        here.tell("c1", [ContactArrived(arrival=7, caller="0301")])
        there.tell("c1", [ContactEnded(outcome="served", waited_ms=10, talked_ms=20)])
        # the far one's comes first
        desk.hand_in("b", there.entries())
        (row,) = desk.rows(Contact)
        assert (row.outcome, row.fault) == ("served", "no-arrival")
        desk.hand_in("a", here.entries())
    (row,) = desk.rows(Contact)
    assert (row.appliance, row.boxes, row.outcome, row.fault) == ("a", "a b", "served", "")
    assert (row.caller, row.arrival, row.waited_ms, row.talked_ms) == ("0301", 7, 10, 20)
    with desk.database.session() as session:
        kinds = [entry.kind for entry in queries.story(session, "c1")]
    assert kinds == ["contact-arrived", "contact-ended"]


def test_an_altered_entry_is_refused_and_what_stands_before_it_is_kept(
    desk: Desk, tmp_path: Path
) -> None:
    with Books(tmp_path) as box:
        box.call()
        told = box.entries()
    told[4] = altered(told[4], contact="somebody else")
    (answer,) = desk.hand_in("a", told)
    assert answer.reason == "bad-chain"
    assert f"entry {told[4].number}" in answer.detail
    assert answer.head is not None
    assert answer.head.number == told[3].number
    assert len(desk.rows(LedgerEntry)) == 4
    (alarm,) = desk.rows(LedgerAlarm)
    assert (alarm.appliance, alarm.reason, alarm.number) == ("a", "bad-chain", told[4].number)


def test_entries_of_another_box_are_refused(desk: Desk, tmp_path: Path) -> None:
    with Books(tmp_path, "b") as box:
        box.call()
        answer = desk.store.take("a", batch_of(box.entries()))
        # and with the right name in front their hashes do not hold
        forged = msgspec.structs.replace(batch_of(box.entries()), appliance="a")
        assert desk.store.take("a", forged).reason == "bad-chain"
    assert (answer.reason, answer.head) == ("foreign", None)
    assert desk.rows(LedgerEntry) == []
    assert {alarm.reason for alarm in desk.rows(LedgerAlarm)} == {"foreign", "bad-chain"}


def test_entries_out_of_order_are_refused_without_an_alarm(desk: Desk, tmp_path: Path) -> None:
    with Books(tmp_path) as box:
        box.calls(2)
        told = box.entries()
    answer = desk.store.take("a", batch_of(told[5:], after=told[4].hash))
    assert (answer.reason, answer.head) == ("gap", None)
    assert desk.rows(LedgerEntry) == []
    assert desk.rows(LedgerAlarm) == []


def test_a_chain_begins_with_its_first_entry(desk: Desk, tmp_path: Path) -> None:
    with Books(tmp_path) as box:
        box.call()
        told = rechained(box.entries()[1:], NO_HASH)
    answer = desk.store.take("a", batch_of(told))
    assert (answer.reason, answer.head) == ("bad-chain", None)
    assert "chain-begun" in answer.detail


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "bad-request"),
        (b"no zlib at all", "bad-request"),
        (zlib.compress(b"\xc1"), "bad-request"),
        (zlib.compress(b"\x90"), "bad-request"),
        (zlib.compress(msgspec.msgpack.encode([[1, 2]])), "bad-request"),
        (zlib.compress(b"\x91" * 100_000), "bad-request"),
        (zlib.compress(b"\x00" * (MAX_BYTES + 1)), "too-large"),
        (zlib.compress(b"\x00" * 100)[:-4], "bad-request"),
        (zlib.compress(b"\x90") + b"more", "bad-request"),
    ],
)
def test_what_is_no_batch_is_refused_in_words(desk: Desk, data: bytes, reason: str) -> None:
    answer = desk.store.take("a", LedgerBatch(7, "a", "c", 1, NO_HASH, data))
    assert (answer.serial, answer.reason, answer.head) == (7, reason, None)
    assert answer.detail


@pytest.mark.parametrize(
    "fields",
    [
        {"kind": "x" * 65},
        {"contact": "c\x00"},
        {"wall_us": -1},
        {"wall_us": 1 << 62},
        {"hash": b"short"},
    ],
)
def test_fields_that_no_database_takes_are_refused(
    desk: Desk, tmp_path: Path, fields: dict[str, object]
) -> None:
    with Books(tmp_path) as box:
        told = box.entries()
    told[0] = altered(told[0], **fields)
    (answer,) = desk.hand_in("a", told)
    assert (answer.reason, answer.head) == ("bad-request", None)


@pytest.mark.parametrize("first", [-1, 0, 1 << 63, 1 << 64])
def test_numbers_that_no_database_takes_are_refused(
    desk: Desk, tmp_path: Path, first: int
) -> None:
    with Books(tmp_path) as box:
        batch = msgspec.structs.replace(batch_of(box.entries()), first=first)
    assert desk.store.take("a", batch).reason == "bad-request"


def test_texts_that_no_database_takes_do_not_stop_the_intake(desk: Desk, tmp_path: Path) -> None:
    with Books(tmp_path) as box:
        box.tell("c1", [ContactArrived(arrival=1 << 63, caller="030\x001" + "9" * 500)])
        box.journal.add("contact-ended", "c1", {"outcome": "never heard of"})
        box.journal.add("of-the-future", "c1", {"x": 1})
        box.journal.commit()
        answers = desk.hand_in("a", box.entries())
    assert [answer.reason for answer in answers] == ["normal"]
    (row,) = desk.rows(Contact)
    assert (row.caller[:5], len(row.caller), row.outcome) == ("030\ufffd1", 120, "open")


def test_a_fork_is_kept_as_evidence_and_raises_an_alarm(desk: Desk, tmp_path: Path) -> None:
    with Books(tmp_path) as box:
        box.calls(3)
        told = box.entries()
    desk.hand_in("a", told)
    before = [row.contact for row in desk.rows(Contact)]
    # somebody rewrites the last call, and knows how hashes are made
    other = rechained([altered(one, contact="forged") for one in told[6:]], told[5].hash)
    answer = desk.store.take("a", batch_of(other, after=told[5].hash))
    assert (answer.reason, answer.head and answer.head.hash) == ("fork", other[-1].hash)
    assert len(desk.rows(LedgerEntry)) == len(told) + len(other)
    assert [row.contact for row in desk.rows(Contact)] == before
    (alarm,) = desk.rows(LedgerAlarm)
    assert (alarm.reason, alarm.number) == ("fork", other[0].number)
    branches = {row.branch: row for row in desk.rows(LedgerChain)}
    assert branches[1].forked_after == told[5].number
    assert branches[0].hash == told[-1].hash
    with desk.database.session() as session:
        assert last_changes(session, 1)[0].what == "ledger of a: fork"
    # the same again, and its next entry, make no third branch
    again = desk.store.take("a", batch_of(other, after=told[5].hash))
    assert again.reason == "normal"
    more = rechained([altered(other[-1], number=other[-1].number + 1)], other[-1].hash)
    assert desk.store.take("a", batch_of(more, after=other[-1].hash)).reason == "normal"
    assert len(desk.rows(LedgerChain)) == 2
    assert len(desk.rows(LedgerAlarm)) == 1
    with desk.database.session() as session:
        reports = queries.verify_chains(session, desk.store.public_key)
    assert [(one.branch, one.fault) for one in reports] == [(0, ""), (1, "")]


def test_a_chain_that_begins_in_two_ways_is_a_fork(desk: Desk, tmp_path: Path) -> None:
    with Books(tmp_path) as box:
        told = box.entries()
    desk.hand_in("a", told)
    other = rechained([altered(one, number=one.number + 100) for one in told], NO_HASH)
    answer = desk.store.take("a", batch_of(other))
    assert answer.reason == "fork"
    assert len(desk.rows(LedgerEntry)) == 2 * len(told)


def test_forks_are_kept_up_to_a_measure(desk: Desk, tmp_path: Path) -> None:
    with Books(tmp_path) as box:
        told = box.entries()
    desk.hand_in("a", told)
    reasons = []
    for at in range(20):
        other = rechained([altered(told[1], wall_us=at)], told[0].hash)
        answer = desk.store.take("a", batch_of(other, after=told[0].hash))
        reasons.append((answer.reason, answer.head is not None))
    assert reasons == [("fork", True)] * 15 + [("fork", False)] * 5


def test_a_new_chain_stands_beside_the_lost_one(desk: Desk, tmp_path: Path) -> None:
    with Books(tmp_path / "old") as box:
        box.calls(5)
        desk.hand_in("a", box.entries())
        head = ChainHead("a", *box.journal.head())
    with Books(tmp_path / "new") as box:
        box.journal.begin_chain("lost", head)
        box.call()
        answers = desk.hand_in("a", box.entries())
        assert [answer.reason for answer in answers] == ["normal", "normal"]
    chains = desk.rows(LedgerChain)
    assert [chain.branch for chain in chains] == [0, 0, 0]
    (linked,) = [chain for chain in chains if chain.reason == "lost"]
    assert (linked.previous_chain, linked.previous_number) == (head.chain, head.number)
    assert [alarm.reason for alarm in desk.rows(LedgerAlarm)] == ["lost"]
    assert len(desk.rows(Contact)) == 6


def test_heads_tell_where_a_box_goes_on(desk: Desk, tmp_path: Path) -> None:
    with Books(tmp_path) as box:
        box.calls(2)
        told = box.entries()
    assert desk.store.heads("a", LedgerAsk([told[0].chain])).heads == []
    desk.hand_in("a", told)
    answer = desk.store.heads("a", LedgerAsk([told[0].chain, "unknown"]))
    (head,) = answer.heads
    assert (head.number, head.hash) == (told[-1].number, told[-1].hash)
    assert answer.latest == head
    # nobody learns of another's
    assert desk.store.heads("b", LedgerAsk([told[0].chain])).heads == []
    assert desk.store.heads("b", LedgerAsk([])).latest is None


def test_rows_can_be_made_anew_at_any_time(desk: Desk, tmp_path: Path) -> None:
    with Books(tmp_path) as box:
        box.calls(25)
        desk.hand_in("a", box.entries())
    before = {row.contact: (row.outcome, row.waited_ms, row.queue) for row in desk.rows(Contact)}
    with desk.database.session() as session:
        for row in session.query(Contact).limit(10):
            session.delete(row)
        session.query(Contact).update({"outcome": "failed"})
    with desk.database.session() as session:
        assert queries.rebuild(session) == 25
    after = {row.contact: (row.outcome, row.waited_ms, row.queue) for row in desk.rows(Contact)}
    assert after == before


def test_what_was_altered_in_the_database_is_found(desk: Desk, tmp_path: Path) -> None:
    with Books(tmp_path) as box:
        box.calls(2)
        told = box.entries()
    desk.hand_in("a", told)

    def fault() -> str:
        with desk.database.session() as session:
            (report,) = queries.verify_chains(session, desk.store.public_key, "a")
        return report.fault

    assert fault() == ""
    key = ("a", told[0].chain, 0)
    with desk.database.session() as session:
        entry = session.get_one(LedgerEntry, (*key, told[3].number))
        entry.contact, was = "x", entry.contact
    assert f"entry {told[3].number}" in fault()
    with desk.database.session() as session:
        session.get_one(LedgerEntry, (*key, told[3].number)).contact = was
        session.delete(session.get_one(LedgerEntry, (*key, told[-1].number)))
    assert "do not end" in fault()
    # who shortens the chain's row as well has no key to sign it with
    with desk.database.session() as session:
        row = session.get_one(LedgerChain, key)
        row.number, row.hash = told[-2].number, told[-2].hash
    assert "signature" in fault()


def test_contacts_are_found_by_day_queue_branch_and_outcome(desk: Desk, tmp_path: Path) -> None:
    with Books(tmp_path) as box:
        box.calls(10)
        desk.hand_in("a", box.entries())
        day = desk.rows(Contact)[0].arrived_at.date()
    with desk.database.session() as session:

        def count(**wanted: object) -> int:
            asked = ContactFilter(**wanted)  # type: ignore[arg-type] # a test's words
            return len(queries.find(session, asked, most=100).rows)

        assert count(day=day) + count(day=day.replace(year=2001)) == 10
        assert count(queue="sales") == 5
        assert count(outcome="served") == 4
        assert count(queue="sales", outcome="abandoned") == 1
        assert count(site="nowhere") == 0
        page = queries.find(session, ContactFilter(), most=4, skip=8)
        assert (len(page.rows), page.more) == (2, False)
        assert queries.find(session, ContactFilter(), most=4).more


def test_heads_are_signed_by_control(desk: Desk, tmp_path: Path) -> None:
    with Books(tmp_path) as box:
        (answer,) = desk.hand_in("a", box.entries())
        last = box.entries()[-1]
    assert answer.head is not None
    assert (
        answer.head.signature == desk.store.heads("a", LedgerAsk([last.chain])).heads[0].signature
    )
    desk.store.public_key.verify(answer.head.signature, b"ledger-head\x00" + head_of(last).body())
