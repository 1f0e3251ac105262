"""What is wrong with a plan, before anybody calls: every finding names its place.

*A way out.* From each step, a caller who presses nothing must come to a queue, a fax, a message or
a hang-up: one follows `next` of say, `otherwise` of menu, collect, outside, callback, voicemail,
all ways of hours and lookup (`ways.py`). So no caller circles unless they choose to; a menu whose
key leads back to itself is fine, one whose `otherwise` does so is a loop.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Literal

import msgspec

from appliance.base.errors import ConfigError
from appliance.plan import links
from appliance.plan.callback import CallBack
from appliance.plan.canonical import decode
from appliance.plan.diallable import is_country
from appliance.plan.hours import is_date, zone
from appliance.plan.lookup import Lookup, TakeAgent, TakeClass, TakeSkill, faults
from appliance.plan.model import (
    PLAN_FORMAT,
    Collect,
    Enqueue,
    Flow,
    Hours,
    Menu,
    Number,
    Overflow,
    Plan,
    Queue,
)
from appliance.plan.served import at_last, both, serves
from appliance.plan.transfers import parse_target
from appliance.plan.voicemail import Voicemail
from appliance.plan.ways import circles, collected, reached, targets

FindingReason = Literal[
    "duplicate",
    "unknown-flow",
    "unknown-queue",
    "unknown-step",
    "unknown-class",
    "unknown-calendar",
    "loop",
    "unreachable",
    "no-choice",
    "no-target",
    "two-targets",
    "both-or-neither",
    "one-condition",
    "bad-range",
    "one-phone",
    "no-group",
    "bad-shares",
    "two-rules",
    "unknown-agent",
    "no-agent",
    "not-weaker",
    "unknown-skill",
    "unknown-zone",
    "bad-date",
    "no-emergency",
    "bad-emergency",
    "emergency-shadowed",
    "bad-lookup",
    "bad-target",
    "unknown-country",
    "one-key",
    "bad-link",
]
Severity = Literal["error", "warning"]

#: findings that a plan may be published with: nobody is harmed by them
WARNINGS: frozenset[FindingReason] = frozenset({"unreachable", "unknown-skill"})
#: shares may miss 100 by this [per cent]: thirds are written 33.3
SHARES_OFF = 0.5


class Finding(msgspec.Struct, frozen=True, order=True):
    """One thing that is wrong."""

    #: as in errors: `flows[main].steps[menu].otherwise`
    place: str
    reason: FindingReason
    message: str

    @property
    def severity(self) -> Severity:
        """Tell whether the plan may be published all the same."""
        return "warning" if self.reason in WARNINGS else "error"


def parse_plan(body: bytes) -> Plan:
    """Return the plan in *body*; raise ConfigError `bad-plan` that names the place."""
    plan = decode(body, Plan, reason="bad-plan")
    if plan.format != PLAN_FORMAT:
        raise ConfigError(
            "bad-plan", f"format: {plan.format} is not known here; must be {PLAN_FORMAT}"
        )
    return plan


def check(plan: Plan) -> list[Finding]:
    """Return all findings, in order of place; none: the plan may be published."""
    checker = _Checker(plan)
    return sorted(
        {
            *_duplicates(plan),
            *checker.classes(),
            *checker.numbers(),
            *checker.queues(),
            *checker.flows(),
            *checker.agents(),
            *checker.emergency(),
            *checker.calendars(),
            *checker.transfers(),
            *(Finding(place, "bad-link", message) for place, message in links.faults(plan)),
        }
    )


class _Checker:
    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._flows = {flow.name for flow in plan.flows}
        self._queues = {queue.name: queue for queue in plan.queues}
        self._classes = {klass.name for klass in plan.classes}
        self._agents = {agent.name for agent in plan.agents}
        self._sites = {site.name for site in plan.sites} | {agent.site for agent in plan.agents}
        self._calendars = {calendar.name for calendar in plan.calendars}
        #: names of digits that any flow takes: they go with the caller from flow to flow
        self._collected = {name for flow in plan.flows for name in collected(flow)}

    def classes(self) -> Iterator[Finding]:
        yield from self._class("default_class", self._plan.default_class)
        for klass in self._plan.classes:
            yield from self._overflow(f"classes[{klass.name}]", klass.overflow)

    def numbers(self) -> Iterator[Finding]:
        for number in self._plan.numbers:
            place = f"numbers[{number.number}]"
            yield from self._target(place, number)
            if number.klass:
                yield from self._class(f"{place}.klass", number.klass)
            yield from self._hours(place, number)

    def queues(self) -> Iterator[Finding]:
        for queue in self._plan.queues:
            place = f"queues[{queue.name}]"
            yield from self._served(f"{place}.skills", at_last(queue, queue.skills))
            yield from _relaxed(place, queue)
            yield from self._overflow(place, queue.overflow)
            yield from self._divided(place, queue)
            if queue.reserve_below > queue.reserve_above or (
                queue.reserve_above and not queue.reserve_below
            ):
                message = f"{queue.reserve_above:g} is not above reserve_below"
                yield Finding(f"{place}.reserve_above", "bad-range", message)
            for skill in queue.prefer:
                if not any(skill in agent.skills for agent in self._plan.agents):
                    yield Finding(
                        f"{place}.prefer[{skill}]", "unknown-skill", f"no agent has {skill!r}"
                    )

    def flows(self) -> Iterator[Finding]:
        for flow in self._plan.flows:
            yield from _steps(flow)
            for name, step in flow.steps.items():
                place = f"flows[{flow.name}].steps[{name}]"
                if isinstance(step, Enqueue):
                    yield from self._enqueue(place, step)
                elif isinstance(step, CallBack):
                    yield from self._call_back(place, step)
                elif isinstance(step, Voicemail):
                    yield from self._task(place, step)
                elif isinstance(step, Hours):
                    yield from self._calendar(f"{place}.calendar", step.calendar)
                elif isinstance(step, Lookup):
                    yield from self._lookup(place, step)

    def agents(self) -> Iterator[Finding]:
        for agent in self._plan.agents:
            place = f"agents[{agent.name}]"
            calls = agent.slots.get("voice", 0)
            if calls > 1:
                message = f"a phone has one call at a time, not {calls}"
                yield Finding(f"{place}.slots[voice]", "one-phone", message)
            for number, group in enumerate(agent.exclusive):
                if len({*group} & agent.slots.keys()) < 2:
                    message = "a group names two or more channels that the agent has slots for"
                    yield Finding(f"{place}.exclusive[{number}]", "no-group", message)

    def calendars(self) -> Iterator[Finding]:
        for calendar in self._plan.calendars:
            place = f"calendars[{calendar.name}]"
            try:
                zone(calendar.time_zone)
            except ConfigError as error:
                yield Finding(f"{place}.time_zone", "unknown-zone", error.message)
            for holiday in calendar.holidays:
                if not is_date(holiday.date):
                    yield Finding(
                        f"{place}.holidays[{holiday.date}]",
                        "bad-date",
                        f"there is no {holiday.date}; write 2026-12-24, or 12-24 for each year",
                    )

    def transfers(self) -> Iterator[Finding]:
        rules = self._plan.transfers
        for digits, text in rules.targets.items():
            yield from self._transfer_target(f"transfers.targets[{digits}]", text)
        for klass in rules.outside:
            yield from self._class(f"transfers.outside[{klass}]", klass)
        if rules.outside and not rules.trunk:
            yield Finding("transfers.trunk", "no-target", "no trunk leads to numbers outside")
        codes = [rules.blind, rules.consult, rules.back, rules.conference]
        for number, code in enumerate(codes):
            others = codes[:number] + codes[number + 1 :]
            if any(other.startswith(code) for other in others):
                message = f"another code begins with {code!r} or is the same"
                yield Finding(f"transfers[{code}]", "duplicate", message)

    def _transfer_target(self, place: str, text: str) -> Iterator[Finding]:
        target = parse_target(text)
        known = {"agent": self._agents, "queue": set(self._queues), "site": self._sites}
        if target is None:
            message = f"{text!r} is no queue:, agent:, site: or number"
            yield Finding(place, "bad-target", message)
        elif target.name not in known.get(target.kind, {target.name}):
            yield Finding(place, "bad-target", f"there is no {target.kind} {target.name!r}")

    def emergency(self) -> Iterator[Finding]:
        numbers = self._plan.emergency_numbers
        if not numbers:
            yield Finding("emergency_numbers", "no-emergency", "no number reaches help")
        for number in numbers:
            if not (number.isascii() and number.isdigit()):
                yield Finding(
                    f"emergency_numbers[{number}]",
                    "bad-emergency",
                    f"{number!r} cannot be dialled: digits only",
                )
        for called in self._plan.numbers:
            if called.number in numbers:
                yield Finding(
                    f"numbers[{called.number}]",
                    "emergency-shadowed",
                    f"{called.number} is an emergency number and must go out",
                )

    def _target(self, place: str, number: Number) -> Iterator[Finding]:
        if number.flow and number.queue:
            yield Finding(place, "two-targets", "flow and queue are both set; keep one")
        if not number.flow and not number.queue:
            yield Finding(place, "no-target", "neither flow nor queue is set")
        if number.flow:
            yield from self._flow(f"{place}.flow", number.flow)
        if number.queue and number.queue not in self._queues:
            yield Finding(f"{place}.queue", "unknown-queue", f"there is no queue {number.queue!r}")

    def _hours(self, place: str, number: Number) -> Iterator[Finding]:
        if bool(number.hours) != bool(number.closed):
            yield Finding(place, "both-or-neither", "hours, and the flow when closed, go together")
        if number.hours:
            yield from self._calendar(f"{place}.hours", number.hours)
        if number.closed:
            yield from self._flow(f"{place}.closed", number.closed)

    def _overflow(self, place: str, rules: Iterable[Overflow]) -> Iterator[Finding]:
        for number, rule in enumerate(rules):
            here = f"{place}.overflow[{number}]"
            yield from self._flow(f"{here}.flow", rule.flow)
            if bool(rule.after_s) == bool(rule.expected_s):
                yield Finding(here, "one-condition", "set one of after_s and expected_s")

    def _divided(self, place: str, queue: Queue) -> Iterator[Finding]:
        divide, here = queue.divide, f"{place}.divide"
        if divide is None:
            return
        if queue.own_s or queue.region_s:
            yield Finding(here, "two-rules", "own_s and region_s say already who comes first")
        total = sum(divide.shares.values())
        if divide.by == "shares" and abs(total - 100) > SHARES_OFF:
            yield Finding(f"{here}.shares", "bad-shares", f"they make {total:g} per cent, not 100")
        if divide.by == "wait" and divide.shares:
            yield Finding(f"{here}.shares", "bad-shares", "by wait there are no shares")
        needed = at_last(queue, queue.skills)
        for site, share in divide.shares.items():
            able = any(a.site == site and serves(a, needed) for a in self._plan.agents)
            if share and not able:
                message = f"no agent of {site!r} serves this queue"
                yield Finding(f"{here}.shares[{site}]", "no-agent", message)

    def _flow(self, place: str, name: str) -> Iterator[Finding]:
        if name not in self._flows:
            yield Finding(place, "unknown-flow", f"there is no flow {name!r}")

    def _calendar(self, place: str, name: str) -> Iterator[Finding]:
        if name not in self._calendars:
            yield Finding(place, "unknown-calendar", f"there is no calendar {name!r}")

    def _enqueue(self, place: str, step: Enqueue) -> Iterator[Finding]:
        queue = self._queues.get(step.queue)
        if queue is None:
            yield Finding(f"{place}.queue", "unknown-queue", f"there is no queue {step.queue!r}")
        elif step.skills:
            needed = at_last(queue, both(queue, step.skills))
            yield from self._served(f"{place}.skills", needed)
        if step.klass:
            yield from self._class(f"{place}.klass", step.klass)
        if step.agent and step.agent not in self._agents:
            message = f"there is no agent {step.agent!r}"
            yield Finding(f"{place}.agent", "unknown-agent", message)

    def _task(self, place: str, step: Voicemail) -> Iterator[Finding]:
        """Find a queue for messages that is none, or that nobody with a slot for them serves."""
        queue = self._queues.get(step.queue)
        if step.queue and queue is None:
            yield Finding(f"{place}.queue", "unknown-queue", f"there is no queue {step.queue!r}")
        elif queue is not None:
            needed = at_last(queue, queue.skills)
            able = (agent for agent in self._plan.agents if agent.slots.get("task"))
            if not any(serves(agent, needed) for agent in able):
                message = f"no agent of {step.queue!r} has a slot for the channel task"
                yield Finding(f"{place}.queue", "no-agent", message)

    def _lookup(self, place: str, step: Lookup) -> Iterator[Finding]:
        """Find what cannot be asked, and what is taken that the plan does not know."""
        for field, message in faults(step, self._collected):
            yield Finding(f"{place}.{field}", "bad-lookup", message)
        for number, take in enumerate(step.take):
            here = f"{place}.take[{number}].values"
            for value, name in getattr(take, "values", {}).items():
                if isinstance(take, TakeClass):
                    yield from self._class(f"{here}[{value}]", name)
                elif isinstance(take, TakeAgent) and name not in self._agents:
                    message = f"there is no agent {name!r}"
                    yield Finding(f"{here}[{value}]", "unknown-agent", message)
                elif isinstance(take, TakeSkill):
                    yield from self._served(f"{here}[{value}]", {name: take.level})

    def _call_back(self, place: str, step: CallBack) -> Iterator[Finding]:
        joined = Enqueue(queue=step.queue, skills=step.skills, klass=step.klass)
        yield from self._enqueue(place, joined)
        for name in (step.country, *step.also):
            if not is_country(name):
                message = f"there is no country {name!r}"
                yield Finding(f"{place}.country", "unknown-country", message)
        if step.key == step.other:
            message = f"key {step.key} cannot both confirm and ask for another number"
            yield Finding(f"{place}.other", "one-key", message)

    def _class(self, place: str, name: str) -> Iterator[Finding]:
        if name not in self._classes:
            yield Finding(place, "unknown-class", f"there is no class of service {name!r}")

    def _served(self, place: str, skills: Mapping[str, int]) -> Iterator[Finding]:
        """Nobody who has all the skills at their levels: such a caller would wait for ever."""
        if not any(serves(agent, skills) for agent in self._plan.agents):
            needed = ", ".join(f"{skill} {level}" for skill, level in sorted(skills.items()))
            yield Finding(place, "no-agent", f"no agent has {needed or 'a log-in'}")


def _relaxed(place: str, queue: Queue) -> Iterator[Finding]:
    """Find steps that ask for more than what was asked before, or come out of turn."""
    levels = dict(queue.skills)
    after_s = 0.0
    for number, step in enumerate(queue.relax):
        here = f"{place}.relax[{number}]"
        if step.after_s <= after_s:
            yield Finding(here, "not-weaker", f"after {step.after_s:g} s is not later")
        after_s = step.after_s
        for skill, level in step.skills.items():
            if level >= levels.get(skill, 11):
                yield Finding(
                    f"{here}.skills[{skill}]",
                    "not-weaker",
                    f"level {level} is not below {levels[skill]}",
                )
            levels[skill] = min(level, levels.get(skill, 10))


def _duplicates(plan: Plan) -> Iterator[Finding]:
    named: tuple[tuple[str, Iterable[str]], ...] = (
        ("numbers", (number.number for number in plan.numbers)),
        ("queues", (queue.name for queue in plan.queues)),
        ("flows", (flow.name for flow in plan.flows)),
        ("classes", (klass.name for klass in plan.classes)),
        ("agents", (agent.name for agent in plan.agents)),
        ("sites", (site.name for site in plan.sites)),
        ("calendars", (calendar.name for calendar in plan.calendars)),
        ("agents.account", (agent.account for agent in plan.agents)),
    )
    for place, names in named:
        seen: set[str] = set()
        for name in names:
            if name in seen:
                yield Finding(f"{place}[{name}]", "duplicate", f"{name!r} is there twice")
            seen.add(name)


def _steps(flow: Flow) -> Iterator[Finding]:
    """Find steps that are not there, not reached, or lead a silent caller round and round."""
    place = f"flows[{flow.name}]"
    if flow.start not in flow.steps:
        yield Finding(f"{place}.start", "unknown-step", f"there is no step {flow.start!r}")
    there = reached(flow)
    for name, step in flow.steps.items():
        here = f"{place}.steps[{name}]"
        for field, target in targets(step):
            if target not in flow.steps:
                yield Finding(f"{here}.{field}", "unknown-step", f"there is no step {target!r}")
        if isinstance(step, Menu) and not step.choices:
            yield Finding(f"{here}.choices", "no-choice", "the menu has no choice")
        if isinstance(step, Collect) and step.min_digits > step.max_digits:
            message = f"{step.min_digits} is more than max_digits, {step.max_digits}"
            yield Finding(f"{here}.min_digits", "bad-range", message)
        if name not in there:
            yield Finding(here, "unreachable", f"nothing leads to step {name!r}")
        if circles(flow, name):
            yield Finding(here, "loop", "a caller who presses nothing never gets out of here")
