"""What a brain makes of calls that its legs relay, and of calls that go through a relay."""

from pathlib import Path

import pytest

from appliance.ledger.entry import Entry
from appliance.wire import commands as wire
from appliance.wire.rows import RELAY_CALL, LegRow
from tests.appliance.brainkit import Box, World
from tests.appliance.daemon.federationkit import Federation


def entries(box: Box, kind: str) -> list[Entry]:
    """Return what the box has journalled of that kind."""
    return [entry for entry in box.journal.entries(limit=10_000) if entry.kind == kind]


def relayed_in(box: Box) -> tuple[int, int]:
    """Let legs relay a call from x to y; return its halves."""
    near = box.legs.call_in("y", kind="relay", via="x", reservation="r-1", fence=3)
    far = 99
    box.legs.rows[far] = LegRow(
        leg=far, out=True, kind="relay", via="y", state="new", tok=f"{RELAY_CALL}1", owner=near
    )
    return near, far


def test_a_relayed_call_is_journalled_and_left_alone(world: World, tmp_path: Path) -> None:
    box = Box(world, tmp_path)
    near, far = relayed_in(box)
    box.legs.up(far)
    box.legs.up(near)
    world.run(12)
    box.legs.down(near)
    box.legs.down(far, "bridge-ended")
    world.run(1)
    (entry,) = entries(box, "call-relayed")
    assert entry.as_dict() | {"talked_ms": 0} == {
        "caller": "x", "called": "y", "reservation": "r-1", "talked_ms": 0, "reason": "normal",
    }  # fmt: skip
    assert entry.as_dict()["talked_ms"] == 12_000
    assert not entries(box, "contact-arrived")
    assert not box.legs.of(wire.Hang)
    assert not box.legs.of(wire.Answer)


@pytest.mark.parametrize("ended", [False, True])
def test_a_new_brain_takes_relayed_calls_over(world: World, tmp_path: Path, ended: bool) -> None:
    box = Box(world, tmp_path)
    near, _ = relayed_in(box)
    box.legs.up(near)
    world.run(1)
    box.kill()
    if ended:
        box.legs.down(near, "media-timeout")
    box.start()
    world.run(1)
    box.legs.down(near)
    world.run(1)
    reasons = [entry.as_dict()["reason"] for entry in entries(box, "call-relayed")]
    assert reasons == ["media-timeout" if ended else "normal"]
    assert not box.legs.of(wire.Hang)
    assert not entries(box, "contact-arrived")


def test_the_seats_owner_is_called_by_the_relay_there_is(world: World, tmp_path: Path) -> None:
    federation = Federation(world, tmp_path)
    a, b = federation.boxes["a"], federation.boxes["b"]
    ways = {"b": "relay-1"}
    a.brain.owner.relay_of = lambda peer: ways.get(peer, "")
    b.legs.register("ann")
    a.legs.call_in("200")
    world.run(4)
    (dial,) = a.legs.of(wire.Dial)
    assert (dial.kind, dial.via, dial.relay) == ("peer", "b", "relay-1")
    (leg,) = [row.leg for row in a.legs.rows.values() if row.kind == "peer"]
    # the talk's own way may be dead although there is another to the same box
    for way, watched in (("relay-2", [2.0]), ("relay-1", [2.0, 0.0])):
        a.legs.commands.clear()
        ways["b"] = way
        a.brain.switchboard.peer_down("b")
        a.brain.switchboard.peer_up("b")
        world.run(0.1)
        said = a.legs.of(wire.WatchSilence)
        assert [(one.leg, one.after_s) for one in said] == [(leg, after_s) for after_s in watched]


def test_an_agent_is_not_left_in_silence_when_the_callers_way_is_dead(
    world: World, tmp_path: Path
) -> None:
    federation = Federation(world, tmp_path)
    a, b = federation.boxes["a"], federation.boxes["b"]
    b.legs.register("ann")
    a.legs.call_in("200")
    world.run(4)
    (leg,) = [row.leg for row in b.legs.rows.values() if row.kind == "peer"]
    b.brain.switchboard.peer_down("a")
    b.brain.switchboard.peer_up("a")
    world.run(0.1)
    said = [(one.leg, one.after_s) for one in b.legs.of(wire.WatchSilence)]
    assert said == [(leg, 2.0), (leg, 0.0)]
    b.brain.offers.relay_of = lambda _peer: "relay-1"
    b.brain.switchboard.peer_down("a")
    b.brain.switchboard.peer_up("a")
    world.run(0.1)
    assert b.legs.of(wire.WatchSilence)[-1].after_s == 2.0
