"""Branches part and join again, over and over, at more than they can serve. Virtual time.

Real brains with their ledgers, and a real hub, over links and SIP that are cut whole, in part and
one way; brains and hub are killed, whole boxes lose power, and clocks are off, by up to years, and
are set while callers wait.
"""

import asyncio
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from random import Random

from appliance.plan.model import Agent, Number, Plan, Queue
from tests.appliance.daemon.islandaudit import LIMITS_S, Auditor
from tests.appliance.daemon.islandkit import HUB, IslandBox, IslandFleet, IslandLegs
from tests.bench.report import Report

CYCLES = 1_000
BRANCHES = ("box-a", "box-b", "box-c", "box-d")
AGENTS = 3
#: mean talk, ringing before it, and what callers endure [s]
TALK_S, RING_S, PATIENCE_S = 4.0, 0.7, 40.0
#: calls that all agents together could serve [a second]
SERVED = len(BRANCHES) * AGENTS / (TALK_S + RING_S)
#: arrivals as a share of that; with less load than agents, who is not served is seen sooner
LOAD, LIGHT_LOAD = 1.1, 0.6
#: how far a clock that is wrong may be off [s]: the time zone, the empty battery
HOUR_S, YEARS_S = 3_600.0, 10 * 365 * 86_400.0

PLAN = Plan(
    serial=1,
    numbers=(Number(number="200", queue="all"),),
    queues=(Queue(name="all", order=("level", "idle"), wrap_up_s=0.0, announce_s=0),),
    agents=tuple(
        Agent(name=f"{box}-{number}", site=box, account=f"{box}-{number}")
        for box in BRANCHES
        for number in range(AGENTS)
    ),
)


