"""Bytes on the access links of branches: for each contact, and while nothing happens.

A small fleet with everything that a branch sends and gets: link to the hub with the ledger's way
to control, links to the other branches, telemetry. Brains, ledgers, links and telemetry are
production's, over CURVE on loopback; calls take no media and no SIP. The kernel counts the bytes
of each connection, with CURVE and ZMTP; what TCP and IP add is estimated from its segments.
A byte between two branches is counted twice: it is on both access links.
"""

import asyncio
import random
import re
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import msgspec
import zmq

from appliance.base.clock import SystemClock
from appliance.call.attach import Found
from appliance.config.model import ApplianceSettings, LinkSettings, TelemetrySettings
from appliance.daemon.brain import Brain, Surroundings
from appliance.daemon.federation import Federation
from appliance.daemon.reporter import REPORT_S, Reporter
from appliance.ledger.journal import LedgerJournal
from appliance.link.identity import BoxKeys, CurveKeys, Identity, IdentityFields
from appliance.link.messages import LinkMessage
from appliance.plan.model import Plan
from appliance.telemetry.publisher import HubKeys, TelemetryPublisher
from tests.bench.hubrig import (
    BenchControl,
    ControlProcess,
    Size,
    box_of,
    fleet_plan,
    site_of,
    until,
)
from tests.bench.owners import BEAT_S
from tests.bench.report import Report
from tests.bench.timedlegs import Legs, Times
from tests.ports import free_port

#: IPv4 and TCP headers with timestamps [bytes a segment]
HEADERS = 52
BAR = "<= 4"
KINDS = ("hub", "peers", "telemetry")


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """What the fleet goes through."""

    size: Size
    #: contacts of each branch [1/s], and how long they come [s]
    rate: float
    seconds: float
    #: how long nothing happens before [s]
    idle_s: float
    talk_s: float = 5.0


#: a branch is as large and as busy as in `hub`
FULL = Load(size=Size(boxes=4, seats=1_200), rate=6.25, seconds=20, idle_s=20)
SMOKE = Load(
    size=Size(boxes=2, seats=20, queues=6, kinds=10), rate=5, seconds=1, idle_s=1, talk_s=0.5
)


