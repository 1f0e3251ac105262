"""Whatever happens, a call with another branch counts once, as long as it lasts.

Storms of callers, agents, transfers and kills; at rest each box counts as many calls as there are
legs to other branches, and at no time more than its link carries.
"""

import tempfile
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from appliance.plan.model import Site
from tests.appliance.brainkit import World
from tests.appliance.daemon.budgetkit import NORTH, SOUTH, Pair
from tests.appliance.daemon.crashkit import MOMENTS, Moment, sabotage

#: longer than any deadline of an offer [s]
REST_S = 25.0


def fits(pair: Pair) -> None:
    """Fail where a box counts more calls than its link carries."""
    for box in pair.boxes.values():
        budget = box.brain.budget
        # a transfer at once: the one call ends while the other begins
        assert not budget.limit or budget.used <= budget.limit + 1, box.name


def at_rest(pair: Pair) -> None:
    """Let all offers end; fail where the count is not that of the legs."""
    for box in pair.boxes.values():
        box.legs.answer_after = None
    pair.run(REST_S)
    assert pair.used() == pair.between()
    for box in pair.boxes.values():
        assert not box.brain.budget.limit or box.brain.budget.used <= box.brain.budget.limit


# -- kills -------------------------------------------------------------------------------------


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("victim", ["a", "b"])
@pytest.mark.parametrize("at", range(1, 15))
def test_a_kill_leaves_the_count_as_it_is(
    world: World, tmp_path: Path, moment: Moment, victim: str, at: int
) -> None:
    pair = Pair(world, tmp_path, Site(name=victim, link_calls=1))
    pair.victim = victim
    pair.log_in("bob", "bea")
    world.run(1)
    sabotage(pair[victim], at, moment)
    legs = pair.call_in(2)
    pair.run(20)
    talking = [leg for leg in legs if pair["a"].contact(leg).phase == "talking"]
    assert len(talking) == 1
    assert pair.used() == pair.between() == [1, 1]
    pair["a"].legs.down(talking[0])
    pair.run(20)
    (other,) = {*legs} - {*talking}
    assert pair.phases(other) == ["talking"]
    assert pair.used() == pair.between() == [1, 1]
    pair["a"].legs.down(other)
    pair.run(20)
    assert pair.used() == pair.between() == [0, 0]
    assert pair.kills <= 1


def test_a_brain_that_attaches_again_counts_once(world: World, tmp_path: Path) -> None:
    pair = Pair(world, tmp_path, Site(name="a", link_calls=2))
    pair.log_in(*SOUTH)
    pair.call_in(3)
    for box in pair.boxes.values():
        box.legs.attach(box.brain)
    world.run(3)
    assert pair.used() == pair.between() == [2, 2]


# -- storms ------------------------------------------------------------------------------------


def _caller_goes(pair: Pair, chance: Random) -> None:
    box = pair[chance.choice("ab")]
    callers = [contact.leg for contact in box.brain.book if contact.leg]
    if callers:
        box.legs.down(chance.choice(callers))


def _agent_hangs_up(pair: Pair, chance: Random) -> None:
    legs = pair[chance.choice("ab")].legs
    phones = [row.leg for row in legs.rows.values() if row.kind == "phone" and row.state != "down"]
    if phones:
        legs.down(chance.choice(phones), chance.choice(["normal", "declined", "media-timeout"]))


def _phone_goes(pair: Pair, chance: Random) -> None:
    box = pair[chance.choice("ab")]
    if box.legs.registrations:
        box.legs.unregister(chance.choice(sorted(box.legs.registrations)))


def _way_breaks(pair: Pair, chance: Random) -> None:
    pair["a"].brain.switchboard.peer_down("b")
    pair["b"].brain.switchboard.peer_down("a")


def _types(pair: Pair, chance: Random) -> None:
    code = chance.choice(["*721#", "*723#", "*724#", "*821#", "*823#", "*7#", "*0", "*9"])
    pair.press(chance.choice(NORTH + SOUTH), code)


EVENTS: dict[str, Callable[[Pair, Random], object]] = {
    "call in": lambda pair, chance: pair[chance.choice("aab")].legs.call_in("200"),
    "log in": lambda pair, chance: pair.log_in(chance.choice(NORTH + SOUTH)),
    "caller goes": _caller_goes,
    "agent hangs up": _agent_hangs_up,
    "phone goes": _phone_goes,
    "way breaks": _way_breaks,
    "types": _types,
    "kill": lambda pair, chance: pair.restart(chance.choice("ab")),
}


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(st.sampled_from([*EVENTS, "call in", "call in", "log in"]), max_size=40),
    st.integers(0, 1000),
    st.sampled_from([(1, 0), (2, 0), (0, 2), (3, 1), (2, 2)]),
)
def test_any_storm_leaves_the_count_equal_to_the_legs(
    events: list[str], seed: int, limits: tuple[int, int]
) -> None:
    chance, world = Random(seed), World()
    sites = (Site(name=name, link_calls=most) for name, most in zip("ab", limits, strict=True))
    with tempfile.TemporaryDirectory() as folder:
        pair = Pair(world, Path(folder), *sites)
        try:
            pair.log_in(*SOUTH)
            for name in events:
                EVENTS[name](pair, chance)
                pair.run(chance.choice([0.0, 0.02, 0.3, 1.5]))
                fits(pair)
            at_rest(pair)
            for box in pair.boxes.values():
                for contact in list(box.brain.book):
                    box.legs.down(contact.leg)
            pair.run(REST_S)
            assert pair.used() == pair.between() == [0, 0]
        finally:
            world.close()
