"""A peer that holds call-backs is gone for long: they lie with another, and nobody calls twice."""

from collections import Counter
from random import Random

import pytest

from appliance.base.errors import PeerError
from appliance.call.contact import Contact
from tests.appliance.daemon.escrowkit import (
    OWN,
    MakeScene,
    Scene,
    books_are_right,
    holder_of,
    kinds,
)
from tests.appliance.daemon.islandkit import HUB


def stubs(scene: Scene, name: str) -> list[str]:
    return [key for key, _ in scene.boxes[name].journal.kept() if key.startswith("escrow-stub/")]


def moved(make: MakeScene, boxes: int = 4) -> tuple[Scene, Contact, str, str]:
    """Let the peer that holds a call-back die, and another one get it."""
    scene = make(boxes)
    contact = scene.leave("box-a")
    old = holder_of(scene, contact)
    scene.boxes[old].power_off()
    scene.run(50)
    assert holder_of(scene, contact) == old  # it may come back
    scene.run(20)
    new = holder_of(scene, contact)
    assert new != old
    assert stubs(scene, new) == [f"escrow-stub/{contact.contact}"]
    return scene, contact, old, new


@pytest.mark.parametrize("boxes", [3, 4, 5])
@pytest.mark.parametrize("forgets", [False, True])
async def test_the_new_one_calls_and_the_old_one_that_is_back_does_not(
    make: MakeScene, boxes: int, forgets: bool
) -> None:
    scene, _, old, new = moved(make, boxes)
    scene.boxes["box-a"].power_off()
    if forgets:  # every voter begins anew: what the owner claimed is on disk
        for name in set(scene.boxes) - {"box-a", old}:
            scene.boxes[name].die("power")
            scene.boxes[name].start()
        scene.fleet.hub.die("power")
        scene.fleet.hub.start()
    scene.boxes[old].power_on()
    scene.agent(old)  # its own agent alone is there
    scene.run(40)
    assert stubs(scene, old) == []
    assert scene.called == [(new, OWN)]
    scene.agent(new)
    scene.boxes["box-a"].power_on()
    scene.agent("box-a")
    scene.run(60)
    assert scene.called == [(new, OWN)]


async def test_the_old_one_forgets_as_soon_as_the_owner_hears_it(make: MakeScene) -> None:
    scene, contact, old, _ = moved(make)
    scene.boxes[old].power_on()
    scene.run(5)
    assert stubs(scene, old) == []
    kept = [key for key, _ in scene.boxes["box-a"].journal.kept() if "escrow-drop" in key]
    assert kept == []
    scene.run(5)
    claims = [
        key
        for name in scene.boxes
        for key, _ in scene.boxes[name].journal.kept()
        if key.startswith("lease-claims/")
    ]
    assert claims == []
    scene.agent("box-a")
    scene.run(5)
    assert scene.called == [("box-a", OWN)]
    scene.boxes["box-a"].legs.down(contact.leg)
    scene.run(5)
    books_are_right(scene, contact, "served")


async def test_back_while_it_is_being_moved_it_may_hold_it_again(make: MakeScene) -> None:
    scene = make(4)
    contact = scene.leave("box-a")
    old = holder_of(scene, contact)
    scene.boxes[old].die("power")
    scene.run(61)
    scene.boxes[old].start()
    scene.run(10)
    new = holder_of(scene, contact)
    assert stubs(scene, new) == [f"escrow-stub/{contact.contact}"]
    assert sum(bool(stubs(scene, name)) for name in scene.boxes) == 1
    scene.boxes["box-a"].power_off()
    for name in scene.boxes:
        if name != "box-a":
            scene.agent(name)
    scene.run(30)
    assert scene.called == [(new, OWN)]


async def test_without_a_majority_on_disk_nothing_is_moved(make: MakeScene) -> None:
    scene = make(3)
    contact = scene.leave("box-a")
    old = holder_of(scene, contact)
    other = ({"box-b", "box-c"} - {old}).pop()
    scene.boxes[old].power_off()
    scene.run(30)
    scene.fleet.cuts.cut("box-a", other)
    scene.run(60)
    assert holder_of(scene, contact) == old


async def test_what_is_in_doubt_is_not_moved_but_a_person_may_let_it_go(make: MakeScene) -> None:
    scene = make(4)
    contact = scene.leave("box-a")
    old = holder_of(scene, contact)
    box = scene.boxes["box-a"]
    box.die("power")
    scene.boxes[old].power_off()
    scene.run(5)
    box.start()
    scene.agent("box-a")
    scene.run(200)
    assert scene.called == []
    escrow = box.brain.escrow
    ((held, peer),) = escrow.held()
    assert (held.contact, peer, escrow.up(peer)) == (contact.contact, old, False)
    assert held.callback is not None
    assert held.callback.held_us
    escrow.owner.release(contact.contact, "eva")
    scene.run(5)
    assert scene.called == [("box-a", OWN)]
    assert "escrow-released" in kinds(box, contact)
    assert escrow.held() == []
    with pytest.raises(PeerError, match="contact-gone"):
        escrow.owner.release(contact.contact, "eva")
    # the peer is back, and the branch is not: it knows that it is not to call
    box.power_off()
    scene.boxes[old].power_on()
    scene.agent(old)
    scene.run(60)
    assert scene.called == [("box-a", OWN)]
    assert stubs(scene, old) == []


async def test_two_peers_call_those_that_lie_with_each(make: MakeScene) -> None:
    scene = make(4)
    first = scene.leave("box-a")
    old = holder_of(scene, first)
    scene.fleet.cuts.cut("box-a", old)
    scene.run(3)
    second = scene.leave("box-a", "+493012345699")
    new = holder_of(scene, second)
    assert new != old
    scene.boxes["box-a"].power_off()
    scene.run(20)
    scene.agent(old)
    scene.agent(new)
    scene.run(20)
    assert sorted(scene.called) == sorted([(old, OWN), (new, "+493012345699")])


@pytest.mark.parametrize("seed", range(16))
async def test_storms_in_which_peers_go_for_long_call_nobody_twice(
    make: MakeScene, seed: int
) -> None:
    chance = Random(seed)
    scene = make(chance.choice([3, 4, 5]), seed, wall_off_s=36_000.0, escrow_move_s=3.0)
    names = list(scene.boxes)
    numbers = [f"+4930123456{n:02d}" for n in range(8)]
    for number in numbers:
        scene.leave(chance.choice(names), number)
    for _ in range(14):
        box = scene.boxes[chance.choice(names)]
        match chance.randrange(5):
            case 0:
                scene.cut_off(chance.choice(names))
            case 1:
                scene.fleet.cuts.cut(*chance.sample([*names, HUB], 2), one_way=True)
            case 2 if box.powered:
                box.power_off()
            case 2:
                box.power_on()
            case 3:
                scene.agent(chance.choice(names))
            case 4:
                scene.fleet.cuts.heal()
        scene.run(chance.uniform(1, 20))
        _hang_up(scene, 5)
    scene.fleet.cuts.heal()
    for name in names:
        if not scene.boxes[name].powered:
            scene.boxes[name].power_on()
        scene.agent(name)
    for _ in range(30):
        scene.run(5)
        _hang_up(scene, 0)
    calls = Counter(number for _, number in scene.called)
    assert {number: count for number, count in calls.items() if count > 1} == {}
    assert set(calls) == set(numbers)


def _hang_up(scene: Scene, after_s: float) -> None:
    for box in scene.boxes.values():
        for row in list(box.legs.rows.values()):
            if row.kind == "trunk" and row.bridge and row.t_up + after_s < box.legs.now:
                box.legs.down(row.leg)