class Branch:
    """One appliance."""

    def __init__(self, number: int, folder: Path, control: BenchControl, times: Times) -> None:
        self.name, self.site = box_of(number), site_of(number)
        public, secret = zmq.curve_keypair()
        self.key, self._secret = public.decode(), secret.decode()
        self.link_port = free_port()
        self._control = control
        self._clock = SystemClock()
        self._state = folder / self.name
        self._state.mkdir()
        self.journal = LedgerJournal(self._state / "ledger.db", self.name, clock=self._clock)
        self.legs = Legs(self.name, times, self._clock)
        self.brain = Brain(self._surroundings())
        self.legs.event = self.brain.event
        self.settings = ApplianceSettings(
            state_dir=str(self._state),
            link=LinkSettings(address="127.0.0.1", port=self.link_port),
            telemetry=TelemetrySettings(port=free_port()),
        )
        self.federation: Federation
        self._telemetry: TelemetryPublisher
        self.ended: Counter[str] = Counter()

    def _surroundings(self) -> Surroundings:
        loop = asyncio.get_running_loop()
        return Surroundings(
            name=self.name,
            site=self.site,
            incarnation=self.journal.incarnation,
            journal=self.journal,
            clock=self._clock,
            command=self.legs.take,
            message=self._send,
            soon=loop.call_soon,
            later=loop.call_later,
            recordings=self._state,
            record=False,
        )

    def open(self, plan: Plan) -> None:
        """Log the agents in, and reach for hub and peers."""
        identity = self._identity()
        self.federation = Federation(
            self.settings, identity, self.brain, self.journal, self._clock
        )
        self._telemetry = TelemetryPublisher(
            self.settings.telemetry,
            tenant="main",
            site=self.site,
            appliance=self.name,
            incarnation=self.journal.incarnation,
            clock=self._clock,
        )
        self._telemetry.connect_hub(
            f"tcp://127.0.0.1:{self._control.settings.telemetry_in_port}",
            HubKeys(
                hub_public=self._control.parts.hub_key.encode(),
                our_public=self.key.encode(),
                our_secret=self._secret.encode(),
            ),
        )
        self._reporter = Reporter(
            self.brain, self.journal, self._telemetry, self._state, self._clock
        )
        self.federation.reporter = self._reporter
        self.brain.book.on_ended.append(self._count)
        self.brain.take_plan(plan)
        self.brain.found(Found("e1", "boot", {}, [], []))
        for agent in plan.agents:
            if agent.site == self.site:
                self.legs.register(agent.account)
        self.federation.start()

    async def run(self) -> None:
        """Work until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.federation.run())
            group.create_task(self._telemetry.run())
            group.create_task(self._every(BEAT_S, self._beat))
            group.create_task(self._every(REPORT_S, self._report))

    def close(self) -> None:
        """Leave."""
        self._telemetry.close()
        self.journal.close()

    def _report(self) -> None:
        self._reporter.box()
        self._reporter.queues(self.brain.floor.own_views())

    @staticmethod
    async def _every(seconds: float, call: Callable[[], None]) -> None:
        while True:
            await asyncio.sleep(seconds)
            call()

    def _beat(self) -> None:
        self.brain.tick()
        self.federation.tick()

    def _count(self, _contact: object, outcome: str, _reason: str) -> None:
        self.ended[outcome] += 1

    def _send(self, peer: str, message: LinkMessage) -> bool:
        return self.federation.send(peer, message)

    def _identity(self) -> Identity:
        control = self._control
        fields = IdentityFields(
            name=self.name,
            site=self.site,
            tenant="main",
            hub_address="127.0.0.1",
            hub_port=control.settings.link_port,
            hub_curve_key=control.parts.hub_key,
            plan_verify_key=control.parts.plan_public.hex(),
            hub_telemetry_port=control.settings.telemetry_in_port,
        )
        keys = BoxKeys(key_pem=b"", curve=CurveKeys(public=self.key, secret=self._secret))
        return Identity(fields=fields, keys=keys, certificate_pem=b"", ca_pem=b"")


class _Fleet(NamedTuple):
    """All of them, and whom their callers call."""

    branches: list[Branch]
    control: BenchControl
    numbers: list[str]
    chance: random.Random


class _Wire(msgspec.Struct):
    """What has passed on the access links so far."""

    #: kind of connection -> bytes, segments
    bytes: Counter[str] = msgspec.field(default_factory=Counter)
    segments: Counter[str] = msgspec.field(default_factory=Counter)
    at_s: float = msgspec.field(default_factory=time.monotonic)

    def since(self, before: "_Wire") -> "_Wire":
        """Return what has passed since then."""
        return _Wire(
            Counter({kind: n - before.bytes[kind] for kind, n in self.bytes.items()}),
            Counter({kind: n - before.segments[kind] for kind, n in self.segments.items()}),
            self.at_s - before.at_s,
        )


def _look(ports: dict[int, str]) -> _Wire:
    """Read the kernel's counters of the connections that were dialled to these ports."""
    said = subprocess.run(
        ["ss", "-tinHO", "state", "established"], capture_output=True, text=True, check=True
    ).stdout
    wire = _Wire()
    for line in said.splitlines():
        words = line.split()
        kind = ports.get(int(words[3].rpartition(":")[2])) if len(words) > 3 else None
        if kind is None:
            continue
        times = 2 if kind == "peers" else 1
        counts = {name: int(n) for name, n in re.findall(r"(\w+):(\d+)", line)}
        passed = counts.get("bytes_sent", 0) + counts.get("bytes_received", 0)
        wire.bytes[kind] += times * passed
        wire.segments[kind] += times * (counts.get("segs_out", 0) + counts.get("segs_in", 0))
    return wire


def run(load: Load = FULL) -> Report:
    """Measure an idle fleet, then one that works."""
    report = Report("wan")
    asyncio.run(_measure(report, load))
    return report


