"""No agent and no contact is stuck: each state ends at its deadline (table in docs/routing.md).

The other owner is `z`, another appliance: what it says comes from the test, or it says nothing.
"""

from pathlib import Path
from typing import TypeVar

import msgspec
import pytest

from appliance.link.messages import (
    CONFIRM_MS,
    CONNECT_MS,
    Confirm,
    Context,
    LinkMessage,
    Offer,
    ProposalRefused,
    Propose,
    Reached,
    Release,
)
from appliance.plan.model import Channel
from appliance.routing.model import Place, Proposal, Trace
from appliance.seat.proposals import COLLECT_S
from appliance.wire.commands import Dial
from tests.appliance.brainkit import PLAN, Box, World

M = TypeVar("M", bound=LinkMessage)
RING_S = PLAN.queues[0].ring_s
SLOTS: dict[Channel, int] = {"voice": 1, "task": 1}
TASKS = msgspec.structs.replace(
    PLAN, agents=(msgspec.structs.replace(PLAN.agents[0], slots=SLOTS), *PLAN.agents[1:])
)
CONTEXT = Context(
    caller="+331", caller_name="", private=False, called="200", queue="sales", klass="bronze",
    keys=[], waited_ms=0, arrived="2026-01-01T00:00:00.000000Z",
)  # fmt: skip


@pytest.fixture
def box(world: World, tmp_path: Path) -> Box:
    made = Box(world, tmp_path, plan=TASKS)
    made.legs.register("ann")
    world.run(1)
    return made


def said(box: Box, kind: type[M]) -> list[M]:
    return [message for _, message in box.sent if isinstance(message, kind)]


def propose(box: Box, contact: str = "far", channel: Channel = "voice", arrival: int = 1) -> None:
    """Propose a contact of `z` for ann."""
    proposal = Proposal(
        contact=contact, contact_owner="z", contact_incarnation=1, contact_fence=1, seat="ann",
        seat_owner="a", seat_incarnation=box.brain.given.incarnation,
        seat_epoch=box.seat("ann").epoch, seat_fence=0, channel=channel,
        place=Place(arrival, "z", contact),
        trace=Trace(plan_serial=1, contact_score=0, waited_ms=0),
    )  # fmt: skip
    box.brain.link("hub", Propose(proposal))
    box.world.settle()


def confirm(box: Box) -> Offer:
    offer = said(box, Offer)[-1]
    box.brain.link("z", Confirm(offer.reservation, offer.fence, CONTEXT))
    box.world.settle()
    return offer


def released(box: Box) -> str:
    return said(box, Release)[-1].reason


# -- the seat's owner --------------------------------------------------------------------------


def test_a_seat_that_is_not_confirmed_is_free_again(world: World, box: Box) -> None:
    propose(box)
    world.run(CONFIRM_MS / 1000 - 0.1)
    assert box.seat("ann").state == "reserved"
    world.run(0.2)
    assert box.seat("ann").state == "ready"
    assert released(box) == "reservation-expired"


def test_a_seat_that_is_not_called_is_free_again(world: World, box: Box) -> None:
    propose(box)
    world.run(1)
    confirm(box)
    world.run(CONNECT_MS / 1000 - 0.1)
    assert box.seat("ann").state == "reserved"
    world.run(0.2)
    assert box.seat("ann").state == "ready"
    assert released(box) == "reservation-expired"


def test_a_phone_that_rings_on_is_given_up(world: World, box: Box) -> None:
    box.legs.answer_after = None
    box.legs.rings_out = False
    propose(box)
    offer = confirm(box)
    box.legs.call_in("", kind="peer", via="z", reservation=offer.reservation, fence=offer.fence)
    world.run(RING_S + 1)
    assert box.seat("ann").state == "ringing"
    world.run(2)
    assert (box.seat("ann").state, box.seat("ann").why) == ("paused", "no-answer")
    assert released(box) == "no-answer"


