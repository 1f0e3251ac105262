"""Enrolment end to end: tokens, boxes by hand and the real client, people who decide."""

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from cryptography import x509
from flask import Flask
from werkzeug.serving import make_server

from appliance.base.clock import HeldClock
from appliance.base.errors import BranchlineError, ConfigError
from appliance.link import enrol, jointoken
from appliance.link.bodies import Directory, DirectoryPeer
from appliance.link.jointoken import EnrolError
from control.fleet import reception
from control.fleet.tokens import make_token
from control.models import documents, fleet, people
from control.models.base import moment
from control.parts import ControlParts
from control.web.filters import fingerprint
from tests.control.box import Box


def token(parts: ControlParts, name: str = "berlin-1", *, auto: bool = False) -> str:
    with parts.database.session() as session:
        return make_token(
            session,
            parts.authority.digest,
            site="berlin",
            name=name,
            who="admin",
            at=moment(parts.clock),
            auto_approve=auto,
        )


def approve(parts: ControlParts, name: str) -> None:
    with parts.database.session() as session:
        parts.enrolment.approve(session, name, "admin")


def revoke(parts: ControlParts, name: str) -> None:
    with parts.database.session() as session:
        parts.enrolment.revoke(session, name, "admin")


def peers(parts: ControlParts) -> list[str]:
    with parts.database.session() as session:
        last = documents.latest(session, "directory")
    if last is None:
        return []
    return [peer.appliance for peer in msgspec.json.decode(last.body, type=Directory).peers]


def ask(parts: ControlParts, box: Box, **fields: object) -> jointoken.EnrolAnswer:
    status, body = reception.answer(parts, box.sealed(**fields))
    assert status == 200, body
    return box.read(body)


def test_a_box_waits_until_a_person_lets_it_in(parts: ControlParts) -> None:
    box = Box(token(parts), "berlin-1")
    assert ask(parts, box).state == "pending"
    assert ask(parts, box).state == "pending"
    assert peers(parts) == []
    approve(parts, "berlin-1")
    answer = ask(parts, box)
    assert answer.state == "approved"
    assert (answer.name, answer.site, answer.hub_port) == ("berlin-1", "berlin", 7400)
    assert answer.hub_curve_key == parts.hub_key
    assert answer.plan_verify_key == parts.plan_public.hex()
    certificate = x509.load_pem_x509_certificate(answer.certificate.encode())
    certificate.verify_directly_issued_by(parts.authority.certificate)
    assert certificate.public_key() == box.key.public_key()
    assert peers(parts) == ["berlin-1"]
    assert ask(parts, box).certificate == answer.certificate


def test_an_answer_repeats_the_nonce(parts: ControlParts) -> None:
    box = Box(token(parts), "berlin-1")
    assert ask(parts, box, nonce="ab" * 16).nonce == "ab" * 16


def test_auto_approval_lets_the_box_in_at_once(parts: ControlParts) -> None:
    assert ask(parts, Box(token(parts, auto=True), "berlin-1")).state == "approved"


def test_a_refused_box_is_told_so(parts: ControlParts) -> None:
    box = Box(token(parts), "berlin-1")
    ask(parts, box)
    revoke(parts, "berlin-1")
    answer = ask(parts, box)
    assert (answer.state, answer.reason) == ("refused", "refused")
    with pytest.raises(ConfigError, match="not waiting"):
        approve(parts, "berlin-1")


def test_a_revoked_box_leaves_the_directory(parts: ControlParts) -> None:
    box = Box(token(parts, auto=True), "berlin-1")
    ask(parts, box)
    revoke(parts, "berlin-1")
    assert peers(parts) == []
    assert ask(parts, box).reason == "not-enrolled"


def test_a_used_token_serves_no_other_box(parts: ControlParts) -> None:
    text = token(parts)
    first, second = Box(text, "berlin-1"), Box(text, "berlin-1")
    assert ask(parts, first).state == "pending"
    answer = ask(parts, second)
    assert (answer.state, answer.reason) == ("refused", "used-token")
    assert ask(parts, first).state == "pending"


