"""A brain that dies at a chosen commit: before it, after it, or with its commands half sent."""

from collections.abc import Callable, Mapping
from typing import Any, Literal, get_args

import msgspec

from appliance.wire.commands import BrainRecord
from tests.appliance.brainkit import Box, World

Moment = Literal["before-commit", "after-commit", "half-sent"]
MOMENTS: tuple[Moment, ...] = get_args(Moment)


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


def run(world: World, seconds: float, restart: Callable[[], None]) -> int:
    """Let time pass; a killed brain is started again at once. Return how often that was."""
    end = world.clock.monotonic_s() + seconds
    kills = 0
    while world.clock.monotonic_s() < end:
        try:
            world.run(end - world.clock.monotonic_s())
        except Killed:
            kills += 1
            restart()
    return kills
