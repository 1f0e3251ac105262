"""Logging in: who gets in, who has to wait, and where one comes out."""

import pytest
from flask import Flask

from appliance.base.clock import HeldClock
from control.models import people
from control.parts import ControlParts
from control.web.lockout import ADDRESS_TRIES, MAX_ENTRIES, NAME_TRIES, WAIT_S, Lockout
from tests.control.visitor import NAME, Visitor


def test_the_right_password_opens_the_pages(stranger: Visitor) -> None:
    answer = stranger.log_in()
    assert (answer.status_code, answer.location) == (302, "/")
    assert "What to do next" in stranger.get("/").text
    assert stranger.get("/login").location == "/"


def test_logging_out_closes_them(admin: Visitor) -> None:
    assert admin.post("/logout").location == "/login"
    assert admin.get("/").status_code == 302


@pytest.mark.parametrize(
    ("name", "password"), [(NAME, "wrong"), ("nobody", "wrong"), ("", ""), ("x" * 5000, "\x00")]
)
def test_wrong_ones_do_not(stranger: Visitor, name: str, password: str) -> None:
    answer = stranger.log_in(name, password)
    assert answer.status_code == 401
    assert "Name or password is wrong" in answer.text
    assert stranger.get("/").status_code == 302


def test_a_form_without_token_is_refused(stranger: Visitor) -> None:
    answer = stranger.post_bare("/login", name=NAME, password="x")
    assert answer.status_code == 400


def test_after_wrong_ones_even_the_right_one_waits(
    stranger: Visitor, clock: HeldClock, parts: ControlParts
) -> None:
    for _ in range(ADDRESS_TRIES):
        assert stranger.log_in(password="wrong").status_code == 401
    answer = stranger.log_in()
    assert answer.status_code == 429
    assert "Too many" in answer.text
    clock.advance(WAIT_S + 0.1)
    assert stranger.log_in().status_code == 302
    with parts.database.session() as session:
        words = [row.what for row in people.last_changes(session, 20)]
    assert words.count("log-in refused") == ADDRESS_TRIES


def test_the_wait_doubles(clock: HeldClock) -> None:
    lockout = Lockout(clock)
    for _ in range(ADDRESS_TRIES):
        lockout.wrong("a", "192.0.2.1")
    assert lockout.wait_s("b", "192.0.2.1") == pytest.approx(WAIT_S)
    lockout.wrong("a", "192.0.2.1")
    assert lockout.wait_s("b", "192.0.2.1") == pytest.approx(2 * WAIT_S)
    assert lockout.wait_s("a", "192.0.2.2") == 0


def test_a_name_is_locked_for_all_addresses_in_the_end(clock: HeldClock) -> None:
    lockout = Lockout(clock)
    for number in range(NAME_TRIES):
        assert lockout.wait_s("Admin", "192.0.2.99") == 0
        lockout.wrong("admin", f"192.0.2.{number}")
    assert lockout.wait_s("ADMIN", "192.0.2.99") == pytest.approx(WAIT_S)
    lockout.right("admin", "192.0.2.99")
    assert lockout.wait_s("admin", "192.0.2.99") == 0


def test_ever_new_names_do_not_fill_the_memory(clock: HeldClock) -> None:
    lockout = Lockout(clock)
    for number in range(MAX_ENTRIES):
        lockout.wrong(f"name{number}", f"address{number}")
    assert len(lockout._wrong) == MAX_ENTRIES


@pytest.mark.parametrize(
    ("target", "lands"),
    [
        ("/fleet/", "/fleet/"),
        ("https://elsewhere.example/", "/"),
        ("//elsewhere.example/", "/"),
        ("/\\elsewhere.example", "/"),
        ("javascript:alert(1)", "/"),
        ("", "/"),
    ],
)
def test_one_comes_out_only_at_own_pages(stranger: Visitor, target: str, lands: str) -> None:
    token = stranger.token()
    answer = stranger.client.post(
        "/login",
        query_string={"next": target},
        data={"csrf_token": token, "name": NAME, "password": "correct horse battery staple"},
    )
    assert answer.location == lands


def test_a_deleted_person_is_out_at_once(admin: Visitor, parts: ControlParts) -> None:
    with parts.database.session() as session:
        session.delete(people.find_user(session, NAME))
    assert admin.get("/fleet/").status_code == 302


def test_another_password_ends_the_session(admin: Visitor, parts: ControlParts) -> None:
    assert admin.get("/fleet/").status_code == 200
    with parts.database.session() as session:
        user = people.find_user(session, NAME)
        assert user is not None
        people.set_password(user, "another one")
    assert admin.get("/fleet/").status_code == 302


def test_cookies_are_for_this_site_only(app: Flask) -> None:
    visitor = Visitor(app)
    cookie = visitor.log_in().headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert cookie.startswith("branchline=")
