"""The caller's brain is killed in the midst of transfers: before a commit, after it, half sent.

Whatever the moment: the caller ends up with the target, or with an agent again, or in the queue at
its own place; no leg is left over, nobody sits alone in a bridge, and the books hold it once.
"""

from pathlib import Path

import pytest

from tests.appliance.brainkit import World
from tests.appliance.daemon.crashkit import MOMENTS, Moment, run, sabotage
from tests.appliance.daemon.transferkit import Fleet


class KilledFleet(Fleet):
    """A fleet whose box `a` dies once, at a chosen commit, and is started again at once."""

    kills = 0

    def run(self, seconds: float) -> None:
        """Let time pass."""
        self.kills += run(self.world, seconds, self.restart)

    def restart(self) -> None:
        """Kill -9, then start over what the ledger kept; peers see the link go and come."""
        box = self["a"]
        box.kill()
        for other in "bc":
            self.boxes[other].brain.switchboard.peer_down("a")
        box.start()
        self.wire_up("a")

    def press(self, agent: str, digits: str) -> None:
        """Let an agent press keys, if there still is a call."""
        for box in self.boxes.values():
            rows = box.legs.rows.values()
            for leg in [row.leg for row in rows if row.via == agent and row.state == "up"]:
                for digit in digits:
                    if box.legs.rows[leg].state == "up":
                        box.legs.press(leg, digit)
                        self.run(0.05)


def settled(fleet: KilledFleet, leg: int) -> bool:
    """Tell whether the caller talks with somebody, and nothing else goes on."""
    contact = fleet["a"].brain.book.by_leg(leg)
    if contact is None or contact.phase != "talking":
        return False
    over = contact.transfer is None or contact.transfer.stage == "conference"
    return over and bool(fleet.listeners("a", leg))


def nobody_is_alone(fleet: KilledFleet, leg: int) -> None:
    """Every living leg belongs to the one talk."""
    here = {leg, *fleet["a"].legs.hears(leg)}
    alive = {row.leg for row in fleet["a"].legs.rows.values() if row.state != "down"}
    assert alive == here, [fleet["a"].legs.rows[one] for one in alive - here]
    for box in "bc":
        rows = fleet[box].legs.rows.values()
        for row in (row for row in rows if row.state != "down"):
            assert fleet.far.get((box, row.leg), ("a", 0))[0] == "a" or row.kind == "phone"
            assert fleet[box].legs.hears(row.leg), row


#: what the agent types, and when
WAYS = {
    "blind": [("*721#", 3)],
    "complete": [("*821#", 3), ("*7#", 1)],
    "back": [("*821#", 3), ("*0", 1)],
    "conference": [("*821#", 3), ("*9", 1)],
    "queue": [("*730#", 3)],
    "outside": [("*74930#", 3)],
    "with-outside": [("*84930#", 3), ("*7#", 1)],
}


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("at", range(1, 10))
@pytest.mark.parametrize("way", WAYS)
def test_nobody_is_lost(world: World, tmp_path: Path, moment: Moment, at: int, way: str) -> None:
    fleet = KilledFleet(world, tmp_path)
    leg = fleet["a"].legs.call_in("200")
    fleet.register("ann", "bob")
    fleet.run(3)
    place = fleet["a"].contact(leg).place
    assert fleet.listeners("a", leg) == {"ann"}
    sabotage(fleet["a"], at, moment)
    for digits, pause in WAYS[way]:
        fleet.press("ann", digits)
        fleet.run(pause)
    for _ in range(60):
        if settled(fleet, leg):
            break
        contact = fleet["a"].brain.book.by_leg(leg)
        transfer = contact.transfer if contact else None
        if transfer is not None and transfer.stage == "talking":
            fleet.press("ann", WAYS[way][-1][0])  # a code half typed is typed anew
        fleet.run(1)
    assert settled(fleet, leg), fleet["a"].brain.book.by_leg(leg)
    contact = fleet["a"].contact(leg)
    assert contact.place == place
    if contact.booking is not None:
        nobody_is_alone(fleet, leg)
    fleet["a"].legs.down(leg)
    fleet.run(20)
    assert fleet["a"].outcomes() == ["served"]
    assert [fleet.living(box) for box in "abc"] == [[], [], []]
    assert fleet.kills <= 1
    for box in "ab":
        assert fleet[box].journal.verify().ok
        assert {seat.state for seat in fleet[box].brain.board} <= {"ready", "paused"}
