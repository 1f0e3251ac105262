"""The brain in virtual time: to whom a call-back is offered, and what they agree to."""

from pathlib import Path

import msgspec
import pytest

from appliance.plan.model import Overflow
from tests.appliance.brainkit import PLAN, Box, World
from tests.appliance.daemon.callbackkit import (
    OFFER,
    OFFERING,
    OTHER,
    OWN,
    facts,
    offering,
    out,
    phase,
    played,
    press,
)

replace = msgspec.structs.replace


@pytest.fixture
def box(world: World, tmp_path: Path) -> Box:
    return offering(world, tmp_path)


def test_the_number_is_read_back_and_the_window_is_told(world: World, box: Box) -> None:
    leg = box.legs.call_in("400", caller="0" + OWN[3:])
    world.run(1)
    press(box, leg, "11")
    digits = [f"digits/{digit}" for digit in OWN[1:]]
    assert played(box, leg)[:2] == [["offer"], ["we-call", *digits, "right?"]]
    assert played(box, leg)[2][:2] == ["promised", "queue-holdtime"]
    world.run(1.5)
    assert box.legs.rows[leg].state == "down"  # the flow went on to its end
    assert [contact.callback and contact.callback.waits for contact in box.brain.book] == [True]


@pytest.mark.parametrize("caller", ["anonymous", "+4990012345678", "+33123456789", "112", OWN])
def test_another_number_is_keyed(world: World, box: Box, caller: str) -> None:
    leg = box.legs.call_in("400", caller=caller)
    world.run(1)
    press(box, leg, "1" if caller != OWN else "12")
    assert played(box, leg)[-1] == ["key-it"]
    press(box, leg, "09001234567#")  # a premium number: never
    assert played(box, leg)[-1] == ["invalid", "key-it"]
    press(box, leg, "0" + OTHER[3:] + "#1")
    back = box.contact(leg).callback
    assert back is not None
    assert back.number == OTHER
    assert back.low_s < back.high_s == 600


def test_one_who_shows_no_number_is_asked_for_it(world: World, box: Box) -> None:
    leg = box.legs.call_in("400", caller=OWN, private=True)
    world.run(1)
    press(box, leg, "1")
    assert played(box, leg)[-1] == ["key-it"]


@pytest.mark.parametrize("keys", ["", "5", "1", "1333"])
def test_without_agreement_the_caller_waits_on_the_line(world: World, box: Box, keys: str) -> None:
    leg = box.legs.call_in("400", caller=OWN)
    world.run(1)
    press(box, leg, keys)
    world.run(40)
    assert box.contact(leg).phase == "waiting"
    box.legs.down(leg)
    world.run(1)
    assert box.outcomes() == ["abandoned"]


def test_without_the_trunk_nothing_is_offered(world: World, tmp_path: Path) -> None:
    flow = OFFERING.flows[-2]
    offer = replace(OFFER, trunk="other")
    flow = replace(flow, steps={**flow.steps, "offer": offer})
    box = Box(world, tmp_path, plan=replace(OFFERING, flows=(*PLAN.flows, flow)))
    leg = box.legs.call_in("400", caller=OWN)
    world.run(1)
    assert box.contact(leg).phase == "waiting"


def test_overflow_leads_to_a_call_back(world: World, tmp_path: Path) -> None:
    sales = replace(PLAN.queues[0], overflow=(Overflow(after_s=20.0, flow="back"),))
    box = Box(world, tmp_path, plan=replace(OFFERING, queues=(sales, *PLAN.queues[1:])))
    first = box.legs.call_in("200", caller=OWN)
    world.run(1)
    second = box.contact(box.legs.call_in("200"))
    world.run(20)
    press(box, first, "11")
    contact = box.contact(first)
    box.legs.down(first)
    world.run(60)
    box.legs.register("ann")
    world.run(4)
    assert phase(contact) == "talking"
    assert second.phase == "flow"  # its own offer; it was later
    connected = dict(facts(box, contact))["contact-connected"]
    assert connected["waited_ms"] > 80_000  # from the first queue on


def test_who_waits_on_the_line_and_gives_up_is_called_back(world: World, box: Box) -> None:
    leg = box.legs.call_in("410", caller=OWN)
    world.run(1)
    press(box, leg, "11")
    world.run(5)
    contact = box.contact(leg)
    assert phase(contact) == "waiting"
    assert contact.up
    box.legs.down(leg)
    world.run(5)
    assert phase(contact) == "waiting"
    box.legs.register("ann")
    world.run(4)
    assert (contact.phase, len(out(box))) == ("talking", 1)


def test_who_is_served_on_the_line_is_not_called_back(world: World, box: Box) -> None:
    leg = box.legs.call_in("410", caller=OWN)
    world.run(1)
    press(box, leg, "11")
    world.run(5)
    box.legs.register("ann")
    world.run(3)
    assert box.legs.rows[leg].bridge
    box.legs.down(leg)
    world.run(60)
    assert box.outcomes() == ["served"]
    assert not out(box)


def test_one_who_hangs_up_while_the_agent_is_rung_is_called_back(world: World, box: Box) -> None:
    box.legs.answer_after = None
    leg = box.legs.call_in("410", caller=OWN)
    world.run(1)
    press(box, leg, "11")
    contact = box.contact(leg)
    world.run(5)
    box.legs.register("ann")
    world.run(2)
    assert phase(contact) == "reserved"
    box.legs.answer_after = 1.0
    box.legs.down(leg)
    world.run(4)
    assert phase(contact) == "talking"
    assert contact.leg != leg
