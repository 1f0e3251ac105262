"""Several appliances in virtual time that see each other, SIP and link between them, no hub."""

from pathlib import Path
from typing import Any

from appliance.link.messages import LinkMessage
from appliance.plan.model import Agent, Number, Plan, Queue
from appliance.plan.transfers import Transfers
from appliance.wire import commands as wire
from tests.appliance.brainkit import Box, World

PLAN = Plan(
    serial=1,
    numbers=(
        Number(number="200", queue="sales"),
        Number(number="300", queue="service"),
    ),
    queues=(
        Queue(name="sales", skills={"sales": 1}, wrap_up_s=5.0, ring_s=10.0, announce_s=0),
        Queue(name="service", skills={"service": 1}, wrap_up_s=5.0, ring_s=10.0, announce_s=0),
    ),
    agents=(
        Agent(name="ann", title="Ann", site="a", account="ann", skills={"sales": 5}),
        Agent(name="bob", title="Bob", site="b", account="bob", skills={"service": 5}),
        Agent(name="cat", title="Cat", site="c", account="cat", skills={"boss": 5}),
        Agent(name="abe", title="Abe", site="a", account="abe", skills={"boss": 5}),
    ),
    transfers=Transfers(
        targets={"21": "agent:bob", "22": "agent:abe", "30": "queue:service", "40": "site:b"},
        outside={"bronze": ("+49", "4930")},
        trunk="provider",
    ),
)  # fmt: skip

#: how long the link takes [s]
LINK_S = 0.01


class Fleet:
    """Boxes `a`, `b`, `c`: their agents ann and abe, bob, cat; callers come in at `a`."""

    def __init__(self, world: World, folder: Path, plan: Plan = PLAN, names: str = "abc") -> None:
        self.world = world
        self.boxes = {name: Box(world, folder, name, plan, site=name) for name in names}
        self.up = set(names)
        #: (box, leg) -> (box, leg) at the other end
        self.far: dict[tuple[str, int], tuple[str, int]] = {}
        for name in names:
            self.wire_up(name)
        self._rows()

    def __getitem__(self, name: str) -> Box:
        return self.boxes[name]

    def wire_up(self, name: str) -> None:
        """Connect a box, new or started again."""
        box = self.boxes[name]
        box.post = lambda peer, message: self._post(name, peer, message)
        box.legs.on_peer_dial = lambda leg, dial: self._dial(name, leg, dial)
        box.legs.on_peer_answer = lambda leg: self._answered(name, leg)
        box.legs.on_peer_down = lambda leg, reason: self._ended(name, leg, reason)
        box.brain.floor.set_reaches(self.up)

    def die(self, name: str) -> None:
        """Let a whole branch go dark: its legs are silent, its link is dead."""
        self.up.discard(name)
        self.boxes[name].kill()
        self.world.settle()
        for other in self.up:
            self.boxes[other].brain.switchboard.peer_down(name)
            self.boxes[other].brain.floor.lose(name)
            self.boxes[other].brain.floor.set_reaches(self.up)
        for (box, leg), (far, _) in list(self.far.items()):
            if far == name and box in self.up:
                self.boxes[box].legs.down(leg, "media-timeout")

    def _post(self, sender: str, peer: str, message: LinkMessage) -> bool:
        if sender not in self.up or peer not in self.up:
            return False
        self.world.later(LINK_S, lambda: self._arrive(sender, peer, message))
        return True

    def _arrive(self, sender: str, peer: str, message: LinkMessage) -> None:
        if peer in self.up and self.boxes[peer].alive:
            self.boxes[peer].brain.link(sender, message)

    def _dial(self, name: str, leg: int, dial: wire.Dial) -> None:
        """Carry the INVITE: reservation and fence, and nothing else."""
        if dial.via not in self.up:
            return
        far = self.boxes[dial.via].legs.call_in(
            "", kind="peer", via=name, reservation=dial.reservation, fence=dial.fence
        )
        self.far[name, leg] = (dial.via, far)
        self.far[dial.via, far] = (name, leg)

    def _answered(self, name: str, leg: int) -> None:
        box, far = self.far[name, leg]
        self.boxes[box].legs.up(far)

    def _ended(self, name: str, leg: int, reason: str) -> None:
        box, far = self.far.get((name, leg), ("", 0))
        if name in self.up and box in self.up:
            told = "normal" if reason in ("bridge-ended", "transferred") else reason
            self.boxes[box].legs.down(far, told)

    def _rows(self) -> None:
        """Let each box see the rows of all others."""
        for name in sorted(self.up):
            if not self.boxes[name].alive:
                continue
            own = self.boxes[name].brain.floor.rows()
            own.reaches = sorted(self.up)
            for other in self.up - {name}:
                if self.boxes[other].alive:
                    self.boxes[other].brain.floor.replace(name, own)
        self.world.later(0.2, self._rows)

    # -- what tests look at --------------------------------------------------------------------

    def register(self, *agents: str) -> None:
        """Log agents in at their branches."""
        sites = {agent.name: agent.site for agent in PLAN.agents}
        for agent in agents:
            self.boxes[sites[agent]].legs.register(agent)

    def phone(self, agent: str) -> int:
        """Return the living leg of an agent's phone."""
        site = next(one.site for one in PLAN.agents if one.name == agent)
        rows = self.boxes[site].legs.rows.values()
        (leg,) = [row.leg for row in rows if row.via == agent and row.state != "down"]
        return leg

    def listeners(self, box: str, leg: int) -> set[str]:
        """Return who hears *leg*, over all boxes: names of phones, `caller`, `outside`."""
        return self._walk(box, leg, set())

    def _walk(self, box: str, leg: int, seen: set[tuple[str, int]]) -> set[str]:
        found: set[str] = set()
        legs = self.boxes[box].legs
        for other in legs.hears(leg):
            if (box, other) in seen:
                continue
            seen.add((box, other))
            row = legs.rows[other]
            if row.kind == "phone":
                found.add(row.via)
            elif row.kind == "trunk":
                found.add("outside" if row.out else "caller")
            elif (box, other) in self.far:
                found |= self._walk(*self.far[box, other], seen)
        return found

    def living(self, box: str) -> list[str]:
        """Return the kinds of the legs that live at a box."""
        rows = self.boxes[box].legs.rows.values()
        return sorted(row.kind for row in rows if row.state != "down")

    def type(self, agent: str, digits: str) -> None:
        """Let an agent press keys."""
        site = next(one.site for one in PLAN.agents if one.name == agent)
        leg = self.phone(agent)
        for digit in digits:
            self.boxes[site].legs.press(leg, digit)
            self.world.run(0.1)