def test_of_many_boxes_with_one_token_one_wins(parts: ControlParts) -> None:
    text = token(parts)
    states: list[str] = []

    def race(box: Box) -> None:
        states.append(ask(parts, box).state)

    threads = [threading.Thread(target=race, args=(Box(text, "berlin-1"),)) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(states) == ["pending", *["refused"] * 5]


def test_an_expired_token_is_refused_but_a_used_one_lives_on(
    parts: ControlParts, clock: HeldClock
) -> None:
    early, late = Box(token(parts, "berlin-1"), "berlin-1"), Box(token(parts, "b-2"), "b-2")
    ask(parts, early)
    clock.advance(24 * 3600)
    assert ask(parts, late).reason == "expired-token"
    assert ask(parts, early).state == "pending"


def test_a_token_of_another_control_is_refused(parts: ControlParts) -> None:
    strange = jointoken.JoinToken(
        token_id=bytes(16), secret=bytes(32), ca_digest=parts.authority.digest
    )
    status, body = reception.answer(parts, Box(strange.text(), "berlin-1").sealed())
    assert status == 403
    assert msgspec.json.decode(body, type=EnrolError).reason == "bad-token"


def test_an_altered_request_is_refused(parts: ControlParts) -> None:
    body = Box(token(parts), "berlin-1").sealed().replace(b"5060", b"5061")
    status, answer = reception.answer(parts, body)
    assert (status, msgspec.json.decode(answer, type=EnrolError).reason) == (403, "bad-token")


def test_a_csr_with_another_name_is_refused(parts: ControlParts) -> None:
    answer = ask(parts, Box(token(parts), "berlin-1", asks_for="lisbon-1"))
    assert (answer.state, answer.reason) == ("refused", "bad-request")
    assert "lisbon-1" in answer.message


def test_a_name_the_token_is_not_for_is_refused(parts: ControlParts) -> None:
    box = Box(token(parts), "lisbon-1", asks_for="berlin-1")
    assert ask(parts, box).reason == "bad-request"


@pytest.mark.parametrize(
    "fields",
    [
        {"sip_address": "no address"},
        {"link_address": "-x"},
        {"link_address": "fe80::1%eth0"},
        {"sip_port": 0},
        {"curve_key": "~" * 40},
        {"csr": "none"},
    ],
)
def test_impossible_fields_are_refused_and_use_no_token(
    parts: ControlParts, fields: dict[str, object]
) -> None:
    box = Box(token(parts), "berlin-1")
    assert ask(parts, box, **fields).reason == "bad-request"
    assert ask(parts, box).state == "pending"


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"\xff", b"[" * 5000, b"x" * 70_000])
def test_what_is_no_request_gets_a_plain_reason(parts: ControlParts, body: bytes) -> None:
    status, answer = reception.answer(parts, body)
    assert (status, msgspec.json.decode(answer, type=EnrolError).reason) == (400, "bad-request")


def test_a_new_box_takes_the_place_of_an_old_one(parts: ControlParts) -> None:
    old, new = Box(token(parts, auto=True), "berlin-1"), Box(token(parts), "berlin-1")
    ask(parts, old)
    assert ask(parts, new).state == "pending"
    assert peers(parts) == []
    approve(parts, "berlin-1")
    assert ask(parts, new).state == "approved"
    assert ask(parts, old).reason == "not-enrolled"


def test_one_link_key_serves_one_box(parts: ControlParts) -> None:
    first = Box(token(parts), "berlin-1")
    ask(parts, first)
    second = Box(token(parts, "b-2"), "b-2")
    second.curve_key = first.curve_key
    assert ask(parts, second).reason == "refused"


def test_approval_is_for_the_key_that_was_shown(parts: ControlParts) -> None:
    ask(parts, Box(token(parts), "berlin-1"))
    with pytest.raises(ConfigError, match="look again"), parts.database.session() as session:
        parts.enrolment.approve(session, "berlin-1", "admin", shown="0" * 64)


def test_every_step_is_in_the_audit(parts: ControlParts) -> None:
    ask(parts, Box(token(parts), "berlin-1"))
    approve(parts, "berlin-1")
    with parts.database.session() as session:
        found = [row.what for row in people.last_changes(session, 10)]
    assert found == [
        "published directory 1",
        "approved appliance berlin-1",
        "asked to join as berlin-1",
        "made a join token for berlin-1",
    ]


