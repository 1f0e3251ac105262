"""Two appliances in virtual time: a caller at one, the agent at the other."""

from pathlib import Path

from appliance.ledger.records import SeatOffered
from appliance.routing.trace import PACKED_MOST, explain, recompute, unpack
from appliance.wire import commands as wire
from tests.appliance.brainkit import World
from tests.appliance.daemon.federationkit import Federation


def test_caller_at_a_is_answered_at_b_with_context(world: World, tmp_path: Path) -> None:
    federation = Federation(world, tmp_path)
    a, b = federation.boxes["a"], federation.boxes["b"]
    b.legs.register("ann")
    leg = a.legs.call_in("200", caller="+331")
    world.run(4)
    (dial,) = b.legs.of(wire.Dial)
    assert (dial.caller, dial.via) == ("+331", "ann")
    assert dial.caller_name.startswith("sales, waited")
    (between,) = a.legs.of(wire.Dial)
    assert between.kind == "peer"
    assert a.legs.rows[leg].bridge
    assert len(b.legs.of(wire.Bridge)) == 1
    a.legs.down(leg)
    world.run(1)
    assert a.outcomes() == ["served"]
    assert b.outcomes() == []
    assert b.seat("ann").state == "wrap-up"
    assert all(row.state == "down" for row in (*a.legs.rows.values(), *b.legs.rows.values()))


def test_the_caller_s_branch_journals_why_that_agent(world: World, tmp_path: Path) -> None:
    federation = Federation(world, tmp_path)
    a, b = federation.boxes["a"], federation.boxes["b"]
    b.legs.register("ann")
    leg = a.legs.call_in("200")
    world.run(4)
    contact = a.contact(leg).contact
    (fact,) = [
        fact
        for entry in a.journal.entries(contact=contact)
        if isinstance(fact := entry.fact(), SeatOffered)
    ]
    assert 0 < len(fact.trace) <= PACKED_MOST
    found = unpack(contact, "a", fact.seat, fact.owner, fact.trace)
    assert found is not None
    assert recompute(a.brain.plans.plan, found) == []
    assert explain(found)[-1].startswith("ann: levels ")


def test_agent_at_b_who_does_not_answer(world: World, tmp_path: Path) -> None:
    federation = Federation(world, tmp_path)
    a, b = federation.boxes["a"], federation.boxes["b"]
    b.legs.register("ann")
    b.legs.answer_after = None
    leg = a.legs.call_in("200")
    world.run(14)
    assert b.seat("ann").state == "paused"
    assert a.contact(leg).phase == "waiting"
    assert a.contact(leg).attempts == 1
    assert [row.state for row in b.legs.rows.values()] == ["down", "down"]


def test_call_with_a_stale_fence_is_refused(world: World, tmp_path: Path) -> None:
    federation = Federation(world, tmp_path)
    b = federation.boxes["b"]
    b.legs.register("ann")
    leg = b.legs.call_in("", kind="peer", via="a", reservation="x", fence=1)
    world.run(1)
    assert b.legs.rows[leg].reason == "stale-fence"
    assert not b.legs.of(wire.Dial)


def test_cut_between_the_boxes_returns_the_contact_to_its_place(
    world: World, tmp_path: Path
) -> None:
    federation = Federation(world, tmp_path)
    a, b = federation.boxes["a"], federation.boxes["b"]
    federation.cut = True
    b.legs.register("ann")
    leg = a.legs.call_in("200")
    world.run(3)
    assert a.contact(leg).phase == "waiting"
    federation.cut = False
    world.run(12)
    assert a.legs.rows[leg].bridge
    assert len(a.legs.of(wire.Bridge)) == 1


def test_hub_gone_own_agents_are_offered_own_calls(world: World, tmp_path: Path) -> None:
    federation = Federation(world, tmp_path)
    a, b = federation.boxes["a"], federation.boxes["b"]
    federation.hub_up = False
    for box in (a, b):
        box.brain.floor.set_reaches({box.name})
    a.legs.register("ann")
    leg = a.legs.call_in("200")
    world.run(2)
    assert a.legs.rows[leg].bridge
    federation.hub_up = True
    for box in (a, b):
        box.brain.floor.set_reaches(federation.hub_reaches())
    world.run(2)
    assert len(a.legs.of(wire.Bridge)) == 1
    assert not b.legs.commands


def test_kill_of_the_callers_brain_while_the_agent_rings(world: World, tmp_path: Path) -> None:
    federation = Federation(world, tmp_path)
    a, b = federation.boxes["a"], federation.boxes["b"]
    b.legs.register("ann")
    leg = a.legs.call_in("200")
    world.run(0.5)
    assert b.seat("ann").state == "ringing"
    a.kill()
    a.start()
    federation.wire_up("a")
    world.run(3)
    assert a.legs.rows[leg].bridge
    a.legs.down(leg)
    world.run(10)
    assert a.outcomes() == ["served"]
    assert b.seat("ann").state == "ready"
