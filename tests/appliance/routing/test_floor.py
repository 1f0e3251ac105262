"""The floor: fresh rows of their owners only, and an index that deltas keep true."""

import random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.routing.decide import decide
from appliance.routing.floor import MAX_AGE_MS, Floor
from appliance.routing.model import ContactRow, SeatRow
from appliance.routing.planindex import PlanIndex
from tests.appliance.routing.rows import (
    NOW_MS,
    OWNERS,
    PLAN,
    World,
    contact,
    floor_of,
    publish,
    seat,
    worlds,
)

INDEX = PlanIndex(PLAN)


def pairs(floor: Floor, now_ms: int = NOW_MS) -> list[tuple[str, str]]:
    return [(p.contact, p.seat) for p in decide(INDEX, floor, now_ms)]


@given(worlds(), worlds(), st.randoms(use_true_random=False))
def test_deltas_lead_to_what_a_fresh_snapshot_says(
    before: World, after: World, order: random.Random
) -> None:
    """Whatever was there, one row at a time: byte for byte the fresh floor's decision."""
    floor = before.floor()
    decide(INDEX, floor, NOW_MS)  # so that the index stands before the rows change
    steps: list[tuple[str, ContactRow | SeatRow | str]] = []
    for owner in OWNERS:
        old, new = publish(owner, before.rows), publish(owner, after.rows, after.reaches)
        floor.replace(
            *(owner, 1, old.contacts, old.seats, new.failures),
            reaches=new.reaches,
            site=owner,
            now_ms=NOW_MS,
        )
        contacts = {row.contact: row for row in new.contacts}
        seats = {row.seat: row for row in new.seats}
        ended = [
            msgspec.structs.replace(row, state="ended")
            for row in old.contacts
            if row.contact not in contacts
        ]
        steps += [(owner, row) for row in [*ended, *contacts.values()]]
        steps += [(owner, row) for row in seats.values()]
        steps += [(owner, row.seat) for row in old.seats if row.seat not in seats]
    for owner in after.full:
        floor.change(owner, 1, link_full=True, now_ms=NOW_MS)
    order.shuffle(steps)
    for owner, row in steps:
        if isinstance(row, ContactRow):
            floor.change(owner, 1, [row], now_ms=NOW_MS)
        elif isinstance(row, SeatRow):
            floor.change(owner, 1, seats=[row], now_ms=NOW_MS)
        else:
            floor.change(owner, 1, gone=[row], now_ms=NOW_MS)
        decide(INDEX, floor, NOW_MS)
    floor.set_joined(after.joined)
    fresh = decide(PlanIndex(PLAN), after.floor(), NOW_MS)
    assert msgspec.msgpack.encode(decide(INDEX, floor, NOW_MS)) == msgspec.msgpack.encode(fresh)


@given(worlds(), st.sampled_from(OWNERS))
def test_a_lost_owner_is_as_if_it_had_never_been(world: World, owner: str) -> None:
    """An island decides as control would on what the island sees."""
    floor = world.floor()
    floor.lose(owner)
    rows = [row for row in world.rows if row.owner != owner]
    rest = World(rows=rows, reaches=world.reaches, joined=world.joined, full=world.full)
    assert decide(INDEX, floor, NOW_MS) == decide(INDEX, rest.floor(), NOW_MS)


def test_ages_count_from_receipt() -> None:
    floor = floor_of(contact("c", age_ms=1_000), seat("ann", idle_ms=2_000))
    (proposal,) = decide(INDEX, floor, NOW_MS + 500)
    assert proposal.trace.waited_ms == 1_500
    assert proposal.trace.candidates[0].idle_ms == 2_500


@pytest.mark.parametrize(("age_ms", "counts_as"), [(-5, 0), (10**15, MAX_AGE_MS)])
def test_nonsense_ages_are_bounded(age_ms: int, counts_as: int) -> None:
    floor = floor_of(contact("c", age_ms=age_ms), seat("ann"))
    assert decide(INDEX, floor, NOW_MS)[0].trace.waited_ms == counts_as


def test_an_earlier_life_is_ignored_and_counted() -> None:
    floor = Floor()
    assert floor.replace("box-a", 2, [contact("c", incarnation=2)], [], now_ms=0)
    assert not floor.replace("box-a", 1, [], [], now_ms=0)
    assert not floor.change("box-a", 1, [contact("d")], now_ms=0)
    assert [row.contact for row in floor.contacts()] == ["c"]
    assert floor.ignored["stale-incarnation"] == 2


