"""The draft's tables."""

from control.models import plan
from control.parts import ControlParts


def test_skills_are_replaced_as_a_whole(parts: ControlParts) -> None:
    with parts.database.session() as session:
        queue = session.get_one(plan.Queue, "sales")
        plan.set_queue_skills(queue, {"english": 2, "sales": 7})
    with parts.database.session() as session:
        rows = session.get_one(plan.Queue, "sales").skills
        assert [(row.skill, row.level) for row in rows] == [("english", 2), ("sales", 7)]
        plan.set_queue_skills(session.get_one(plan.Queue, "sales"), {})
    with parts.database.session() as session:
        assert session.get_one(plan.Queue, "sales").skills == []


def test_every_skill_is_known_once(parts: ControlParts) -> None:
    with parts.database.session() as session:
        assert plan.all_skills(session) == ["billing", "sales"]


def test_an_agents_skills_go_with_the_agent(parts: ControlParts) -> None:
    with parts.database.session() as session:
        session.delete(session.get_one(plan.Agent, "anna"))
    with parts.database.session() as session:
        assert session.query(plan.AgentSkill).count() == 0


def test_options_have_defaults(parts: ControlParts) -> None:
    with parts.database.session() as session:
        session.delete(plan.options(session))
    with parts.database.session() as session:
        assert plan.options(session).emergency_numbers == ["112"]
