"""Kills injected before the commit, after it, and with half of the commands sent.

Whatever the moment: no talk is dropped, no place is lost, every caller is served in the end, and
the books hold each contact once.
"""

import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import msgspec
import pytest

from appliance.wire.commands import BrainRecord
from tests.appliance.brainkit import Box, World

Moment = Literal["before-commit", "after-commit", "half-sent"]


class Killed(BaseException):
    """The brain is dead from here on."""


class Saboteur:
    """A ledger that kills its brain at the chosen commit; else the real one."""

    def __init__(self, journal: Any, at: int, moment: Moment) -> None:
        self._journal = journal
        self._left = at
        self._moment = moment
        self._staged = False
        self.armed = False
        #: commands sent since the last commit
        self.sent = 0

    def add(self, kind: str, contact: str, facts: msgspec.Struct | Mapping[str, Any]) -> None:
        self._staged = True
        self._journal.add(kind, contact, facts)

    def keep(self, key: str, state: bytes) -> None:
        self._journal.keep(key, state)

    def forget(self, key: str) -> None:
        self._journal.forget(key)

    def commit(self) -> int:
        self._left -= self._staged
        self._staged = False
        if self._left == 0 and self._moment == "before-commit":
            raise Killed
        number: int = self._journal.commit()
        if self._left == 0 and self._moment == "after-commit":
            raise Killed
        self.armed = self._left <= 0 and self._moment == "half-sent"
        self.sent = 0
        return number


def sabotage(box: Box, at: int, moment: Moment) -> None:
    """Arrange for the running brain to die at its *at*-th commit from now."""
    saboteur = Saboteur(box.journal, at, moment)
    turn = box.brain.turn
    turn._journal = saboteur

    def command(record: BrainRecord) -> None:
        saboteur.sent += 1
        if saboteur.armed and saboteur.sent > 1:
            raise Killed
        box.legs.take(record)

    turn._send_command = command


def run(world: World, box: Box, seconds: float) -> int:
    """Let time pass; a killed brain is started again at once. Return how often that was."""
    end = world.clock.monotonic_s() + seconds
    kills = 0
    while world.clock.monotonic_s() < end:
        try:
            world.run(end - world.clock.monotonic_s())
        except Killed:
            kills += 1
            box.kill()
            box.start()
    return kills


@pytest.mark.parametrize("moment", ["before-commit", "after-commit", "half-sent"])
@pytest.mark.parametrize("at", range(1, 34))
def test_nothing_is_lost_or_doubled(world: World, tmp_path: Path, moment: Moment, at: int) -> None:
    box = Box(world, tmp_path)
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
        kills += run(world, box, chance.uniform(0.05, 0.6))
    talked: set[int] = set()
    for _ in range(120):
        for contact in box.brain.book:
            if contact.phase == "flow":
                box.legs.press(contact.leg, chance.choice("12"))
        kills += run(world, box, 1)
        bridged = {leg for leg in legs if box.legs.rows[leg].bridge}
        talked |= bridged
        for leg in sorted(bridged)[:1]:
            box.legs.down(leg)
        if len(talked) == len(legs):
            break
    kills += run(world, box, 30)
    assert kills == 1
    assert talked == set(legs)
    assert box.outcomes() == ["served"] * len(legs)
    assert len(box.brain.book) == 0
    assert {seat.state for seat in box.brain.board} == {"ready"}
    assert box.journal.verify().ok
