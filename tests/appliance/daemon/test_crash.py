"""Kills injected before the commit, after it, and with half of the commands sent.

Whatever the moment: no talk is dropped, no place is lost, every caller is served in the end, and
the books hold each contact once.
"""

import random
from pathlib import Path

import pytest

from tests.appliance.brainkit import Box, World
from tests.appliance.daemon.crashkit import MOMENTS, Killed, Moment, run, sabotage


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("at", range(1, 34))
def test_nothing_is_lost_or_doubled(world: World, tmp_path: Path, moment: Moment, at: int) -> None:
    box = Box(world, tmp_path)

    def again() -> None:
        box.kill()
        box.start()

    box.legs.prompt_s = 0.3
    chance = random.Random(at)
    box.legs.register("ann")
    box.legs.register("bob")
    world.run(1)
    sabotage(box, at, moment)
    legs = []
    kills = 0
    for number in range(6):
        called = "200" if number % 2 else "100"
        try:
            leg = box.legs.call_in(called)
        except Killed:
            raise AssertionError("an event must only stage") from None
        legs.append(leg)
        kills += run(world, chance.uniform(0.05, 0.6), again)
    talked: set[int] = set()
    for _ in range(120):
        for contact in box.brain.book:
            if contact.phase == "flow":
                box.legs.press(contact.leg, chance.choice("12"))
        kills += run(world, 1, again)
        bridged = {leg for leg in legs if box.legs.rows[leg].bridge}
        talked |= bridged
        for leg in sorted(bridged)[:1]:
            box.legs.down(leg)
        if len(talked) == len(legs):
            break
    kills += run(world, 30, again)
    assert kills == 1
    assert talked == set(legs)
    assert box.outcomes() == ["served"] * len(legs)
    assert len(box.brain.book) == 0
    assert {seat.state for seat in box.brain.board} == {"ready"}
    assert box.journal.verify().ok
