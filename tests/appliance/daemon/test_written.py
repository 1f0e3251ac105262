"""Written contacts beside calls: slots by channel, pre-emption, deadlines, restarts."""

from pathlib import Path
from typing import Any

import pytest

from appliance.base.errors import ConfigError
from appliance.daemon.desk import ContactDesk
from appliance.link.messages import (
    SERVING_LAPSE_S,
    Offer,
    ProposalRefused,
    Propose,
    Serving,
    ServingAck,
)
from appliance.plan.model import Agent, Channel, Number, Plan, Queue
from appliance.routing.model import Proposal, SeatRow, Trace
from appliance.seat.state import Work
from tests.appliance.brainkit import Box, World
from tests.appliance.daemon.federationkit import Federation


def plan(**of_ann: Any) -> Plan:
    """Return a plan in which one agent takes a call and three chats."""
    of_ann.setdefault("slots", {"voice": 1, "chat": 3, "task": 1})
    ann = Agent(name="ann", site="north", account="ann", skills={"sales": 5}, **of_ann)
    return Plan(
        serial=1,
        numbers=(Number(number="200", queue="sales"),),
        queues=(
            Queue(name="sales", skills={"sales": 1}, wrap_up_s=5.0, ring_s=10.0, announce_s=0),
        ),
        agents=(ann,),
    )


def ask(box: Box, **what: Any) -> str:
    """Ask as the admin socket does, and let the brain settle."""
    answer = ContactDesk(box.brain).answer({"do": "contact", **what})
    box.world.settle()
    return str(answer["contact"])


def new(box: Box, channel: Channel = "chat", subject: str = "hello") -> str:
    return ask(box, type="new", channel=channel, queue="sales", subject=subject)


def act(box: Box, what: str, contact: str) -> None:
    ask(box, type="act", what=what, contact=contact)


def works(box: Box) -> dict[str, Work]:
    return {work.contact: work for work in box.seat("ann").work.values()}


def row(box: Box) -> SeatRow:
    found = box.brain.floor.matchmaker.floor.seat("ann")
    assert found is not None
    return found


def phases(box: Box) -> list[str]:
    return sorted(work.phase for work in works(box).values())


def test_a_task_is_offered_accepted_done_and_booked(world: World, tmp_path: Path) -> None:
    box = Box(world, tmp_path, plan=plan())
    box.legs.register("ann")
    task = new(box, "task", "call the printer")
    world.run(0.1)
    work = works(box)[task]
    assert work.phase == "shown"
    assert work.context is not None
    assert work.context.data == {"subject": "call the printer"}
    act(box, "accept", task)
    contact = box.brain.book.get(task)
    assert contact is not None
    assert contact.phase == "talking"
    world.run(120)  # owners assure each other of it for as long as it takes
    act(box, "end", task)
    assert box.outcomes() == ["served"]
    assert phases(box) == ["wrap-up"]
    world.run(6)
    assert phases(box) == []
    kinds = box.kinds(task)
    assert kinds[0] == "contact-arrived"
    assert {"contact-queued", "seat-offered", "contact-connected", "talk-ended"} <= set(kinds)
    assert not box.legs.commands


def test_a_task_is_not_handed_on_as_a_call_is(world: World, tmp_path: Path) -> None:
    box = Box(world, tmp_path, plan=plan())
    box.legs.register("ann")
    task = new(box, "task")
    world.run(1)
    act(box, "accept", task)
    contact = box.brain.book.get(task)
    assert contact is not None
    assert box.brain.rooms.transfers.ask(contact, "blind", "200") == "wrong-state"
    assert not box.legs.commands


def test_one_call_and_three_chats_at_once_and_no_fourth(world: World, tmp_path: Path) -> None:
    box = Box(world, tmp_path, plan=plan())
    box.legs.register("ann")
    chats = [new(box) for _ in range(4)]
    world.run(1)
    shown = list(works(box))
    assert shown == chats[:3]
    for chat in shown:
        act(box, "accept", chat)
    leg = box.legs.call_in("200")
    world.run(3)
    assert box.legs.rows[leg].bridge
    assert phases(box) == ["accepted"] * 3
    assert row(box).also == ("task",)
    assert row(box).busy == 4
    act(box, "end", chats[0])
    world.run(6)
    assert list(works(box)) == chats[1:]
    assert box.legs.rows[leg].bridge


def test_a_call_takes_an_unanswered_chat_s_place(world: World, tmp_path: Path) -> None:
    box = Box(world, tmp_path, plan=plan(exclusive=(("voice", "chat"),)))
    box.legs.register("ann")
    chat = new(box)
    world.run(1)
    place = getattr(box.brain.book.get(chat), "place", None)
    assert phases(box) == ["shown"]
    leg = box.legs.call_in("200")
    world.run(3)
    assert box.legs.rows[leg].bridge
    assert phases(box) == []
    contact = box.brain.book.get(chat)
    assert contact is not None
    assert (contact.phase, contact.place) == ("waiting", place)
    (ended,) = [entry.as_dict() for entry in box.journal.entries() if entry.kind == "offer-ended"]
    assert ended["reason"] == "preempted"
    box.legs.down(leg)
    world.run(5.5)  # the notes of the call, and not the 20 s for which a failed pair is left out
    assert phases(box) == ["shown"]


