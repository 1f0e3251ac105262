"""Passwords are verified, never stored."""

from argon2 import PasswordHasher

from control.models import people
from control.models.base import moment
from control.parts import ControlParts
from tests.control.visitor import NAME, PASSWORD


def test_the_right_password_is_known(parts: ControlParts) -> None:
    with parts.database.session() as session:
        user = people.verify(session, NAME, PASSWORD)
        assert user is not None
        assert user.password_hash.startswith("$argon2id$")
        assert PASSWORD not in user.password_hash


def test_wrong_names_and_passwords_are_not(parts: ControlParts) -> None:
    with parts.database.session() as session:
        assert people.verify(session, NAME, PASSWORD + " ") is None
        assert people.verify(session, NAME, "") is None
        assert people.verify(session, "nobody", PASSWORD) is None


def test_changes_come_newest_first(parts: ControlParts) -> None:
    with parts.database.session() as session:
        for word in ("first", "second", "third"):
            people.note(session, moment(parts.clock), "admin", word, after={"word": word})
    with parts.database.session() as session:
        found = people.last_changes(session, 2)
    assert [(row.what, row.after) for row in found] == [
        ("third", {"word": "third"}),
        ("second", {"word": "second"}),
    ]


def test_nobody_is_verified_as_everybody_is() -> None:
    """With other parameters an unknown name would be answered sooner or later than a known one."""
    assert not PasswordHasher().check_needs_rehash(people.NOBODY)
