"""The brain in virtual time: how the call to one who left a number goes, also after a kill."""

from pathlib import Path

import pytest

from appliance.base.errors import PeerError
from appliance.wire.commands import Dial, Hang
from tests.appliance.brainkit import Box, World
from tests.appliance.daemon.callbackkit import (
    OTHER,
    OWN,
    callee,
    facts,
    leave,
    offering,
    out,
    phase,
    press,
)


@pytest.fixture
def box(world: World, tmp_path: Path) -> Box:
    return offering(world, tmp_path)


def test_the_same_contact_is_called_back_at_its_place(world: World, box: Box) -> None:
    contact = leave(box)
    place = contact.place
    later = box.legs.call_in("200")
    world.run(30)
    box.legs.register("ann")
    world.run(0.5)
    assert not out(box)  # the agent comes first
    world.run(3)
    (dial,) = out(box)
    assert (dial.to, dial.caller, dial.via) == (OWN, "400", "provider")
    assert phase(contact) == "talking"
    assert contact.place == place
    assert box.contact(later).phase == "waiting"
    (phone,) = [dial for dial in box.legs.of(Dial) if dial.kind == "phone"]
    assert phone.caller == OWN
    assert phone.caller_name.startswith("call-back, sales")
    assert len({row.bridge for row in box.legs.rows.values() if row.bridge}) == 1
    box.legs.down(contact.leg)
    world.run(1)
    assert [kind for kind, _ in facts(box, contact)] == [
        "contact-arrived", "contact-answered", "flow-stepped", "flow-stepped", "flow-stepped",
            "call-back-promised", "contact-left", "contact-queued", "seat-offered",
        "call-back-scored", "call-back-made", "contact-connected", "talk-ended", "contact-ended",
    ]  # fmt: skip
    scored = dict(facts(box, contact))["call-back-scored"]
    assert scored["kept"]
    assert 30 < scored["after_s"] < scored["high_s"] == 600
    assert dict(facts(box, contact))["contact-ended"]["outcome"] == "served"


@pytest.mark.parametrize("reason", ["busy", "no-answer"])
def test_it_is_tried_again_by_rule_and_then_ended(world: World, box: Box, reason: str) -> None:
    contact = leave(box)
    box.legs.register("ann")
    for tries in (1, 2):
        box.legs.answer_after = 0.5  # the agent; the caller does not
        for _ in range(600):
            world.run(0.1)
            if contact.phase == "reserved":
                break
        box.legs.answer_after = None
        world.run(1)
        assert len(out(box)) == tries
        if reason == "busy":
            box.legs.down(callee(box), "busy")
        else:
            world.run(31)
        if tries == 1:
            world.run(20)
            assert phase(contact) == "resting"
            assert box.seat("ann").state == "ready"  # free for others meanwhile
            world.run(37)
    world.run(100)
    assert len(out(box)) == 2
    ended = dict(facts(box, contact))["contact-ended"]
    assert (ended["outcome"], ended["reason"]) == ("released", reason)
    assert not [row for row in box.legs.rows.values() if row.state != "down"]
    assert not list(box.brain.book)


def test_an_agent_who_hangs_up_first_costs_no_try(world: World, box: Box) -> None:
    contact = leave(box)
    box.legs.answer_after = 0.5
    box.legs.register("ann")
    world.run(0.3)
    box.legs.answer_after = None
    world.run(2)
    assert len(out(box)) == 1
    phone = next(leg for leg, row in box.legs.rows.items() if row.kind == "phone" and row.out)
    box.legs.down(phone)
    world.run(1)
    assert box.legs.rows[callee(box)].state == "down"
    assert phase(contact) == "waiting"
    assert contact.callback is not None
    assert contact.callback.calls == 2
    box.legs.answer_after = 0.5
    world.run(30)
    assert phase(contact) == "talking"


def test_no_more_are_called_than_agents_are_held_for_them(world: World, box: Box) -> None:
    for number in range(5):
        leave(box, caller=f"+49301234567{number}")
    box.legs.register("ann")
    for _ in range(400):
        world.run(0.5)
        called = [row for row in box.legs.rows.values() if row.kind == "trunk" and row.out]
        live = [row for row in called if row.state != "down"]
        assert len(live) <= 1
        if live and live[0].state == "up" and live[0].t_up + 3 < box.legs.now:
            box.legs.down(live[0].leg)
    assert box.outcomes() == ["served"] * 5
    tos = [dial.to for dial in out(box)]
    assert tos == sorted(tos)  # in order of their places


def test_an_agent_who_does_not_answer_leaves_the_caller_in_peace(world: World, box: Box) -> None:
    contact = leave(box)
    box.legs.answer_after = None
    box.legs.register("ann")
    world.run(20)
    assert not out(box)
    assert phase(contact) == "waiting"
    assert box.seat("ann").state == "paused"


# -- who calls in again, and what people cancel ------------------------------------------------


@pytest.mark.parametrize("number", ["200", "400"])
def test_one_who_calls_in_again_has_the_old_place(world: World, box: Box, number: str) -> None:
    contact = leave(box)
    other = box.legs.call_in("200", caller=OTHER)
    world.run(5)
    again = box.legs.call_in(number, caller="0" + OWN[3:])
    world.run(5)
    press(box, again, "5" if number == "400" else "")
    world.run(1)
    assert box.contact(again) is contact
    assert contact.up
    assert box.outcomes() == ["released"]
    box.legs.register("ann")
    world.run(3)
    assert box.legs.rows[again].bridge
    assert box.contact(other).phase == "waiting"
    assert not out(box)
    box.legs.down(again)
    world.run(1)
    assert box.outcomes() == ["released", "served"]
    assert "contact-returned" in box.kinds(contact.contact)


