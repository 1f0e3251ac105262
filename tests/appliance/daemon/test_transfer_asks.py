"""Transfers by star code and by command; branches that die in the midst of them."""

from pathlib import Path
from typing import Any

import pytest

from appliance.daemon.transfer import transfer
from appliance.link.messages import TransferAsk
from appliance.wire import commands as wire
from tests.appliance.brainkit import World
from tests.appliance.daemon.transferkit import Fleet, call, consult, facts, plays_to, states


@pytest.fixture
def fleet(world: World, tmp_path: Path) -> Fleet:
    return Fleet(world, tmp_path)


def test_nobody_hears_a_code_and_others_are_passed_on(fleet: Fleet) -> None:
    leg = call(fleet, "200", "ann", "bob")
    phone = fleet.phone("ann")
    legs = fleet["a"].legs
    assert legs.of(wire.KeepDigits)[-1] == wire.KeepDigits(phone)
    for digit in "5":
        legs.press(phone, digit, "rfc4733")
    fleet.world.run(0.1)
    assert legs.of(wire.SendDigits) == [wire.SendDigits(leg, "5")]
    legs.press(phone, "*", "rfc4733")
    fleet.world.run(0.1)
    assert legs.of(wire.Level)[-1] == wire.Level(phone, mute=True)
    legs.press(phone, "6", "rfc4733")
    fleet.world.run(0.1)
    assert legs.of(wire.Level)[-1] == wire.Level(phone)
    assert legs.of(wire.SendDigits)[-1] == wire.SendDigits(leg, "*6")
    for digit in "*721":
        legs.press(phone, digit, "rfc4733")
    fleet.world.run(6)  # a code that is not ended is given up
    assert legs.of(wire.Level)[-1] == wire.Level(phone)
    assert len(legs.of(wire.SendDigits)) == 2
    legs.press(phone, "7", "inband")  # the sound has brought it already
    fleet.world.run(0.1)
    assert len(legs.of(wire.SendDigits)) == 2
    assert fleet.listeners("a", leg) == {"ann"}


def test_the_digits_of_an_agent_who_consults_go_to_the_target(fleet: Fleet) -> None:
    leg = consult(fleet)
    phone = fleet.phone("ann")
    fleet["a"].legs.press(phone, "5", "rfc4733")
    fleet.world.run(0.1)
    (sent,) = fleet["a"].legs.of(wire.SendDigits)
    assert sent.leg != leg
    assert sent.leg in fleet["a"].legs.hears(phone)


def test_a_foreign_ask_is_refused_by_word(fleet: Fleet) -> None:
    leg = call(fleet, "200", "ann", "bob")
    booking = fleet["a"].contact(leg).booking
    assert booking is not None
    for reservation, fence in ((booking.reservation, booking.fence), ("x", 1)):
        ask = TransferAsk(reservation=reservation, fence=fence, do="blind", target="agent:bob")
        fleet["a"].brain.link("b", ask)
        fleet.world.run(1)
    assert fleet.listeners("a", leg) == {"ann"}
    assert states(fleet) == []


def ask(fleet: Fleet, **request: object) -> dict[str, Any]:
    """Ask as `branchline transfer` does."""
    answer = transfer(fleet["a"].brain, {"do": "transfer", **request})
    fleet.world.run(3)
    return answer


def test_a_command_hands_a_contact_on(fleet: Fleet) -> None:
    leg = call(fleet, "200", "ann", "bob")
    contact = fleet["a"].contact(leg).contact
    answer = ask(fleet, contact=contact, how="consult", target="agent:bob", note="n")
    assert answer == {"contact": contact, "phase": "talking"}
    assert fleet.listeners("a", fleet.phone("ann")) == {"bob"}
    assert ask(fleet, contact=contact, how="complete") == answer
    assert fleet.listeners("a", leg) == {"bob"}


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        ({"contact": "gone", "how": "blind", "target": "21"}, "contact-gone"),
        ({"how": "blind", "target": "queue:gone"}, "not-found"),
        ({"how": "back"}, "wrong-state"),
        ({"how": "fly", "target": "21"}, "bad-request"),
        ({"how": "blind", "target": "21", "place": "mine"}, "bad-request"),
        ({"how": "blind", "target": ["21"]}, "bad-request"),
        ({"how": "blind", "target": "2" * 501}, "bad-request"),
        ({"how": "blind", "target": "21", "note": 7}, "bad-request"),
    ],
)
def test_a_command_that_cannot_be(fleet: Fleet, request_: dict[str, object], reason: str) -> None:
    leg = call(fleet, "200", "ann", "bob")
    contact = fleet["a"].contact(leg).contact
    assert ask(fleet, **{"contact": contact, **request_})["error"] == reason
    assert fleet.listeners("a", leg) == {"ann"}


