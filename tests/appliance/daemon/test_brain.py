"""The brain in virtual time: from a call to a talk, and every way it can end otherwise."""

from pathlib import Path

import msgspec
import pytest

from appliance.wire.commands import Bridge, Dial, Hang, Play, ReceiveFax
from appliance.wire.events import FaxDone, Held, Refused
from tests.appliance.brainkit import PLAN, Box, World


@pytest.fixture
def box(world: World, tmp_path: Path) -> Box:
    return Box(world, tmp_path)


def only_contact(box: Box) -> str:
    (contact,) = [
        entry.contact for entry in box.journal.entries() if entry.kind == "contact-arrived"
    ]
    return contact


def test_call_to_queue_reaches_the_agent_and_is_booked(world: World, box: Box) -> None:
    box.legs.register("ann")
    leg = box.legs.call_in("200")
    world.run(3)
    (dial,) = box.legs.of(Dial)
    assert dial.via == "ann"
    assert dial.caller == "+33123"
    assert dial.caller_name.startswith("sales, waited 0:0")
    bridge = box.legs.of(Bridge)[-1]
    assert leg in bridge.legs
    assert box.legs.rows[leg].bridge
    box.legs.down(leg)
    world.run(1)
    assert box.outcomes() == ["served"]
    kinds = box.kinds(only_contact(box))
    assert kinds[0] == "contact-arrived"
    assert kinds[-1] == "contact-ended"
    assert {"contact-queued", "seat-offered", "contact-connected"} <= set(kinds)
    assert box.seat("ann").state == "wrap-up"
    world.run(6)
    assert box.seat("ann").state == "ready"


def test_menu_leads_to_the_queue_of_the_key(world: World, box: Box) -> None:
    box.legs.register("bob")
    leg = box.legs.call_in("100")
    world.run(1)
    box.legs.prompts_end(leg)
    world.settle()
    box.legs.press(leg, "2")
    world.run(3)
    (dial,) = box.legs.of(Dial)
    assert dial.via == "bob"
    assert "key 2" in dial.caller_name


@pytest.mark.parametrize("presses", ["2", "98", "981"])
def test_a_key_is_journalled_before_what_it_led_to(world: World, box: Box, presses: str) -> None:
    leg = box.legs.call_in("100")
    world.run(1)
    for digit in presses:
        box.legs.prompts_end(leg)
        world.settle()
        box.legs.press(leg, digit)
        world.run(1)
    story = [
        (entry.kind, entry.as_dict().get("digit"))
        for entry in box.journal.entries(contact=only_contact(box))
        if entry.kind in ("flow-stepped", "contact-queued")
    ]
    pressed = [("flow-stepped", digit) for digit in presses[:2]]  # there are two tries
    assert story == [*pressed, ("contact-queued", None)]


def test_wrong_key_then_silence_takes_the_way_otherwise(world: World, box: Box) -> None:
    box.legs.register("ann")
    leg = box.legs.call_in("100")
    world.run(1)
    box.legs.prompts_end(leg)
    world.settle()
    box.legs.press(leg, "9")
    world.settle()
    box.legs.prompts_end(leg)
    world.run(1)
    assert not box.legs.of(Dial)
    assert "invalid" in box.legs.of(Play)[-1].items
    box.legs.prompts_end(leg)
    world.run(8)
    assert [dial.via for dial in box.legs.of(Dial)] == ["ann"]


def test_caller_who_gives_up_is_told_apart(world: World, box: Box) -> None:
    leg = box.legs.call_in("200")
    world.run(5)
    assert box.legs.of(Play)[-1].loop
    box.legs.down(leg)
    world.run(1)
    assert box.outcomes() == ["abandoned"]
    assert len(box.brain.book) == 0


def test_expected_wait_is_announced_and_then_music(world: World, tmp_path: Path) -> None:
    queues = tuple(msgspec.structs.replace(queue, announce_s=30.0) for queue in PLAN.queues)
    box = Box(world, tmp_path, "c", plan=msgspec.structs.replace(PLAN, queues=queues))
    box.legs.prompt_s = 4.0
    box.legs.register("ann")
    box.legs.call_in("200")
    world.run(5)
    leg = box.legs.call_in("200")
    world.run(2)
    announced, *_ = [play for play in box.legs.of(Play) if play.leg == leg]
    assert announced.items[0] == "queue-holdtime"
    assert not announced.loop
    world.run(4)
    assert box.legs.of(Play)[-1].items == ["moh"]
    (promise,) = [e for e in box.journal.entries() if e.kind == "wait-announced"]
    assert 0 < promise.as_dict()["low_s"] < promise.as_dict()["high_s"]
    world.run(30)
    assert sum(play.items[0] == "queue-holdtime" for play in box.legs.of(Play)) == 2


