"""The brain in virtual time: contacts given to a site first, and what a class says of waiting."""

from collections import Counter
from pathlib import Path

import msgspec
import pytest

from appliance.plan.model import Divide, Flow, HangUp, Overflow, Plan, ServiceClass
from appliance.routing.model import SiteView
from appliance.wire.commands import Play
from tests.appliance.brainkit import PLAN, Box, World
from tests.appliance.daemon.federationkit import Federation

replace = msgspec.structs.replace


def divided(divide: Divide) -> Plan:
    return replace(PLAN, queues=(replace(PLAN.queues[0], divide=divide), *PLAN.queues[1:]))


SHARES = Divide(by="shares", shares={"north": 60.0, "south": 40.0}, for_s=20.0)


def sites(box: Box) -> Counter[str]:
    """Return to which site each contact was given, from the books."""
    return Counter(
        entry.as_dict().get("site", "")
        for entry in box.journal.entries(limit=10_000)
        if entry.kind == "contact-queued"
    )


def test_shares_hold_also_over_a_kill(world: World, tmp_path: Path) -> None:
    box = Box(world, tmp_path, plan=divided(SHARES))
    for number in range(50):
        box.legs.call_in("200")
        world.run(0.1)
        if number in (7, 31):
            box.kill()
            box.start()
    assert sites(box).keys() == {"north", "south"}
    assert abs(sites(box)["north"] - 30) <= 1
    given = {c.given.number for c in box.brain.book if c.given is not None}
    assert given == set(range(1, 51))


def test_a_site_s_contact_waits_for_its_agents_and_then_for_all(
    world: World, tmp_path: Path
) -> None:
    shares = replace(SHARES, shares={"south": 100.0})
    box = Box(world, tmp_path, plan=divided(shares))
    box.legs.register("ann")  # in the north
    leg = box.legs.call_in("200")
    world.run(19)
    assert not box.legs.rows[leg].bridge
    world.run(5)
    assert box.legs.rows[leg].bridge


def test_the_site_of_the_least_expected_wait_is_chosen(world: World, tmp_path: Path) -> None:
    box = Box(world, tmp_path, plan=divided(Divide(by="wait", margin_s=30.0)))
    views = [SiteView("north", 0, 10, 0), SiteView("south", 0, 5, 0)]
    box.brain.sites.look = lambda queue: views if queue == "sales" else ()
    for _ in range(30):
        box.legs.call_in("200")
        world.run(0.01)
    # 18 s more for each that waits in the north, 36 s in the south: two of three go north
    assert sites(box)["north"] == pytest.approx(20, abs=2)
    views = views[1:]
    world.run(2)
    before = sites(box)["south"]
    box.legs.call_in("200")
    world.run(1)
    assert sites(box)["south"] == before + 1


def test_where_nobody_serves_a_contact_is_given_to_no_site(world: World, tmp_path: Path) -> None:
    box = Box(world, tmp_path, plan=divided(Divide(by="wait")))
    leg = box.legs.call_in("200")
    world.run(1)
    assert box.contact(leg).given is None
    box.legs.register("ann")
    world.run(3)
    assert box.legs.rows[leg].bridge


def test_a_box_sees_the_sites_of_its_own_floor(world: World, tmp_path: Path) -> None:
    box = Box(world, tmp_path, plan=divided(Divide(by="wait")))
    box.legs.register("ann")
    box.legs.register("bob")
    world.run(1)
    assert box.brain.floor.sites() == {"sales": [SiteView("north", 0, 1, 1)]}
    legs = [box.legs.call_in("200") for _ in range(3)]
    world.run(3)
    assert box.brain.floor.sites() == {"sales": [SiteView("north", 2, 1, 0)]}
    given = box.contact(legs[0]).given
    assert given is not None
    assert (given.site, given.by) == ("north", "wait")


@pytest.mark.parametrize(("site", "served"), [("north", True), ("far", False)])
def test_the_hub_obeys_the_owner_s_choice(
    world: World, tmp_path: Path, site: str, served: bool
) -> None:
    """The contact's row carries it, so no matchmaker chooses again."""
    both = Federation(world, tmp_path, divided(replace(SHARES, shares={site: 100.0})))
    both.boxes["b"].legs.register("ann")
    leg = both.boxes["a"].legs.call_in("200")
    world.run(10)
    assert bool(both.boxes["a"].legs.rows[leg].bridge) == served


BYE = Flow(name="bye", start="bye", steps={"bye": HangUp(prompts=("sorry",))})
CLASSED = replace(
    PLAN,
    flows=(*PLAN.flows, BYE),
    numbers=tuple(replace(number, klass="gold") for number in PLAN.numbers),
    classes=(
        ServiceClass(name="gold", music=("calm",), overflow=(Overflow(after_s=30.0, flow="bye"),)),
        ServiceClass(name="bronze"),
    ),
)


def test_a_class_has_its_own_music_and_overflow(world: World, tmp_path: Path) -> None:
    box = Box(world, tmp_path, plan=CLASSED)
    leg = box.legs.call_in("200")
    world.run(29)
    assert box.legs.of(Play)[-1].items == ["calm"]
    world.run(2)
    assert box.legs.of(Play)[-1].items == ["sorry"]
    box.legs.prompts_end(leg)
    world.run(1)
    assert box.outcomes() == ["released"]
