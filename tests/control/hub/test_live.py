"""The live state: floors and changes always tell the same story."""

from random import Random

import pytest

from appliance.base.clock import HeldClock
from appliance.link.messages import Delta, Snapshot
from control.hub.floor import HubFloor
from control.hub.rows import LiveChange, LiveContact, LiveSeat
from tests.appliance.link.rig import contact, seat


def make() -> tuple[HubFloor, HeldClock]:
    clock = HeldClock()
    return HubFloor(clock, lambda *_: True, soon=lambda _: None), clock


def test_ages_go_on() -> None:
    floor, clock = make()
    floor.replace("a", Snapshot(1, 0, [contact("c1", "a", age_ms=500)], [seat("ann", "a")]))
    change = floor.live.take_change()
    assert change is not None
    assert (change.number, change.contacts[0].age_ms) == (1, 500)
    clock.advance(2)
    whole = floor.live.floor()
    assert (whole.number, whole.contacts[0].age_ms, whole.seats[0].for_ms) == (1, 2500, 2000)
    assert (whole.queues[0].waiting, whole.queues[0].longest_ms) == (1, 2500)


def test_nothing_new_is_no_change() -> None:
    floor, _ = make()
    assert floor.live.take_change() is None
    floor.live.set_appliances({"a": "berlin"})
    change = floor.live.take_change()
    assert change is not None
    assert change.appliances[0].name == "a"
    floor.live.update("a", link_ms=-1)
    floor.live.update("stranger", link_ms=4)
    assert floor.live.take_change() is None


def test_a_box_that_is_out_is_gone() -> None:
    floor, _ = make()
    floor.live.set_appliances({"a": "berlin", "b": "hamburg"})
    floor.live.take_change()
    floor.live.set_appliances({"b": "hamburg"})
    change = floor.live.take_change()
    assert change is not None
    assert (change.gone.appliances, change.appliances) == (["a"], [])


def test_a_contact_that_two_boxes_claim_is_shown_once() -> None:
    floor, _ = make()
    row = contact("c1", "a", queue="sales")
    claim = contact("c1", "b", queue="stolen", place=row.place)
    floor.replace("a", Snapshot(1, 0, [row], []))
    floor.replace("b", Snapshot(1, 0, [claim], []))
    floor.live.take_change()
    assert [shown.queue for shown in floor.live.floor().contacts] == ["sales"]
    floor.lose("b")
    floor.live.take_change()
    assert [shown.queue for shown in floor.live.floor().contacts] == ["sales"]


class Reader:
    """Follows changes as a page does."""

    def __init__(self) -> None:
        self.number = 0
        self.contacts: dict[str, LiveContact] = {}
        self.seats: dict[str, LiveSeat] = {}
        self.waiting: dict[str, int] = {}

    def take(self, change: LiveChange) -> None:
        assert change.number == self.number + 1
        self.number = change.number
        for name in change.gone.contacts:
            del self.contacts[name]
        for name in change.gone.seats:
            del self.seats[name]
        for name in change.gone.queues:
            del self.waiting[name]
        self.contacts |= {row.contact: row for row in change.contacts}
        self.seats |= {row.seat: row for row in change.seats}
        self.waiting |= {queue.queue: queue.waiting for queue in change.queues}


@pytest.mark.parametrize("seed", range(20))
def test_following_changes_ends_in_the_floor(seed: int) -> None:
    floor, clock = make()
    chance = Random(seed)
    reader = Reader()
    for owner in ("a", "b"):
        floor.replace(owner, Snapshot(1, 0, [], []))
    for fence in range(1, 301):
        clock.advance(0.05)
        owner = chance.choice("ab")
        row = contact(
            f"{owner}{chance.randrange(8)}",
            owner,
            fence=fence,
            queue=chance.choice(["sales", "help"]),
            state=chance.choice(["waiting", "reserved", "talking", "ended"]),
        )
        chair = seat(f"{owner}-{chance.randrange(4)}", owner, fence=fence)
        step = chance.random()
        if step < 0.05:
            floor.lose(owner)
            floor.replace(owner, Snapshot(1, 0, [row], [chair]))
        elif step < 0.3:
            floor.change(owner, Delta(1, 0, gone=[chair.seat]))
        else:
            floor.change(owner, Delta(1, 0, contacts=[row], seats=[chair]))
        if chance.random() < 0.4 and (change := floor.live.take_change()):
            reader.take(change)
    if change := floor.live.take_change():
        reader.take(change)
    whole = floor.live.floor()
    assert reader.number == whole.number
    assert {row.contact: (row.state, row.queue) for row in whole.contacts} == {
        name: (row.state, row.queue) for name, row in reader.contacts.items()
    }
    assert {row.seat for row in whole.seats} == set(reader.seats)
    assert {queue.queue: queue.waiting for queue in whole.queues} == reader.waiting
    assert set(floor.live._began_s) == {(row.owner, row.contact) for row in whole.contacts} | {
        (row.owner, row.seat) for row in whole.seats
    }
