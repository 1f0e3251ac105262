"""Refused pairs end with their time or with a change of a row."""

from appliance.routing.refusals import Refusals
from tests.appliance.routing.rows import contact, seat


def test_a_refused_pair_is_left_out_until_a_row_changes() -> None:
    refusals = Refusals()
    refusals.refuse(contact("c"), seat("ann"), "seat-paused", 100)
    assert refusals.against(contact("c"), seat("ann")) == "seat-paused"
    assert refusals.against(contact("c"), seat("ben")) == ""
    assert refusals.against(contact("c", fence=1), seat("ann")) == ""
    assert refusals.against(contact("c"), seat("ann", fence=1)) == ""
    assert not refusals.expire(99)
    assert refusals.expire(100)
    assert refusals.against(contact("c"), seat("ann")) == ""


def test_a_pair_refused_again_is_left_out_for_longer() -> None:
    refusals = Refusals()
    refusals.refuse(contact("c"), seat("ann"), "seat-busy", 100)
    refusals.refuse(contact("c"), seat("ann"), "seat-busy", 300)
    assert not refusals.expire(299)
    assert refusals.against(contact("c"), seat("ann")) == "seat-busy"
    assert refusals.expire(300)