async def _measure(report: Report, load: Load) -> None:
    async with _fleet(load) as (branches, control, numbers, chance):
        ports = {branch.link_port: "peers" for branch in branches}
        ports[control.settings.link_port] = "hub"
        ports[control.settings.telemetry_in_port] = "telemetry"
        begin = _look(ports)
        await asyncio.sleep(load.idle_s)
        idle = _look(ports).since(begin)
        begin = _look(ports)
        calls = await _calls(branches, load, numbers, chance)
        await until(lambda: sum(b.ended.total() for b in branches) == calls, "the last end")
        await until(lambda: all(_uploaded(b) for b in branches), "the ledgers' way to control")
        await asyncio.sleep(1.0)
        busy = _look(ports).since(begin)
    report.figure("branches", load.size.boxes)
    report.figure("contacts", calls)
    headers, each = 0.0, {}
    for kind in KINDS:
        share = busy.at_s / idle.at_s
        each[kind] = (busy.bytes[kind] - share * idle.bytes[kind]) / calls
        headers += (busy.segments[kind] - share * idle.segments[kind]) / calls * HEADERS
        hourly = idle.bytes[kind] / idle.at_s * 3600 / load.size.seats
        report.figure(f"{kind}_bytes_at_work", busy.bytes[kind])
        report.figure(f"{kind}_bytes_per_contact", each[kind])
        report.figure(f"{kind}_bytes_per_idle_seat_and_hour", hourly)
        report.figure(f"{kind}_bytes_per_s_and_idle_branch", hourly * seats_of(load) / 3600)
    report.figure("tcp_ip_bytes_per_contact_estimated", headers)
    report.bar("a contact, link to the hub", each["hub"] / 1000, BAR, "kB")
    report.bar(
        "a contact, links to hub and peers", (each["hub"] + each["peers"]) / 1000, BAR, "kB"
    )


def seats_of(load: Load) -> float:
    """Return the seats of one branch."""
    return load.size.seats / load.size.boxes


async def _calls(
    branches: list[Branch], load: Load, numbers: list[str], chance: random.Random
) -> int:
    loop = asyncio.get_running_loop()
    due_s, end_s, calls = loop.time(), loop.time() + load.seconds, 0
    while True:
        due_s += chance.expovariate(load.rate * len(branches))
        if due_s > end_s:
            return calls
        await asyncio.sleep(max(0.0, due_s - loop.time()))
        chance.choice(branches).legs.call_in(chance.choice(numbers))
        calls += 1


def _uploaded(branch: Branch) -> bool:
    return branch.federation.uploader.acknowledged >= branch.journal.head()[1]


@asynccontextmanager
async def _fleet(load: Load) -> AsyncIterator[_Fleet]:
    chance = random.Random(4)
    plan = fleet_plan(load.size, chance, ring_s=20.0, wrap_up_s=1.0)
    half = (0.5 * load.talk_s, 1.5 * load.talk_s)
    times = Times(chance, (0.5, 1.5), half)
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        control = BenchControl(folder)
        stack.callback(control.parts.close)
        branches = [Branch(n, folder, control, times) for n in range(load.size.boxes)]
        by_name = {branch.name: branch for branch in branches}
        control.publish(plan)
        control.approve([(b.name, b.site, b.key, b.link_port) for b in branches])
        for program in ("hub", "intake"):
            stack.callback(ControlProcess(control.settings, program).stop)
        for branch in branches:
            branch.legs.legs_of = lambda name: by_name[name].legs
            branch.open(plan)
            stack.callback(branch.close)
            task = asyncio.create_task(branch.run())
            stack.push_async_callback(_end, task)
        names = {*by_name, "hub"}
        await until(
            lambda: all(b.federation.node.reached() | {b.name} == names for b in branches),
            "the fleet's sessions",
        )
        await until(lambda: all(_uploaded(b) for b in branches), "the ledgers' way to control")
        yield _Fleet(branches, control, [number.number for number in plan.numbers], chance)


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
