"""Sites, the appliances that stand in them, and the tokens they join with."""

from datetime import datetime
from typing import Any, Literal

from sqlalchemy import JSON, ForeignKey, Integer, LargeBinary, String, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from control.models.base import Base, UtcDateTime

ApplianceState = Literal["pending", "approved", "revoked"]


class Site(Base):
    """A branch."""

    __tablename__ = "sites"

    name: Mapped[str] = mapped_column(String(63), primary_key=True)
    title: Mapped[str] = mapped_column(String(120), default="")
    #: branches of one region stand in for each other
    region: Mapped[str] = mapped_column(String(63), default="")
    #: what the plan says of it beside that
    rules: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)


class Appliance(Base):
    """A box: what it is called, where it stands, and the keys it proves itself with."""

    __tablename__ = "appliances"

    name: Mapped[str] = mapped_column(String(63), primary_key=True)
    site: Mapped[str] = mapped_column(ForeignKey("sites.name"))
    state: Mapped[ApplianceState] = mapped_column(String(16), default="pending")
    #: CURVE public key of the link, Z85
    curve_key: Mapped[str] = mapped_column(String(40), unique=True)
    #: SHA-256 of the CSR's public key (SubjectPublicKeyInfo), hex
    fingerprint: Mapped[str] = mapped_column(String(64))
    csr: Mapped[str] = mapped_column(String(8192))
    #: signed at approval, PEM
    certificate: Mapped[str] = mapped_column(String(8192), default="")
    link_address: Mapped[str] = mapped_column(String(255))
    link_port: Mapped[int] = mapped_column(Integer)
    sip_address: Mapped[str] = mapped_column(String(255))
    sip_port: Mapped[int] = mapped_column(Integer)
    #: 0: it takes no calls by TLS
    sip_tls_port: Mapped[int] = mapped_column(Integer, default=0)
    #: other branches cannot dial it; so it is with link_port 0, too
    nat: Mapped[bool] = mapped_column(default=False)
    #: it carries between branches that cannot dial each other
    relay: Mapped[bool] = mapped_column(default=False)
    telemetry_address: Mapped[str] = mapped_column(String(255), default="")
    telemetry_port: Mapped[int] = mapped_column(Integer, default=0)
    enrolled_at: Mapped[datetime] = mapped_column(UtcDateTime)
    approved_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    #: software version it last said
    version: Mapped[str] = mapped_column(String(64), default="")
    #: serial of the plan it last acknowledged
    plan_serial: Mapped[int] = mapped_column(Integer, default=0)


class JoinToken(Base):
    """Permission for one box to ask for a place in the fleet, once."""

    __tablename__ = "join_tokens"

    #: hex
    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    #: key of the request's HMAC
    secret: Mapped[bytes] = mapped_column(LargeBinary(32))
    name: Mapped[str] = mapped_column(String(63))
    site: Mapped[str] = mapped_column(ForeignKey("sites.name"))
    made_by: Mapped[str] = mapped_column(String(64))
    made_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    #: keys it was used with, so that the same box may ask again
    used_by: Mapped[str] = mapped_column(String(128), default="")
    auto_approve: Mapped[bool] = mapped_column(default=False)


def all_sites(session: Session) -> list[Site]:
    """Return all sites by name."""
    return list(session.scalars(select(Site).order_by(Site.name)))


def ensure_site(session: Session, name: str, title: str = "") -> Site:
    """Return the site of that name, added if it is new."""
    site = session.get(Site, name)
    if site is None:
        site = Site(name=name, title=title)
        session.add(site)
        session.flush()
    return site


def all_appliances(session: Session) -> list[Appliance]:
    """Return all appliances, also revoked ones, by name."""
    return list(session.scalars(select(Appliance).order_by(Appliance.name)))


def approved_appliances(session: Session) -> list[Appliance]:
    """Return the appliances that belong to the fleet, by name."""
    query = select(Appliance).where(Appliance.state == "approved").order_by(Appliance.name)
    return list(session.scalars(query))


def note_acknowledged(session: Session, name: str, version: str, plan_serial: int) -> None:
    """Remember what an appliance last said about itself."""
    appliance = session.get(Appliance, name)
    if appliance is not None:
        appliance.version = version
        appliance.plan_serial = plan_serial


def open_tokens(session: Session, at: datetime) -> list[JoinToken]:
    """Return the tokens that may still be used, the newest first."""
    query = (
        select(JoinToken)
        .where(JoinToken.used_at.is_(None), JoinToken.expires_at > at)
        .order_by(JoinToken.made_at.desc())
    )
    return list(session.scalars(query))
