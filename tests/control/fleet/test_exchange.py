"""A plan as a file: in, out, and the same again."""

import msgspec
import pytest

from appliance.base.errors import ConfigError
from appliance.plan import model
from control.fleet import exchange
from control.fleet.draft import DraftError, build_plan, changes
from control.fleet.secrets import renew_secret
from control.models import fleet, plan
from control.parts import ControlParts
from tests.control.conftest import PLAN
from tests.control.fleet.fullplan import FULL, unsaid


def test_what_goes_in_comes_out(parts: ControlParts) -> None:
    body = msgspec.json.encode(PLAN)
    with parts.database.session() as session:
        exchange.import_plan(session, exchange.read_plan(body, "plan.json"))
        again = build_plan(session, "main", 0)
    assert sorted(again.queues, key=str) == sorted(PLAN.queues, key=str)
    assert again == msgspec.structs.replace(PLAN, queues=again.queues)


def test_a_plan_that_says_everything_comes_out_whole(parts: ControlParts) -> None:
    assert unsaid(FULL) == {"Plan.format"}
    with parts.database.session() as session:
        exchange.import_plan(session, FULL)
    with parts.database.session() as session:
        again = build_plan(session, FULL.tenant, FULL.serial)
        kept = session.get_one(plan.Agent, "anna").rules
    assert again == FULL
    assert kept == {
        "cost": 2.5,
        "reserve": True,
        "slots": {"voice": 1, "chat": 3},
        "exclusive": [["voice", "chat"]],
    }


def test_what_a_plan_no_longer_says_is_forgotten(parts: ControlParts) -> None:
    with parts.database.session() as session:
        exchange.import_plan(session, FULL)
        exchange.import_plan(session, PLAN)
        again = build_plan(session, "main", 0)
        assert session.get_one(fleet.Site, "berlin").region == ""
    assert again == msgspec.structs.replace(PLAN, queues=again.queues)


def test_every_part_that_differs_is_told() -> None:
    """A plan against an empty one: each part is a change of its own."""
    places = {change.place for change in changes(model.Plan(), FULL)}
    assert {"queues[sales]", "agents[anna]", "sites[berlin]", "calendars[shop]"} <= places


def test_a_rule_the_plan_does_not_know_is_named(parts: ControlParts) -> None:
    with parts.database.session() as session:
        session.get_one(plan.Queue, "sales").rules = {"own_s": "long"}
        with pytest.raises(DraftError, match=r"queues\[sales\].*own_s"):
            build_plan(session, "main", 0)


def test_importing_twice_changes_nothing(parts: ControlParts) -> None:
    with parts.database.session() as session:
        before = build_plan(session, "main", 0)
        exchange.import_plan(session, PLAN)
        assert build_plan(session, "main", 0) == before


def test_an_empty_plan_empties_the_tables(parts: ControlParts) -> None:
    with parts.database.session() as session:
        exchange.import_plan(session, model.Plan())
        assert build_plan(session, "main", 0) == model.Plan()


def test_secrets_stay_unless_the_account_changes(parts: ControlParts) -> None:
    with parts.database.session() as session:
        for name in ("anna", "dev"):
            renew_secret(session.get_one(plan.Agent, name), "branchline")
    moved = msgspec.structs.replace(PLAN.agents[1], account="p299")
    changed = msgspec.structs.replace(PLAN, agents=(PLAN.agents[0], moved))
    with parts.database.session() as session:
        exchange.import_plan(session, changed)
    with parts.database.session() as session:
        assert session.get_one(plan.Agent, "anna").ha1_sha256 != ""
        assert session.get_one(plan.Agent, "dev").ha1_sha256 == ""


@pytest.mark.parametrize("field", ["flow", "queue"])
def test_a_number_that_leads_nowhere_is_named(parts: ControlParts, field: str) -> None:
    broken = model.Plan(numbers=(model.Number(number="1", **{field: "lost"}),))
    with (
        pytest.raises(ConfigError, match=r"number 1: no .* 'lost'"),
        parts.database.session() as s,
    ):
        exchange.import_plan(s, broken)


def test_two_agents_with_one_account_are_named(parts: ControlParts) -> None:
    twin = msgspec.structs.replace(PLAN.agents[0], name="twin")
    broken = msgspec.structs.replace(PLAN, agents=(*PLAN.agents, twin))
    with pytest.raises(ConfigError, match="p101"), parts.database.session() as session:
        exchange.import_plan(session, broken)


def test_accounts_may_be_swapped(parts: ControlParts) -> None:
    anna, dev = PLAN.agents
    swapped = (
        msgspec.structs.replace(anna, account=dev.account),
        msgspec.structs.replace(dev, account=anna.account),
    )
    with parts.database.session() as session:
        exchange.import_plan(session, msgspec.structs.replace(PLAN, agents=swapped))
    with parts.database.session() as session:
        assert session.get_one(plan.Agent, "anna").account == "p201"


@pytest.mark.parametrize("body", [b"", b"{", b'{"numbers": 3}', b'{"unknown": 1}'])
def test_what_is_no_plan_names_its_file(body: bytes) -> None:
    with pytest.raises(ConfigError, match="bad-plan") as caught:
        exchange.read_plan(body, "some.json")
    assert caught.value.message.startswith("some.json: ")
