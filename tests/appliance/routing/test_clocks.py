"""A branch whose clock is off stands in line as if it were not."""

from itertools import permutations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.base.hlc import moved
from appliance.routing.contest import best
from appliance.routing.decide import decide
from appliance.routing.floor import Floor
from appliance.routing.model import ContactRow, Failure, Place, SeatRow
from appliance.routing.planindex import PlanIndex
from tests.appliance.routing.rows import (
    NOW_MS,
    OWNERS,
    PLAN,
    World,
    contact,
    floor_of,
    publish,
    put,
    seat,
    worlds,
)

INDEX = PlanIndex(PLAN)
HOUR_MS, YEARS_MS = 3_600_000, 10 * 365 * 86_400_000

Row = ContactRow | SeatRow | Failure


def by_clock(row: Row, off_ms: dict[str, int]) -> Row:
    """Return *row* as an owner with such a clock would have published it."""
    if not isinstance(row, ContactRow):
        return row
    place = row.place
    arrival = moved(place.arrival, off_ms.get(place.appliance, 0))
    return msgspec.structs.replace(row, place=Place(arrival, place.appliance, place.contact))


def pairs(floor: Floor) -> list[tuple[str, str]]:
    return [(one.contact, one.seat) for one in decide(INDEX, floor, NOW_MS)]


offsets = st.sampled_from([-YEARS_MS, -HOUR_MS, -700, 700, HOUR_MS, YEARS_MS])


@given(worlds(), st.dictionaries(st.sampled_from(OWNERS), offsets), st.booleans())
def test_it_makes_no_difference_to_a_decision(
    world: World, off_ms: dict[str, int], looked_before: bool
) -> None:
    rows = [by_clock(row, off_ms) for row in world.rows]
    floor = floor_of(*rows, reaches=world.reaches, full=world.full)
    floor.set_joined(world.joined)
    if looked_before:
        pairs(floor)
    for owner, ahead_ms in off_ms.items():
        floor.set_clock(owner, ahead_ms)
    assert pairs(floor) == pairs(world.floor())
    for owner in off_ms:  # put right by its owner, who publishes corrected places
        floor.set_clock(owner, 0)
        put(floor, owner, publish(owner, world.rows, world.reaches, world.full))
    assert pairs(floor) == pairs(world.floor())


@pytest.mark.parametrize("ahead_ms", [-YEARS_MS, -HOUR_MS, HOUR_MS, YEARS_MS])
@pytest.mark.parametrize("order", list(permutations([1, 2, 3])))
def test_an_agent_who_is_claimed_by_two_goes_to_who_came_first(
    ahead_ms: int, order: tuple[int, ...]
) -> None:
    off_ms = {"box-b": ahead_ms}
    second = 1000 << 16
    rows = [
        contact(f"c{turn}", owner=owner, arrival=turn * second)
        for turn, owner in zip(order, ("box-a", "box-b", "box-c"), strict=True)
    ]
    made = [decide(INDEX, floor_of(by_clock(row, off_ms), seat("ann")), NOW_MS)[0] for row in rows]
    assert best(made, off_ms).contact == "c1"
