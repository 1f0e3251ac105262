"""A control of its own for each test: state folder, tables, one admin, a small plan."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from appliance.base.clock import HeldClock
from appliance.plan import model
from control.fleet import exchange
from control.models import people
from control.models.base import moment
from control.parts import ControlParts
from control.settings import ControlSettings
from control.web.app import create_app
from tests.control.visitor import PASSWORD, Visitor

PLAN = model.Plan(
    numbers=(
        model.Number(number="4930100", title="Hotline", flow="main"),
        model.Number(number="4930200", title="Orders", queue="sales"),
    ),
    queues=(
        model.Queue(name="sales", title="Sales", skills={"sales": 3}),
        model.Queue(name="billing", title="Billing", skills={"billing": 5}),
    ),
    flows=(
        model.Flow(
            name="main",
            start="hello",
            steps={
                "hello": model.Say(prompts=("hello",), next="menu"),
                "menu": model.Menu(
                    prompts=("press-1",),
                    choices={"1": "sales", "2": "billing", "9": "hello"},
                    otherwise="bye",
                ),
                "sales": model.Enqueue(queue="sales"),
                "billing": model.Enqueue(queue="billing", klass="gold"),
                "bye": model.HangUp(prompts=("goodbye",)),
            },
        ),
    ),
    agents=(
        model.Agent(
            name="anna",
            title="Anna Keller",
            site="berlin",
            account="p101",
            skills={"sales": 5, "billing": 6},
        ),
        model.Agent(name="dev", title="Dev Patel", site="lisbon", account="p201", skills={}),
    ),
)


@pytest.fixture
def clock() -> HeldClock:
    return HeldClock()


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a control once; each test gets a copy, which is quicker than making it anew."""
    folder = tmp_path_factory.mktemp("control")
    made = ControlParts.make(ControlSettings(state_dir=str(folder)), HeldClock())
    with made.database.session() as session:
        people.add_user(session, "admin", PASSWORD, moment(made.clock))
        exchange.import_plan(session, PLAN)
    # the key of the cookies is minted by the first app: here, so that every copy has the same
    create_app(made.settings, made)
    made.close()
    return folder


@pytest.fixture
def settings(tmp_path: Path, template: Path) -> ControlSettings:
    shutil.copytree(template, tmp_path / "c")
    return ControlSettings(state_dir=str(tmp_path / "c"))


@pytest.fixture
def parts(settings: ControlSettings, clock: HeldClock) -> Iterator[ControlParts]:
    made = ControlParts(settings, clock)
    yield made
    made.close()


@pytest.fixture
def app(settings: ControlSettings, parts: ControlParts) -> Flask:
    return create_app(settings, parts)


@pytest.fixture
def stranger(app: Flask) -> Visitor:
    return Visitor(app)


@pytest.fixture(scope="session")
def cookie(template: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Log in once: every copy has the same users and the same key for cookies."""
    folder = shutil.copytree(template, tmp_path_factory.mktemp("login") / "c")
    made = ControlParts(ControlSettings(state_dir=str(folder)), HeldClock())
    visitor = Visitor(create_app(made.settings, made))
    visitor.log_in()
    found = visitor.client.get_cookie("branchline")
    made.close()
    assert found is not None
    return found.value


@pytest.fixture
def admin(app: Flask, cookie: str) -> Visitor:
    visitor = Visitor(app)
    visitor.client.set_cookie("branchline", cookie)
    return visitor
