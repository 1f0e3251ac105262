"""Two appliances in virtual time: a caller at one, the agent at the other."""

from pathlib import Path

from appliance.link.messages import LinkMessage, Propose
from appliance.plan.model import Plan
from appliance.routing.matchmaker import Matchmaker
from appliance.wire import commands as wire
from tests.appliance.brainkit import PLAN, Box, World


class Federation:
    """Two boxes, their SIP between them, and a hub's matchmaker that sees both."""

    def __init__(self, world: World, folder: Path, plan: Plan = PLAN) -> None:
        self.world = world
        self.boxes = {name: Box(world, folder, name, plan) for name in ("a", "b")}
        self.hub_up = True
        self.cut = False
        self.matchmaker = Matchmaker(plan)
        self.dropped: list[LinkMessage] = []
        for name, box in self.boxes.items():
            self._wire_up(name, box)
        self._propose()

    def _wire_up(self, name: str, box: Box) -> None:
        box.post = lambda peer, message: self._post(name, peer, message)
        box.legs.on_peer_dial = lambda leg, dial: self._dial(name, leg, dial)
        box.brain.floor.set_reaches(self.hub_reaches())

    def hub_reaches(self) -> set[str]:
        return {"a", "b", "hub"}

    def _other(self, name: str) -> Box:
        return self.boxes["b" if name == "a" else "a"]

    def _post(self, sender: str, peer: str, message: LinkMessage) -> bool:
        if self.cut or peer not in self.boxes:
            self.dropped.append(message)
            return False
        brain = self.boxes[peer].brain
        self.world.later(0.01, lambda: brain.link(sender, message))
        return True

    def _dial(self, name: str, leg: int, dial: wire.Dial) -> None:
        """Carry the INVITE between the appliances: reservation and fence, and nothing else."""
        here, there = self.boxes[name].legs, self._other(name).legs
        if self.cut:
            self.world.later(0.5, lambda: here.down(leg, "unreachable"))
            return
        far = there.call_in(
            "", kind="peer", via=name, reservation=dial.reservation, fence=dial.fence
        )
        there.on_peer_answer = lambda _: here.up(leg)
        there.on_peer_down = lambda gone, reason: here.down(leg, reason) if gone == far else None
        here.on_peer_down = lambda gone, reason: there.down(far, reason) if gone == leg else None

    def _propose(self) -> None:
        """Stand in for the hub: rows of both, proposals to the seats' owners."""
        now_ms = round(self.world.clock.monotonic_s() * 1000)
        if self.hub_up:
            for name, box in self.boxes.items():
                own = box.brain.floor.rows()
                own.reaches = ["a", "b", "hub"]
                self.matchmaker.on_snapshot(name, own, now_ms)
            for proposal in self.matchmaker.propose(now_ms):
                self.boxes[proposal.seat_owner].brain.link("hub", Propose(proposal))
        self.world.later(0.05, self._propose)


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
    federation._wire_up("a", a)
    world.run(3)
    assert a.legs.rows[leg].bridge
    a.legs.down(leg)
    world.run(10)
    assert a.outcomes() == ["served"]
    assert b.seat("ann").state == "ready"
