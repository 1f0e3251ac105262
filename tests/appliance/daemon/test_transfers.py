"""Blind transfers between branches, in virtual time: who hears whom, which legs are left."""

from pathlib import Path

import msgspec
import pytest

from appliance.wire import commands as wire
from tests.appliance.brainkit import World
from tests.appliance.daemon.transferkit import PLAN, Fleet, call, facts, plays_to, states


@pytest.fixture
def fleet(world: World, tmp_path: Path) -> Fleet:
    return Fleet(world, tmp_path)


def test_to_an_agent_of_another_branch(fleet: Fleet) -> None:
    leg = call(fleet, "200", "ann", "bob")
    contact = fleet["a"].contact(leg).contact
    fleet.type("ann", "*721#")
    fleet.world.run(3)
    assert fleet.listeners("a", leg) == {"bob"}
    assert fleet["a"].seat("ann").state == "wrap-up"
    fleet["a"].legs.down(leg)
    fleet.world.run(1)
    assert fleet["a"].outcomes() == ["served"]
    assert [fleet.living(box) for box in "abc"] == [[], [], []]
    assert states(fleet) == ["asked", "calling", "completed"]
    kinds = fleet["a"].kinds(contact)
    assert (kinds[0], kinds[-1]) == ("contact-arrived", "contact-ended")
    assert kinds.count("contact-connected") == 2


