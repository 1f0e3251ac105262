"""From entries of several boxes to one row: order, owner, and what is wrong with it."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from appliance.ledger.entry import Entry
from appliance.ledger.records import (
    ContactArrived,
    ContactConnected,
    ContactEnded,
    ContactQueued,
    Fact,
)
from control.ledger.derive import contact_row, in_order

SITES = {"a": "berlin", "b": "lisbon"}


def entry(box: str, number: int, at_us: int, fact: Fact, chain: str = "") -> Entry:
    return Entry(
        appliance=box,
        chain=chain or f"chain-{box}",
        number=number,
        wall_us=at_us,
        mono_s=0.0,
        kind=fact.kind(),
        contact="c",
        facts=msgspec.msgpack.encode(fact),
    )


ARRIVED = entry("a", 1, 1_000_000, ContactArrived(arrival=5, caller="030", via="t1"))
QUEUED = entry("a", 2, 2_000_000, ContactQueued(queue="sales", klass="gold"))
AGAIN = entry("b", 7, 3_000_000, ContactQueued(queue="billing"))
TALK = entry("b", 8, 4_000_000, ContactConnected(seat="bob", owner="b"))
ENDED = entry("b", 9, 5_000_000, ContactEnded(outcome="served", waited_ms=3000, talked_ms=1000))
WHOLE = [ARRIVED, QUEUED, AGAIN, TALK, ENDED]


@given(st.permutations(WHOLE))
def test_the_order_in_which_entries_come_does_not_matter(entries: list[Entry]) -> None:
    assert list(in_order(entries)) == WHOLE
    row = contact_row("c", entries, SITES)
    assert (row["appliance"], row["site"], row["boxes"]) == ("a", "berlin", "a b")
    assert (row["queue"], row["klass"], row["queued"]) == ("billing", "", 2)
    assert (row["agent"], row["agent_box"], row["outcome"]) == ("bob", "b", "served")
    assert (row["waited_ms"], row["talked_ms"], row["fault"]) == (3000, 1000, "")


def test_a_clock_that_was_set_back_does_not_turn_a_box_round() -> None:
    late = entry("a", 3, 500_000, ContactEnded(outcome="abandoned"))
    assert list(in_order([late, QUEUED, ARRIVED])) == [ARRIVED, QUEUED, late]
    assert contact_row("c", [late, QUEUED, ARRIVED], SITES)["fault"] == ""


def test_the_first_end_counts_and_a_second_is_a_fault() -> None:
    second = entry("b", 10, 6_000_000, ContactEnded(outcome="failed", waited_ms=9))
    row = contact_row("c", [*WHOLE, second], SITES)
    assert (row["outcome"], row["waited_ms"], row["fault"]) == ("served", 3000, "two-ends")


def test_what_has_no_arrival_yet_is_a_row_all_the_same() -> None:
    row = contact_row("c", [TALK], {})
    assert (row["outcome"], row["fault"], row["appliance"]) == ("open", "no-arrival", "b")
    assert (row["site"], row["ended_at"]) == ("", None)


def test_a_later_chain_of_a_box_comes_after_the_earlier() -> None:
    later = entry("a", 1, 9_000_000, ContactEnded(outcome="failed"), chain="another")
    assert list(in_order([later, ARRIVED, QUEUED])) == [ARRIVED, QUEUED, later]
