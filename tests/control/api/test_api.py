"""The REST interface: enrolment without a log-in, health for anybody, the floor with a log-in."""

import pytest

from appliance.link.jointoken import ENROL_PATH
from control.fleet.tokens import make_token
from control.models.base import moment
from control.parts import ControlParts
from tests.control.box import Box
from tests.control.fake_hub import FakeHub, floor
from tests.control.visitor import Visitor


def test_a_box_needs_neither_log_in_nor_form_token(stranger: Visitor, parts: ControlParts) -> None:
    with parts.database.session() as session:
        token = make_token(
            session,
            parts.authority.digest,
            site="berlin",
            name="b-1",
            who="admin",
            at=moment(parts.clock),
        )
    box = Box(token, "b-1")
    answer = stranger.client.post(ENROL_PATH, data=box.sealed())
    assert (answer.status_code, answer.mimetype) == (200, "application/json")
    assert box.read(answer.data).state == "pending"


@pytest.mark.parametrize(("body", "status"), [(b"x", 400), (b"x" * 100_000, 400)])
def test_nonsense_gets_a_reason(stranger: Visitor, body: bytes, status: int) -> None:
    answer = stranger.client.post(ENROL_PATH, data=body)
    assert answer.status_code == status
    assert answer.json
    assert answer.json["reason"] == "bad-request"


def test_a_body_beyond_all_bounds_is_not_read(stranger: Visitor) -> None:
    answer = stranger.client.post(ENROL_PATH, data=b"x" * 300_000)
    assert answer.status_code == 413


def test_only_post_asks(stranger: Visitor) -> None:
    assert stranger.get(ENROL_PATH).status_code in {401, 405}


def test_health_is_for_anybody(stranger: Visitor, parts: ControlParts) -> None:
    assert stranger.get("/api/v1/health").json == {"database": "up", "hub": "down"}
    with FakeHub(parts.settings, floor()):
        answer = stranger.get("/api/v1/health")
    assert (answer.status_code, answer.json) == (200, {"database": "up", "hub": "up"})


def test_the_floor_is_for_people_who_logged_in(stranger: Visitor, parts: ControlParts) -> None:
    answer = stranger.get("/api/v1/floor")
    assert answer.status_code == 401
    assert answer.json
    assert answer.json["reason"] == "refused"
    stranger.log_in()
    assert stranger.get("/api/v1/floor").status_code == 503
    with FakeHub(parts.settings, floor(number=3)):
        answer = stranger.get("/api/v1/floor")
    assert answer.json
    assert answer.json["number"] == 3