def test_a_promise_that_was_not_kept_makes_the_next_one_longer(
    world: World, tmp_path: Path
) -> None:
    """ann hears the first caller for a moment, and takes the second only 20 min later."""
    queues = tuple(msgspec.structs.replace(queue, announce_s=3600.0) for queue in PLAN.queues)
    box = Box(world, tmp_path, "c", plan=msgspec.structs.replace(PLAN, queues=queues))
    box.legs.register("ann")
    for _ in range(2):
        first = box.legs.call_in("200")
        world.run(5)
        second = box.legs.call_in("200")
        world.run(2)
        box.brain.board.pause(box.seat("ann"), "agent")
        box.legs.down(first)
        world.run(1200)
        box.brain.board.resume(box.seat("ann"))
        world.run(5)
        box.legs.down(second)
        world.run(30)
    told = [e.as_dict() for e in box.journal.entries() if e.kind == "wait-announced"]
    assert len(told) == 2
    assert told[1]["high_s"] > 1.5 * told[0]["high_s"]


def test_unknown_number_is_let_go_by_word(world: World, box: Box) -> None:
    leg = box.legs.call_in("999")
    world.run(1)
    assert box.legs.rows[leg].reason == "not-found"
    assert box.outcomes() == ["released"]


def test_no_answer_pauses_the_seat_and_keeps_the_place(world: World, box: Box) -> None:
    box.legs.register("ann")
    box.legs.answer_after = None
    leg = box.legs.call_in("200")
    world.run(1)
    place = box.contact(leg).place
    world.run(12)
    assert box.seat("ann").state == "paused"
    contact = box.contact(leg)
    assert contact.phase == "waiting"
    assert contact.place == place
    box.legs.answer_after = 1.0
    star = box.legs.call_in("*1", kind="phone", via="ann")
    world.run(1)
    box.legs.down(star)
    world.run(25)
    assert box.legs.rows[leg].bridge


def test_star_code_pauses_a_seat(world: World, box: Box) -> None:
    box.legs.register("ann")
    box.legs.call_in("*2", kind="phone", via="ann")
    box.legs.call_in("200")
    world.run(5)
    assert box.seat("ann").state == "paused"
    assert not box.legs.of(Dial)


def test_oldest_caller_comes_first(world: World, box: Box) -> None:
    legs = []
    for _ in range(3):
        legs.append(box.legs.call_in("200"))
        world.run(2)
    box.legs.register("ann")
    world.run(3)
    assert [leg for leg in legs if box.legs.rows[leg].bridge] == [legs[0]]


def test_phone_that_goes_away_is_no_seat(world: World, box: Box) -> None:
    box.legs.register("ann")
    world.run(1)
    box.legs.unregister("ann")
    box.legs.call_in("200")
    world.run(5)
    assert not box.legs.of(Dial)
    assert box.brain.board.get("ann") is None


def test_a_phone_that_goes_away_while_it_rings_keeps_nobody_waiting(
    world: World, box: Box
) -> None:
    box.legs.answer_after = None
    box.legs.register("ann")
    leg = box.legs.call_in("200")
    world.run(2)
    assert box.contact(leg).phase == "reserved"
    box.legs.unregister("ann")
    world.run(0.1)
    assert box.contact(leg).phase == "waiting"
    assert [hang.reason for hang in box.legs.of(Hang)] == ["cancelled"]


def test_hold_by_the_agent_plays_music_to_the_caller(world: World, box: Box) -> None:
    box.legs.register("ann")
    leg = box.legs.call_in("200")
    world.run(3)
    phone = next(row.leg for row in box.legs.rows.values() if row.out)
    box.brain.event(Held(box.legs.seq, 0.0, phone, True))
    world.settle()
    assert not box.legs.rows[leg].bridge
    assert box.legs.commands[-1] == Play(leg, box.contact(leg).play, ["moh"], True)
    box.brain.event(Held(box.legs.seq, 0.0, phone, False))
    world.settle()
    assert box.legs.rows[leg].bridge


