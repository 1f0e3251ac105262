"""The table of legs: its rules hold without any socket."""

from typing import Any

import pytest

from appliance.base.clock import HeldClock
from appliance.legs import table as table_module
from appliance.legs.events import LegEvents
from appliance.legs.table import Consequence, LegTable
from appliance.wire.commands import Dial
from appliance.wire.events import (
    Bridged,
    Held,
    LegDown,
    LegIn,
    LegOut,
    LegRinging,
    LegsRecord,
    LegUp,
    PlayDone,
)
from appliance.wire.rows import LegRow, Rest


class Told:
    """A table on a held clock, and what it told."""

    def __init__(self) -> None:
        self.clock = HeldClock()
        self.events = LegEvents(self.clock)
        self.records: list[LegsRecord] = []
        self.events.send = self.records.append
        self.table = LegTable(self.events)

    def come_in(self) -> int:
        row = LegRow(leg=0, out=False, kind="trunk", via="city", state="new")
        return self.table.come_in(row).leg

    def go_out(self, owner: int = 0, tok: str = "") -> int:
        dial = Dial(tok=tok or f"t{self.events.seq}", kind="phone", via="1001", owner=owner)
        return self.table.go_out(dial).leg

    def kinds(self) -> list[type]:
        return [type(record) for record in self.records]


@pytest.fixture
def told() -> Told:
    return Told()


def test_a_leg_lives_and_is_buried(told: Told) -> None:
    leg = told.come_in()
    told.clock.advance(2)
    told.table.up(leg)
    told.clock.advance(5)
    assert told.table.down(leg, "normal", cause=16) == []
    assert told.kinds() == [LegIn, LegUp, LegDown]
    tomb = told.table.tombs[leg]
    assert (tomb.state, tomb.reason, tomb.cause) == ("down", "normal", 16)
    assert (tomb.t_up - tomb.t_new, tomb.t_down - tomb.t_new) == (2, 7)
    assert told.table.rows == {}


def test_events_are_numbered_without_gaps_with_or_without_a_brain(told: Told) -> None:
    leg = told.come_in()
    told.events.send = None
    told.table.ringing(leg, 180, early=False)
    told.events.send = told.records.append
    told.table.up(leg)
    assert [getattr(record, "seq", 0) for record in told.records] == [1, 3]
    assert told.table.rows[leg].seq == 3


def test_what_was_told_is_not_changed_by_what_follows(told: Told) -> None:
    leg = told.come_in()
    told.table.up(leg)
    first = told.records[0]
    assert isinstance(first, LegIn)
    assert first.row.state == "new"


def test_the_end_of_a_bridge_ends_its_peer(told: Told) -> None:
    one, two = told.come_in(), told.go_out()
    told.table.bridge("b", [one, two])
    assert told.table.down(two, "busy") == [Consequence(one, "bridge-ended")]
    assert told.table.bridges == {}
    assert told.table.rows[one].bridge == ""


def test_a_bridge_of_three_lives_on_with_two(told: Told) -> None:
    legs = [told.come_in() for _ in range(3)]
    told.table.bridge("b", legs)
    assert told.table.down(legs[0], "normal") == []
    assert told.table.bridges == {"b": legs[1:]}
    assert told.table.down(legs[1], "normal") == [Consequence(legs[2], "bridge-ended")]


@pytest.mark.parametrize(
    ("rest", "reason", "stays"),
    [
        ("end", "normal", False),
        ("end", "media-timeout", False),
        ("stay-if-lost", "normal", False),
        ("stay-if-lost", "bridge-ended", False),
        ("stay-if-lost", "media-timeout", True),
        ("stay-if-lost", "carrier-failure", True),
        ("stay", "normal", True),
        ("stay", "media-timeout", True),
    ],
)
def test_who_is_left_stays_as_the_bridge_says(
    told: Told, rest: Rest, reason: str, stays: bool
) -> None:
    caller = told.come_in()
    agent = told.go_out(caller)
    told.table.bridge("b", [caller, agent], rest=rest)
    why = reason if reason == "media-timeout" or reason == "carrier-failure" else "bridge-ended"
    assert told.table.down(agent, reason) == ([] if stays else [Consequence(caller, why)])
    assert told.table.bridges == {}
    assert told.table.rows[caller].bridge == ""


def test_an_agent_does_not_stay_without_the_caller(told: Told) -> None:
    caller = told.come_in()
    agent = told.go_out(caller)
    told.table.bridge("b", [caller, agent], rest="stay-if-lost")
    assert told.table.down(caller, "timeout")[0] == Consequence(agent, "timeout")


