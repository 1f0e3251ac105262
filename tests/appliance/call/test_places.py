"""A place is a value for life; when its owner's clock is set, it goes with the clock."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.base.hlc import stamp_ms
from appliance.call.contact import Contact
from tests.appliance.brainkit import Box, World

HOUR_S = 3_600
YEARS_S = 10 * 365 * 86_400


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    yield made
    made.close()


def corrected(box: Box, contact: Contact) -> list[dict[str, object]]:
    entries = box.journal.entries(contact=contact.contact)
    return [entry.as_dict() for entry in entries if entry.kind == "place-corrected"]


def set_wall(world: World, by_s: float) -> None:
    world.clock.set_wall(world.clock.wall_us() + round(by_s * 1e6))


def known(box: Box, contact: Contact) -> Contact:
    found = box.brain.book.get(contact.contact)
    assert found is not None
    return found


@pytest.mark.parametrize("by_s", [-YEARS_S, -HOUR_S, HOUR_S, YEARS_S])
@pytest.mark.parametrize("restarted", [False, True])
def test_places_go_with_the_clock_once(
    world: World, tmp_path: Path, by_s: int, restarted: bool
) -> None:
    box = Box(world, tmp_path)
    first = box.contact(box.legs.call_in("200"))
    world.run(1)
    second = box.contact(box.legs.call_in("200"))
    world.run(1)
    was, fence = first.place, first.fence
    if restarted:
        box.kill()
    set_wall(world, by_s)
    if restarted:
        box.start()
    third = box.contact(box.legs.call_in("200"))  # before anybody has looked
    world.run(3)
    first, second = known(box, first), known(box, second)
    assert first.place.arrival == was.arrival + (by_s * 1000 << 16)
    assert first.place < second.place < third.place
    assert 1_999 <= stamp_ms(third.place.arrival) - stamp_ms(first.place.arrival) <= 2_001
    assert first.fence > fence, "those who matchmake are told"
    row = box.brain.floor.matchmaker.floor.contact(first.contact)
    assert row is not None
    assert row.place == first.place
    assert corrected(box, first) == [{"was": was.arrival, "arrival": first.place.arrival}]
    assert corrected(box, third) == []


def test_a_clock_that_is_slewed_moves_nobody(world: World, tmp_path: Path) -> None:
    box = Box(world, tmp_path)
    contact = box.contact(box.legs.call_in("200"))
    was = contact.place
    for _ in range(4):
        set_wall(world, 0.1)
        world.run(1)
    assert contact.place == was
    assert corrected(box, contact) == []


def test_a_place_kept_by_an_older_version_stays(world: World, tmp_path: Path) -> None:
    box = Box(world, tmp_path)
    contact = box.contact(box.legs.call_in("200"))
    contact.era_ms = None
    was = contact.place
    set_wall(world, HOUR_S)
    world.run(1)
    assert contact.place == was
    set_wall(world, -HOUR_S)
    world.run(1)
    assert stamp_ms(contact.place.arrival) == stamp_ms(was.arrival) - HOUR_S * 1000
