"""Callers who left a number are called back when their branch has died, by one, and once."""

from collections import Counter
from random import Random

import msgspec
import pytest

from appliance.link.messages import Offer
from appliance.plan.actions import PromiseCallBack
from tests.appliance.daemon.escrowkit import (
    OFFER,
    OWN,
    MakeScene,
    books_are_right,
    holder_of,
    kinds,
)
from tests.appliance.daemon.islandkit import HUB


@pytest.mark.parametrize("boxes", [2, 3, 4])
@pytest.mark.parametrize("called", ["400", "410"])
async def test_a_peer_calls_the_callers_of_a_dead_branch_and_nobody_calls_twice(
    make: MakeScene, boxes: int, called: str
) -> None:
    scene = make(boxes)
    contact = scene.leave("box-a", called=called)
    holder = holder_of(scene, contact)
    other = scene.boxes[holder]
    scene.boxes["box-a"].power_off()
    scene.run(8)
    assert other.brain.book.get(contact.contact) is None  # it may be a restart
    scene.run(12)
    taken = other.brain.book.get(contact.contact)
    assert taken is not None
    assert (taken.place, taken.phase) == (contact.place, "waiting")
    scene.agent(holder)
    scene.run(4)
    assert scene.called == [(holder, OWN)]
    assert taken.phase == "talking"
    scene.boxes["box-a"].power_on()
    scene.agent("box-a")
    scene.run(30)
    back = scene.boxes["box-a"].brain.book.get(contact.contact)
    assert back is not None  # the talk goes on
    other.legs.down(taken.leg)
    scene.run(10)
    assert scene.boxes["box-a"].brain.book.get(contact.contact) is None
    assert scene.called == [(holder, OWN)]
    assert kinds(scene.boxes["box-a"], contact)[-1] == "escrow-closed"
    assert "escrow-taken" in kinds(other, contact)
    books_are_right(scene, contact, "served")
    assert not [key for key, _ in other.journal.kept() if key.startswith("escrow")]


async def test_the_plan_names_who_stands_in(make: MakeScene) -> None:
    for name in ("box-b", "box-c"):
        scene = make(3, escrow=name)
        assert holder_of(scene, scene.leave("box-a")) == name
        scene.fleet.close()


async def test_a_later_promise_takes_the_earlier_ones_place(make: MakeScene) -> None:
    scene = make(3)
    contact = scene.leave("box-a", called="410")
    holder = scene.boxes[holder_of(scene, contact)]
    assert contact.callback is not None
    step = msgspec.structs.replace(OFFER, calls=7)
    scene.boxes["box-a"].brain.rooms.callbacks.promise(contact, PromiseCallBack(OWN, step), {})
    scene.run(1)
    scene.boxes["box-a"].power_off()
    scene.run(20)
    taken = holder.brain.book.get(contact.contact)
    assert taken is not None
    assert taken.callback is not None
    assert taken.callback.calls == 7


async def test_who_talks_on_the_line_is_no_longer_with_the_peer(make: MakeScene) -> None:
    scene = make(3)
    contact = scene.leave("box-a", called="410")
    holder = scene.boxes[holder_of(scene, contact)]
    assert any(key.startswith("escrow-stub") for key, _ in holder.journal.kept())
    scene.agent("box-a")
    scene.run(4)
    assert contact.phase == "talking"
    for box in (holder, scene.boxes["box-a"]):
        assert not [key for key, _ in box.journal.kept() if key.startswith("escrow")]


async def test_what_lies_with_the_peer_is_sealed_for_it(make: MakeScene) -> None:
    scene = make(3)
    contact = scene.leave("box-a")
    other = scene.boxes[holder_of(scene, contact)]
    kept = b"".join(state for key, state in other.journal.kept() if key.startswith("escrow"))
    assert contact.contact.encode() in kept
    assert OWN.encode() not in kept


