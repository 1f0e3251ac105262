"""Queue gauges: told when they change, and now and then."""

import re
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from appliance.config.model import TelemetrySettings
from appliance.daemon.reporter import REPORT_S, SAME_GAUGE_S, Reporter
from appliance.plan.model import Site
from appliance.routing.model import QueueView
from appliance.telemetry.publisher import TelemetryPublisher
from tests.appliance.brainkit import PLAN, Box, World
from tests.ports import free_port


class Desk:
    """A brain in virtual time, and what it reports."""

    def __init__(self, folder: Path) -> None:
        self.world = World()
        self.box = Box(self.world, folder)
        self.publisher = TelemetryPublisher(
            TelemetrySettings(port=free_port()),
            tenant="main",
            site="north",
            appliance="a",
            incarnation=1,
            clock=self.world.clock,
        )
        self.reporter = Reporter(
            self.box.brain, self.box.journal, self.publisher, folder, self.world.clock
        )

    def gauges(self, *views: QueueView) -> int:
        """Report; return how many gauges that were."""
        before = self.publisher._seq["queue-gauge"]
        self.reporter.queues(list(views))
        return self.publisher._seq["queue-gauge"] - before


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    yield made
    made.publisher.close()
    made.world.close()


def test_a_queue_is_reported_where_it_changed(desk: Desk) -> None:
    sales, service = QueueView("sales", 0, 3, 3), QueueView("service", 0, 1, 1)
    assert desk.gauges(sales, service) == 2
    desk.world.run(REPORT_S)
    assert desk.gauges(sales, service) == 0
    assert desk.gauges(QueueView("sales", 1, 3, 3), service) == 1
    desk.world.run(SAME_GAUGE_S)
    assert desk.gauges(QueueView("sales", 1, 3, 3), service) == 2


def test_a_link_that_is_nearly_full_is_an_alarm(desk: Desk) -> None:
    """Raised above 80 %, it ends at 70 %; what is between changes nothing."""
    brain, publisher = desk.box.brain, desk.publisher
    brain.take_plan(msgspec.structs.replace(PLAN, sites=(Site(name="north", link_calls=10),)))

    def value(name: str) -> float:
        found = re.findall(rf"^branchline_{name}{{.*}} (\S+)$", publisher.page.render(), re.M)
        return float(found[0])

    def alarms(calls: int) -> int:
        """Let there be so many calls; return how many alarms that made."""
        before = publisher._seq["alarm"]
        brain.budget.clear()
        for number in range(calls):
            brain.budget.take(f"r{number}", "b")
        brain.turn.wake()
        desk.world.settle()
        return publisher._seq["alarm"] - before

    assert alarms(8) == 0
    assert (alarms(9), value("alarm")) == (1, 1)
    assert alarms(10) == alarms(8) == 0
    assert (alarms(7), value("alarm")) == (1, 0)
    assert alarms(8) == 0
    desk.reporter.box()
    assert (value("link_calls"), value("link_calls_limit")) == (8, 10)
    assert value("link_kbits_per_second") == 8 * 87
