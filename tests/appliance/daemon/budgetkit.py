"""Two branches with few agents each, and a link between them that carries only so many calls."""

from pathlib import Path

import pytest

from appliance.link.messages import LinkMessage, ProposalRefused, Release
from appliance.plan.callback import CallBack
from appliance.plan.model import (
    Agent,
    Enqueue,
    Flow,
    HangUp,
    Number,
    Outside,
    Plan,
    Queue,
    Site,
)
from appliance.plan.transfers import Transfers
from tests.appliance.brainkit import World
from tests.appliance.daemon.crashkit import run
from tests.appliance.daemon.transferkit import Fleet

BOTH_ENDS = pytest.mark.parametrize("end", ["a", "b"], ids=["contact's end", "seat's end"])
NORTH, SOUTH = ("ann", "abe"), ("bob", "bea", "ben", "bix")


def plan_of(*sites: Site) -> Plan:
    """Return a plan in which everybody serves one queue; *sites* say what links carry."""
    return Plan(
        serial=1,
        numbers=(
            Number(number="200", queue="sales"),
            Number(number="500", flow="out"),
            Number(number="600", flow="back"),
        ),
        queues=(Queue(name="sales", wrap_up_s=0.0, ring_s=10.0, announce_s=0),),
        flows=(
            Flow(
                name="back",
                start="offer",
                steps={
                    "offer": CallBack(
                        prompts=("offer",),
                        queue="sales",
                        trunk="provider",
                        country="DE",
                        next="bye",
                        otherwise="bye",
                    ),
                    "bye": HangUp(),
                },
            ),
            Flow(
                name="out",
                start="call",
                steps={
                    "call": Outside(number="112", trunk="provider", otherwise="back"),
                    "back": Enqueue(queue="sales"),
                },
            ),
        ),
        agents=(
            *(Agent(name=name, site="a", account=name) for name in NORTH),
            *(Agent(name=name, site="b", account=name) for name in SOUTH),
        ),
        sites=sites,
        transfers=Transfers(
            targets={f"{n}": f"agent:{name}" for n, name in enumerate((*NORTH, *SOUTH), 21)},
            outside={"bronze": ("4930",)},
            trunk="provider",
        ),
    )


class Pair(Fleet):
    """Boxes `a` and `b`; brains may be killed."""

    kills = 0

    def __init__(self, world: World, folder: Path, *sites: Site) -> None:
        super().__init__(world, folder, plan_of(*sites), "ab")

    def log_in(self, *agents: str) -> None:
        """Register agents' phones at their branches."""
        for agent in agents:
            self[home(agent)].legs.register(agent)

    def call_in(self, calls: int, box: str = "a") -> list[int]:
        """Let callers come in, one after the other; return their legs."""
        legs = []
        for _ in range(calls):
            legs.append(self[box].legs.call_in("200"))
            self.run(3)
        return legs

    def phone(self, agent: str) -> int:
        """Return the living leg of an agent's phone."""
        rows = self[home(agent)].legs.rows.values()
        (leg,) = [row.leg for row in rows if row.via == agent and row.state != "down"]
        return leg

    def phases(self, *legs: int, box: str = "a") -> list[str]:
        """Return in which phase these callers are."""
        return [self[box].contact(leg).phase for leg in legs]

    def press(self, agent: str, digits: str) -> None:
        """Let an agent press keys, if there is a call."""
        legs = self[home(agent)].legs
        for leg in [row.leg for row in legs.rows.values() if row.via == agent]:
            for digit in digits:
                if legs.rows[leg].state == "up":
                    legs.press(leg, digit)
                    self.run(0.05)

    def used(self) -> list[int]:
        """Return how many calls each box counts."""
        return [box.brain.budget.used for box in self.boxes.values()]

    def between(self) -> list[int]:
        """Return how many legs to the other branch live at each box."""
        return [self.living(box).count("peer") for box in self.boxes]

    def run(self, seconds: float) -> None:
        """Let time pass; a brain that is killed starts again at once."""
        self.kills += run(self.world, seconds, lambda: self.restart(self.victim))

    #: the box that a saboteur sits in
    victim = "a"

    def restart(self, name: str) -> None:
        """Kill -9, then start over what the ledger kept; the peer sees the link go and come."""
        box = self[name]
        box.kill()
        self["b" if name == "a" else "a"].brain.switchboard.peer_down(name)
        box.start()
        self.wire_up(name)


class Late(Pair):
    """What the boxes say of their links does not arrive."""

    def __init__(self, world: World, folder: Path, *sites: Site) -> None:
        super().__init__(world, folder, *sites)
        self.said: list[tuple[str, LinkMessage]] = []
        for box in self.boxes.values():
            box.brain.budget.on_full.clear()

    def _post(self, sender: str, peer: str, message: LinkMessage) -> bool:
        self.said.append((sender, message))
        return super()._post(sender, peer, message)

    def refusals(self, kind: type[Release] | type[ProposalRefused]) -> list[str]:
        """Return who refused because of the link."""
        said = [(who, one) for who, one in self.said if isinstance(one, kind)]
        return [who for who, one in said if one.reason == "link-full"]


def home(agent: str) -> str:
    """Return the box where an agent's phone is."""
    return "a" if agent in NORTH else "b"