def test_an_accepted_chat_that_excludes_calls_keeps_them_away(
    world: World, tmp_path: Path
) -> None:
    box = Box(world, tmp_path, plan=plan(exclusive=(("voice", "chat"),)))
    box.legs.register("ann")
    chat = new(box)
    world.run(1)
    act(box, "accept", chat)
    leg = box.legs.call_in("200")
    world.run(10)
    assert not box.legs.rows[leg].bridge
    assert phases(box) == ["accepted"]
    assert row(box).state == "talking"
    act(box, "end", chat)
    world.run(8)
    assert box.legs.rows[leg].bridge


def test_a_seat_refuses_what_its_plan_excludes(world: World, tmp_path: Path) -> None:
    box = Box(world, tmp_path, plan=plan(exclusive=(("chat", "task"),)))
    box.legs.register("ann")
    first = new(box, "chat")
    world.run(1)
    task = new(box, "task")
    world.run(1)
    assert row(box).also == ("chat",)
    assert list(works(box)) == [first]
    act(box, "end", task)
    assert box.outcomes() == ["released"]


def test_who_does_not_accept_is_paused_and_the_contact_waits(world: World, tmp_path: Path) -> None:
    box = Box(world, tmp_path, plan=plan())
    box.legs.register("ann")
    task = new(box, "task")
    world.run(11)
    assert box.seat("ann").state == "paused"
    assert box.seat("ann").why == "no-answer"
    assert phases(box) == []
    contact = box.brain.book.get(task)
    assert contact is not None
    assert contact.phase == "waiting"


def test_a_declined_contact_goes_back_and_the_agent_stays(world: World, tmp_path: Path) -> None:
    box = Box(world, tmp_path, plan=plan())
    box.legs.register("ann")
    first, second = new(box, "task"), new(box, "task")
    world.run(1)
    act(box, "decline", first)
    world.run(1)
    assert list(works(box)) == [second]
    assert box.seat("ann").state == "ready"
    act(box, "accept", second)
    act(box, "end", second)
    world.run(21)
    assert list(works(box)) == [first]


def test_pause_gives_offers_back_and_leaves_accepted_work(world: World, tmp_path: Path) -> None:
    box = Box(world, tmp_path, plan=plan())
    box.legs.register("ann")
    accepted, offered = new(box), new(box)
    world.run(1)
    act(box, "accept", accepted)
    box.brain.board.pause(box.seat("ann"), "agent")
    world.run(1)
    assert list(works(box)) == [accepted]
    contact = box.brain.book.get(offered)
    assert contact is not None
    assert contact.phase == "waiting"


def test_a_phone_that_goes_takes_the_seat_and_leaves_the_contacts(
    world: World, tmp_path: Path
) -> None:
    box = Box(world, tmp_path, plan=plan())
    box.legs.register("ann")
    accepted, offered = new(box), new(box)
    world.run(1)
    act(box, "accept", accepted)
    box.legs.unregister("ann")
    world.run(1)
    assert box.brain.board.get("ann") is None
    for name in (accepted, offered):
        contact = box.brain.book.get(name)
        assert contact is not None
        assert contact.phase == "waiting"
        assert contact.booking is None


@pytest.mark.parametrize("phase", ["shown", "accepted", "wrap-up"])
def test_a_restart_of_the_brain_loses_nothing(world: World, tmp_path: Path, phase: str) -> None:
    box = Box(world, tmp_path, plan=plan())
    box.legs.register("ann")
    contact = new(box)
    world.run(1)
    if phase != "shown":
        act(box, "accept", contact)
    if phase == "wrap-up":
        act(box, "end", contact)
    box.kill()
    world.run(0.5)
    box.start()
    world.run(0.5)
    assert phases(box) == [phase]
    if phase == "shown":
        act(box, "accept", contact)
    if phase != "wrap-up":
        world.run(100)
        act(box, "end", contact)
    world.run(6)
    assert box.outcomes() == ["served"]
    assert phases(box) == []
    assert box.journal.verify().ok


def test_a_waiting_task_outlives_the_brain_and_the_legs(world: World, tmp_path: Path) -> None:
    box = Box(world, tmp_path, plan=plan())
    task = new(box, "task")
    before = box.brain.book.get(task)
    box.kill()
    box.legs.epoch = "e2"
    box.start()
    world.run(1)
    after = box.brain.book.get(task)
    assert before is not None
    assert after is not None
    assert (after.phase, after.place) == ("waiting", before.place)
    box.legs.register("ann")
    world.run(1)
    assert list(works(box)) == [task]


@pytest.fixture
def two(world: World, tmp_path: Path) -> Federation:
    made = Federation(world, tmp_path, plan())
    made.boxes["b"].legs.register("ann")
    return made


