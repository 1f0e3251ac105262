"""Consultations between branches, in virtual time: who hears whom, who goes when."""

from pathlib import Path

import pytest

from appliance.wire.commands import Play
from tests.appliance.brainkit import World
from tests.appliance.daemon.transferkit import Fleet, call, consult, states


@pytest.fixture
def fleet(world: World, tmp_path: Path) -> Fleet:
    return Fleet(world, tmp_path)


def test_complete_and_back_again_leaves_no_trombone(fleet: Fleet) -> None:
    leg = consult(fleet, "ann", "bob", "abe")
    fleet.type("ann", "*7#")
    fleet.world.run(1)
    assert fleet.listeners("a", leg) == {"bob"}
    assert fleet.living("a") == ["peer", "trunk"]
    assert fleet["a"].seat("ann").state == "wrap-up"
    fleet.type("bob", "*722#")
    fleet.world.run(3)
    assert fleet.listeners("a", leg) == {"abe"}
    assert fleet.living("a") == ["phone", "trunk"]
    assert fleet.living("b") == []
    (first, second) = fleet["a"].contact(leg).handled
    assert (first.seat, second.seat) == ("ann", "bob")


def test_hanging_up_completes(fleet: Fleet) -> None:
    leg = consult(fleet)
    fleet["a"].legs.down(fleet.phone("ann"))
    fleet.world.run(0.5)
    assert fleet.listeners("a", leg) == {"bob"}
    assert states(fleet) == ["asked", "calling", "talking", "completed"]


def test_hanging_up_while_it_rings_makes_it_blind(fleet: Fleet) -> None:
    leg = call(fleet, "200", "ann", "bob")
    fleet["b"].legs.answer_after = None
    fleet.type("ann", "*821#")
    fleet.world.run(0.5)
    fleet["a"].legs.down(fleet.phone("ann"))
    fleet.world.run(0.5)
    assert fleet["a"].contact(leg).phase == "reserved"
    fleet["b"].legs.up(fleet.phone("bob"))
    fleet.world.run(0.5)
    assert fleet.listeners("a", leg) == {"bob"}


def test_back_to_the_caller(fleet: Fleet) -> None:
    leg = consult(fleet)
    fleet.type("ann", "*0")
    fleet.world.run(0.5)
    assert fleet.listeners("a", leg) == {"ann"}
    assert fleet.living("b") == []
    assert fleet["b"].seat("bob").state == "wrap-up"
    assert states(fleet)[-1] == "cancelled"


def test_back_while_it_rings(fleet: Fleet) -> None:
    leg = call(fleet, "200", "ann", "bob")
    fleet["b"].legs.answer_after = None
    fleet.type("ann", "*821#")
    fleet.world.run(0.5)
    fleet.type("ann", "*0")
    fleet.world.run(0.5)
    assert fleet.listeners("a", leg) == {"ann"}
    assert fleet["b"].seat("bob").state == "ready"


@pytest.mark.parametrize("goes", ["ann", "bob", "caller"])
def test_conference_until_somebody_goes(fleet: Fleet, goes: str) -> None:
    leg = consult(fleet)
    phone = fleet.phone("ann")
    fleet.type("ann", "*9")
    fleet.world.run(0.5)
    assert fleet.listeners("a", leg) == {"ann", "bob"}
    assert fleet.listeners("a", phone) == {"caller", "bob"}
    if goes == "caller":
        fleet["a"].legs.down(leg)
    elif goes == "ann":
        fleet["a"].legs.down(phone)
    else:
        fleet["b"].legs.down(fleet.phone("bob"))
    fleet.world.run(1)
    if goes == "caller":
        assert [fleet.living(box) for box in "ab"] == [[], []]
        assert fleet["a"].outcomes() == ["served"]
        return
    assert fleet.listeners("a", leg) == {"ann", "bob"} - {goes}
    assert states(fleet)[-1] == ("completed" if goes == "ann" else "cancelled")
    fleet["a"].legs.down(leg)
    fleet.world.run(1)
    assert [fleet.living(box) for box in "ab"] == [[], []]


def test_the_one_who_was_asked_hangs_up(fleet: Fleet) -> None:
    leg = consult(fleet)
    fleet["b"].legs.down(fleet.phone("bob"))
    fleet.world.run(0.5)
    assert fleet.listeners("a", leg) == {"ann"}


def test_the_caller_hangs_up_and_both_agents_go(fleet: Fleet) -> None:
    leg = consult(fleet)
    fleet["a"].legs.down(leg)
    fleet.world.run(0.5)
    assert [fleet.living(box) for box in "ab"] == [[], []]
    assert fleet["a"].outcomes() == ["served"]
    assert {fleet["a"].seat("ann").state, fleet["b"].seat("bob").state} == {"wrap-up"}


def test_with_a_queue_is_an_agent_who_is_free(fleet: Fleet) -> None:
    leg = call(fleet, "200", "ann", "bob")
    fleet.type("ann", "*8300#")
    fleet.world.run(3)
    assert fleet.listeners("a", fleet.phone("ann")) == {"bob"}
    fleet.type("ann", "*7#")
    fleet.world.run(1)
    assert fleet["a"].contact(leg).queue == "service"
    assert fleet.listeners("a", leg) == {"bob"}