def test_what_is_said_of_the_rest_counts_until_it_is_said_again(told: Told) -> None:
    one, two = told.come_in(), told.come_in()
    told.table.bridge("b", [one, two], rest="stay")
    told.table.bridge("b", [one, two])
    assert told.table.down(two, "normal") == [Consequence(one, "bridge-ended")]
    three = told.come_in()
    told.table.bridge("b", [one, three])
    assert told.table.down(three, "normal") == [Consequence(one, "bridge-ended")]


def test_a_caller_takes_along_the_legs_dialled_for_him_but_not_those_who_talk(told: Told) -> None:
    caller, other = told.come_in(), told.come_in()
    ringing, talking = told.go_out(caller), told.go_out(caller)
    told.table.bridge("b", [talking, other])
    assert told.table.down(caller, "normal") == [Consequence(ringing, "caller-gone")]
    assert talking in told.table.rows


def test_a_dialled_leg_that_has_ended_is_not_taken_along(told: Told) -> None:
    caller = told.come_in()
    ringing = told.go_out(caller)
    told.table.down(ringing, "busy")
    assert told.table.down(caller, "normal") == []


def test_tombstones_stay_until_they_are_acknowledged(told: Told) -> None:
    one, two = told.go_out(tok="one"), told.go_out(tok="two")
    told.table.down(one, "normal")
    acknowledged = told.events.seq
    told.table.down(two, "normal")
    told.table.ack(acknowledged)
    assert list(told.table.tombs) == [two]
    assert told.table.tokens == {"two": two}
    assert [row.leg for row in told.table.snapshot()] == [two]


def test_tombstones_are_bounded(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_module, "MAX_TOMBS", 3)
    legs = [told.come_in() for _ in range(5)]
    for leg in legs:
        told.table.down(leg, "normal")
    assert list(told.table.tombs) == legs[2:]


def test_a_leg_leaves_its_bridge_for_another(told: Told) -> None:
    one, two, three = (told.come_in() for _ in range(3))
    told.table.bridge("b", [one, two])
    change = told.table.bridge("c", [two, three])
    assert change.dissolved == ["b"]
    assert change.changed == {"c": [two, three]}
    assert told.table.rows[one].bridge == ""
    assert told.table.down(one, "normal") == []


def test_a_repeated_bridge_id_changes_it(told: Told) -> None:
    one, two, three = (told.come_in() for _ in range(3))
    told.table.bridge("b", [one, two, three])
    change = told.table.bridge("b", [one, three])
    assert change.changed == {"b": [one, three]}
    assert told.table.rows[two].bridge == ""
    assert [record.legs for record in told.records if isinstance(record, Bridged)] == [
        [one, two, three],
        [one, three],
    ]


def test_a_conference_that_loses_a_leg_to_another_bridge_goes_on(told: Told) -> None:
    one, two, three, four = (told.come_in() for _ in range(4))
    told.table.bridge("b", [one, two, three])
    change = told.table.bridge("c", [three, four])
    assert change.changed == {"b": [one, two], "c": [three, four]}
    assert change.dissolved == []


def test_unbridging_leaves_the_legs(told: Told) -> None:
    one, two = told.come_in(), told.come_in()
    told.table.bridge("b", [one, two])
    assert told.table.unbridge("b")
    assert not told.table.unbridge("b")
    assert told.table.down(one, "normal") == []
    assert two in told.table.rows


def test_an_end_that_was_told_is_the_one_of_its_own_play(told: Told) -> None:
    leg = told.come_in()
    told.table.playing(leg, 1)
    told.table.playing(leg, 2)
    told.table.played(leg, 1, "replaced")
    assert told.table.rows[leg].play == 2
    told.table.played(leg, 2, "end")
    assert told.table.rows[leg].play == 0
    told.table.down(leg, "normal")
    told.table.played(leg, 3, "removed")
    whys = [record.why for record in told.records if isinstance(record, PlayDone)]
    assert whys == ["replaced", "end"]


@pytest.mark.parametrize(
    ("repeat", "kind"),
    [
        (lambda table, leg: table.up(leg), LegUp),
        (lambda table, leg: table.held(leg, on=True), Held),
    ],
)
def test_what_is_so_already_is_not_told_again(told: Told, repeat: Any, kind: type) -> None:
    leg = told.come_in()
    repeat(told.table, leg)
    repeat(told.table, leg)
    assert told.kinds() == [LegIn, kind]


def test_ringing_is_told_with_each_status_until_the_answer(told: Told) -> None:
    leg = told.go_out()
    told.table.ringing(leg, 180, early=False)
    told.table.ringing(leg, 183, early=True)
    told.table.up(leg)
    told.table.ringing(leg, 180, early=False)
    assert told.kinds() == [LegOut, LegRinging, LegRinging, LegUp]
