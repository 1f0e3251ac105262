"""One branch for tests: the real legs and brain processes, on a loopback address of their own."""

import json
import os
import random
import signal
import socket
import subprocess
import sys
import wave
from collections.abc import Mapping, Sequence
from hashlib import md5, sha256
from pathlib import Path
from typing import Any

import msgspec

from appliance.ledger.entry import Entry
from appliance.ledger.store import LedgerReader
from appliance.link.bodies import Roster, RosterAccount
from appliance.plan.model import Agent, Enqueue, Flow, Menu, Number, Plan, Queue, Say
from tests.audio import Sound, tone
from tests.baresipkit import wait_for
from tests.processes import end

SECRET = "phone-secret"
REALM = "branchline"

FRONT_DOOR = Flow(
    name="front-door",
    start="welcome",
    steps={
        "welcome": Say(prompts=("beep",), next="menu"),
        "menu": Menu(
            prompts=("beep", "beep"),
            choices={"1": "sales", "2": "service"},
            timeout_s=4.0,
            tries=3,
            wrong=("beeperr",),
            otherwise="sales",
        ),
        "sales": Enqueue(queue="sales"),
        "service": Enqueue(queue="service"),
    },
)


def plan(agents: Sequence[Agent], **queue: Any) -> Plan:
    """Return a plan with a menu (100) and two queues (200 sales, 300 service)."""
    options = {"wrap_up_s": 0.5, "announce_s": 0, **queue}
    return Plan(
        serial=1,
        numbers=(
            Number(number="100", flow="front-door"),
            Number(number="200", queue="sales"),
            Number(number="300", queue="service"),
        ),
        queues=(
            Queue(name="sales", skills={"sales": 1}, **options),
            Queue(name="service", skills={"service": 1}, **options),
        ),
        flows=(FRONT_DOOR,),
        agents=tuple(agents),
    )


def agent(name: str, *skills: str, site: str = "north") -> Agent:
    """Return an agent whose phone has the same name."""
    return Agent(name=name, title=name, site=site, account=name, skills=dict.fromkeys(skills, 5))


def loopback() -> str:
    """Return a loopback address that nobody else is likely to use."""
    chance = random.Random()
    return f"127.{chance.randrange(16, 250)}.{chance.randrange(250)}.{chance.randrange(2, 250)}"


