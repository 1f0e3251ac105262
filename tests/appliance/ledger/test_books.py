"""The books: every contact counts once, whatever was repeated, and faults are named."""

from collections import Counter
from typing import Literal

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from appliance.ledger.books import Books, Imbalance, Tally, recount
from appliance.ledger.entry import Entry
from appliance.ledger.records import (
    ContactArrived,
    ContactEnded,
    ContactQueued,
    Fact,
    FlowStepped,
    Outcome,
)

Part = tuple[str, Fact]

QUEUES = ("", "sales", "service")
OUTCOMES: tuple[Outcome, ...] = ("served", "abandoned", "released", "failed")


def journal_of(parts: list[Part], appliance: str = "box") -> list[Entry]:
    return [
        Entry(
            appliance=appliance,
            chain="chain",
            number=number,
            wall_us=0,
            mono_s=0.0,
            kind=fact.kind(),
            contact=contact,
            facts=msgspec.msgpack.encode(fact),
        )
        for number, (contact, fact) in enumerate(parts, 1)
    ]


def books_of(*parts: Part, still_open: set[str] | None = None) -> Books:
    return recount(journal_of(list(parts)), still_open=still_open)


ARRIVED = ContactArrived(arrival=1)


def test_a_served_call_and_one_who_gave_up_are_told_apart() -> None:
    books = books_of(
        ("a", ARRIVED),
        ("a", ContactQueued(queue="sales")),
        ("b", ARRIVED),
        ("b", ContactQueued(queue="sales")),
        ("a", ContactEnded(outcome="served", waited_ms=4000, talked_ms=9000)),
        ("b", ContactEnded(outcome="abandoned", waited_ms=3000)),
    )
    assert books.queues == {
        "sales": Tally(offered=2, served=1, abandoned=1, waited_ms=7000, talked_ms=9000)
    }
    assert books.imbalances == []


def test_a_moved_contact_counts_in_its_last_queue_only() -> None:
    books = books_of(
        ("a", ARRIVED), ("a", ContactQueued(queue="sales")), ("a", ContactQueued(queue="service"))
    )
    assert books.queues == {"service": Tally(offered=1, open=1)}


def test_entries_about_the_box_are_no_contacts() -> None:
    assert books_of(("", FlowStepped(step="x"))).queues == {}


def test_faults_are_named() -> None:
    ended = ContactEnded(outcome="served")
    cases: list[tuple[Literal["no-arrival"] | str, list[Fact]]] = [
        ("no-arrival", [FlowStepped(step="x")]),
        ("two-arrivals", [ARRIVED, ARRIVED]),
        ("two-ends", [ARRIVED, ended, ended]),
        ("after-end", [ARRIVED, ended, ContactQueued(queue="sales")]),
        ("no-end", [ARRIVED]),
    ]
    for fault, facts in cases:
        books = books_of(*(("a", fact) for fact in facts), still_open=set())
        assert [(found.contact, found.fault) for found in books.imbalances] == [("a", fault)]
        assert books.total.offered == 1
        assert books.total.balanced


def test_the_first_end_counts() -> None:
    books = books_of(
        ("a", ARRIVED),
        ("a", ContactEnded(outcome="served")),
        ("a", ContactEnded(outcome="abandoned")),
    )
    assert (books.total.served, books.total.abandoned) == (1, 0)


def test_a_live_contact_needs_no_end() -> None:
    assert books_of(("a", ARRIVED), still_open={"a"}).imbalances == []
    assert books_of(("a", ARRIVED)).imbalances == []


lives = st.lists(
    st.tuples(
        st.lists(st.sampled_from(QUEUES[1:]), max_size=3),
        st.sampled_from((*OUTCOMES, None)),
        st.integers(0, 10**7),
    ),
    max_size=30,
)


@given(lives=lives, dice=st.randoms(use_true_random=False), repeats=st.integers(0, 2))
def test_the_books_always_balance(
    lives: list[tuple[list[str], Outcome | None, int]], dice: object, repeats: int
) -> None:
    assert hasattr(dice, "randrange")
    streams: list[list[Part]] = []
    wanted: dict[str, Counter[str]] = {}
    for index, (queues, outcome, waited_ms) in enumerate(lives):
        facts: list[Fact] = [ARRIVED, *(ContactQueued(queue=queue) for queue in queues)]
        if outcome:
            facts.append(ContactEnded(outcome=outcome, waited_ms=waited_ms))
        streams.append([(f"c{index}", fact) for fact in facts])
        counter = wanted.setdefault(queues[-1] if queues else "", Counter())
        counter.update(["offered", outcome or "open"])
    parts = []
    while any(streams):
        stream = dice.randrange(len(streams))
        if streams[stream]:
            parts.append(streams[stream].pop(0))
    entries = journal_of(parts) * (1 + repeats)

    books = recount(entries)

    assert books.imbalances == []
    for queue, tally in books.queues.items():
        assert tally.balanced
        got = {name: getattr(tally, name) for name in ("offered", "open", *OUTCOMES)}
        assert Counter(got) == Counter({**dict.fromkeys(got, 0), **wanted[queue]})
    assert set(books.queues) == set(wanted)
    assert books.total.waited_ms == sum(ms for _, outcome, ms in lives if outcome)


@given(parts=st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from((0, 1, 2, 3)))))
def test_any_disorder_still_counts_each_contact_once(parts: list[tuple[str, int]]) -> None:
    facts = (
        ARRIVED,
        ContactQueued(queue="sales"),
        ContactEnded(outcome="served"),
        FlowStepped(step="x"),
    )
    books = books_of(*((contact, facts[which]) for contact, which in parts))
    assert books.total.offered == len({contact for contact, _ in parts})
    assert books.total.balanced


def test_the_same_entry_from_two_uploads_counts_once() -> None:
    one = journal_of([("a", ARRIVED), ("a", ContactEnded(outcome="served"))])
    two = journal_of([("b", ARRIVED)], "box-2")
    books = recount([*one, *two, *one, *two])
    assert books.total == Tally(offered=2, served=1, open=1)
    assert books.imbalances == []


def test_faults_are_values() -> None:
    assert Imbalance("a", "no-end") == Imbalance("a", "no-end")
