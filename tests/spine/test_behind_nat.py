"""Two branches behind routers with NAT, and a relay that both dial: one queue all the same."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.baresipkit import wait_for
from tests.netns import HiddenHost, Wire, possible
from tests.sippkit import Sipp
from tests.spine.branch import Branch, Robots, agent, plan
from tests.spine.federation import Control

pytestmark = pytest.mark.skipif(not possible(), reason="network namespaces need root")

#: nobody seats ann: queues need somebody who could serve them
PLAN = plan([agent("bob", "sales", site="south"), agent("ann", "service")])


class Machines:
    """Control and `middle`, whom all can dial; `north` and `south`, each behind NAT."""

    def __init__(self, folder: Path, wire: Wire) -> None:
        self.hosts = wire.hosts
        self.control = Control(folder / "control", address=self.hosts["control"].address)
        self.branches = {
            name: Branch(folder / name, PLAN, name=name, address=self.hosts[name].address)
            for name in ("north", "south", "middle")
        }
        self._robots: list[Robots] = []

    def start(self) -> None:
        """Start everything; the relay is named last, when all know each other."""
        with self.hosts["control"].inside():
            self.control.start()
        for name, branch in self.branches.items():
            with self.hosts[name].inside():
                self.control.join(branch)
                branch.start()
            if isinstance(self.hosts[name], HiddenHost):
                self.control.run("network", name, "--nat")
        self.control.publish(PLAN)
        for branch in self.branches.values():
            wait_for("the hub", lambda: branch.status().get("hub_up"))  # noqa: B023
        for name in ("north", "south"):
            wait_for("the middle", lambda: self.peers(name) == ["middle"])  # noqa: B023

    def peers(self, name: str) -> list[str]:
        """Return whom a branch has a session with."""
        peers: list[str] = self.branches[name].status().get("peers", [])
        return peers

    def seat(self, account: str, site: str) -> None:
        """Seat a robot at a branch."""
        secret = self.control.secret(account)
        self.control.run("publish")
        with self.hosts[site].inside():
            robots = Robots(self.branches[site], [account], secrets={account: secret})
            self._robots.append(robots)

    def stop(self) -> None:
        """End everything."""
        for robots in self._robots:
            robots.close()
        for branch in self.branches.values():
            branch.stop()
        self.control.stop()


@pytest.fixture
def machines(tmp_path: Path) -> Iterator[Machines]:
    """Yield the machines, running."""
    with Wire(["control", "middle", "north", "south"], hidden=["north", "south"]) as wire:
        machines = Machines(tmp_path, wire)
        with contextlib.ExitStack() as stack:
            stack.callback(machines.stop)
            machines.start()
            yield machines


def test_a_caller_of_one_hidden_branch_is_offered_to_an_agent_of_the_other(
    machines: Machines,
) -> None:
    north, south = machines.branches["north"], machines.branches["south"]
    machines.control.run("network", "middle", "--relay")
    wait_for("a way", lambda: north.status()["relays"] == {"south": "middle"})
    wait_for("a way", lambda: south.status()["relays"] == {"north": "middle"})
    machines.seat("bob", "south")
    wait_for("the agent", lambda: south.seats() == {"bob": "ready"})
    with machines.hosts["north"].inside():
        sipp = Sipp(
            "uac", remote=(north.address, 5060), address=north.trunk, service="200",
            limit_s=150, args=("-d", "120000"),
        )  # fmt: skip
        with sipp:
            wait_for("an offer", lambda: north.entries("seat-offered"))
    [offer, *_] = north.entries("seat-offered")
    assert (offer.as_dict()["seat"], offer.as_dict()["owner"]) == ("bob", "south")