@pytest.mark.parametrize(
    ("site", "name", "hours"),
    [("Berlin", "b", 1), ("berlin", "b/1", 1), ("berlin", "", 1), ("b", "b", 0), ("b", "b", 9999)],
)
def test_tokens_for_nothing_sensible_are_refused(
    parts: ControlParts, site: str, name: str, hours: float
) -> None:
    with pytest.raises(ConfigError), parts.database.session() as session:
        make_token(
            session, b"", site=site, name=name, who="a", at=moment(parts.clock), hours=hours
        )


# -- how boxes stand in the network -------------------------------------------------------------


def entry(parts: ControlParts, name: str = "berlin-1") -> DirectoryPeer:
    with parts.database.session() as session:
        last = documents.latest(session, "directory")
    assert last is not None
    peers = msgspec.json.decode(last.body, type=Directory).peers
    [found] = [peer for peer in peers if peer.appliance == name]
    return found


def set_network(parts: ControlParts, **fields: bool | None) -> None:
    with parts.database.session() as session:
        parts.enrolment.set_network(
            session, "berlin-1", "admin", **{"nat": None, "relay": None, **fields}
        )


def test_the_directory_says_who_relays_and_who_cannot_be_dialled(parts: ControlParts) -> None:
    ask(parts, Box(token(parts, auto=True), "berlin-1"))
    assert (entry(parts).link_port, entry(parts).relay) == (7410, False)
    set_network(parts, relay=True)
    assert (entry(parts).link_port, entry(parts).relay) == (7410, True)
    set_network(parts, relay=False, nat=True)
    assert (entry(parts).link_port, entry(parts).relay) == (0, False)
    set_network(parts, nat=False)
    assert (entry(parts).link_port, entry(parts).relay) == (7410, False)


def test_a_relay_must_be_one_that_can_be_dialled(parts: ControlParts) -> None:
    ask(parts, Box(token(parts, auto=True), "berlin-1"), link_port=0)
    assert entry(parts).link_port == 0
    with pytest.raises(ConfigError, match="nobody can dial it"):
        set_network(parts, relay=True)
    assert not entry(parts).relay


def test_a_directory_without_relays_is_what_older_boxes_know(parts: ControlParts) -> None:
    ask(parts, Box(token(parts, auto=True), "berlin-1"))
    with parts.database.session() as session:
        last = documents.latest(session, "directory")
    assert last is not None
    assert b"relay" not in last.body


# -- the real client over HTTP -----------------------------------------------------------------


@pytest.fixture
def url(app: Flask) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


PLACE = enrol.BoxPlace(
    name="berlin-1",
    sip_address="127.0.0.1",
    sip_port=5060,
    link_address="127.0.0.1",
    link_port=7410,
)


async def test_the_real_client_waits_for_approval(
    parts: ControlParts, url: str, tmp_path: Path
) -> None:
    waiting = asyncio.Event()
    folder = tmp_path / "box"
    task = asyncio.create_task(
        enrol.enrol_box(
            url,
            token(parts),
            PLACE,
            folder,
            lambda state, _: waiting.set() if state == "pending" else None,
            poll_s=0.05,
        )
    )
    await asyncio.wait_for(waiting.wait(), 20)
    approve(parts, "berlin-1")
    identity = await asyncio.wait_for(task, 20)
    assert identity.fields.name == "berlin-1"
    with parts.database.session() as session:
        row = session.get_one(fleet.Appliance, "berlin-1")
    assert row.certificate.encode() == identity.certificate_pem
    assert fingerprint(row.fingerprint) == identity.keys.fingerprint


async def test_the_real_client_hears_the_reason(
    parts: ControlParts, url: str, tmp_path: Path
) -> None:
    text = token(parts)
    ask(parts, Box(text, "berlin-1"))
    with pytest.raises(BranchlineError, match="used-token"):
        await enrol.enrol_box(url, text, PLACE, tmp_path / "box", lambda *_: None, poll_s=0.05)
