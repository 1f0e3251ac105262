"""One matchmaker over a large contact centre: contacts a second, and the time of one decision.

Each contact's whole life passes through it as its owners publish it: waiting, reserved,
connecting, talking, ended; and its seat's: reserved, ringing, talking, wrap-up, ready. Only what
the matchmaker itself does is timed; the owners are simulated in virtual time. A contact takes some
seventeen spans of a few microseconds each, so what reading the clock itself takes, half a
microsecond of a span, is taken off; of many tries the least, lest it be too much.

Timing begins when as many contacts have ended as there are agents. Before, more of them come than
end: a quarter more are proposed than are counted, and the more so the larger the house is.
"""

import gc
import random
import time

from appliance.routing.matchmaker import Matchmaker
from appliance.routing.model import ContactRow, SeatRow
from tests.appliance.routing.rows import Published
from tests.bench.centre import Centre, make_plan
from tests.bench.report import Report

AGENTS, MANY_AGENTS = 24_000, 100_000
#: contacts that are timed, after the house is full
CONTACTS = 30_000
CLOCK_READINGS = 10_000
_SEED = 4


class _Timed:
    """A matchmaker in a centre; what it takes is added up."""

    def __init__(self, agents: int) -> None:
        chance = random.Random(_SEED)
        plan = make_plan(agents, chance)
        self.centre = Centre(plan, chance)
        self.matchmaker = Matchmaker(plan)
        self.decisions_ns: list[int] = []
        self.spent_ns = 0
        self.proposals = 0
        self._clock_ns = clock_ns()
        for owner, snapshot in self.centre.snapshots().items():
            self.matchmaker.on_snapshot(owner, snapshot, 0)
        self.centre.publish = self._published

    def run(self, contacts: int) -> None:
        """Let *contacts* live from beginning to end."""
        until = self.centre.done + contacts
        while self.centre.done < until:
            self.centre.step()
            self._propose()

    def _published(self, row: ContactRow | SeatRow) -> None:
        """Each row comes as a delta of its own."""
        if isinstance(row, ContactRow):
            delta = Published(contacts=[row])
        else:
            delta = Published(seats=[row])
        begun = time.thread_time_ns()
        self.matchmaker.on_delta(row.owner, delta, self.centre.now_ms)
        self.spent_ns += time.thread_time_ns() - begun - self._clock_ns

    def _propose(self) -> None:
        begun = time.thread_time_ns()
        proposals = self.matchmaker.propose(self.centre.now_ms)
        spent = time.thread_time_ns() - begun - self._clock_ns
        self.spent_ns += spent
        if proposals:
            self.decisions_ns.append(spent)
        for proposal in proposals:
            self.proposals += 1
            self.centre.follow(proposal)


def clock_ns() -> int:
    """Return what of a span is the reading of the clock itself [ns]."""
    clock = time.thread_time_ns
    return min(-(clock() - clock()) for _ in range(CLOCK_READINGS))


def run() -> Report:
    """Measure 24,000 agents, and 100,000 beside them."""
    report = Report("decide")
    per_contact = {}
    for agents in (AGENTS, MANY_AGENTS):
        per_contact[agents] = _measure(report, agents)
    rate = report.figures[f"contacts_per_s_{AGENTS}"]
    report.bar("life cycles", rate, ">= 10000", "contacts/s")
    report.bar("decision p99", report.figures[f"decision_p99_us_{AGENTS}"], "<= 100", "us")
    growth = per_contact[MANY_AGENTS] / per_contact[AGENTS]
    report.bar("cost a contact, 100,000 agents against 24,000", growth, "<= 1.5", "x")
    return report


def _measure(report: Report, agents: int) -> float:
    timed = _Timed(agents)
    timed.run(agents)
    gc.collect()
    gc.freeze()
    timed.spent_ns, timed.proposals = 0, 0
    timed.decisions_ns.clear()
    timed.run(CONTACTS)
    gc.unfreeze()
    each = sorted(timed.decisions_ns)
    per_contact_us = timed.spent_ns / CONTACTS / 1000
    report.figure(f"contacts_per_s_{agents}", 1e6 / per_contact_us)
    report.figure(f"contact_us_{agents}", per_contact_us)
    report.figure(f"decision_p50_us_{agents}", each[len(each) // 2] / 1000)
    report.figure(f"decision_p99_us_{agents}", each[len(each) * 99 // 100] / 1000)
    report.figure(f"proposals_{agents}", timed.proposals)
    report.figure(f"occupancy_{agents}", _occupancy(timed.centre))
    report.figure(f"waiting_{agents}", timed.centre.waiting)
    return per_contact_us


def _occupancy(centre: Centre) -> float:
    busy = sum(row.state != "ready" for row in centre.seats.values())
    return busy / len(centre.seats)