def test_the_second_agent_knows_all_before_the_phone_rings(fleet: Fleet) -> None:
    leg = call(fleet, "200", "ann", "bob")
    fleet["a"].contact(leg).keys = (("menu", "7"),)
    fleet["b"].legs.answer_after = None
    fleet.world.run(57)
    reason = fleet["a"].brain.rooms.transfers.ask(
        fleet["a"].contact(leg), "blind", "agent:bob", note="wants a refund"
    )
    assert reason == ""
    fleet.world.run(1)
    held = fleet["b"].seat("bob").reservation
    assert held is not None
    assert held.context is not None
    (before,) = held.context.handled
    assert (before.seat, before.owner, before.queue) == ("ann", "a", "sales")
    assert (before.waited_ms // 1000, before.talked_ms // 1000) == (31, 59)
    assert held.context.waited_ms // 1000 == 31
    assert held.context.keys == [("menu", "7")]
    assert held.context.notes == ["ann: wants a refund"]
    assert (held.context.transfer, held.context.by) == ("blind", "ann")
    (dial,) = fleet["b"].legs.of(wire.Dial)
    assert dial.caller_name == "sales, key 7, from ann, waited 0:31"


@pytest.mark.parametrize(
    ("rule", "first"), [("keep", "old"), ("waiting-time-only", "other"), ("new", "other")]
)
def test_to_a_queue_by_place(fleet: Fleet, rule: str, first: str) -> None:
    old = call(fleet, "200", "ann")
    other = fleet["a"].legs.call_in("300")
    fleet.world.run(2)
    contact = fleet["a"].contact(old)
    was = contact.place
    assert fleet["a"].brain.rooms.transfers.ask(contact, "blind", "300", place=rule) == ""
    fleet.world.run(2)
    assert (contact.place == was) == (rule == "keep")
    assert contact.queue == "service"
    (row,) = [row for row in fleet["a"].brain.floor.rows().contacts if row.contact == was.contact]
    assert (row.state, row.age_ms > 30_000) == ("waiting", rule != "new")
    assert plays_to(fleet, old)[-1] == ["moh"]
    fleet.register("bob")
    fleet.world.run(3)
    served = {"old": old, "other": other}[first]
    assert fleet.listeners("a", served) == {"bob"}
    (moved,) = facts(fleet, "contact-moved")
    assert (moved["to"], moved["by"]) == ("queue:service", "agent:ann")
    assert moved.get("place", "keep") == rule
    fleet["a"].legs.down(old)
    fleet.world.run(1)
    (ended,) = facts(fleet, "contact-ended")
    assert ended["waited_ms"] > 31_000  # all of it, whatever became of the place


def test_to_a_site_takes_a_free_agent_there(fleet: Fleet) -> None:
    plan = msgspec.structs.replace(
        PLAN,
        agents=tuple(
            msgspec.structs.replace(one, skills={"sales": 1}) if one.name == "bob" else one
            for one in PLAN.agents
        ),
    )
    for name in "abc":
        fleet[name].brain.take_plan(plan)
    leg = call(fleet, "200", "ann")
    fleet.register("bob")
    fleet.world.run(1)
    fleet.type("ann", "*740#")
    fleet.world.run(3)
    assert fleet.listeners("a", leg) == {"bob"}


def test_to_a_site_where_nobody_is_free_waits_for_its_agents(fleet: Fleet) -> None:
    leg = call(fleet, "200", "ann")
    contact = fleet["a"].contact(leg)
    was = contact.place
    fleet.type("ann", "*740#")
    fleet.world.run(1)
    assert (contact.phase, contact.home, contact.place) == ("waiting", "b", was)


def test_nobody_answers_and_it_comes_back(fleet: Fleet) -> None:
    leg = call(fleet, "200", "ann", "bob")
    fleet["b"].legs.answer_after = None
    fleet["a"].legs.answer_after = None
    fleet.type("ann", "*721#")
    fleet.world.run(13)
    assert fleet["b"].seat("bob").state == "paused"
    held = fleet["a"].seat("ann").reservation
    assert held is not None
    assert held.context is not None
    assert held.context.transfer == "returned"
    fleet["a"].legs.up(fleet.phone("ann"))
    fleet.world.run(1)
    assert fleet.listeners("a", leg) == {"ann"}
    assert states(fleet) == ["asked", "calling", "failed", "returned"]


def test_nobody_answers_and_the_first_does_not_either(fleet: Fleet) -> None:
    leg = call(fleet, "200", "ann", "bob")
    place = fleet["a"].contact(leg).place
    fleet["b"].legs.answer_after = None
    fleet["a"].legs.answer_after = None
    fleet.type("ann", "*721#")
    fleet.world.run(26)
    contact = fleet["a"].contact(leg)
    assert (contact.phase, contact.queue, contact.place) == ("waiting", "sales", place)
    assert contact.transfer is None
    assert fleet["a"].seat("ann").state == "paused"
    fleet["a"].legs.answer_after = 1.0
    fleet["a"].brain.board.resume(fleet["a"].seat("ann"))
    fleet.world.run(25)
    assert fleet.listeners("a", leg) == {"ann"}


def test_an_agent_in_wrap_up_is_recalled(fleet: Fleet) -> None:
    leg = call(fleet, "200", "ann", "bob")
    fleet["b"].legs.answer_after = None
    fleet.type("ann", "*721#")
    fleet.world.run(1)
    assert fleet["a"].seat("ann").state == "wrap-up"
    fleet["b"].legs.down(fleet.phone("bob"), "declined")
    fleet.world.run(0.5)
    assert fleet["a"].seat("ann").state == "ringing"
    assert facts(fleet, "wrap-up-ended")
    fleet.world.run(2)
    assert fleet.listeners("a", leg) == {"ann"}


@pytest.mark.parametrize("how", ["*7", "*8"])
def test_a_busy_target_is_told_and_the_talk_goes_on(fleet: Fleet, how: str) -> None:
    leg = call(fleet, "200", "ann", "bob")
    fleet["b"].brain.board.pause(fleet["b"].seat("bob"), "agent")
    fleet.world.run(1)
    phone = fleet.phone("ann")
    fleet.type("ann", f"{how}21#")
    assert plays_to(fleet, phone)[-1] == ["beeperr"]
    assert plays_to(fleet, leg)[-1] == ["moh"]
    fleet["a"].legs.prompts_end(phone)
    fleet.world.run(0.1)
    assert fleet.listeners("a", leg) == {"ann"}
    assert fleet["a"].seat("ann").state == "talking"
    assert facts(fleet, "transfer-stepped")[-1]["reason"] == "seat-paused"


@pytest.mark.parametrize(
    "target", ["queue:nothing", "agent:ann", "site:nowhere", "+15", "x:y", ""]
)
@pytest.mark.parametrize("how", ["blind", "consult"])
def test_what_cannot_be_is_refused_at_once(fleet: Fleet, target: str, how: str) -> None:
    leg = call(fleet, "200", "ann")
    assert fleet["a"].brain.rooms.transfers.ask(fleet["a"].contact(leg), how, target)
    fleet.world.run(1)
    assert fleet.listeners("a", leg) == {"ann"}
    assert states(fleet) == []


def test_to_a_number_outside(fleet: Fleet) -> None:
    leg = call(fleet, "200", "ann")
    assert fleet["a"].brain.rooms.transfers.ask(fleet["a"].contact(leg), "blind", "+4930") == ""
    fleet.world.run(0.5)
    dial = fleet["a"].legs.of(wire.Dial)[-1]
    assert (dial.kind, dial.via, dial.to, dial.caller) == ("trunk", "provider", "+4930", "+33123")
    fleet.world.run(1)
    assert fleet.listeners("a", leg) == {"outside"}
    assert fleet["a"].seat("ann").state == "wrap-up"
    fleet["a"].legs.down(leg)
    fleet.world.run(1)
    assert fleet["a"].outcomes() == ["served"]
    assert fleet.living("a") == []


def test_outside_is_busy_and_it_comes_back(fleet: Fleet) -> None:
    leg = call(fleet, "200", "ann")
    fleet["a"].legs.answer_after = None
    assert fleet["a"].brain.rooms.transfers.ask(fleet["a"].contact(leg), "blind", "+4930") == ""
    fleet.world.run(0.5)
    (out,) = [row.leg for row in fleet["a"].legs.rows.values() if row.kind == "trunk" and row.out]
    fleet["a"].legs.answer_after = 1.0
    fleet["a"].legs.down(out, "busy")
    fleet.world.run(3)
    assert fleet.listeners("a", leg) == {"ann"}
    assert states(fleet) == ["asked", "calling", "failed", "returned"]


def test_a_caller_who_gives_up_on_the_way(fleet: Fleet) -> None:
    leg = call(fleet, "200", "ann", "bob")
    fleet["b"].legs.answer_after = None
    fleet.type("ann", "*721#")
    fleet.world.run(1)
    fleet["a"].legs.down(leg)
    fleet.world.run(1)
    assert fleet["a"].outcomes() == ["abandoned"]
    assert [fleet.living(box) for box in "ab"] == [[], []]
    assert fleet["b"].seat("bob").state == "ready"