def test_a_branch_that_dies_in_mid_talk_gives_its_callers_back(fleet: Fleet) -> None:
    leg = call(fleet, "300", "bob")
    contact = fleet["a"].contact(leg)
    place = contact.place
    fleet.world.run(60)
    fleet.die("b")
    fleet.world.run(0.5)
    assert (contact.phase, contact.queue, contact.place) == ("waiting", "service", place)
    assert plays_to(fleet, leg)[-1] == ["moh"]
    (row,) = fleet["a"].brain.floor.rows().contacts
    assert 31_000 <= row.age_ms < 35_000  # its wait goes on, the talk is not counted
    assert fleet["a"].outcomes() == []
    talk = facts(fleet, "talk-ended")[-1]
    assert (talk["reason"], talk["seat"]) == ("media-timeout", "bob")
    fleet["a"].legs.down(leg)
    fleet.world.run(1)
    assert facts(fleet, "contact-ended")[-1]["talked_ms"] >= 60_000


def test_while_the_link_is_gone_silence_is_believed_sooner(fleet: Fleet) -> None:
    leg = call(fleet, "300", "bob")
    booking = fleet["a"].contact(leg).booking
    assert booking is not None
    fleet["a"].brain.switchboard.peer_down("b")
    fleet.world.run(0.1)
    assert fleet["a"].legs.of(wire.WatchSilence) == [wire.WatchSilence(booking.leg, 2.0)]
    assert fleet.listeners("a", leg) == {"bob"}
    fleet["a"].brain.switchboard.peer_up("b")
    fleet.world.run(0.1)
    assert fleet["a"].legs.of(wire.WatchSilence)[-1] == wire.WatchSilence(booking.leg)


def test_so_is_the_silence_of_one_who_is_consulted(fleet: Fleet) -> None:
    consult(fleet)
    (target,) = [row.leg for row in fleet["a"].legs.rows.values() if row.kind == "peer"]
    fleet["a"].brain.switchboard.peer_down("b")
    fleet.world.run(0.1)
    assert fleet["a"].legs.of(wire.WatchSilence) == [wire.WatchSilence(target, 2.0)]
    fleet["a"].brain.switchboard.peer_up("b")
    fleet.world.run(0.1)
    assert fleet["a"].legs.of(wire.WatchSilence)[-1] == wire.WatchSilence(target)


def test_the_agent_sees_how_far_it_is(fleet: Fleet) -> None:
    consult(fleet)
    held = fleet["a"].seat("ann").reservation
    assert held is not None
    assert held.transfer == "talking"


@pytest.mark.parametrize("answered", [False, True])
def test_the_branch_of_the_target_dies(fleet: Fleet, answered: bool) -> None:
    leg = call(fleet, "200", "ann", "bob")
    fleet["b"].legs.answer_after = 1.0 if answered else None
    fleet.type("ann", "*821#")
    fleet.world.run(3)
    fleet.die("b")
    fleet.world.run(4)
    assert fleet.listeners("a", leg) == {"ann"}
    assert fleet.living("a") == ["phone", "trunk"]


@pytest.mark.parametrize("answered", [False, True])
def test_the_branch_of_the_agent_who_asks_dies(fleet: Fleet, answered: bool) -> None:
    leg = call(fleet, "300", "bob", "cat")
    place = fleet["a"].contact(leg).place
    fleet["c"].legs.answer_after = 1.0 if answered else None
    fleet.type("bob", "*8")
    transfers = fleet["a"].brain.rooms.transfers
    assert transfers.ask(fleet["a"].contact(leg), "consult", "agent:cat") == ""
    fleet.world.run(3)
    fleet.die("b")
    fleet.world.run(0.5)
    if answered:
        assert fleet.listeners("a", leg) == {"cat"}
        return
    fleet["c"].legs.down(fleet.phone("cat"), "declined")
    fleet.world.run(5)
    contact = fleet["a"].contact(leg)
    assert (contact.phase, contact.queue, contact.place) == ("waiting", "service", place)
    assert fleet.living("a") == ["trunk"]


def test_the_branch_of_a_blind_target_dies(fleet: Fleet) -> None:
    leg = call(fleet, "200", "ann", "bob")
    fleet["b"].legs.answer_after = None
    fleet.type("ann", "*721#")
    fleet.world.run(1)
    fleet.die("b")
    fleet.world.run(4)
    assert fleet.listeners("a", leg) == {"ann"}