def test_a_contact_of_one_box_is_served_at_another(world: World, two: Federation) -> None:
    here, there = two.boxes["a"], two.boxes["b"]
    chat = new(here)
    world.run(1)
    assert list(works(there)) == [chat]
    act(there, "accept", chat)
    world.run(100)
    contact = here.brain.book.get(chat)
    assert contact is not None
    assert contact.phase == "talking"
    act(there, "end", chat)
    world.run(1)
    assert here.outcomes() == ["served"]


def test_who_wrote_it_may_leave_while_the_agent_is_at_it(world: World, two: Federation) -> None:
    here, there = two.boxes["a"], two.boxes["b"]
    chat = new(here)
    world.run(1)
    act(there, "accept", chat)
    world.run(1)
    act(here, "end", chat)
    world.run(1)
    assert here.outcomes() == ["served"]
    assert phases(there) == ["wrap-up"]


def test_a_cut_frees_both_sides_after_a_while(world: World, two: Federation) -> None:
    here, there = two.boxes["a"], two.boxes["b"]
    chat = new(here)
    world.run(1)
    act(there, "accept", chat)
    world.run(1)
    two.cut, two.hub_up = True, False
    world.run(SERVING_LAPSE_S - 6)
    assert phases(there) == ["accepted"]
    world.run(12)
    assert phases(there) == []
    contact = here.brain.book.get(chat)
    assert contact is not None
    assert contact.phase == "waiting"


def test_a_seat_s_owner_hears_that_a_contact_is_gone(world: World, two: Federation) -> None:
    here, there = two.boxes["a"], two.boxes["b"]
    chat = new(here)
    world.run(1)
    act(there, "accept", chat)
    world.run(1)
    two.cut = True
    act(here, "end", chat)
    two.cut = False
    world.run(6)
    assert phases(there) == ["wrap-up"]


def test_words_about_no_contact_of_ours_change_nothing(world: World, two: Federation) -> None:
    here, there = two.boxes["a"], two.boxes["b"]
    chat = new(here)
    world.run(1)
    (work,) = works(there).values()
    there.brain.link("a", ServingAck(work.reservation, work.fence))
    here.brain.link("z", Serving(work.reservation, work.fence))
    world.run(1)
    contact = here.brain.book.get(chat)
    assert contact is not None
    assert contact.phase == "reserved"


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        ({"type": "new", "channel": "voice", "queue": "sales"}, "bad-request"),
        ({"type": "new", "channel": "smoke", "queue": "sales"}, "bad-request"),
        ({"type": "new", "channel": "task", "queue": "nobody"}, "not-found"),
        (
            {"type": "new", "channel": "task", "queue": "sales", "subject": "x" * 121},
            "bad-request",
        ),
        ({"type": "new", "channel": "task", "queue": "sales", "fence": 1}, "bad-request"),
        ({"type": "act", "what": "accept", "contact": "none"}, "not-found"),
        ({"type": "act", "what": "eat", "contact": "none"}, "bad-request"),
        ({}, "bad-request"),
    ],
)
def test_what_cannot_be_done_is_refused_by_word(
    world: World, tmp_path: Path, asked: dict[str, Any], reason: str
) -> None:
    box = Box(world, tmp_path, plan=plan())
    with pytest.raises(ConfigError) as caught:
        ask(box, **asked)
    assert caught.value.reason == reason


def test_a_contact_is_accepted_once(world: World, tmp_path: Path) -> None:
    box = Box(world, tmp_path, plan=plan())
    box.legs.register("ann")
    chat = new(box)
    world.run(1)
    act(box, "accept", chat)
    with pytest.raises(ConfigError, match="wrong-state"):
        act(box, "accept", chat)


@pytest.mark.parametrize(
    ("channel", "reason"), [("chat", ""), ("task", "seat-busy"), ("sms", "seat-busy")]
)
def test_a_proposal_without_a_free_slot_is_refused(
    world: World, tmp_path: Path, channel: Channel, reason: str
) -> None:
    box = Box(world, tmp_path, plan=plan())
    box.legs.register("ann")
    task = new(box, "task")
    world.run(1)
    act(box, "accept", task)
    proposal = Proposal(
        contact="far", contact_owner="z", contact_incarnation=1, contact_fence=1, seat="ann",
        seat_owner="a", seat_incarnation=box.brain.given.incarnation,
        seat_epoch=box.seat("ann").epoch, seat_fence=0, channel=channel,
        trace=Trace(plan_serial=1, contact_score=0.0, waited_ms=0),
    )  # fmt: skip
    box.brain.link("hub", Propose(proposal))
    world.settle()
    refused = [message for _, message in box.sent if isinstance(message, ProposalRefused)]
    assert [message.reason for message in refused] == ([reason] if reason else [])
    assert (
        ("z", "far") in [(peer, m.contact) for peer, m in box.sent if isinstance(m, Offer)]
    ) == (not reason)
    world.run(3)
    assert list(works(box)) == [task]  # nobody confirmed
