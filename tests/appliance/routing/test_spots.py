"""What is published under one name: which row counts, and what a proposal holds."""

import msgspec

from appliance.routing.floor import Floor
from appliance.routing.model import ContactRow, SeatRow
from appliance.routing.spots import ContactSpot, Hold, SeatSpot, stamp
from tests.appliance.routing.rows import contact, floor_of, seat


def held(row: ContactRow, taken: SeatRow) -> tuple[ContactSpot, SeatSpot, Hold]:
    """Return spots of both rows, and a proposal that holds them."""
    contact_spot, seat_spot = ContactSpot(row.contact), SeatSpot(taken.seat)
    contact_spot.put(row, 0)
    seat_spot.put(taken, 0)
    hold = Hold(row, contact_spot, taken, seat_spot, 100)
    contact_spot.hold = seat_spot.hold = hold
    return contact_spot, seat_spot, hold


def test_one_owner_changes_its_row_and_leaves() -> None:
    spot = SeatSpot("ann")
    first, then = seat("ann"), seat("ann", state="talking", fence=1)
    spot.put(first, 10)
    spot.put(then, 20)
    assert (spot.row, spot.since_ms, spot.of("box-a"), spot.of("box-b")) == (then, 20, then, None)
    spot.leave("box-b")
    assert spot.row is then
    spot.leave("box-a")
    assert spot.of("box-a") is None


def test_of_several_log_ins_the_one_of_the_highest_epoch_counts() -> None:
    spot = SeatSpot("ann")
    log_ins = (("box-a", 2), ("box-b", 3), ("box-c", 1))
    rows = [seat("ann", owner=owner, epoch=epoch) for owner, epoch in log_ins]
    for since_ms, row in enumerate(rows):
        spot.put(row, since_ms)
    assert (spot.row, spot.since_ms) == (rows[1], 1)
    assert [spot.of(row.owner) for row in rows] == rows
    spot.leave("box-b")
    assert (spot.row, spot.since_ms) == (rows[0], 0)
    spot.leave("box-a")
    assert (spot.row, spot.since_ms) == (rows[2], 2)
    newer = seat("ann", owner="box-c", epoch=1, fence=1)
    spot.put(newer, 5)
    assert spot.row is newer


def test_of_severalclaims_that_of_the_place_counts() -> None:
    mine = contact("c", owner="box-b")
    spot = ContactSpot("c")
    for since_ms, owner in enumerate(("box-a", "box-b", "box-c")):
        spot.put(msgspec.structs.replace(mine, owner=owner), since_ms)
    assert (spot.row, spot.since_ms) == (mine, 1)
    spot.leave("box-b")
    assert spot.row is not None
    assert spot.row.owner == "box-a"


def test_a_hold_ends_with_a_change_of_the_row() -> None:
    contact_spot, seat_spot, hold = held(contact("c"), seat("ann"))
    assert hold.whole
    contact_spot.put(contact("c"), 5)  # it was published again, as it was
    assert contact_spot.held()
    contact_spot.put(contact("c", fence=1), 5)
    assert not contact_spot.held()
    contact_spot.put(contact("c"), 5)
    assert not contact_spot.held()
    assert seat_spot.held()
    assert not hold.whole
    seat_spot.put(seat("ann", epoch=2), 5)
    assert not seat_spot.held()


def test_a_hold_ends_with_the_row() -> None:
    _, seat_spot, _ = held(contact("c"), seat("ann"))
    seat_spot.leave("box-a")
    assert not seat_spot.held()


def test_a_hold_frees_only_what_it_holds_itself() -> None:
    floor = floor_of(contact("c"), contact("d"), seat("ann"), seat("ben"))
    first = floor.hold("c", "ann", 100)
    second = floor.hold("d", "ann", 200)
    assert first is not None
    assert second is not None
    floor.free(first)
    assert not floor.held("c")
    assert floor.held("d")
    assert second.whole
    assert floor.hold("c", "nobody", 100) is None
    assert Floor().hold("c", "ann", 100) is None


def test_a_stamp_grows_with_life_log_in_and_fence() -> None:
    rows = [
        seat("ann", fence=9),
        seat("ann", epoch=2, fence=1),
        seat("ann", incarnation=2, epoch=1, fence=0),
    ]
    assert sorted(rows, key=stamp) == rows