@pytest.mark.parametrize("talks", [1, 20])
def test_kill_keeps_talks_places_and_books(world: World, tmp_path: Path, talks: int) -> None:
    box = Box(world, tmp_path)
    box.legs.register("ann")
    talking = box.legs.call_in("200")
    world.run(3)
    waiting = [box.legs.call_in("200") for _ in range(talks)]
    world.run(2)
    places = [box.contact(leg).place for leg in waiting]
    box.kill()
    gone = waiting.pop(0)
    box.legs.down(gone)
    world.run(1)
    commands = len(box.legs.commands)
    box.start()
    world.run(0.5)
    assert box.legs.rows[talking].bridge
    assert [box.contact(leg).place for leg in waiting] == places[1:]
    assert box.outcomes() == ["abandoned"]
    assert not [c for c in box.legs.commands[commands:] if isinstance(c, Hang)]
    box.legs.down(talking)
    world.run(10)
    if waiting:
        assert box.legs.rows[waiting[0]].bridge


def test_legs_restart_closes_the_books_of_lost_calls(world: World, box: Box) -> None:
    box.legs.register("ann")
    box.legs.call_in("200")
    world.run(3)
    box.legs.call_in("200")
    world.run(1)
    box.legs.rows.clear()
    box.legs.epoch = "e2"
    box.legs.attach(box.brain)
    world.run(1)
    assert sorted(box.outcomes()) == ["failed", "served"]
    assert len(box.brain.book) == 0
    assert box.seat("ann").state in ("wrap-up", "ready")


def test_agent_who_hangs_up_before_the_bridge_leaves_nobody_in_silence(
    world: World, box: Box
) -> None:
    box.legs.register("ann")
    leg = box.legs.call_in("200")
    box.legs.bridges = False
    world.run(3)
    phone = next(row.leg for row in box.legs.rows.values() if row.out)
    box.legs.down(phone)
    world.run(1)
    assert box.legs.rows[leg].state == "down"
    assert box.outcomes() == ["served"]


def test_agent_who_hangs_up_while_the_brain_is_away_leaves_nobody_in_silence(
    world: World, box: Box
) -> None:
    box.legs.register("ann")
    leg = box.legs.call_in("200")
    box.legs.bridges = False
    world.run(3)
    phone = next(row.leg for row in box.legs.rows.values() if row.out)
    box.kill()
    box.legs.down(phone)
    box.start()
    world.run(1)
    assert box.legs.rows[leg].state == "down"
    assert box.outcomes() == ["served"]


def fax_done(box: Box, leg: int, contact: str, reason: str, pages: int) -> None:
    files = ("f.tif", "f.pdf") if pages else ("", "")
    box.brain.event(
        FaxDone(box.legs.seq, 0.0, leg, contact, reason, pages, "+49 30", *files, t38=True)
    )


def test_a_fax_is_received_journalled_and_let_go(world: World, box: Box) -> None:
    leg = box.legs.call_in("300")
    world.run(1)
    contact = only_contact(box)
    (command,) = box.legs.of(ReceiveFax)
    assert (command.leg, command.fax) == (leg, contact)
    assert command.path.endswith(f"/{contact}.tif")
    fax_done(box, leg, contact, "carrier-lost", 2)
    world.run(1)
    assert box.legs.rows[leg].state == "down"
    (kept,) = [entry.as_dict() for entry in box.journal.entries() if entry.kind == "fax-kept"]
    assert kept == {
        "pages": 2, "path": "f.tif", "pdf": "f.pdf", "station": "+49 30",
        "reason": "carrier-lost", "leg": leg, "t38": True,
    }  # fmt: skip
    assert box.outcomes() == ["released"]


def test_a_fax_whose_caller_was_quicker_is_journalled_too(world: World, box: Box) -> None:
    leg = box.legs.call_in("300")
    world.run(1)
    box.legs.down(leg)
    world.run(1)
    fax_done(box, leg, only_contact(box), "normal", 1)
    world.run(1)
    assert box.kinds(only_contact(box))[-2:] == ["contact-ended", "fax-kept"]
    assert not box.legs.of(Hang)


def test_a_leg_that_cannot_receive_a_fax_is_let_go_by_word(world: World, box: Box) -> None:
    leg = box.legs.call_in("300")
    world.run(1)
    box.brain.event(Refused(box.legs.seq, 0.0, 64, str(leg), "no-codec"))
    world.run(1)
    assert box.legs.rows[leg].reason == "no-codec"


def test_a_fax_outlives_the_brain(world: World, box: Box) -> None:
    leg = box.legs.call_in("300")
    world.run(1)
    contact = only_contact(box)
    box.kill()
    box.start()
    world.run(1)
    assert {fax.fax for fax in box.legs.of(ReceiveFax)} == {contact}
    assert box.legs.rows[leg].state == "up"
    fax_done(box, leg, contact, "normal", 1)
    world.run(1)
    assert box.legs.rows[leg].state == "down"
