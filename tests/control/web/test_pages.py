"""Every page: shut for strangers, there for the admin, safe against forged forms."""

import re

import pytest
from flask import Flask

from control.parts import ControlParts
from control.web.security import POLICY
from tests.control.visitor import Visitor

PAGES = {
    "/": "What to do next",
    "/live/": "Live floor",
    "/numbers/": "4930100",
    "/numbers/4930100": "Change 4930100",
    "/flows/": "main",
    "/flows/main": "press-1",
    "/queues/": "Sales",
    "/queues/new": "Add a queue",
    "/queues/edit/sales": "Answer within",
    "/queues/delete/sales": "in use",
    "/agents/": "Anna Keller",
    "/agents/new": "Add an agent",
    "/agents/edit/anna": "Phone secret",
    "/agents/delete/anna": "Delete Anna Keller",
    "/publish/": "What the draft changes",
    "/fleet/": "Let a new box join",
    "/fleet/boxes": "No box is in the fleet yet",
    "/contacts/": "What became of each",
    "/contacts/ledgers": "No box has told anything yet",
    "/audit/": "Who changed what",
}
FORMS = (
    "/logout",
    "/numbers/",
    "/numbers/4930100",
    "/numbers/4930100/delete",
    "/queues/new",
    "/queues/edit/sales",
    "/queues/delete/billing",
    "/agents/new",
    "/agents/edit/anna",
    "/agents/secret/anna",
    "/agents/delete/anna",
    "/agents/skills",
    "/publish/",
    "/fleet/token",
    "/fleet/x/approve",
    "/fleet/x/revoke",
    "/fleet/tokens/x/withdraw",
)
OPEN = {"static", "login.log_in", "enrol.ask", "health.health"}


@pytest.mark.parametrize("path", [*PAGES, "/live/feed", "/publish/plan/1"])
def test_a_stranger_is_sent_to_the_log_in(stranger: Visitor, path: str) -> None:
    answer = stranger.get(path)
    assert answer.status_code == 302
    assert answer.location.startswith("/login?next=%2F") or "/login?next=/" in answer.location


@pytest.mark.parametrize("path", FORMS)
def test_a_stranger_can_send_nothing(stranger: Visitor, path: str) -> None:
    answer = stranger.post(path)
    assert (answer.status_code, answer.location) == (302, "/login")


def test_no_route_was_forgotten(app: Flask, stranger: Visitor) -> None:
    """Each rule of the application is shut for strangers, unless it is meant to be open."""
    for rule in app.url_map.iter_rules():
        if rule.endpoint in OPEN:
            continue
        path = re.sub(r"<(?:int:)?\w+>", "1", rule.rule)
        method = "GET" if "GET" in (rule.methods or ()) else "POST"
        token = {"csrf_token": stranger.token()} if method == "POST" else None
        answer = stranger.client.open(path, method=method, data=token)
        assert answer.status_code in {302, 401}, rule


@pytest.mark.parametrize(("path", "holds"), PAGES.items())
def test_the_admin_sees_the_page(admin: Visitor, path: str, holds: str) -> None:
    answer = admin.get(path)
    assert answer.status_code == 200
    assert holds in answer.text


@pytest.mark.parametrize("path", PAGES)
def test_pages_hold_no_inline_script_or_style(admin: Visitor, path: str) -> None:
    answer = admin.get(path)
    assert answer.headers["Content-Security-Policy"] == POLICY
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"] == "no-store"
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=", answer.text)
    assert not re.search(r"(?:src|href)=\"(?:https?:)?//", answer.text)


@pytest.mark.parametrize("path", FORMS)
def test_forged_forms_are_refused(admin: Visitor, path: str) -> None:
    assert admin.post_bare(path, number="1", name="x").status_code == 400


@pytest.mark.parametrize(
    "path",
    [
        "/nothing",
        "/flows/none",
        "/publish/plan/77",
        "/publish/roster/berlin/1",
        "/contacts/contact/x",
    ],
)
def test_what_is_not_there_is_said(admin: Visitor, path: str) -> None:
    answer = admin.get(path)
    assert answer.status_code == 404
    assert "not-found" in answer.text


@pytest.mark.parametrize(
    "path", ["/numbers/77", "/queues/edit/none", "/agents/edit/none", "/agents/delete/none"]
)
def test_rows_that_are_gone_lead_back_to_the_list(admin: Visitor, path: str) -> None:
    answer = admin.client.get(path, follow_redirects=True)
    assert answer.status_code == 200
    assert "message bad" in answer.text


def test_a_form_that_is_too_long_is_refused(admin: Visitor) -> None:
    answer = admin.post("/numbers/", number="1" * 300_000)
    assert answer.status_code == 413


def test_names_with_markup_are_shown_as_text(admin: Visitor) -> None:
    admin.post("/numbers/", number="77", title="<b>bold</b>", target="queue:sales", klass="")
    assert "&lt;b&gt;bold" in admin.get("/numbers/").text


def test_an_unforeseen_error_says_nothing_of_the_inside(
    admin: Visitor, parts: ControlParts
) -> None:
    with parts.database.session() as session:
        connection = session.connection()
        connection.exec_driver_sql("DROP TABLE audit")
    answer = admin.get("/audit/")
    assert answer.status_code == 500
    assert "internal" in answer.text
    assert "no such table" not in answer.text
