"""A hub as a process of its own over control's own database, and the fleet it knows."""

import asyncio
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import msgspec

from appliance.link.identity import HUB_NAME
from appliance.link.nats_client import NatsSettings
from appliance.link.session import Peer
from appliance.plan import canonical
from appliance.plan.model import Agent, Number, Plan, Queue, Site
from appliance.plan.signing import sign
from control.fleet.keys import plan_key
from control.models import fleet
from control.models.documents import Document
from control.parts import ControlParts
from control.settings import ControlSettings
from tests.bench.centre import PROFILES, make_plan
from tests.ports import free_port

_PROGRAM = """
import os, signal, sys, threading, msgspec
from control.{room} import run
from control.settings import ControlSettings
def orphaned():
    sys.stdin.read()
    os.kill(os.getpid(), signal.SIGTERM)
threading.Thread(target=orphaned, daemon=True).start()
run(msgspec.json.decode(sys.argv[1], type=ControlSettings))
"""
_ROOMS = {"hub": "hub.daemon", "intake": "ledger.intake"}
#: more than that is a bench that hangs [s]
PATIENCE_S = 120.0


class Size(msgspec.Struct, frozen=True, kw_only=True):
    """How large a fleet is."""

    boxes: int
    seats: int
    queues: int = 400
    kinds: int = PROFILES


def site_of(number: int) -> str:
    """Return the name of a branch."""
    return f"site-{number}"


def box_of(number: int) -> str:
    """Return the name of its appliance."""
    return f"box-{number}"


def fleet_plan(size: Size, chance: random.Random, *, ring_s: float, wrap_up_s: float) -> Plan:
    """Return a plan in which every contact asks for the same as long as it waits.

    So it can be told from outside whether an eligible seat was free.
    """
    made = make_plan(
        size.seats, chance, sites=size.boxes, queues=size.queues, kinds=min(size.kinds, size.seats)
    )
    queues = tuple(_plain(queue, ring_s, wrap_up_s) for queue in made.queues)
    held = [agent.skills for agent in made.agents]
    able = {queue.name: any(_meets(skills, queue) for skills in held) for queue in queues}
    queues = tuple(queue for queue in queues if able[queue.name])
    return Plan(
        serial=1,
        queues=queues,
        numbers=tuple(
            Number(
                number=f"{1000 + number}", queue=queue.name, klass=("gold", "bronze")[number % 2]
            )
            for number, queue in enumerate(queues)
        ),
        agents=tuple(msgspec.structs.replace(agent, reserve=False) for agent in made.agents),
        sites=tuple(Site(name=site_of(n), region=f"region-{n % 8}") for n in range(size.boxes)),
    )


def own_part(plan: Plan, site: str) -> Plan:
    """Return what the brain of one branch needs of *plan*: its own agents."""
    agents: tuple[Agent, ...] = tuple(agent for agent in plan.agents if agent.site == site)
    return msgspec.structs.replace(plan, agents=agents)


def _plain(queue: Queue, ring_s: float, wrap_up_s: float) -> Queue:
    return Queue(
        name=queue.name, skills=queue.skills, ring_s=ring_s, wrap_up_s=wrap_up_s, announce_s=0
    )


def _meets(skills: dict[str, int], queue: Queue) -> bool:
    return all(skills.get(skill, 0) >= level for skill, level in queue.skills.items())


class BenchControl:
    """Control's database with a fleet and a plan, and its hub."""

    def __init__(self, folder: Path, nats: NatsSettings | None = None) -> None:
        self.settings = ControlSettings(
            state_dir=str(folder / "control"),
            link_port=free_port(),
            telemetry_in_port=free_port(),
            telemetry_out_port=free_port(),
            nats_servers=nats.servers if nats else (),
            nats_credentials=nats.credentials if nats else "",
        )
        self.parts = ControlParts.make(self.settings)

    def publish(self, plan: Plan) -> None:
        """Put *plan* where publication leaves it; no tables, which takes minutes."""
        body = canonical.encode(plan)
        with self.parts.database.session() as session:
            session.add(
                Document(
                    kind="plan",
                    site="",
                    serial=plan.serial,
                    body=body,
                    signature=sign(plan_key(self.settings.state_path), "plan", body),
                    created_at=datetime.now(UTC),
                    by="bench",
                )
            )

    def approve(self, boxes: Iterable[tuple[str, str, str, int]]) -> None:
        """Put appliances into the fleet: name, site, key, link's port (0: nobody dials it)."""
        with self.parts.database.session() as session:
            for name, site, key, port in boxes:
                fleet.ensure_site(session, site)
                session.merge(
                    fleet.Appliance(
                        name=name,
                        site=site,
                        state="approved",
                        curve_key=key,
                        fingerprint="0" * 64,
                        csr="",
                        link_address="127.0.0.1",
                        link_port=port,
                        sip_address="127.0.0.1",
                        sip_port=5060,
                        enrolled_at=datetime.now(UTC),
                    )
                )
            session.flush()
            self.parts.publication.publish_directory(session, "bench")

    @property
    def hub(self) -> Peer:
        """Return how the hub is reached."""
        return Peer(
            name=HUB_NAME,
            role="hub",
            key=self.parts.hub_key,
            address="127.0.0.1",
            port=self.settings.link_port,
        )


class ControlProcess:
    """`branchline control hub` or `intake`; on one core, where that is said."""

    def __init__(
        self,
        settings: ControlSettings,
        program: Literal["hub", "intake"] = "hub",
        *,
        core: int | None = None,
    ) -> None:
        given = msgspec.json.encode(settings).decode()
        code = _PROGRAM.replace("{room}", _ROOMS[program])
        pinned = [] if core is None else ["taskset", "-c", str(core)]
        self._running = subprocess.Popen(
            [*pinned, sys.executable, "-c", code, given],
            cwd=Path(__file__).parents[2],
            stdin=subprocess.PIPE,
        )

    @property
    def pid(self) -> int:
        """Return its process id."""
        return self._running.pid

    def kill(self) -> None:
        """End it as a crash does."""
        self._running.kill()
        self._running.communicate()

    def stop(self) -> None:
        """End it in good order."""
        assert self._running.stdin
        self._running.stdin.close()
        try:
            self._running.wait(10)
        except subprocess.TimeoutExpired:
            self.kill()


async def until(look: Callable[[], bool], what: str, patience_s: float = PATIENCE_S) -> None:
    """Wait for something; it fails loudly."""
    deadline_s = time.monotonic() + patience_s
    while not look():
        if time.monotonic() > deadline_s:
            raise SystemExit(f"the bench gives up after {patience_s:g} s: {what} did not come")
        await asyncio.sleep(0.05)