async def test_back_in_time_the_owner_calls_itself(make: MakeScene) -> None:
    scene = make(3)
    contact = scene.leave("box-a")
    box = scene.boxes["box-a"]
    box.die("power")
    scene.run(3)
    box.start()
    scene.run(8)
    scene.agent("box-a")
    scene.run(5)
    found = box.brain.book.get(contact.contact)
    assert found is not None
    assert found.phase == "talking"
    assert scene.called == [("box-a", OWN)]


async def test_what_the_peer_has_not_begun_goes_back(make: MakeScene) -> None:
    scene = make(3)
    contact = scene.leave("box-a")
    holder = holder_of(scene, contact)
    scene.boxes["box-a"].power_off()
    scene.run(20)
    assert scene.boxes[holder].brain.book.get(contact.contact) is not None
    scene.boxes["box-a"].power_on()
    scene.run(15)
    assert scene.boxes[holder].brain.book.get(contact.contact) is None
    found = scene.boxes["box-a"].brain.book.get(contact.contact)
    assert found is not None
    assert found.place == contact.place
    scene.agent("box-a")
    scene.run(5)
    assert scene.called == [("box-a", OWN)]
    leg = found.leg
    scene.boxes["box-a"].legs.down(leg)
    scene.run(5)
    books_are_right(scene, contact, "served")


async def test_cut_off_the_owner_keeps_still_and_the_peer_calls(make: MakeScene) -> None:
    scene = make(3)
    contact = scene.leave("box-a")
    holder = holder_of(scene, contact)
    scene.cut_off("box-a")
    scene.run(7)
    scene.agent("box-a")  # it is idle, and may not
    scene.run(15)
    assert scene.called == []
    scene.agent(holder)
    scene.run(5)
    assert scene.called == [(holder, OWN)]
    scene.fleet.cuts.heal()
    scene.run(15)
    assert scene.called == [(holder, OWN)]


async def test_a_call_that_no_majority_has_heard_of_is_not_made(make: MakeScene) -> None:
    scene = make(3)
    contact = scene.leave("box-a")
    holder = holder_of(scene, contact)
    scene.cut_off("box-a")
    scene.agent("box-a")  # its lease still counts for a moment
    scene.run(5)
    (phone,) = [row for row in scene.boxes["box-a"].legs.rows.values() if row.kind == "phone"]
    assert phone.t_up
    scene.run(17)
    scene.agent(holder)
    scene.run(5)
    assert scene.called == [(holder, OWN)]
    taken = scene.boxes[holder].brain.book.get(contact.contact)
    assert taken is not None
    scene.boxes[holder].legs.down(taken.leg)
    scene.run(1)
    scene.fleet.cuts.heal()
    scene.run(100)
    assert scene.called == [(holder, OWN)]
    books_are_right(scene, contact, "served")


async def test_without_the_lease_no_offer_is_confirmed(make: MakeScene) -> None:
    scene = make(3)
    contact = scene.leave("box-a")
    box = scene.boxes["box-a"]
    offer = Offer(
        reservation="r", fence=1, contact=contact.contact, contact_fence=contact.fence,
        contact_incarnation=box.brain.given.incarnation, seat="box-b-1", seat_epoch=1,
        agent_title="",
    )  # fmt: skip
    assert box.brain.owner._refusal(contact, offer) == ""
    scene.cut_off("box-a")
    scene.run(7)
    offer.contact_fence = contact.fence
    assert box.brain.owner._refusal(contact, offer) == "lease-lost"


async def test_cut_from_the_peer_alone_the_owner_goes_on(make: MakeScene) -> None:
    scene = make(3)
    contact = scene.leave("box-a")
    scene.fleet.cuts.cut("box-a", holder_of(scene, contact))
    scene.run(30)
    scene.agent("box-a")
    scene.run(5)
    assert scene.called == [("box-a", OWN)]


@pytest.mark.parametrize("boxes", [2, 3])
async def test_the_peer_dies_and_the_owner_goes_on(make: MakeScene, boxes: int) -> None:
    scene = make(boxes)
    contact = scene.leave("box-a")
    scene.boxes[holder_of(scene, contact)].power_off()
    scene.run(30)
    scene.agent("box-a")
    scene.run(5)
    assert scene.called == [("box-a", OWN)]


