"""The brain in virtual time: callers who leave a number keep their place and are called back."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from appliance.base.errors import PeerError
from appliance.call.contact import Contact
from appliance.plan.callback import CallBack
from appliance.plan.model import Enqueue, Flow, HangUp, Number, Overflow
from appliance.wire.commands import Dial, Hang, Play
from tests.appliance.brainkit import PLAN, Box, World

replace = msgspec.structs.replace

OWN = "+493012345678"
OTHER = "+493087654321"
OFFER = CallBack(
    prompts=("offer",), queue="sales", trunk="provider", country="DE", read=("we-call",),
    confirm=("right?",), ask=("key-it",), promised=("promised",), gap_s=60.0, calls=2,
    window_s=600.0, next="bye", otherwise="wait",
)  # fmt: skip
OFFERING = replace(
    PLAN,
    numbers=(*PLAN.numbers, Number(number="400", flow="back"), Number(number="410", flow="stay")),
    flows=(
        *PLAN.flows,
        Flow(
            name="back",
            start="offer",
            steps={"offer": OFFER, "bye": HangUp(), "wait": Enqueue(queue="sales")},
        ),
        Flow(
            name="stay",
            start="offer",
            steps={"offer": replace(OFFER, next="wait"), "wait": Enqueue(queue="sales")},
        ),
    ),
)


@pytest.fixture
def box(world: World, tmp_path: Path) -> Box:
    made = Box(world, tmp_path, plan=OFFERING)
    made.legs.prompt_s = 1.0
    return made


def leave(box: Box, number: str = "400", caller: str = OWN) -> Contact:
    """Let a caller agree to be called back, and hang up."""
    leg = box.legs.call_in(number, caller=caller)
    box.world.run(0.5)
    for _ in range(2):
        box.legs.press(leg, "1")
        box.world.run(0.1)
    contact = box.contact(leg)
    box.legs.down(leg)
    box.world.run(0.1)
    return contact


def phase(contact: Contact) -> str:
    return contact.phase


def facts(box: Box, contact: Contact) -> list[tuple[str, dict[str, Any]]]:
    return [(e.kind, e.as_dict()) for e in box.journal.entries(contact=contact.contact)]


def out(box: Box) -> list[Dial]:
    """Return the calls that were made to callers."""
    return [dial for dial in box.legs.of(Dial) if dial.kind == "trunk"]


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


# -- what is offered, and to whom --------------------------------------------------------------


def press(box: Box, leg: int, keys: str) -> None:
    for key in keys:
        box.legs.press(leg, key)
        box.world.run(0.1)


def played(box: Box, leg: int) -> list[list[str]]:
    return [play.items for play in box.legs.of(Play) if play.leg == leg]


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


# -- how the call goes -------------------------------------------------------------------------


def callee(box: Box) -> int:
    """Return the newest leg to a caller."""
    return max(leg for leg, row in box.legs.rows.items() if row.kind == "trunk" and row.out)


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
