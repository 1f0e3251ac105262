"""A hub process with the whole fleet on its link: offers in time, nobody lost, nobody doubled.

The hub has one core, all appliances the other: production brains and link nodes in one process,
with legs and ledgers that pretend (`owners.py`). A contact's offer counts from the moment that it
waits and an eligible seat is free, until the offer has come to its owner; both are read from what
the owners write down, in one process and by one clock.
"""

import asyncio
import contextlib
import gc
import os
import random
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from appliance.link.nats_client import NatsSettings
from tests.appliance.link.nats_rig import NatsCluster
from tests.bench.books import Books
from tests.bench.hubrig import (
    BenchControl,
    ControlProcess,
    Size,
    box_of,
    fleet_plan,
    own_part,
    site_of,
    until,
)
from tests.bench.machine import Moment, Window, load_apart, on_core, rss_kb
from tests.bench.owners import Owner, Owners
from tests.bench.report import Report
from tests.bench.timedlegs import Times

SEED = 4
#: 24,000 talks are some 40 s of work; a busy machine takes long
FILL_PATIENCE_S = 600.0


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """What the fleet goes through."""

    size: Size
    #: contacts a second; how long they come before they count, and while they do [s]
    rate: float = 500.0
    settle_s: float = 5.0
    measured_s: float = 60.0
    #: means [s]
    ring_s: float = 1.0
    talk_s: float = 36.0
    wrap_up_s: float = 5.0

    @property
    def busy(self) -> int:
        """Seats that are busy when as many contacts end as come in."""
        hold_s = self.ring_s + self.talk_s + self.wrap_up_s
        return min(self.size.seats, round(self.rate * hold_s))


FULL = Load(size=Size(boxes=80, seats=24_000))
SMOKE = Load(
    size=Size(boxes=3, seats=60, queues=6, kinds=10),
    rate=20,
    settle_s=0.5,
    measured_s=2,
    ring_s=0.1,
    talk_s=0.5,
    wrap_up_s=0.2,
)


class Centre:
    """A hub process and the fleet on its link."""

    def __init__(self, load: Load, folder: Path, nats: NatsSettings | None) -> None:
        self.load = load
        self.chance = random.Random(SEED)
        plan = fleet_plan(
            load.size, self.chance, ring_s=10 * load.ring_s + 5, wrap_up_s=load.wrap_up_s
        )
        self.control = BenchControl(folder, nats)
        self.books = Books(plan)
        self.times = Times(self.chance, _about(load.ring_s), _about(load.talk_s))
        self.owners = [
            Owner(box_of(n), site_of(n), own_part(plan, site_of(n)), self.books, self.times, nats)
            for n in range(load.size.boxes)
        ]
        self.by_name = {owner.name: owner for owner in self.owners}
        self.fleet = Owners(self.owners)
        self.numbers = [number.number for number in plan.numbers]
        self.control.publish(plan)
        self.control.approve((owner.name, owner.site, owner.key, 0) for owner in self.owners)
        self.hub: ControlProcess | None = None

    async def fill(self, count: int, talk_s: tuple[float, float]) -> None:
        """Let *count* seats talk, each for a time between these from now on."""
        seats = [(owner, seat) for owner in self.owners for seat in owner.seats]
        self.chance.shuffle(seats)
        before, self.times.talk_s = self.times.talk_s, talk_s
        connected = self.books.counts["connected"] + count
        await self.fleet.fill(seats[:count], lambda: self.chance.choice(self.numbers))
        await until(
            lambda: self.books.counts["connected"] >= connected, "the first talks", FILL_PATIENCE_S
        )
        self.times.talk_s = before

    def start_hub(self, core: int) -> ControlProcess:
        """Start a hub, on one core."""
        self.hub = ControlProcess(self.control.settings, core=core)
        return self.hub

    async def open(self) -> None:
        """Wait until the hub knows all."""
        self.fleet.open(self.control.hub)
        await until(lambda: all(owner.up for owner in self.owners), "the fleet's sessions")
        await until(lambda: all("plan" in o.documents for o in self.owners), "the plan")

    async def close(self) -> None:
        """End all."""
        await self.fleet.close()
        if self.hub is not None:
            self.hub.stop()
        self.control.parts.close()

    def talks(self, contact: str) -> bool:
        """Tell whether a contact talks, by its owner's book and by its legs."""
        owner = self.by_name[self.books.stories[contact].owner]
        known = owner.brain.book.get(contact)
        return known is not None and known.phase == "talking" and owner.legs.is_up(known.leg)

    def call(self) -> None:
        """Somebody calls somewhere."""
        owner = self.owners[self.chance.randrange(len(self.owners))]
        owner.legs.call_in(self.chance.choice(self.numbers))

    async def calls(self, seconds: float) -> None:
        """Let callers come at the load's rate."""
        loop = asyncio.get_running_loop()
        due_s, end_s = loop.time(), loop.time() + seconds
        while True:
            due_s += self.chance.expovariate(self.load.rate)
            if due_s > end_s:
                return
            if due_s > loop.time():
                await asyncio.sleep(due_s - loop.time())
            self.call()