def call(fleet: Fleet, number: str, *agents: str) -> int:
    """Return a caller at `a` who talks with the first of *agents*, after 30 s in the queue."""
    leg = fleet["a"].legs.call_in(number)
    fleet.world.run(30)
    fleet.register(*agents)
    fleet.world.run(3)
    assert fleet.listeners("a", leg) == {agents[0]}
    return leg


def facts(fleet: Fleet, kind: str, box: str = "a") -> list[dict[str, Any]]:
    """Return the facts of one kind in a box's ledger."""
    entries = fleet[box].journal.entries(limit=10_000)
    return [entry.as_dict() for entry in entries if entry.kind == kind]


def states(fleet: Fleet) -> list[str]:
    """Return how far the transfers came, in order."""
    return [fact["state"] for fact in facts(fleet, "transfer-stepped")]


def plays_to(fleet: Fleet, leg: int, box: str = "a") -> list[list[str]]:
    """Return what was played to a leg."""
    return [play.items for play in fleet[box].legs.of(wire.Play) if play.leg == leg]


def consult(fleet: Fleet, *agents: str) -> int:
    """Return a caller at `a` who hears music, while the first agent talks with bob."""
    leg = call(fleet, "200", *(agents or ("ann", "bob")))
    phone = fleet.phone("ann")
    fleet["b"].legs.answer_after = None
    fleet.type("ann", "*821#")
    fleet.world.run(0.5)
    assert plays_to(fleet, leg)[-1] == ["moh"]
    assert plays_to(fleet, phone)[-1] == ["tone:ringback"]
    fleet["b"].legs.up(fleet.phone("bob"))
    fleet.world.run(0.5)
    fleet["b"].legs.answer_after = 1.0
    assert fleet.listeners("a", leg) == set()
    assert fleet.listeners("a", phone) == {"bob"}
    return leg
