"""What the boxes' ledgers told: the entries as they are, and what is derived from them.

An entry's key is (appliance, chain, branch, number). Branch 0 is the chain as it was first told;
a chain that was told a second way goes on in branch 1, and so on: evidence, and counted nowhere.
"""

from datetime import datetime

from sqlalchemy import (
    BigInteger,
    Float,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    String,
    Text,
    select,
)
from sqlalchemy.orm import Mapped, Session, mapped_column

from control.models.base import Base, UtcDateTime


class LedgerChain(Base):
    """A chain, or a branch of one: how far control has it, and what control signed."""

    __tablename__ = "ledger_chains"

    appliance: Mapped[str] = mapped_column(String(63), primary_key=True)
    chain: Mapped[str] = mapped_column(String(64), primary_key=True)
    branch: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    #: branch in which the box stood when its first entry came
    site: Mapped[str] = mapped_column(String(63))
    #: of a fork: the entry after which it goes another way
    forked_after: Mapped[int] = mapped_column(BigInteger, default=0)
    #: from `chain-begun`; empty for a fork
    reason: Mapped[str] = mapped_column(String(32), default="")
    previous_chain: Mapped[str] = mapped_column(String(64), default="")
    previous_number: Mapped[int] = mapped_column(BigInteger, default=0)
    #: the newest entry
    number: Mapped[int] = mapped_column(BigInteger)
    hash: Mapped[bytes] = mapped_column(LargeBinary(32))
    #: control's countersignature of it (Ed25519)
    signature: Mapped[bytes] = mapped_column(LargeBinary(64))
    #: counts what was taken in, over all boxes: the highest is a box's newest head
    turn: Mapped[int] = mapped_column(BigInteger)
    begun_at: Mapped[datetime] = mapped_column(UtcDateTime)
    taken_at: Mapped[datetime] = mapped_column(UtcDateTime)


class LedgerEntry(Base):
    """One entry, as the box wrote it; never changed."""

    __tablename__ = "ledger_entries"

    appliance: Mapped[str] = mapped_column(String(63), primary_key=True)
    chain: Mapped[str] = mapped_column(String(64), primary_key=True)
    branch: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    number: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    wall_us: Mapped[int] = mapped_column(BigInteger)
    mono_s: Mapped[float] = mapped_column(Float(53))
    kind: Mapped[str] = mapped_column(String(64))
    contact: Mapped[str] = mapped_column(String(64), index=True)
    facts: Mapped[bytes] = mapped_column(LargeBinary)
    hash: Mapped[bytes] = mapped_column(LargeBinary(32))


class Contact(Base):
    """What became of a contact, over all boxes it was at; derived, and never the truth."""

    __tablename__ = "contacts"
    __table_args__ = (
        Index(None, "arrived_at", "contact"),
        Index(None, "queue", "arrived_at"),
        Index(None, "site", "arrived_at"),
        Index(None, "promise", "arrived_at"),
        Index(None, "window", "arrived_at"),
    )

    contact: Mapped[str] = mapped_column(String(64), primary_key=True)
    #: box that the caller came in by, and the branch it stands in
    appliance: Mapped[str] = mapped_column(String(63))
    site: Mapped[str] = mapped_column(String(63))
    #: all boxes whose ledgers tell of it, by name, with a space between
    boxes: Mapped[str] = mapped_column(Text)
    channel: Mapped[str] = mapped_column(String(32))
    via: Mapped[str] = mapped_column(String(120))
    caller: Mapped[str] = mapped_column(String(120))
    called: Mapped[str] = mapped_column(String(120))
    #: the caller asked for privacy (RFC 3323)
    private: Mapped[bool]
    queue: Mapped[str] = mapped_column(String(63))
    klass: Mapped[str] = mapped_column(String(63))
    #: the last agent who talked with it, and the box where that agent sat
    agent: Mapped[str] = mapped_column(String(63))
    agent_box: Mapped[str] = mapped_column(String(63))
    #: place in the queue: hybrid logical clock at its arrival
    arrival: Mapped[int] = mapped_column(BigInteger)
    arrived_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    #: how often it was put into a queue, and offered to a seat
    queued: Mapped[int] = mapped_column(Integer)
    offers: Mapped[int] = mapped_column(Integer)
    waited_ms: Mapped[int] = mapped_column(BigInteger)
    talked_ms: Mapped[int] = mapped_column(BigInteger)
    #: served, abandoned, released, failed, voicemail; open: no end was told yet
    outcome: Mapped[str] = mapped_column(String(16))
    reason: Mapped[str] = mapped_column(String(64))
    #: what is wrong with its journal, or empty
    fault: Mapped[str] = mapped_column(String(16))
    #: the first wait it was told: kept, early, late, left, open; empty: it was told none
    promise: Mapped[str] = mapped_column(String(8), server_default="")
    promise_queue: Mapped[str] = mapped_column(String(63), server_default="")
    promise_low_ms: Mapped[int] = mapped_column(BigInteger, server_default="0")
    promise_high_ms: Mapped[int] = mapped_column(BigInteger, server_default="0")
    #: from being told to the talk, or to the end of the wait
    promise_came_ms: Mapped[int] = mapped_column(BigInteger, server_default="0")
    #: the call back it was promised: kept, early, late, given-up, moot, open; empty: none was
    window: Mapped[str] = mapped_column(String(8), server_default="")
    window_queue: Mapped[str] = mapped_column(String(63), server_default="")
    window_klass: Mapped[str] = mapped_column(String(63), server_default="")
    window_low_ms: Mapped[int] = mapped_column(BigInteger, server_default="0")
    window_high_ms: Mapped[int] = mapped_column(BigInteger, server_default="0")
    #: from the promise to the first call, or to the end; by how much that missed the window
    window_came_ms: Mapped[int] = mapped_column(BigInteger, server_default="0")
    window_off_ms: Mapped[int] = mapped_column(BigInteger, server_default="0")


class LedgerAlarm(Base):
    """Something about a box's ledger that a person must look at; rows are only ever added."""

    __tablename__ = "ledger_alarms"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    appliance: Mapped[str] = mapped_column(String(63))
    chain: Mapped[str] = mapped_column(String(64))
    number: Mapped[int] = mapped_column(BigInteger)
    #: reason word: `fork`, `bad-chain`, `foreign`, `lost`
    reason: Mapped[str] = mapped_column(String(32))
    detail: Mapped[str] = mapped_column(String(500))


def chains(session: Session, appliance: str = "") -> list[LedgerChain]:
    """Return all chains and branches of a box, or of all boxes, in the order they were begun."""
    query = select(LedgerChain).order_by(
        LedgerChain.appliance, LedgerChain.begun_at, LedgerChain.chain, LedgerChain.branch
    )
    return list(
        session.scalars(query.where(LedgerChain.appliance == appliance) if appliance else query)
    )


def alarms(session: Session, count: int) -> list[LedgerAlarm]:
    """Return the newest alarms first."""
    order = select(LedgerAlarm).order_by(LedgerAlarm.at.desc(), LedgerAlarm.id.desc())
    return list(session.scalars(order.limit(count)))
