"""Signed documents as they were published: plan, rosters, peer directory."""

from datetime import datetime
from typing import Literal

from sqlalchemy import Integer, LargeBinary, String, func, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from control.models.base import Base, UtcDateTime

DocumentKind = Literal["plan", "roster", "directory"]


class Document(Base):
    """One published document; never changed, never deleted."""

    __tablename__ = "documents"

    kind: Mapped[DocumentKind] = mapped_column(String(16), primary_key=True)
    #: site a roster is for; empty for plan and directory
    site: Mapped[str] = mapped_column(String(63), primary_key=True, default="")
    serial: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    body: Mapped[bytes] = mapped_column(LargeBinary)
    signature: Mapped[bytes] = mapped_column(LargeBinary(64))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    by: Mapped[str] = mapped_column(String(64))


def latest(session: Session, kind: DocumentKind, site: str = "") -> Document | None:
    """Return the newest document of that kind (and site)."""
    query = (
        select(Document)
        .where(Document.kind == kind, Document.site == site)
        .order_by(Document.serial.desc())
        .limit(1)
    )
    return session.scalar(query)


def serials(session: Session) -> dict[tuple[DocumentKind, str], int]:
    """Return (kind, site) -> newest serial: what the fleet should hold."""
    query = select(Document.kind, Document.site, func.max(Document.serial))
    rows = session.execute(query.group_by(Document.kind, Document.site))
    return {(kind, site): serial for kind, site, serial in rows}


def history(session: Session, count: int) -> list[Document]:
    """Return the newest documents first."""
    order = select(Document).order_by(
        Document.created_at.desc(), Document.kind, Document.site, Document.serial.desc()
    )
    return list(session.scalars(order.limit(count)))
