"""Holds and refused pairs end with their time or with a change of the row."""

from appliance.routing.holds import Holds, stamp
from tests.appliance.routing.rows import contact, seat


def test_a_hold_ends_with_its_time() -> None:
    holds = Holds()
    holds.hold(contact("c"), 100)
    holds.hold(seat("ann"), 200)
    assert holds.holds_contact("c", contact("c"))
    assert holds.expire(99) == []
    assert holds.expire(100) == [("c", "")]
    assert not holds.holds_contact("c", contact("c"))
    assert holds.expire(200) == [("", "ann")]


def test_a_hold_ends_with_a_change_of_the_row() -> None:
    holds = Holds()
    holds.hold(contact("c"), 100)
    holds.hold(seat("ann"), 100)
    assert not holds.holds_contact("c", contact("c", fence=1))
    assert not holds.holds_contact("c", contact("c"))
    assert not holds.holds_seat("ann", seat("ann", epoch=2))
    assert not holds.holds_seat("ann", None)
    assert holds.expire(1_000) == []


def test_a_hold_that_was_renewed_ends_later() -> None:
    holds = Holds()
    holds.hold(contact("c"), 100)
    assert holds.free_contact("c")
    assert not holds.free_contact("c")
    holds.hold(contact("c"), 300)
    assert holds.expire(299) == []
    assert holds.expire(300) == [("c", "")]


def test_a_refused_pair_is_left_out_until_a_row_changes() -> None:
    holds = Holds()
    holds.refuse(contact("c"), seat("ann"), "seat-paused", 100)
    assert holds.against(contact("c"), seat("ann")) == "seat-paused"
    assert holds.against(contact("c"), seat("ben")) == ""
    assert holds.against(contact("c", fence=1), seat("ann")) == ""
    assert holds.against(contact("c"), seat("ann", fence=1)) == ""
    assert holds.expire(100) == [("c", "ann")]
    assert holds.against(contact("c"), seat("ann")) == ""


def test_a_pair_refused_again_is_left_out_for_longer() -> None:
    holds = Holds()
    holds.refuse(contact("c"), seat("ann"), "seat-busy", 100)
    holds.refuse(contact("c"), seat("ann"), "seat-busy", 300)
    assert holds.expire(299) == []
    assert holds.against(contact("c"), seat("ann")) == "seat-busy"
    assert holds.expire(300) == [("c", "ann")]


def test_a_stamp_grows_with_life_log_in_and_fence() -> None:
    rows = [
        seat("ann", fence=9),
        seat("ann", epoch=2, fence=1),
        seat("ann", incarnation=2, epoch=1, fence=0),
    ]
    assert sorted(rows, key=stamp) == rows
