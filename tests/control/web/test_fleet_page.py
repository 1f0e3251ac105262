"""The fleet page: tokens, approval, and what the hub says of each box."""

import re

import pytest

from appliance.link.jointoken import parse_token
from control.fleet import reception
from control.hub.rows import LiveAppliance
from control.models import fleet
from control.parts import ControlParts
from tests.control.box import Box
from tests.control.fake_hub import FakeHub, floor
from tests.control.visitor import Visitor

TOKEN = re.compile(r'<code id="once">(bl1\.[\w-]+)</code>')


def make_token(admin: Visitor, name: str = "berlin-1", **fields: str) -> str:
    page = admin.post("/fleet/token", name=name, site="berlin", hours="24", **fields).text
    found = TOKEN.search(page)
    assert found, page
    return found[1]


def state(parts: ControlParts, name: str = "berlin-1") -> str:
    with parts.database.session() as session:
        row = session.get(fleet.Appliance, name)
    return row.state if row else ""


def ask(parts: ControlParts, box: Box) -> str:
    _, body = reception.answer(parts, box.sealed())
    return box.read(body).state


def test_a_token_is_shown_once(admin: Visitor, parts: ControlParts) -> None:
    token = make_token(admin)
    assert parse_token(token).ca_digest == parts.authority.digest
    page = admin.get("/fleet/").text
    assert token not in page
    assert "<b>berlin-1</b> at berlin" in page


@pytest.mark.parametrize(
    "fields", [{"name": "B 1"}, {"site": ""}, {"hours": "0"}, {"hours": "9999"}, {"hours": "x"}]
)
def test_a_wrong_token_form_says_so(admin: Visitor, fields: dict[str, str]) -> None:
    answer = admin.post("/fleet/token", **{"name": "b-1", "site": "b", "hours": "1", **fields})
    assert answer.status_code == 400
    assert f'class="error" id="d-{next(iter(fields))}"' in answer.text


def test_a_withdrawn_token_is_useless(admin: Visitor, parts: ControlParts) -> None:
    box = Box(make_token(admin), "berlin-1")
    admin.post(f"/fleet/tokens/{box.token.token_id.hex()}/withdraw")
    assert ask(parts, box) == "refused"


def test_a_box_is_let_in_by_its_fingerprint(admin: Visitor, parts: ControlParts) -> None:
    box = Box(make_token(admin), "berlin-1")
    assert ask(parts, box) == "pending"
    page = admin.get("/fleet/").text
    shown = re.search(r'name="fingerprint" value="([0-9a-f]{64})"', page)
    assert shown
    assert " ".join(re.findall("....", shown[1])) in page
    admin.post("/fleet/berlin-1/approve", fingerprint="0" * 64)
    assert state(parts) == "pending"
    admin.post("/fleet/berlin-1/approve", fingerprint=shown[1])
    assert state(parts) == "approved"
    assert ask(parts, box) == "approved"


def test_a_box_is_put_out_after_a_question(admin: Visitor, parts: ControlParts) -> None:
    box = Box(make_token(admin, auto_approve="on"), "berlin-1")
    assert ask(parts, box) == "approved"
    assert "Put berlin-1 out of the fleet?" in admin.get("/fleet/berlin-1/revoke").text
    assert state(parts) == "approved"
    admin.post("/fleet/berlin-1/revoke")
    assert state(parts) == "revoked"


def test_the_page_says_what_the_hub_sees(admin: Visitor, parts: ControlParts) -> None:
    ask(parts, Box(make_token(admin, auto_approve="on"), "berlin-1"))
    assert "The hub is away" in admin.get("/fleet/boxes").text
    box = LiveAppliance(
        name="berlin-1",
        site="berlin",
        up=True,
        since="2026-11-22T04:00:00.000000Z",
        version="0.1.0",
        plan_ack="bad-plan",
        plan_ack_detail="queues[x]: lost",
        link_ms=7,
    )
    with FakeHub(parts.settings, floor(appliances=[box])):
        page = admin.get("/fleet/boxes").text
    assert '<span class="lamp up">up</span>' in page
    assert "7 ms" in page
    assert "bad-plan: queues[x]: lost" in page
    assert "The hub is away" not in page


def test_approval_and_publishing_poke_the_hub(admin: Visitor, parts: ControlParts) -> None:
    with FakeHub(parts.settings, floor()) as hub:
        ask(parts, Box(make_token(admin, auto_approve="on"), "berlin-1"))
        assert "reload" in hub.asked
        hub.asked.clear()
        admin.post("/publish/", after="0")
        assert hub.asked == ["reload"]


def test_how_a_box_stands_in_the_network_is_set_on_its_page(
    admin: Visitor, parts: ControlParts
) -> None:
    box = Box(make_token(admin, auto_approve="on"), "berlin-1")
    assert ask(parts, box) == "approved"
    assert "checked" not in admin.get("/fleet/berlin-1/network").text
    admin.post("/fleet/berlin-1/network", relay="on")
    assert '<span class="chip">relay</span>' in admin.get("/fleet/boxes").text
    assert "checked" in admin.get("/fleet/berlin-1/network").text
    admin.post("/fleet/berlin-1/network", nat="on")
    page = admin.get("/fleet/boxes").text
    assert '<span class="chip">behind NAT</span>' in page
    assert '<span class="chip">relay</span>' not in page
    admin.post("/fleet/berlin-1/network", nat="on", relay="on")
    assert "cannot be a relay" in admin.get("/fleet/").text
    admin.post("/fleet/nobody/network", nat="on")
    assert "nobody is not in the fleet" in admin.get("/fleet/").text
