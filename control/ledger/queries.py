"""What the ledgers told: contacts of a day, one contact's story, whether chains are whole."""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, TypeVar

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import Select, case, delete, func, select
from sqlalchemy.orm import Session

from appliance.base.errors import PeerError
from appliance.ledger.books import Tally
from appliance.ledger.entry import Break, Entry, Walk
from appliance.ledger.upload import HEAD_KIND, ChainHead
from appliance.plan.signing import verify
from control.ledger.derive import in_order
from control.ledger.store import STORY_MOST, derive_contacts, entries_of
from control.models.ledger import Contact, LedgerChain, LedgerEntry, chains

#: entries read at a time while walking chains, contacts made anew at a time
_BATCH = 2000
_CONTACTS = 200
_Query = TypeVar("_Query", bound=Select[*tuple[Any, ...]])
OUTCOMES = ("served", "abandoned", "released", "failed", "voicemail", "open")


class ContactFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which contacts; what is empty does not matter."""

    #: day of arrival, UTC
    day: date | None = None
    queue: str = ""
    site: str = ""
    outcome: str = ""


class ContactPage(msgspec.Struct, frozen=True):
    """Contacts, the newest first, and whether there are older ones."""

    rows: list[Contact]
    more: bool


class ChainReport(msgspec.Struct, frozen=True, kw_only=True):
    """What a walk along one chain, or a branch of one, found at control."""

    appliance: str
    chain: str
    branch: int
    #: why it was begun; empty for a fork
    reason: str
    entries: int
    number: int
    taken_at: datetime
    #: what does not fit, or empty
    fault: str = ""

    @property
    def whole(self) -> bool:
        """Tell whether every entry follows, and control's signature holds."""
        return not self.fault


def find(session: Session, wanted: ContactFilter, *, most: int, skip: int = 0) -> ContactPage:
    """Return contacts, the newest first."""
    query = _where(select(Contact), wanted).order_by(
        Contact.arrived_at.desc(), Contact.contact.desc()
    )
    rows = list(session.scalars(query.offset(skip).limit(most + 1)))
    return ContactPage(rows[:most], len(rows) > most)


def tallies(session: Session, wanted: ContactFilter) -> dict[str, Tally]:
    """Return the books by queue: what was offered is the sum of `OUTCOMES`."""
    counts = [func.sum(case((Contact.outcome == name, 1), else_=0)) for name in OUTCOMES]
    sums = [func.sum(Contact.waited_ms), func.sum(Contact.talked_ms)]
    query = _where(select(Contact.queue, func.count(), *counts, *sums), wanted)
    rows = session.execute(query.group_by(Contact.queue).order_by(Contact.queue))
    return {queue: Tally(*(int(figure) for figure in figures)) for queue, *figures in rows}


def faults(session: Session, wanted: ContactFilter) -> dict[str, str]:
    """Return the contacts whose journal is not «arrived … ended, once», and what is wrong."""
    query = _where(select(Contact.contact, Contact.fault), wanted).where(Contact.fault != "")
    return {row.contact: row.fault for row in session.execute(query)}


def story(session: Session, contact: str) -> list[Entry]:
    """Return all that the boxes wrote about a contact, in order; forks are left out."""
    query = select(LedgerEntry).where(LedgerEntry.contact == contact, LedgerEntry.branch == 0)
    return list(in_order(entries_of(session.scalars(query.limit(STORY_MOST)))))


def verify_chains(
    session: Session, key: Ed25519PublicKey, appliance: str = ""
) -> list[ChainReport]:
    """Walk the chains of a box, or of all: each hash, and what control once signed."""
    return [_report(session, key, row) for row in chains(session, appliance)]


def rebuild(session: Session) -> int:
    """Derive all rows of contacts anew from the entries; return how many there are."""
    session.execute(delete(Contact))
    after = ""
    while True:
        query = (
            select(LedgerEntry.contact)
            .where(LedgerEntry.contact > after, LedgerEntry.branch == 0)
            .distinct()
            .order_by(LedgerEntry.contact)
        )
        names = list(session.scalars(query.limit(_CONTACTS)))
        if not names:
            return session.scalar(select(func.count()).select_from(Contact)) or 0
        derive_contacts(session, names)
        after = names[-1]


def plain(entry: Entry) -> dict[str, Any]:
    """Return an entry as JSON can say it."""
    return {
        "appliance": entry.appliance,
        "chain": entry.chain,
        "number": entry.number,
        "ts": entry.ts,
        "kind": entry.kind,
        "hash": entry.hash.hex(),
        "facts": facts_of(entry),
    }


def facts_of(entry: Entry) -> dict[str, Any]:
    """Return an entry's facts with bytes as hex; nothing where they cannot be read."""
    try:
        found = entry.as_dict()
    except (msgspec.MsgspecError, RecursionError, UnicodeError):
        return {}
    return {
        name: value.hex() if isinstance(value, bytes) else value for name, value in found.items()
    }


def _where(query: _Query, wanted: ContactFilter) -> _Query:
    if wanted.day is not None:
        start = datetime(wanted.day.year, wanted.day.month, wanted.day.day, tzinfo=UTC)
        query = query.where(
            Contact.arrived_at >= start, Contact.arrived_at < start + timedelta(days=1)
        )
    for column, value in (
        (Contact.queue, wanted.queue),
        (Contact.site, wanted.site),
        (Contact.outcome, wanted.outcome),
    ):
        if value:
            query = query.where(column == value)
    return query


def _report(session: Session, key: Ed25519PublicKey, row: LedgerChain) -> ChainReport:
    """Walk one chain or branch."""
    walk, last, count = Walk(), None, 0
    for batch in _walked(session, row):
        # a fork goes on from an entry of another branch, which is believed
        walk.feed(batch, mid_chain=row.branch > 0 and not count)
        last, count = batch[-1], count + len(batch)
    return ChainReport(
        appliance=row.appliance,
        chain=row.chain,
        branch=row.branch,
        reason=row.reason,
        entries=count,
        number=row.number,
        taken_at=row.taken_at,
        fault=_fault(walk.result().breaks, last, row, key),
    )


def _fault(
    breaks: Sequence[Break], last: Entry | None, row: LedgerChain, key: Ed25519PublicKey
) -> str:
    """Return what is wrong with a chain that was walked, or nothing."""
    if breaks:
        return f"entry {breaks[0].number}: {breaks[0].why}"
    if last is None or (last.number, last.hash) != (row.number, bytes(row.hash)):
        return f"its entries do not end with entry {row.number}, which was countersigned"
    head = ChainHead(row.appliance, row.chain, row.number, bytes(row.hash))
    try:
        verify(key, HEAD_KIND, head.body(), bytes(row.signature))
    except PeerError:
        return f"control's signature of entry {row.number} does not hold"
    return ""


def _walked(session: Session, row: LedgerChain) -> Iterator[list[Entry]]:
    """Yield the entries of a chain or branch in order, some at a time."""
    after = 0
    own = (
        LedgerEntry.appliance == row.appliance,
        LedgerEntry.chain == row.chain,
        LedgerEntry.branch == row.branch,
    )
    while True:
        query = select(LedgerEntry).where(*own, LedgerEntry.number > after)
        found = session.scalars(query.order_by(LedgerEntry.number).limit(_BATCH)).all()
        if not found:
            return
        yield entries_of(found)
        after = found[-1].number
        for one in found:
            session.expunge(one)
