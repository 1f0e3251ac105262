"""Control and branches on machines of their own, joined by cables."""

from pathlib import Path

from appliance.plan.model import Agent, Plan
from tests.baresipkit import wait_for
from tests.netns import Wire
from tests.spine.branch import Branch, Robots
from tests.spine.federation import Control


class Machines:
    """Control and branches, each on a machine of its own."""

    def __init__(
        self, folder: Path, wire: Wire, plan: Plan, *, sip: str = "", sections: str = ""
    ) -> None:
        """*sip* and *sections* are more of each branch's settings."""
        self.hosts = wire.hosts
        self.control = Control(folder / "control", address=self.hosts["control"].address)
        self.branches = {
            name: Branch(
                folder / name, plan, name=name, address=host.address, sip=sip, sections=sections
            )
            for name, host in self.hosts.items()
            if name != "control"
        }
        self.plan = plan
        self._robots: list[Robots] = []

    def start(self) -> None:
        """Start everything and wait until all see each other and have the plan."""
        with self.hosts["control"].inside():
            self.control.start()
        for name, branch in self.branches.items():
            with self.hosts[name].inside():
                self.control.join(branch)
                branch.start()
        self.control.publish(self.plan)
        for branch in self.branches.values():
            wait_for("the federation", lambda: whole(branch), limit_s=90)  # noqa: B023

    def seat(self, person: Agent, *, talk_s: float = -1) -> None:
        """Seat a robot at the agent's branch."""
        secret = self.control.secret(person.name)
        self.control.run("publish")
        with self.hosts[person.site].inside():
            self._robots.append(
                Robots(
                    self.branches[person.site],
                    [person.name],
                    secrets={person.name: secret},
                    talk_s=talk_s,
                )
            )

    def stop(self) -> None:
        """End everything."""
        for robots in self._robots:
            robots.close()
        for branch in self.branches.values():
            branch.stop()
        self.control.stop()


def whole(branch: Branch) -> bool:
    """Tell whether a branch sees hub, peer and plan."""
    status = branch.status()
    return bool(status.get("hub_up") and status.get("peers") and status.get("plan_serial"))
