"""Changing the draft through the pages: what is right is kept, what is wrong is said beside it."""

import re
from typing import Any

import pytest

from appliance.plan.checks import parse_plan
from control.models import documents, people, plan
from control.parts import ControlParts
from tests.control.visitor import Visitor

QUEUE = {
    "title": "Support",
    "skills": "support 2, english 3",
    "target_s": "25",
    "ring_s": "12,5",
    "wrap_up_s": "0",
    "announce_s": "60",
    "music": "moh jazz",
}
AGENT = {"title": "Ben", "site": "berlin", "account": "p102", "skills": "sales 4"}


def row(parts: ControlParts, kind: type[Any], key: str) -> Any:
    with parts.database.session() as session:
        found = session.get(kind, key)
        if isinstance(found, plan.Queue | plan.Agent):
            list(found.skills)
        return found


def test_a_number_is_added(admin: Visitor, parts: ControlParts) -> None:
    answer = admin.post(
        "/numbers/", number="+49 (30) 555-1", title="New", target="flow:main", klass="gold"
    )
    assert answer.status_code == 302
    found = row(parts, plan.Number, "+49305551")
    assert (found.title, found.flow, found.queue, found.klass) == ("New", "main", None, "gold")
    assert "+49305551 is in the draft" in admin.get("/numbers/").text


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"number": "12a4"}, "Give digits"),
        ({"number": ""}, "Give digits"),
        ({"number": "4930100"}, "there already"),
        ({"target": ""}, "Choose one."),
        ({"target": "flow:none"}, "not one of the choices"),
        ({"klass": "wood"}, "not one of the choices"),
        ({"title": "x" * 121}, "At most 120"),
    ],
)
def test_a_wrong_number_is_said_beside_the_field(
    admin: Visitor, fields: dict[str, str], says: str
) -> None:
    sent = {"number": "555", "title": "kept", "target": "queue:sales", "klass": "", **fields}
    answer = admin.post("/numbers/", **sent)
    assert answer.status_code == 400
    assert f'class="error" id="d-{next(iter(fields))}"' in answer.text
    assert says in answer.text
    assert sent["title"] in answer.text


def test_a_number_is_changed(admin: Visitor, parts: ControlParts) -> None:
    admin.post("/numbers/4930100", title="Other", target="queue:billing", klass="")
    found = row(parts, plan.Number, "4930100")
    assert (found.title, found.flow, found.queue) == ("Other", None, "billing")


def test_a_deleted_number_can_be_put_back(admin: Visitor, parts: ControlParts) -> None:
    admin.post("/numbers/4930100/delete")
    assert row(parts, plan.Number, "4930100") is None
    page = admin.get("/numbers/").text
    undo = page[page.index("is out of the draft") - 900 : page.index("Undo")]
    fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', undo))
    assert fields.pop("csrf_token")
    admin.post("/numbers/", **fields)
    found = row(parts, plan.Number, "4930100")
    assert (found.title, found.flow) == ("Hotline", "main")


def test_a_queue_is_added(admin: Visitor, parts: ControlParts) -> None:
    assert admin.post("/queues/new", name="support", **QUEUE).status_code == 302
    found = row(parts, plan.Queue, "support")
    assert {skill.skill: skill.level for skill in found.skills} == {"support": 2, "english": 3}
    assert (found.target_s, found.ring_s, found.wrap_up_s) == (25.0, 12.5, 0.0)
    assert found.music == ["moh", "jazz"]


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"name": "Support!"}, "Use a–z"),
        ({"name": ""}, "Give a name."),
        ({"name": "sales"}, "there already"),
        ({"skills": "english 11"}, "a level is 1 to 10"),
        ({"skills": "english x"}, "a level is 1 to 10"),
        ({"skills": "big words here"}, "write a skill and a level"),
        ({"target_s": "0"}, "From 1 to 86400"),
        ({"ring_s": "soon"}, "Give seconds"),
        ({"wrap_up_s": "nan"}, "From 0 to 3600"),
        ({"announce_s": "1e99"}, "From 0 to 3600"),
    ],
)
def test_a_wrong_queue_is_said_beside_the_field(
    admin: Visitor, parts: ControlParts, fields: dict[str, str], says: str
) -> None:
    answer = admin.post("/queues/new", **{"name": "support", **QUEUE, **fields})
    assert answer.status_code == 400
    assert says in answer.text
    assert row(parts, plan.Queue, "support") is None


def test_a_queue_is_changed_and_the_audit_knows(admin: Visitor, parts: ControlParts) -> None:
    admin.post("/queues/edit/sales", **QUEUE)
    with parts.database.session() as session:
        change = people.last_changes(session, 1)[0]
    assert (change.who, change.what) == ("admin", "changed queue sales")
    assert (change.before["target_s"], change.after["target_s"]) == (20.0, 25.0)


def test_a_queue_in_use_stays(admin: Visitor, parts: ControlParts) -> None:
    page = admin.post("/queues/delete/billing").text
    assert "flow main" in page
    assert row(parts, plan.Queue, "billing") is not None