class Branch:
    """One appliance: its settings in *folder*, its two processes, its books."""

    def __init__(
        self,
        folder: Path,
        plan: Plan,
        *,
        name: str = "north",
        trunk: str = "",
        extra: str = "",
        cpu: int | None = None,
        sections: str = "",
        sip: str = "",
        address: str = "",
    ) -> None:
        self.folder = folder
        self.name = name
        self.address = address or loopback()
        #: address that calls from outside come from
        self.trunk = trunk or loopback()
        self.cpu = cpu
        folder.mkdir(parents=True, exist_ok=True)
        self.config = folder / "appliance.toml"
        self.state = folder / "state"
        (folder / "plan.json").write_bytes(msgspec.json.encode(plan))
        (folder / "roster.json").write_bytes(msgspec.json.encode(_roster(plan, name)))
        self.config.write_text(
            f'name = "{name}"\nsite = "{name}"\nstate_dir = "{self.state}"\n'
            f'plan_file = "{folder / "plan.json"}"\nroster_file = "{folder / "roster.json"}"\n'
            f'{extra}\n[sip]\naddress = "{self.address}"\n{sip}\n'
            f'[telemetry]\naddress = "{self.address}"\n'
            f'[trunks.provider]\nhost = "{self.trunk}"\ncheck_s = 0\n{sections}\n'
        )
        self.legs: subprocess.Popen[bytes] | None = None
        self.brain: subprocess.Popen[bytes] | None = None

    # -- processes -----------------------------------------------------------------------------

    def start(self) -> None:
        """Start both and wait until they have found each other."""
        self.start_legs()
        self.start_brain()

    def start_legs(self) -> None:
        """Start the legs process."""
        self.legs = self._spawn("legs", "legs", "run")
        wait_for("legs", (self.state / "legs.sock").exists)

    def start_brain(self) -> None:
        """Start the brain and wait until it has attached."""
        self.brain = self._spawn("brain", "appliance", "run")
        wait_for("the brain", lambda: self.status().get("legs_up"))

    def kill(self, *which: str) -> None:
        """Kill -9 the named processes: `legs`, `brain`."""
        for name in which:
            process: subprocess.Popen[bytes] | None = getattr(self, name)
            if process is not None:
                process.send_signal(signal.SIGKILL)
                process.wait()

    def stop(self) -> None:
        """End both in good order."""
        for process in (self.brain, self.legs):
            end(process)

    def _spawn(self, name: str, *arguments: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "appliance.cli", *arguments, "--config", str(self.config)]
        with (self.folder / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        if self.cpu is not None:
            os.sched_setaffinity(process.pid, {self.cpu})
        return process

    # -- what it says --------------------------------------------------------------------------

    def status(self) -> dict[str, Any]:
        """Return what the brain says of itself; empty while it does not answer."""
        try:
            with socket.socket(socket.AF_UNIX) as sock:
                sock.settimeout(5)
                sock.connect(str(self.state / "brain.sock"))
                sock.sendall(b'{"do": "status"}\n')
                found: dict[str, Any] = json.loads(sock.makefile().readline() or "{}")
                return found
        except OSError:
            return {}

    def seats(self) -> dict[str, str]:
        """Return each agent's state."""
        return {seat["seat"]: seat["state"] for seat in self.status().get("agents", [])}

    def phases(self) -> list[str]:
        """Return the phase of each open contact."""
        return [contact["phase"] for contact in self.status().get("contacts", [])]

    def entries(self, kind: str = "") -> list[Entry]:
        """Return the ledger's entries, of one kind if it is named."""
        reader = LedgerReader(self.state / "ledger.db")
        try:
            return [entry for entry in reader.all_entries() if kind in ("", entry.kind)]
        finally:
            reader.close()

    def outcomes(self) -> list[str]:
        """Return how each contact ended, in order."""
        return [entry.as_dict()["outcome"] for entry in self.entries("contact-ended")]

    def log(self, name: str) -> str:
        """Return what a process logged."""
        return (self.folder / f"{name}.log").read_text(errors="replace")

    @property
    def sip(self) -> str:
        """Return where its SIP is, as sipp wants it."""
        return f"{self.address}:5060"


class Robots:
    """Robot agents of our own, registered at a branch."""

    def __init__(
        self,
        branch: Branch,
        accounts: Sequence[str],
        *,
        answer_after_s: float = 0.2,
        talk_s: float = -1,
        says: Path | None = None,
        records: Path | None = None,
        secrets: Mapping[str, str] | None = None,
    ) -> None:
        self.address = loopback()
        command = [sys.executable, "-m", "appliance.cli", "legs", "phone"]
        for account in accounts:
            secret = secrets[account] if secrets else SECRET
            command += ["--account", account, "--secret", secret]
        command += ["--registrar", branch.sip, "--address", self.address, "--port", "5080"]
        command += ["--answer-after-s", str(answer_after_s), "--talk-s", str(talk_s)]
        command += ["--says", str(says)] if says else []
        command += ["--records", str(records)] if records else []
        with (branch.folder / "robots.log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            wait_for("the robots", lambda: set(accounts) <= set(branch.seats()))
        except AssertionError:
            self.close()
            raise

    def close(self) -> None:
        """Hang up and end."""
        end(self._process)


def write_tone(path: Path, hz: float, seconds: float = 60.0) -> Path:
    """Write a WAV with a tone of -10 dBm0."""
    return write_wav(path, tone(hz, seconds * 1000))


def write_wav(path: Path, sound: Sound) -> Path:
    """Write a WAV of 8 kHz, mono."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(sound.tobytes())
    return path


def _roster(plan: Plan, site: str) -> Roster:
    accounts = []
    for person in plan.agents:
        secret = f"{person.account}:{REALM}:{SECRET}".encode()
        accounts.append(
            RosterAccount(
                account=person.account,
                agent=person.name,
                ha1_md5=md5(secret, usedforsecurity=False).hexdigest(),
                ha1_sha256=sha256(secret).hexdigest(),
            )
        )
    return Roster(serial=1, site=site, realm=REALM, accounts=tuple(accounts))