@pytest.mark.parametrize("boxes", [2, 3])
async def test_the_hub_dies_and_the_owner_goes_on(make: MakeScene, boxes: int) -> None:
    scene = make(boxes)
    scene.leave("box-a")
    scene.fleet.hub.die("power")
    scene.run(30)
    scene.agent("box-a")
    scene.run(5)
    assert scene.called == [("box-a", OWN)]


async def test_without_a_majority_nobody_calls(make: MakeScene) -> None:
    scene = make(2)
    scene.leave("box-a")
    scene.fleet.hub.die("power")
    scene.cut_off("box-a")
    scene.run(20)
    for name in scene.boxes:
        scene.agent(name)
    scene.run(20)
    assert scene.called == []
    scene.fleet.cuts.heal()
    scene.run(20)
    assert len(scene.called) == 1


async def test_one_who_is_being_called_as_the_branch_dies_is_not_called_again(
    make: MakeScene,
) -> None:
    scene = make(3)
    contact = scene.leave("box-a")
    holder = holder_of(scene, contact)
    scene.fleet.cuts.cut("box-a", holder)  # the peer does not hear that it is called
    scene.run(3)
    scene.agent("box-a")
    scene.run(3)
    assert scene.called == [("box-a", OWN)]
    scene.boxes["box-a"].power_off()
    scene.agent(holder)
    scene.run(60)
    assert scene.called == [("box-a", OWN)]


async def test_a_voter_that_restarted_lets_nobody_call_twice(make: MakeScene) -> None:
    scene = make(3)
    contact = scene.leave("box-a")
    holder = holder_of(scene, contact)
    third = ({"box-b", "box-c"} - {holder}).pop()
    scene.cut_off("box-a")
    scene.run(20)
    scene.boxes[third].die("power")
    scene.boxes[third].start()
    scene.fleet.cuts.heal()
    scene.fleet.cuts.cut("box-a", holder)
    scene.agent("box-a")
    scene.agent(holder)
    scene.run(40)
    assert scene.called == [(holder, OWN)]


@pytest.mark.parametrize("seed", range(6))
async def test_storms_call_nobody_twice(make: MakeScene, seed: int) -> None:
    chance = Random(seed)
    scene = make(chance.choice([2, 3, 4]), seed, wall_off_s=36_000.0)
    names = list(scene.boxes)
    numbers = [f"+4930123456{n:02d}" for n in range(12)]
    for number in numbers:
        name = chance.choice(names)
        if not scene.boxes[name].alive:
            continue
        scene.leave(name, number)
    for _ in range(12):
        match chance.randrange(5):
            case 0:
                scene.cut_off(chance.choice(names))
            case 1:
                scene.fleet.cuts.cut(*chance.sample([*names, HUB], 2), one_way=True)
            case 2:
                box = scene.boxes[chance.choice(names)]
                box.die(chance.choice(["kill", "power"]))
                scene.run(chance.uniform(0.5, 30))
                box.start()
            case 3:
                scene.agent(chance.choice(names))
            case 4:
                scene.fleet.cuts.heal()
        scene.run(chance.uniform(1, 15))
        for box in scene.boxes.values():
            for row in list(box.legs.rows.values()):
                if row.kind == "trunk" and row.bridge and row.t_up + 5 < box.legs.now:
                    box.legs.down(row.leg)
    scene.fleet.cuts.heal()
    for name in names:
        scene.agent(name)
    for _ in range(30):
        scene.run(5)
        for box in scene.boxes.values():
            for row in list(box.legs.rows.values()):
                if row.kind == "trunk" and row.bridge:
                    box.legs.down(row.leg)
    calls = Counter(number for _, number in scene.called)
    assert {number: count for number, count in calls.items() if count > 1} == {}
    assert set(calls) == set(numbers)
