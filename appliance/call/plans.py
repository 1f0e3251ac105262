"""The plan in force, with look-ups by name."""

import logging
from datetime import UTC, datetime

from appliance.base.errors import ConfigError
from appliance.plan.hours import Calendar, is_open
from appliance.plan.model import Agent, Flow, Number, Overflow, Plan, Queue, ServiceClass, Site

log = logging.getLogger(__name__)


class CurrentPlan:
    """Holds the plan in force; everyone asks here, so that the next call follows the new one."""

    def __init__(self, plan: Plan | None = None) -> None:
        self.plan = Plan()
        self.take(plan or Plan())

    def take(self, plan: Plan) -> None:
        """Put *plan* in force."""
        self.plan = plan
        self.numbers: dict[str, Number] = {item.number: item for item in plan.numbers}
        self.queues: dict[str, Queue] = {item.name: item for item in plan.queues}
        self.flows: dict[str, Flow] = {item.name: item for item in plan.flows}
        self.classes: dict[str, ServiceClass] = {item.name: item for item in plan.classes}
        self.agents: dict[str, Agent] = {item.name: item for item in plan.agents}
        self.calendars: dict[str, Calendar] = {item.name: item for item in plan.calendars}
        self.sites: dict[str, Site] = {item.name: item for item in plan.sites}
        self.agent_by_account: dict[str, Agent] = {item.account: item for item in plan.agents}

    def number(self, called: str) -> Number | None:
        """Return what answers *called*, with or without its leading `+`."""
        return self.numbers.get(called) or self.numbers.get("+" + called)

    def queue(self, name: str) -> Queue:
        """Return the queue called *name*; one the plan no longer has keeps its defaults."""
        return self.queues.get(name) or Queue(name=name)

    def site(self, name: str) -> Site:
        """Return what the plan says of a branch; of one that it does not name, nothing."""
        return self.sites.get(name) or Site(name=name)

    def overflow(self, queue: str, klass: str) -> tuple[Overflow, ...]:
        """Return the rules for who waits too long: of the class where it has any."""
        known = self.classes.get(klass)
        return (known.overflow if known else ()) or self.queue(queue).overflow

    def music(self, queue: str, klass: str) -> list[str]:
        """Return what a waiting caller hears: of the class where it has any."""
        known = self.classes.get(klass)
        return list((known.music if known else ()) or self.queue(queue).music)

    def is_open(self, calendar: str, wall_us: int) -> bool:
        """Tell whether *calendar* is open at a wall time; one that is not there always is."""
        found = self.calendars.get(calendar)
        if found is None:
            return True
        try:
            return is_open(found, datetime.fromtimestamp(wall_us / 1e6, UTC))
        except ConfigError as error:
            # checks passed where the zone was known; this box has other zones
            log.error("calendar %s: %s", calendar, error)  # noqa: TRY400 - an expected state
            return True