def test_with_a_number_outside(fleet: Fleet) -> None:
    leg = call(fleet, "200", "ann")
    transfers = fleet["a"].brain.rooms.transfers
    assert transfers.ask(fleet["a"].contact(leg), "consult", "+4930") == ""
    fleet.world.run(2)
    assert fleet.listeners("a", fleet.phone("ann")) == {"outside"}
    fleet.type("ann", "*7#")
    fleet.world.run(1)
    assert fleet.listeners("a", leg) == {"outside"}
    assert fleet.living("a") == ["trunk", "trunk"]
    (out,) = [row.leg for row in fleet["a"].legs.rows.values() if row.kind == "trunk" and row.out]
    fleet["a"].legs.down(out)
    fleet.world.run(1)
    assert fleet["a"].outcomes() == ["served"]
    assert fleet.living("a") == []


def test_the_agent_of_the_other_branch_asks(fleet: Fleet) -> None:
    leg = call(fleet, "300", "bob", "cat")
    assert fleet["a"].brain.rooms.transfers.ask(
        fleet["a"].contact(leg), "consult", "agent:cat"
    ) == ""  # fmt: skip
    fleet.world.run(3)
    assert fleet.listeners("b", fleet.phone("bob")) == {"cat"}
    fleet.type("bob", "*7#")
    fleet.world.run(1)
    assert fleet.listeners("a", leg) == {"cat"}
    assert (fleet.living("a"), fleet.living("b")) == (["peer", "trunk"], [])


# -- a queue in which nobody is free -----------------------------------------------------------


def ask_queue(fleet: Fleet) -> int:
    """Let ann, who has a caller, consult the queue service, whose only agent talks already."""
    leg = call(fleet, "200", "ann", "bob")
    fleet["b"].legs.call_in("300")
    fleet.world.run(4)
    assert fleet["b"].seat("bob").state == "talking"
    fleet.type("ann", "*830#")
    fleet.world.run(0.5)
    return leg


def heard(fleet: Fleet) -> list[str]:
    """Return what ann's phone was played last."""
    plays = [play for play in fleet["a"].legs.of(Play) if play.leg == fleet.phone("ann")]
    return plays[-1].items


def free(fleet: Fleet) -> None:
    """Let bob's caller hang up; his notes take 5 s."""
    (other,) = [row.leg for row in fleet["b"].legs.rows.values() if row.kind == "trunk"]
    fleet["b"].legs.down(other)


def test_the_agent_hears_how_long_it_may_take_and_then_talks_with_who_comes_free(
    fleet: Fleet,
) -> None:
    leg = ask_queue(fleet)
    assert heard(fleet)[0] == "queue-holdtime"
    fleet["a"].legs.prompts_end(fleet.phone("ann"))
    fleet.world.run(0.2)
    assert heard(fleet) == ["tone:ringback"]
    free(fleet)
    fleet.world.run(8)
    assert fleet.listeners("a", fleet.phone("ann")) == {"bob"}
    fleet.type("ann", "*7#")
    fleet.world.run(1)
    assert fleet.listeners("a", leg) == {"bob"}
    assert states(fleet) == ["asked", "calling", "talking", "completed"]


def test_after_the_queue_s_ring_time_the_agent_is_told_that_nobody_is_free(fleet: Fleet) -> None:
    leg = ask_queue(fleet)
    fleet.world.run(8)
    assert fleet.listeners("a", leg) == set()
    fleet.world.run(2.5)
    assert heard(fleet) == ["beeperr"]
    fleet.world.run(3.5)
    assert fleet.listeners("a", leg) == {"ann"}
    assert states(fleet) == ["asked", "failed"]


def test_a_queue_that_nobody_serves_is_refused_at_once(fleet: Fleet) -> None:
    call(fleet, "200", "ann")
    fleet.type("ann", "*830#")
    fleet.world.run(0.5)
    assert heard(fleet) == ["beeperr"]


@pytest.mark.parametrize("how", ["hangs up", "completes"])
def test_who_does_not_wait_for_it_leaves_the_caller_in_that_queue(fleet: Fleet, how: str) -> None:
    leg = ask_queue(fleet)
    if how == "completes":
        fleet.type("ann", "*7#")
    else:
        fleet["a"].legs.down(fleet.phone("ann"))
    fleet.world.run(0.5)
    contact = fleet["a"].contact(leg)
    assert (contact.phase, contact.queue) == ("waiting", "service")
    free(fleet)
    fleet.world.run(9)
    assert fleet.listeners("a", leg) == {"bob"}


def test_back_while_nobody_is_free(fleet: Fleet) -> None:
    leg = ask_queue(fleet)
    fleet.type("ann", "*0")
    fleet.world.run(0.5)
    assert fleet.listeners("a", leg) == {"ann"}
    free(fleet)
    fleet.world.run(12)
    assert fleet.listeners("a", leg) == {"ann"}
    assert fleet["b"].seat("bob").state == "ready"


def test_the_caller_goes_while_nobody_is_free(fleet: Fleet) -> None:
    leg = ask_queue(fleet)
    fleet["a"].legs.down(leg)
    fleet.world.run(12)
    assert fleet["a"].outcomes() == ["served"]
    assert fleet.living("a") == []


def test_a_killed_brain_looks_on(fleet: Fleet) -> None:
    ask_queue(fleet)
    fleet["a"].kill()
    fleet["a"].start()
    fleet.wire_up("a")
    free(fleet)
    fleet.world.run(8)
    assert fleet.listeners("a", fleet.phone("ann")) == {"bob"}
