"""Publishing: what is signed, when a serial goes up, and what stands against it."""

import datetime
import hashlib

import msgspec
import pytest
from sqlalchemy.orm import Session

from appliance.base.errors import PeerError
from appliance.link.bodies import Directory, Roster
from appliance.plan import canonical, model
from appliance.plan.checks import parse_plan
from appliance.plan.signing import load_public_key, verify
from control.fleet.publication import PublicationError
from control.fleet.secrets import renew_secret
from control.models import documents, people, plan
from control.models.documents import Document
from control.parts import ControlParts
from tests.control.conftest import PLAN


def make_fit(session: Session) -> None:
    """Take out what the checks would find."""
    plan.set_agent_skills(session.get_one(plan.Agent, "dev"), {"sales": 9})


def publish(parts: ControlParts) -> Document | None:
    with parts.database.session() as session:
        make_fit(session)
        return parts.publication.publish(session, "admin")


def test_a_plan_is_canonical_and_signed(parts: ControlParts) -> None:
    document = publish(parts)
    assert document is not None
    key = load_public_key(parts.plan_public)
    verify(key, "plan", document.body, document.signature)
    published = parse_plan(document.body)
    assert document.body == canonical.encode(published)
    fit = msgspec.structs.replace(PLAN.agents[1], skills={"sales": 9})
    expected = msgspec.structs.replace(
        PLAN,
        serial=1,
        agents=(PLAN.agents[0], fit),
        queues=tuple(sorted(PLAN.queues, key=lambda queue: queue.name)),
    )
    assert published == expected


def test_one_changed_byte_breaks_the_signature(parts: ControlParts) -> None:
    document = publish(parts)
    assert document is not None
    key = load_public_key(parts.plan_public)
    with pytest.raises(PeerError, match="bad-signature"):
        verify(key, "plan", document.body.replace(b"4930100", b"4930101"), document.signature)
    with pytest.raises(PeerError, match="bad-signature"):
        verify(key, "roster", document.body, document.signature)


def test_serials_grow_with_each_change_and_only_then(parts: ControlParts) -> None:
    assert publish(parts) is not None
    assert publish(parts) is None
    with parts.database.session() as session:
        session.get_one(plan.Number, "4930100").title = "Main line"
    document = publish(parts)
    assert document is not None
    assert document.serial == parse_plan(document.body).serial == 2
    with parts.database.session() as session:
        assert documents.serials(session) == {("plan", ""): 2, ("directory", ""): 1}


def test_the_draft_tells_what_changes(parts: ControlParts) -> None:
    publish(parts)
    with parts.database.session() as session:
        session.get_one(plan.Queue, "sales").target_s = 30.0
        session.delete(session.get_one(plan.Agent, "dev"))
        session.add(plan.Number(number="112233", queue="sales"))
        session.flush()
        draft = parts.publication.draft(session)
    found = {change.place: change for change in draft.changes}
    assert {place: change.what for place, change in found.items()} == {
        "numbers[112233]": "added",
        "queues[sales]": "changed",
        "agents[dev]": "removed",
    }
    assert found["queues[sales]"].fields == [("target_s", 20.0, 30.0)]


def test_the_checks_stand_against_publishing(parts: ControlParts) -> None:
    with parts.database.session() as session:
        session.add(plan.Number(number="99", title="leads nowhere"))
    with pytest.raises(PublicationError) as caught, parts.database.session() as session:
        parts.publication.publish(session, "admin")
    assert caught.value.reason == "bad-plan"
    assert "numbers[99]" in caught.value.message
    assert [remark.reason for remark in caught.value.remarks] == ["no-target"]


def test_a_row_that_fits_no_plan_is_named(parts: ControlParts) -> None:
    with parts.database.session() as session:
        session.get_one(plan.Flow, "main").steps = {"hello": {"do": "dance"}}
    with parts.database.session() as session:
        draft = parts.publication.draft(session)
    assert draft.plan is None
    assert not draft.empty
    assert [remark.place for remark in draft.errors] == ["flows[main]"]
    assert "dance" in draft.errors[0].message


def test_rosters_go_to_the_site_of_the_phone(parts: ControlParts) -> None:
    with parts.database.session() as session:
        secret = renew_secret(session.get_one(plan.Agent, "anna"), "branchline")
    publish(parts)
    with parts.database.session() as session:
        assert documents.latest(session, "roster", "lisbon") is None
        document = documents.latest(session, "roster", "berlin")
    assert document is not None
    verify(load_public_key(parts.plan_public), "roster", document.body, document.signature)
    roster = canonical.decode(document.body, Roster)
    assert (roster.site, roster.realm, roster.serial) == ("berlin", "branchline", 1)
    (account,) = roster.accounts
    expected = hashlib.sha256(f"p101:branchline:{secret}".encode()).hexdigest()
    assert (account.agent, account.ha1_sha256) == ("anna", expected)
    assert secret.encode() not in document.body


def test_a_site_that_loses_its_last_phone_gets_an_empty_roster(parts: ControlParts) -> None:
    with parts.database.session() as session:
        renew_secret(session.get_one(plan.Agent, "anna"), "branchline")
    publish(parts)
    with parts.database.session() as session:
        session.get_one(plan.Agent, "anna").site = "lisbon"
    publish(parts)
    with parts.database.session() as session:
        berlin = documents.latest(session, "roster", "berlin")
        lisbon = documents.latest(session, "roster", "lisbon")
    assert berlin is not None
    assert lisbon is not None
    assert canonical.decode(berlin.body, Roster).accounts == ()
    assert [row.agent for row in canonical.decode(lisbon.body, Roster).accounts] == ["anna"]


def test_a_fleet_without_boxes_has_an_empty_directory(parts: ControlParts) -> None:
    publish(parts)
    with parts.database.session() as session:
        document = documents.latest(session, "directory")
    assert document is not None
    assert canonical.decode(document.body, Directory) == Directory(serial=1, peers=())


def test_a_failed_publication_leaves_nothing(parts: ControlParts) -> None:
    with parts.database.session() as session:
        session.add(plan.Number(number="99"))
    with pytest.raises(PublicationError), parts.database.session() as session:
        parts.publication.publish(session, "admin")
    with parts.database.session() as session:
        assert documents.history(session, 10) == []


def test_publications_are_in_the_audit(parts: ControlParts) -> None:
    publish(parts)
    with parts.database.session() as session:
        rows = people.last_changes(session, 5)
    words = {row.what: row for row in rows}
    assert words["published plan 1"].who == "admin"
    assert "numbers[4930100] added" in words["published plan 1"].after["changes"]
    assert words["published plan 1"].at.tzinfo == datetime.UTC


def test_the_default_class_must_be_there(parts: ControlParts) -> None:
    with parts.database.session() as session:
        plan.options(session).default_class = "wood"
        draft = parts.publication.draft(session)
    assert ("default_class", "unknown-class") in {
        (remark.place, remark.reason) for remark in draft.errors
    }
    assert isinstance(draft.plan, model.Plan)
