"""Control, hub and two branches as real processes, joined by tokens; agents are robots."""

import signal
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import msgspec

from appliance.plan.model import Plan
from tests.baresipkit import wait_for
from tests.processes import end
from tests.sippkit import Sipp
from tests.spine.branch import Branch, Robots, loopback

ADMIN, PASSWORD = "admin", "test-password-1"


class Control:
    """The control plane in *folder*, on a loopback address of its own."""

    def __init__(self, folder: Path, *, extra: str = "", address: str = "") -> None:
        self.folder = folder
        self.address = address or loopback()
        folder.mkdir(parents=True, exist_ok=True)
        self.config = folder / "control.toml"
        self.config.write_text(
            f'state_dir = "{folder / "state"}"\nweb_address = "{self.address}"\n'
            f'hub_address = "{self.address}"\ntelemetry_out_address = "{self.address}"\n'
            f"{extra}\n"
        )
        self.hub: subprocess.Popen[bytes] | None = None
        self.intake: subprocess.Popen[bytes] | None = None
        self.web: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Return where the pages are."""
        return f"http://{self.address}:8080"

    def start(self) -> None:
        """Make what is needed and start hub, intake and pages."""
        self.run("init", "--user", ADMIN, "--password", PASSWORD)
        self.start_hub()
        self.intake = self._spawn("intake")
        self.web = self._spawn("web")
        wait_for("the pages", self._answers, limit_s=90)

    def start_hub(self) -> None:
        """Start the hub."""
        self.hub = self._spawn("hub")

    def kill_hub(self) -> None:
        """Kill -9 the hub."""
        assert self.hub is not None
        self.hub.send_signal(signal.SIGKILL)
        self.hub.wait()

    def run(self, *arguments: str) -> str:
        """Run a control command and return what it printed."""
        done = subprocess.run(
            [*_branchline("control"), *arguments, "--config", str(self.config)],
            capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    def publish(self, plan: Plan) -> None:
        """Make *plan* the draft, and publish it."""
        path = self.folder / "plan.json"
        path.write_bytes(msgspec.json.encode(plan))
        self.run("import-plan", str(path))
        self.run("publish")

    def secret(self, agent: str) -> str:
        """Give an agent's phone a new secret; it counts after the next publication."""
        for line in self.run("agent-secret", agent).splitlines():
            words = line.split()
            if words[:1] == ["secret"]:
                return words[1]
        raise AssertionError("no secret was printed")

    def join(self, branch: Branch) -> None:
        """Join a branch, approved by its token."""
        token = self.run("token", "--site", branch.name, "--name", branch.name, "--auto-approve")
        subprocess.run(
            [
                *_branchline("appliance"), "join", "--config", str(branch.config),
                "--control", self.url, "--token", token.split()[-1],
            ],
            check=True, timeout=60, capture_output=True,
        )  # fmt: skip

    def stop(self) -> None:
        """End all in good order."""
        for process in (self.web, self.intake, self.hub):
            end(process)

    def _spawn(self, name: str) -> subprocess.Popen[bytes]:
        command = [*_branchline("control"), name, "--config", str(self.config)]
        with (self.folder / f"{name}.log").open("ab") as log:
            return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/api/v1/health", timeout=2) as answer:  # noqa: S310
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False


class Federation:
    """Control and two branches, `north` and `south`, that have joined it and see each other."""

    def __init__(
        self,
        folder: Path,
        plan: Plan,
        *,
        extra: str = "",
        sections: str = "",
        control_extra: str = "",
    ) -> None:
        self.control = Control(folder / "control", extra=control_extra)
        self.branches = {
            name: Branch(folder / name, plan, name=name, extra=extra, sections=sections)
            for name in ("north", "south")
        }
        self.plan = plan
        self.secrets: dict[str, str] = {}
        self._robots: list[Robots] = []

    @property
    def north(self) -> Branch:
        """Return the branch where callers enter."""
        return self.branches["north"]

    @property
    def south(self) -> Branch:
        """Return the other branch."""
        return self.branches["south"]

    def start(self) -> None:
        """Start everything and wait until all see each other and have the plan."""
        self.control.start()
        for branch in self.branches.values():
            self.control.join(branch)
            branch.start()
        self.control.publish(self.plan)
        self.secrets = {agent.name: self.control.secret(agent.name) for agent in self.plan.agents}
        self.control.run("publish")
        for branch in self.branches.values():
            wait_for("the federation", lambda: self.whole(branch))  # noqa: B023

    def whole(self, branch: Branch) -> bool:
        """Tell whether a branch sees hub, peer and plan."""
        status = branch.status()
        return bool(status.get("hub_up") and status.get("peers") and status.get("plan_serial"))

    def robots(self, branch: Branch, *accounts: str, answer_after_s: float = 0.5) -> Robots:
        """Seat robot agents at a branch."""
        secrets = {account: self.secrets[account] for account in accounts}
        robots = Robots(branch, accounts, secrets=secrets, answer_after_s=answer_after_s)
        self._robots.append(robots)
        return robots

    def stop(self) -> None:
        """End everything."""
        for robots in self._robots:
            robots.close()
        for branch in self.branches.values():
            branch.stop()
        self.control.stop()


def _branchline(part: str) -> list[str]:
    return [sys.executable, "-m", "appliance.cli", part]


def call(federation: Federation, number: str, *, talk_ms: int = 3000, calls: int = 1) -> Sipp:
    """Return a caller at branch north, not started yet."""
    return Sipp(
        "uac", remote=(federation.north.address, 5060), address=federation.north.trunk,
        service=number, calls=calls, rate=10, limit_s=60, args=("-d", str(talk_ms)),
    )  # fmt: skip
