"""Who may use the pages, and the audit of what they did."""

from datetime import datetime
from typing import Any

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import JSON, String, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from appliance.base.ids import new_id
from control.models.base import Base, UtcDateTime

#: RFC 9106 §4, second recommended option (64 MiB, 3 passes), argon2-cffi's default
_HASHER = PasswordHasher()
#: verified against when the name is unknown, so that both answers take the same time; written
#: down, since to compute it takes each process of control 0.2 s as it starts
NOBODY = (
    "$argon2id$v=19$m=65536,t=3,p=4"
    "$kXv3iA2dgQWv71FYqPLybw$QPnSeEP+39PAfPj0j5APvGDg4i3CgOOa9Jwah07EdvU"
)


class User(Base):
    """A person who may log in."""

    __tablename__ = "users"

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    name: Mapped[str] = mapped_column(String(64), unique=True)
    password_hash: Mapped[str] = mapped_column(String(255))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Audit(Base):
    """One change: who, what, before and after. Rows are only ever added."""

    __tablename__ = "audit"

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    who: Mapped[str] = mapped_column(String(64))
    what: Mapped[str] = mapped_column(String(200))
    before: Mapped[Any] = mapped_column(JSON(none_as_null=True), nullable=True)
    after: Mapped[Any] = mapped_column(JSON(none_as_null=True), nullable=True)


def add_user(session: Session, name: str, password: str, at: datetime) -> User:
    """Add a person who may log in."""
    user = User(name=name, password_hash=_HASHER.hash(password), created_at=at)
    session.add(user)
    session.flush()
    return user


def set_password(user: User, password: str) -> None:
    """Give a person another password."""
    user.password_hash = _HASHER.hash(password)


def find_user(session: Session, name: str) -> User | None:
    """Return the person of that log-in name."""
    return session.scalar(select(User).where(User.name == name))


def verify(session: Session, name: str, password: str) -> User | None:
    """Return the person if name and password are right; a wrong name takes as long."""
    user = find_user(session, name)
    try:
        _HASHER.verify(user.password_hash if user else NOBODY, password)
    except (VerificationError, InvalidHashError):
        return None
    if user is not None and _HASHER.check_needs_rehash(user.password_hash):
        user.password_hash = _HASHER.hash(password)
    return user


def note(
    session: Session,
    at: datetime,
    who: str,
    what: str,
    *,
    before: object = None,
    after: object = None,
) -> None:
    """Write one change into the audit."""
    session.add(Audit(at=at, who=who, what=what, before=before, after=after))


def last_changes(session: Session, count: int) -> list[Audit]:
    """Return the newest changes first."""
    return list(
        session.scalars(select(Audit).order_by(Audit.at.desc(), Audit.id.desc()).limit(count))
    )