def test_one_who_calls_while_being_called_is_found_by_the_busy_line(
    world: World, box: Box
) -> None:
    contact = leave(box)
    box.legs.answer_after = 0.5
    box.legs.register("ann")
    world.run(0.3)
    box.legs.answer_after = None
    world.run(1)
    again = box.legs.call_in("200", caller=OWN)
    world.run(1)
    box.legs.down(callee(box), "busy")
    world.run(1)
    assert box.contact(again) is contact
    assert contact.phase in ("waiting", "reserved")


def test_another_queue_is_another_matter(world: World, box: Box) -> None:
    contact = leave(box)
    again = box.legs.call_in("100", caller=OWN)
    world.run(3)
    press(box, again, "2")
    world.run(1)
    assert box.contact(again) is not contact
    assert box.contact(again).queue == "service"


def test_one_number_is_called_once_a_queue(world: World, box: Box) -> None:
    first = leave(box)
    for _ in range(3):
        leave(box)
    assert [contact.contact for contact in box.brain.book] == [first.contact]
    assert box.outcomes() == ["released"] * 3
    box.legs.register("ann")
    world.run(4)
    assert len(out(box)) == 1


@pytest.mark.parametrize("when", ["waiting", "agent", "called"])
def test_people_cancel(world: World, box: Box, when: str) -> None:
    contact = leave(box)
    if when != "waiting":
        box.legs.answer_after = 0.5 if when == "called" else None
        box.legs.register("ann")
        world.run(0.3)
        box.legs.answer_after = None
        world.run(1)
    box.brain.rooms.callbacks.cancel(contact.contact)
    world.run(30)
    assert box.outcomes() == ["released"]
    assert [row.state for row in box.legs.rows.values() if row.out and row.state != "down"] == []
    with pytest.raises(PeerError, match="contact-gone"):
        box.brain.rooms.callbacks.cancel(contact.contact)
    scored = dict(facts(box, contact))["call-back-scored"]
    assert scored["kept"] == (when == "called")


# -- kills -------------------------------------------------------------------------------------


def test_a_call_back_outlives_brain_and_legs(world: World, box: Box) -> None:
    contact = leave(box)
    for epoch in ("e1", "e2"):
        box.kill()
        box.legs.epoch = epoch
        if epoch == "e2":
            box.legs.rows.clear()
        world.run(10)
        box.start()
        world.run(1)
    found = box.brain.book.get(contact.contact)
    assert found is not None
    assert (found.place, found.phase) == (contact.place, "waiting")
    assert box.brain.floor.rows().contacts[0].age_ms > 20_000
    box.legs.register("ann")
    world.run(4)
    assert phase(found) == "talking"


def test_after_a_reboot_it_has_waited_as_long(world: World, box: Box) -> None:
    contact = leave(box)
    world.run(10)
    box.kill()
    world.clock.advance(100)
    assert contact.callback is not None
    box.legs.boot = "another"
    box.legs.epoch = "e2"
    box.legs.rows.clear()
    clock = box.clock

    class Rebooted:
        def monotonic_s(self) -> float:
            return clock.monotonic_s() + 5000

        def wall_us(self) -> int:
            return clock.wall_us()

    box.clock = Rebooted()
    box.start()
    world.run(1)
    (row,) = box.brain.floor.rows().contacts
    assert 110_000 < row.age_ms < 113_000
    assert row.place == contact.place


@pytest.mark.parametrize("moment_s", [0.1, 0.3, 0.55, 0.9, 1.3, 1.52, 2.0])
@pytest.mark.parametrize("half", [False, True])
def test_killed_at_any_moment_the_caller_is_called_once(
    world: World, box: Box, moment_s: float, half: bool
) -> None:
    contact = leave(box)
    box.legs.answer_after = 0.5
    box.legs.register("ann")
    world.run(moment_s)
    box.kill()
    if half:
        world.run(1.0)
    box.start()
    world.run(6)
    found = box.brain.book.get(contact.contact)
    assert found is not None
    assert phase(found) == "talking"
    called = [row for row in box.legs.rows.values() if row.kind == "trunk" and row.out]
    assert len(called) == 1
    assert box.legs.rows[found.leg].bridge
    box.legs.down(found.leg)
    world.run(10)
    assert box.outcomes() == ["served"]
    assert box.seat("ann").state == "ready"


def test_a_rest_goes_on_after_a_kill(world: World, box: Box) -> None:
    contact = leave(box)
    box.legs.answer_after = 0.5
    box.legs.register("ann")
    world.run(0.3)
    box.legs.answer_after = None
    world.run(1)
    box.legs.down(callee(box), "busy")
    world.run(1)
    box.kill()
    box.start()
    world.run(50)
    found = box.brain.book.get(contact.contact)
    assert found is not None
    assert phase(found) == "resting"
    box.legs.answer_after = 0.5
    world.run(12)
    assert phase(found) == "talking"
    assert [hang for hang in box.legs.of(Hang) if hang.leg == found.leg] == []