def test_a_free_queue_goes_after_a_question(admin: Visitor, parts: ControlParts) -> None:
    admin.post("/queues/new", name="support", **QUEUE)
    assert "Delete queue Support?" in admin.get("/queues/delete/support").text
    admin.post("/queues/delete/support")
    assert row(parts, plan.Queue, "support") is None


def test_an_agent_is_added_and_gets_a_secret_once(admin: Visitor, parts: ControlParts) -> None:
    answer = admin.post("/agents/new", name="ben", **AGENT)
    assert answer.location == "/agents/edit/ben"
    page = admin.post("/agents/secret/ben").text
    secret = re.search(r'<code id="once">([a-z0-9]{20})</code>', page)
    assert secret
    assert row(parts, plan.Agent, "ben").ha1_sha256 != ""
    for path in ("/agents/", "/agents/edit/ben", "/audit/"):
        assert secret[1] not in admin.get(path).text


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"account": "p101"}, "Anna Keller has this account"),
        ({"site": "nowhere"}, "not one of the choices"),
        ({"account": "P 1"}, "Use a–z"),
        ({"name": "anna"}, "there already"),
    ],
)
def test_a_wrong_agent_is_said_beside_the_field(
    admin: Visitor, fields: dict[str, str], says: str
) -> None:
    answer = admin.post("/agents/new", **{"name": "ben", **AGENT, **fields})
    assert answer.status_code == 400
    assert says in answer.text


def test_another_account_needs_another_secret(admin: Visitor, parts: ControlParts) -> None:
    admin.post("/agents/secret/anna")
    sent = {**AGENT, "account": "p199"}
    answer = admin.client.post(
        "/agents/edit/anna", data={"csrf_token": admin.token(), **sent}, follow_redirects=True
    )
    assert "needs a new secret" in answer.text
    assert row(parts, plan.Agent, "anna").ha1_sha256 == ""


def test_the_matrix_saves_all_levels(admin: Visitor, parts: ControlParts) -> None:
    admin.post("/agents/skills", **{"anna/sales": "9", "anna/billing": "", "dev/billing": "2"})
    anna, dev = row(parts, plan.Agent, "anna"), row(parts, plan.Agent, "dev")
    assert {skill.skill: skill.level for skill in anna.skills} == {"sales": 9}
    assert {skill.skill: skill.level for skill in dev.skills} == {"billing": 2}


@pytest.mark.parametrize("level", ["11", "0", "x", "-1", "٣"])
def test_one_wrong_level_saves_nothing(admin: Visitor, parts: ControlParts, level: str) -> None:
    answer = admin.client.post(
        "/agents/skills",
        data={"csrf_token": admin.token(), "anna/sales": "9", "dev/sales": level},
        follow_redirects=True,
    )
    assert "Nothing was saved" in answer.text
    anna = row(parts, plan.Agent, "anna")
    assert {skill.skill: skill.level for skill in anna.skills} == {"sales": 5, "billing": 6}


def test_an_agent_goes_after_a_question(admin: Visitor, parts: ControlParts) -> None:
    admin.post("/agents/delete/dev")
    assert row(parts, plan.Agent, "dev") is None


def test_publishing_through_the_page(admin: Visitor, parts: ControlParts) -> None:
    assert "Publish plan 1" in admin.get("/publish/").text
    admin.post("/publish/", after="0")
    with parts.database.session() as session:
        document = documents.latest(session, "plan")
    assert document is not None
    assert document.by == "admin"
    assert parse_plan(document.body).serial == 1
    page = admin.get("/publish/").text
    assert "Nothing waits." in page
    assert admin.get("/publish/plan/1").data == document.body


def test_a_draft_with_errors_cannot_be_published(admin: Visitor, parts: ControlParts) -> None:
    admin.post("/agents/delete/anna")
    page = admin.get("/publish/").text
    assert "queues[sales].skills" in page
    assert "no agent has sales 3" in page
    answer = admin.client.post(
        "/publish/", data={"csrf_token": admin.token(), "after": "0"}, follow_redirects=True
    )
    assert "Not published." in answer.text
    with parts.database.session() as session:
        assert documents.serials(session) == {}


def test_one_publishes_what_one_saw(admin: Visitor, parts: ControlParts) -> None:
    admin.post("/publish/", after="0")
    admin.post("/numbers/4930100", title="Other", target="queue:billing", klass="")
    answer = admin.client.post(
        "/publish/", data={"csrf_token": admin.token(), "after": "0"}, follow_redirects=True
    )
    assert "Somebody else published" in answer.text


def test_a_roster_is_shown_without_its_verifiers(admin: Visitor, parts: ControlParts) -> None:
    admin.post("/agents/secret/anna")
    admin.post("/publish/", after="0")
    page = admin.get("/publish/roster/berlin/1").text
    assert "p101" in page
    assert row(parts, plan.Agent, "anna").ha1_sha256 not in page