@pytest.mark.parametrize("dead", ["phone", "caller"])
def test_a_talk_with_a_dead_leg_ends_with_it(world: World, box: Box, dead: str) -> None:
    """Legs ends a leg that is silent for too long with `media-timeout`: the agent is free.

    A caller whose agent's leg is the dead one stays, at the same place.
    """
    caller = box.legs.call_in("200")
    world.run(3)
    phone = next(row.leg for row in box.legs.rows.values() if row.out)
    assert box.seat("ann").state == "talking"
    box.legs.down(phone if dead == "phone" else caller, "media-timeout")
    world.run(0.1)
    assert box.seat("ann").state == "wrap-up"
    assert box.legs.rows[phone].state == "down"
    assert (box.legs.rows[caller].state == "up") == (dead == "phone")
    phases = [contact.phase for contact in box.brain.book]
    assert phases == (["waiting"] if dead == "phone" else [])


def test_a_talk_whose_legs_went_unheard_ends_when_legs_is_heard_again(
    world: World, box: Box
) -> None:
    box.legs.call_in("200")
    world.run(3)
    box.kill()
    box.legs.rows.clear()
    world.run(1)
    box.start()
    world.run(0.1)
    assert box.seat("ann").state == "wrap-up"
    assert len(box.brain.book) == 0


def test_notes_end_by_themselves(world: World, box: Box) -> None:
    leg = box.legs.call_in("200")
    world.run(3)
    box.legs.down(leg)
    world.run(4.9)
    assert box.seat("ann").state == "wrap-up"
    world.run(0.2)
    assert box.seat("ann").state == "ready"


def test_the_best_of_several_proposals_is_soon_taken(world: World, box: Box) -> None:
    box.brain.floor.set_reaches({"a", "b"})  # who proposes has changed
    propose(box, "late", arrival=9)
    propose(box, "early", arrival=1)
    assert said(box, Offer) == []
    world.run(COLLECT_S + 0.001)
    assert [offer.contact for offer in said(box, Offer)] == ["early"]
    assert [refused.contact for refused in said(box, ProposalRefused)] == ["late"]


def test_a_slot_that_is_not_confirmed_is_free_again(world: World, box: Box) -> None:
    propose(box, channel="task")
    world.run(CONFIRM_MS / 1000 - 0.1)
    assert len(box.seat("ann").work) == 1
    world.run(0.2)
    assert not box.seat("ann").work
    assert released(box) == "reservation-expired"


def test_a_task_that_is_not_accepted_goes_back(world: World, box: Box) -> None:
    propose(box, channel="task")
    confirm(box)
    world.run(RING_S - 0.1)
    assert [work.phase for work in box.seat("ann").work.values()] == ["shown"]
    world.run(0.2)
    assert (box.seat("ann").state, box.seat("ann").why) == ("paused", "no-answer")
    assert released(box) == "no-answer"


# -- the contact's owner -----------------------------------------------------------------------


def offered(box: Box, contact: str) -> Offer:
    """Offer a seat of `z` for *contact*."""
    row = box.brain.book.get(contact)
    assert row is not None
    offer = Offer(
        reservation="r", fence=1, contact=contact, contact_fence=row.fence, seat="zoe",
        contact_incarnation=box.brain.given.incarnation, seat_epoch=1, agent_title="Zoe",
    )  # fmt: skip
    box.brain.link("z", offer)
    box.world.settle()
    return offer


def test_a_contact_whose_seat_is_not_reached_waits_again(world: World, tmp_path: Path) -> None:
    box = Box(world, tmp_path)
    leg = box.legs.call_in("200")
    world.run(1)
    contact = box.contact(leg)
    offered(box, contact.contact)
    assert said(box, Confirm)
    assert box.legs.of(Dial)[-1].via == "z"
    world.run(CONNECT_MS / 1000 + 0.1)
    assert contact.phase == "waiting"
    assert released(box) == "reservation-expired"


def test_a_contact_whose_seat_rings_on_waits_again(world: World, tmp_path: Path) -> None:
    box = Box(world, tmp_path)
    leg = box.legs.call_in("200")
    world.run(1)
    contact = box.contact(leg)
    offer = offered(box, contact.contact)
    box.brain.link("z", Reached(offer.reservation, offer.fence, "ringing"))
    box.legs.rings_out = False
    world.run(RING_S + 4.5)
    assert said(box, Release) == []
    world.run(1)
    assert contact.phase == "waiting"
    assert released(box) == "no-answer"