class Storm:
    """One fleet, its callers, and all that befalls it."""

    def __init__(self, folder: Path, seed: int, load: float = LOAD) -> None:
        self.chance = Random(seed)
        self.rate = load * SERVED
        self.audit = Auditor()
        self.fleet = IslandFleet(
            folder, PLAN, list(BRANCHES), self.chance, self.audit.witness,
            wall_off_s=HOUR_S, talk_s=TALK_S,
        )  # fmt: skip
        self.clocks_set = 0
        self.calls = 0
        self.calling = True
        self.audit.start(self.fleet)
        self.fleet.run(3)
        self.audit.changed(whole=True)
        self._call()

    # -- callers -------------------------------------------------------------------------------

    def _call(self) -> None:
        if not self.calling:
            return
        self.fleet.world.later(self.chance.expovariate(self.rate), self._call)
        box = self.fleet.boxes[self.chance.choice(BRANCHES)]
        if not box.powered:
            return
        self.calls += 1
        legs = box.legs
        leg = legs.call_in("200")
        self.audit.called(box, leg)
        patience_s = self.chance.expovariate(1 / PATIENCE_S)
        self.fleet.world.later(patience_s, lambda: self._impatient(box, legs, leg))

    def _impatient(self, box: IslandBox, legs: IslandLegs, leg: int) -> None:
        row = legs.rows.get(leg)
        if row is None or row.bridge:
            return
        if not box.alive:
            self.audit.gave_up(box, leg)
        legs.down(leg)

    # -- what befalls them ---------------------------------------------------------------------

    async def cycle(self) -> None:
        """Part, wait, heal, wait."""
        self.audit.changed(whole=False)
        self.chance.choice((self._islands, self._no_hub, self._partly, self._one_way))()
        if self.chance.random() < 0.4:
            self._set_clock(self.chance.choice((*BRANCHES, HUB)))
        deaths = self._deaths()
        self.fleet.run(self.chance.choice((3, 4, 5, 7, 15)) + self.chance.random())
        for rise in deaths:
            rise()
        self.fleet.cuts.heal()
        self.audit.changed(whole=True)
        self.fleet.run(self.chance.uniform(4, 6))
        if not self.fleet.hub.alive:  # the branches were one queue without it
            self.fleet.hub.start()
            self.audit.changed(whole=True)
        await asyncio.sleep(0)

    def _islands(self) -> None:
        """Each is on one of two to four islands."""
        number = self.chance.randint(2, 4)
        island = {name: self.chance.randrange(number) for name in (*BRANCHES, HUB)}
        self._cut(lambda a, b: island[a] != island[b])

    def _no_hub(self) -> None:
        """The hub is out of reach of all, or of some."""
        lost = self.chance.sample(BRANCHES, self.chance.choice((1, 2, 4, 4)))
        self._cut(lambda a, b: HUB in (a, b) and (a in lost or b in lost))

    def _partly(self) -> None:
        """Some pairs do not reach each other, whatever others do."""
        self._cut(lambda _a, _b: self.chance.random() < 0.4)

    def _one_way(self) -> None:
        """Some ways are cut, and mostly not the way back."""
        for a in (*BRANCHES, HUB):
            for b in (*BRANCHES, HUB):
                if a != b and self.chance.random() < 0.3:
                    self.fleet.cuts.cut(a, b, one_way=True)

    def _cut(self, apart: Callable[[str, str], bool]) -> None:
        names = (*BRANCHES, HUB)
        for i, a in enumerate(names):
            for b in names[i + 1 :]:
                if apart(a, b):
                    self.fleet.cuts.cut(a, b)

    def _deaths(self) -> list[Callable[[], None]]:
        """Kill some; return how they rise again."""
        rise: list[Callable[[], None]] = []
        if self.chance.random() < 0.25:
            self.fleet.hub.die(self.chance.choice(("kill", "power")))
            if self.chance.random() < 0.6:
                rise.append(self.fleet.hub.start)
        if self.chance.random() < 0.3:
            box = self.fleet.boxes[self.chance.choice(BRANCHES)]
            if self.chance.random() < 0.3:
                self.audit.power_cut(box)
                box.power_off()
                rise.append(box.power_on)
            else:
                box.die(self.chance.choice(("kill", "power")))
                rise.append(box.start)
        return rise

    def _set_clock(self, name: str) -> None:
        """Somebody puts a clock right, or wrong."""
        off_s = self.chance.choice((0.02, 0.02, 0.02, 0.45, HOUR_S, YEARS_S))
        self.fleet.clocks[name].set_wall(self.chance.uniform(-off_s, off_s))
        self.clocks_set += 1

    def finish(self) -> None:
        """Let everybody through, and look at what is left."""
        self.calling = False
        self.fleet.run(120)
        self.audit.close()
        self.fleet.close()


async def storm(cycles: int, seed: int, load: float = LOAD) -> Storm:
    """Return what a fleet has gone through."""
    with tempfile.TemporaryDirectory() as folder:
        made = Storm(Path(folder), seed, load)
        for _ in range(cycles):
            await made.cycle()
        made.finish()
        return made


def run(cycles: int = CYCLES, seed: int = 1) -> Report:
    """Run all cycles at more than full load, and a part of them again at less."""
    report = Report("partition")
    for load, share in ((LOAD, cycles), (LIGHT_LOAD, -(-cycles // 5))):
        began_s = time.monotonic()
        made = asyncio.run(storm(share, seed, load))
        _tell(report, made, f"load {load:.0%}: ", share, time.monotonic() - began_s)
    return report


def _tell(report: Report, made: Storm, at: str, cycles: int, real_s: float) -> None:
    audit = made.audit
    report.figure(f"{at}cycles", cycles)
    report.figure(f"{at}calls", made.calls)
    report.figure(f"{at}clocks that were set", made.clocks_set)
    report.figure(f"{at}virtual_s", made.fleet.now_s - 1000)
    report.figure(f"{at}real_s", real_s)
    for name, count in sorted(audit.counts.items()):
        report.figure(at + name, count)
    for name in audit.MUST_NOT_BE:
        report.bar(at + name, audit.counts[name], "<= 0", "")
    for what, limit_s in LIMITS_S.items():
        report.bar(f"{at}waits {what}", audit.worst_s[what], f"<= {limit_s:g}", "s")
    report.notes += [at + note for note in audit.notes]
