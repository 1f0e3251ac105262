"""Two appliances in virtual time, with a hub that sees both and proposes."""

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
        for name in self.boxes:
            self.wire_up(name)
        self._propose()

    def wire_up(self, name: str) -> None:
        """Connect a box, new or started again."""
        box = self.boxes[name]
        box.post = lambda peer, message: self._post(name, peer, message)
        box.legs.on_peer_dial = lambda leg, dial: self._dial(name, leg, dial)
        box.brain.floor.set_reaches(self.hub_reaches())

    def hub_reaches(self) -> set[str]:
        """Return whom a box reaches while the hub is there."""
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
