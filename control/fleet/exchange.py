"""A plan as a file: filling the tables from one, and the reverse."""

import msgspec
from sqlalchemy.orm import Session

from appliance.base.errors import ConfigError
from appliance.plan import model
from appliance.plan.checks import parse_plan
from control.fleet.rules import rules_of
from control.models import fleet
from control.models import plan as rows


def read_plan(body: bytes, source: str) -> model.Plan:
    """Return the plan in *body*; raise ConfigError `bad-plan` that names *source*."""
    try:
        return parse_plan(body)
    except ConfigError as error:
        raise ConfigError(error.reason, f"{source}: {error.message}") from error


def import_plan(session: Session, plan: model.Plan) -> None:
    """Make the tables say what *plan* says; secrets of agents that stay are kept.

    Raises ConfigError `bad-plan` where the plan names a flow or queue it has not.
    """
    _check_numbers(plan)
    _check_accounts(plan)
    _drop(session, plan)
    _put_sites(session, plan)
    for queue in plan.queues:
        _put_queue(session, queue)
    for flow in plan.flows:
        steps = msgspec.to_builtins(flow.steps)
        session.merge(rows.Flow(name=flow.name, start=flow.start, steps=steps))
    for rank, klass in enumerate(plan.classes):
        session.merge(
            rows.ServiceClass(
                name=klass.name,
                head_start_s=klass.head_start_s,
                slope=klass.slope,
                rank=rank,
                rules=rules_of(klass, rows.ServiceClass),
            )
        )
    session.flush()
    for number in plan.numbers:
        session.merge(
            rows.Number(
                number=number.number,
                title=number.title,
                flow=number.flow or None,
                queue=number.queue or None,
                klass=number.klass,
                rules=rules_of(number, rows.Number),
            )
        )
    _free_accounts(session, plan)
    for agent in plan.agents:
        _put_agent(session, agent)
    general = rows.options(session)
    general.default_class = plan.default_class
    general.emergency_numbers = list(plan.emergency_numbers)
    general.calendars = msgspec.to_builtins(plan.calendars)
    general.transfers = msgspec.to_builtins(plan.transfers)
    session.flush()


def _check_numbers(plan: model.Plan) -> None:
    """Refuse a number that leads nowhere, before the database does."""
    flows = {flow.name for flow in plan.flows}
    queues = {queue.name for queue in plan.queues}
    for number in plan.numbers:
        if number.flow and number.flow not in flows:
            raise ConfigError("bad-plan", f"number {number.number}: no flow {number.flow!r}")
        if number.queue and number.queue not in queues:
            raise ConfigError("bad-plan", f"number {number.number}: no queue {number.queue!r}")


def _check_accounts(plan: model.Plan) -> None:
    """Refuse two agents with one phone account, before the database does."""
    owners: dict[str, str] = {}
    for agent in plan.agents:
        other = owners.setdefault(agent.account, agent.name)
        if other != agent.name:
            message = f"account {agent.account!r} is of {other!r} and of {agent.name!r}"
            raise ConfigError("bad-plan", message)


def _free_accounts(session: Session, plan: model.Plan) -> None:
    """Take the account from agents who get another, so that two may swap."""
    wanted = {agent.name: agent.account for agent in plan.agents}
    for row in rows.all_agents(session):
        if wanted[row.name] != row.account:
            row.account = f"~{row.name}"
    session.flush()


def _drop(session: Session, plan: model.Plan) -> None:
    """Remove what the plan no longer has; numbers first, since they point at the others."""
    numbers = {number.number for number in plan.numbers}
    for number in rows.all_numbers(session):
        if number.number not in numbers:
            session.delete(number)
    session.flush()
    kept: dict[type, set[str]] = {
        rows.Queue: {queue.name for queue in plan.queues},
        rows.Flow: {flow.name for flow in plan.flows},
        rows.ServiceClass: {klass.name for klass in plan.classes},
        rows.Agent: {agent.name for agent in plan.agents},
    }
    present: list[rows.Queue | rows.Flow | rows.ServiceClass | rows.Agent] = [
        *rows.all_queues(session),
        *rows.all_flows(session),
        *rows.all_classes(session),
        *rows.all_agents(session),
    ]
    for row in present:
        if row.name not in kept[type(row)]:
            session.delete(row)
    session.flush()


def _put_sites(session: Session, plan: model.Plan) -> None:
    """Say of each branch what the plan says; a branch that it does not name stays, unsaid."""
    said = {site.name: site for site in plan.sites}
    for name in sorted({agent.site for agent in plan.agents} | said.keys()):
        fleet.ensure_site(session, name)
    for row in fleet.all_sites(session):
        site = said.get(row.name, model.Site(name=row.name))
        row.title, row.region = site.title, site.region
        row.rules = rules_of(site, fleet.Site)


def _put_queue(session: Session, queue: model.Queue) -> None:
    """Add or change one queue."""
    row = session.get(rows.Queue, queue.name) or rows.Queue(name=queue.name)
    row.title = queue.title
    row.target_s, row.ring_s = queue.target_s, queue.ring_s
    row.wrap_up_s, row.announce_s = queue.wrap_up_s, queue.announce_s
    row.music = list(queue.music)
    row.rules = rules_of(queue, rows.Queue)
    rows.set_queue_skills(row, queue.skills)
    session.add(row)


def _put_agent(session: Session, agent: model.Agent) -> None:
    """Add or change one agent."""
    row = session.get(rows.Agent, agent.name) or rows.Agent(name=agent.name)
    row.title, row.site = agent.title, agent.site
    if row.account != agent.account:
        # the verifiers contain the account's name
        row.ha1_md5 = row.ha1_sha256 = ""
    row.account = agent.account
    row.rules = rules_of(agent, rows.Agent)
    rows.set_agent_skills(row, agent.skills)
    session.add(row)
