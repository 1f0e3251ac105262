"""The draft of the plan as tables; `control.fleet.publication` makes the document of it."""

from typing import Any

from sqlalchemy import JSON, Float, ForeignKey, Integer, String, select
from sqlalchemy.orm import Mapped, Session, mapped_column, relationship

from control.models.base import Base


class Flow(Base):
    """What a caller goes through before a queue; the steps as the plan writes them."""

    __tablename__ = "flows"

    name: Mapped[str] = mapped_column(String(63), primary_key=True)
    start: Mapped[str] = mapped_column(String(63))
    steps: Mapped[dict[str, Any]] = mapped_column(JSON)


class QueueSkill(Base):
    """A skill that a queue asks for, and the lowest level."""

    __tablename__ = "queue_skills"

    queue: Mapped[str] = mapped_column(
        ForeignKey("queues.name", ondelete="CASCADE"), primary_key=True
    )
    skill: Mapped[str] = mapped_column(String(63), primary_key=True)
    level: Mapped[int] = mapped_column(Integer)


class Queue(Base):
    """A rule over skills; fields and units as in `appliance.plan.model.Queue`."""

    __tablename__ = "queues"

    name: Mapped[str] = mapped_column(String(63), primary_key=True)
    title: Mapped[str] = mapped_column(String(120), default="")
    target_s: Mapped[float] = mapped_column(Float, default=20.0)
    ring_s: Mapped[float] = mapped_column(Float, default=15.0)
    wrap_up_s: Mapped[float] = mapped_column(Float, default=10.0)
    announce_s: Mapped[float] = mapped_column(Float, default=30.0)
    music: Mapped[list[str]] = mapped_column(JSON, default=lambda: ["moh"])
    #: what has no column of its own and is not at its default, as the plan writes it
    rules: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    skills: Mapped[list[QueueSkill]] = relationship(
        cascade="all, delete-orphan", order_by=QueueSkill.skill
    )


class Number(Base):
    """A number that can be called, and the flow or queue that answers."""

    __tablename__ = "numbers"

    number: Mapped[str] = mapped_column(String(33), primary_key=True)
    title: Mapped[str] = mapped_column(String(120), default="")
    flow: Mapped[str | None] = mapped_column(ForeignKey("flows.name"))
    queue: Mapped[str | None] = mapped_column(ForeignKey("queues.name"))
    klass: Mapped[str] = mapped_column(String(63), default="")
    #: what has no column of its own and is not at its default, as the plan writes it
    rules: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)


class AgentSkill(Base):
    """A skill an agent has, and how well."""

    __tablename__ = "agent_skills"

    agent: Mapped[str] = mapped_column(
        ForeignKey("agents.name", ondelete="CASCADE"), primary_key=True
    )
    skill: Mapped[str] = mapped_column(String(63), primary_key=True)
    level: Mapped[int] = mapped_column(Integer)


class Agent(Base):
    """A person who answers, and the verifiers of their phone's secret."""

    __tablename__ = "agents"

    name: Mapped[str] = mapped_column(String(63), primary_key=True)
    title: Mapped[str] = mapped_column(String(120), default="")
    site: Mapped[str] = mapped_column(ForeignKey("sites.name"))
    account: Mapped[str] = mapped_column(String(64), unique=True)
    #: digest verifiers (RFC 7616 §3.4.2); empty until a secret was made
    ha1_md5: Mapped[str] = mapped_column(String(32), default="")
    ha1_sha256: Mapped[str] = mapped_column(String(64), default="")
    #: what has no column of its own and is not at its default, as the plan writes it
    rules: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    skills: Mapped[list[AgentSkill]] = relationship(
        cascade="all, delete-orphan", order_by=AgentSkill.skill
    )


class ServiceClass(Base):
    """A class of service; fields as in `appliance.plan.model.ServiceClass`."""

    __tablename__ = "service_classes"

    name: Mapped[str] = mapped_column(String(63), primary_key=True)
    head_start_s: Mapped[float] = mapped_column(Float, default=0.0)
    slope: Mapped[float] = mapped_column(Float, default=1.0)
    #: order on the pages and in the plan
    rank: Mapped[int] = mapped_column(Integer, default=0)
    #: what has no column of its own and is not at its default, as the plan writes it
    rules: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)


class PlanOptions(Base):
    """What the plan says once; a single row."""

    __tablename__ = "plan_options"

    id: Mapped[int] = mapped_column(Integer, primary_key=True, default=1)
    default_class: Mapped[str] = mapped_column(String(63), default="bronze")
    emergency_numbers: Mapped[list[str]] = mapped_column(JSON, default=lambda: ["112"])
    #: as the plan writes them
    calendars: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)
    transfers: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)


def all_numbers(session: Session) -> list[Number]:
    """Return all numbers in order."""
    return list(session.scalars(select(Number).order_by(Number.number)))


def all_queues(session: Session) -> list[Queue]:
    """Return all queues by name."""
    return list(session.scalars(select(Queue).order_by(Queue.name)))


def all_flows(session: Session) -> list[Flow]:
    """Return all flows by name."""
    return list(session.scalars(select(Flow).order_by(Flow.name)))


def all_agents(session: Session) -> list[Agent]:
    """Return all agents by name."""
    return list(session.scalars(select(Agent).order_by(Agent.name)))


def all_classes(session: Session) -> list[ServiceClass]:
    """Return all classes of service, the best first."""
    order = select(ServiceClass).order_by(ServiceClass.rank, ServiceClass.name)
    return list(session.scalars(order))


def options(session: Session) -> PlanOptions:
    """Return the plan's options, made with their defaults where there are none."""
    row = session.get(PlanOptions, 1)
    if row is None:
        row = PlanOptions(id=1)
        session.add(row)
        session.flush()
    return row


def all_skills(session: Session) -> list[str]:
    """Return every skill that a queue asks for or an agent has."""
    asked = set(session.scalars(select(QueueSkill.skill)))
    return sorted(asked | set(session.scalars(select(AgentSkill.skill))))


def set_queue_skills(queue: Queue, levels: dict[str, int]) -> None:
    """Make *levels* the whole of what the queue asks for."""
    kept = {row.skill: row for row in queue.skills}
    queue.skills = [kept.get(skill, QueueSkill(skill=skill)) for skill in sorted(levels)]
    for row in queue.skills:
        row.level = levels[row.skill]


def set_agent_skills(agent: Agent, levels: dict[str, int]) -> None:
    """Make *levels* the whole of what the agent can do."""
    kept = {row.skill: row for row in agent.skills}
    agent.skills = [kept.get(skill, AgentSkill(skill=skill)) for skill in sorted(levels)]
    for row in agent.skills:
        row.level = levels[row.skill]