def test_an_earlier_life_is_known_after_the_owner_was_lost() -> None:
    floor = floor_of(contact("c"), now_ms=0)
    floor.replace("box-a", 5, [], [], now_ms=0)
    floor.lose("box-a")
    assert not floor.replace("box-a", 4, [], [], now_ms=0)
    assert not floor.change("box-a", 5, [contact("d", incarnation=5)], now_ms=0)
    assert floor.replace("box-a", 5, [contact("d", incarnation=5)], [], now_ms=0)


def test_a_delta_without_a_snapshot_is_ignored() -> None:
    floor = Floor()
    assert not floor.change("box-a", 1, [contact("c")], now_ms=0)
    assert floor.contacts() == []


def test_rows_of_another_owner_or_life_are_ignored() -> None:
    floor = Floor()
    floor.replace(
        "box-a",
        1,
        [contact("foreign", owner="box-b"), contact("old", incarnation=0), contact("mine")],
        [seat("ann", owner="box-b")],
        now_ms=0,
    )
    assert [row.contact for row in floor.contacts()] == ["mine"]
    assert floor.seats() == []
    assert floor.ignored == {"refused": 2, "stale-incarnation": 1}


def test_an_overtaken_row_is_ignored() -> None:
    floor = floor_of(contact("c", fence=5, state="talking"))
    floor.change("box-a", 1, [contact("c", fence=4)], now_ms=NOW_MS)
    row = floor.contact("c")
    assert row is not None
    assert row.state == "talking"
    assert floor.ignored["stale-fence"] == 1


def test_a_new_life_replaces_everything() -> None:
    floor = floor_of(contact("c"), seat("ann"))
    assert pairs(floor) == [("c", "ann")]
    floor.replace("box-a", 2, [], [seat("ann", incarnation=2)], now_ms=NOW_MS)
    assert pairs(floor) == []
    assert floor.contacts() == []


@pytest.mark.parametrize(("older", "newer"), [("box-a", "box-b"), ("box-b", "box-a")])
def test_one_person_is_one_seat_where_the_epoch_is_highest(older: str, newer: str) -> None:
    """The older log-in is no seat, even while the newer one is paused."""
    floor = floor_of(
        contact("c"),
        seat("ann", owner=older, epoch=1),
        seat("ann", owner=newer, epoch=2, state="paused"),
    )
    assert pairs(floor) == []
    floor.change(newer, 1, seats=[seat("ann", owner=newer, epoch=2, fence=1)], now_ms=NOW_MS)
    (proposal,) = decide(INDEX, floor, NOW_MS)
    assert (proposal.seat_owner, proposal.seat_epoch) == (newer, 2)
    floor.change(newer, 1, gone=["ann"], now_ms=NOW_MS)
    assert decide(INDEX, floor, NOW_MS)[0].seat_owner == older


def test_a_snapshot_without_a_row_ends_it() -> None:
    floor = floor_of(contact("c"), contact("d"), seat("ann"), seat("ben"))
    assert len(pairs(floor)) == 2
    floor.replace("box-a", 1, [contact("d")], [seat("ben")], now_ms=NOW_MS)
    assert pairs(floor) == [("d", "ben")]
    assert floor.seat("ann") is None


def test_a_contact_claimed_twice_belongs_where_its_place_was_minted() -> None:
    mine = contact("c", owner="box-b")
    claimed = msgspec.structs.replace(mine, owner="box-a")
    for rows in ((mine, claimed), (claimed, mine)):
        floor = floor_of(*rows, seat("ann", owner="box-c"))
        assert [p.contact_owner for p in decide(INDEX, floor, NOW_MS)] == ["box-b"]


def test_another_plan_counts_at_once() -> None:
    floor = floor_of(contact("c"), seat("ann"))
    assert pairs(floor) == [("c", "ann")]
    without_ann = msgspec.structs.replace(PLAN, agents=PLAN.agents[1:])
    assert decide(PlanIndex(without_ann), floor, NOW_MS) == []
    assert pairs(floor) == [("c", "ann")]


def test_what_cannot_be_served_does_not_stir() -> None:
    """A matchmaker need not decide because of it."""
    floor = floor_of(contact("c"), seat("eve"))
    decide(INDEX, floor, NOW_MS)
    floor.stirred = False
    floor.change("box-a", 1, [contact("d")], [seat("ann", state="talking")], now_ms=NOW_MS)
    floor.change("box-a", 1, seats=[seat("dov")], now_ms=NOW_MS)
    assert not floor.stirred
    floor.change("box-a", 1, seats=[seat("ann", fence=1)], now_ms=NOW_MS)
    assert floor.stirred