@asynccontextmanager
async def centre(load: Load, nats: NatsSettings | None = None) -> AsyncIterator[Centre]:
    """Make a fleet; end it, and its hub."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        made = Centre(load, Path(folder), nats)
        try:
            # a pass would look at all brains and halt them at once: in their own processes each
            # has an eightieth of the objects, an eightieth as often (`spine` measures with it)
            gc.disable()
            yield made
        finally:
            gc.enable()
            await made.close()


def run(load: Load = FULL) -> Report:
    """Measure over ZeroMQ, then over NATS."""
    report = Report("hub")
    with load_apart() as core, tempfile.TemporaryDirectory(prefix="bench-") as folder:
        asyncio.run(_measure(report, load, core, ""))
        # beside the hub: appliances have less to spare
        cluster = NatsCluster(Path(folder) / "nats", size=1)
        try:
            with on_core(core):
                cluster.start()
            asyncio.run(_measure(report, load, core, "nats: ", cluster.settings()))
        finally:
            cluster.stop()
    return report


async def _measure(
    report: Report, load: Load, core: int, at: str, nats: NatsSettings | None = None
) -> None:
    async with centre(load, nats) as made:
        await made.fill(load.busy, (load.settle_s, load.settle_s + 1.2 * load.talk_s))
        hub = made.start_hub(core)
        await made.open()
        await made.calls(load.settle_s)
        books = made.books
        books.forget_times()
        begun = [Moment.now([pid]) for pid in (hub.pid, os.getpid())]
        contacts = -len(books.stories)
        await made.calls(load.measured_s)
        contacts += len(books.stories)
        windows = [
            Window.between(begin, Moment.now([pid]))
            for begin, pid in zip(begun, (hub.pid, os.getpid()), strict=True)
        ]
        report.figure(f"{at}busy_seats", load.size.seats - len(books.free.seats))
        report.figure(f"{at}waiting", len(books.waiting))
        for who, window in zip(("hub", "owners"), windows, strict=True):
            report.figure(f"{at}{who}_core_percent", window.core_percent)
            report.figure(f"{at}{who}_ms_per_contact", 1000 * window.ours_s / contacts)
        window = windows[0]
        report.figure(f"{at}contacts_per_s", contacts / window.seconds)
        report.figure(f"{at}hub_mb", rss_kb([hub.pid]) / 1000)
        report.figure(f"{at}machine_busy_percent", window.busy_percent)
        report.figure(f"{at}steal_percent", window.steal_percent)
        with contextlib.suppress(SystemExit):  # who is left is lost
            await until(lambda: not books.open, "the end of all contacts", 3 * load.talk_s + 60)
        _tell(report, books, at)


def _about(mean: float) -> tuple[float, float]:
    return (0.5 * mean, 1.5 * mean)


def _tell(report: Report, books: Books, at: str) -> None:
    for name, values in (("offer", books.latencies_s), ("wait", books.waits_s)):
        values.sort()
        for share in (50, 99, 99.9):
            value = values[min(len(values) - 1, int(len(values) * share / 100))]
            report.figure(f"{at}{name}_p{share}_ms", 1000 * value)
        report.figure(f"{at}{name}_max_ms", 1000 * values[-1])
    for name, count in sorted(books.counts.items()):
        report.figure(at + name, count)
    report.bar(f"{at}lost", books.counts["lost"] + books.open, "<= 0", "contacts")
    report.bar(f"{at}doubled", books.counts["doubled"], "<= 0", "contacts")
    report.bar(f"{at}offer p99", report.figures[f"{at}offer_p99_ms"], "<= 50", "ms")
