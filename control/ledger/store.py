"""Taking in what the boxes wrote: checked hash by hash, kept, derived from, countersigned."""

import logging
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from sqlalchemy import delete, func, insert, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from appliance.base.clock import Clock
from appliance.base.errors import PeerError
from appliance.base.ids import new_id
from appliance.ledger.entry import NO_HASH, Entry
from appliance.ledger.records import ChainBegun
from appliance.ledger.upload import HEAD_KIND, ChainHead, follow, head_of, unpack
from appliance.link.messages import LedgerAck, LedgerAsk, LedgerBatch, LedgerHeads, SignedHead
from appliance.plan.signing import sign
from control.ledger.derive import contact_row
from control.models import people
from control.models.base import moment
from control.models.database import Database
from control.models.fleet import Appliance
from control.models.ledger import Contact, LedgerAlarm, LedgerChain, LedgerEntry

_log = logging.getLogger(__name__)

#: chains of one question that are answered
ASKED_MOST = 64
#: ways in which one chain may go on; each is kept, and nobody needs more to see that it is forged
BRANCHES_MOST = 16
#: alarms kept of one box; more of them say nothing new
ALARMS_MOST = 1000
#: a contact with more entries is no call, and its row stays as it is
STORY_MOST = 5000
#: who the audit names
WHO = "ledger intake"
_CHAIN = re.compile(r"[0-9A-Za-z-]{1,64}\Z")


class _Step(NamedTuple):
    """An entry and the branch that it belongs to."""

    branch: int
    entry: Entry


class LedgerStore:
    """Control's copy of all ledgers; every call is one transaction."""

    def __init__(self, database: Database, key: Ed25519PrivateKey, clock: Clock) -> None:
        self._database = database
        self._key = key
        self._clock = clock

    @property
    def public_key(self) -> Ed25519PublicKey:
        """Return the key that countersignatures are verified with."""
        return self._key.public_key()

    # -- what boxes ask ------------------------------------------------------------------------

    def heads(self, box: str, ask: LedgerAsk) -> LedgerHeads:
        """Return every end that is kept of these chains of *box*, and its newest."""
        own = LedgerChain.appliance == box
        with self._database.session() as session:
            asked = ask.chains[-ASKED_MOST:]
            rows = session.scalars(select(LedgerChain).where(own, LedgerChain.chain.in_(asked)))
            heads = [_signed(row) for row in rows]
            newest = select(LedgerChain).where(own).order_by(LedgerChain.turn.desc()).limit(1)
            latest = session.scalar(newest)
        return LedgerHeads(heads, _signed(latest) if latest else None)

    def take(self, box: str, batch: LedgerBatch) -> LedgerAck:
        """Take a batch of *box* in; return what became of it."""
        try:
            with self._database.session() as session:
                head, reason, detail = self._take(session, box, batch)
            return LedgerAck(batch.serial, reason, detail, self._sign(head))
        except PeerError as error:
            _log.warning("%s: %s", box, error)
            if error.reason != "gap":
                self._refused(box, batch, error)
            return LedgerAck(batch.serial, error.reason, error.message)
        except SQLAlchemyError as error:
            _log.error("%s: the database takes nothing: %s", box, error)
            return LedgerAck(batch.serial, "internal", "control's database takes nothing now")

    # -- one batch -----------------------------------------------------------------------------

    def _take(self, session: Session, box: str, batch: LedgerBatch) -> tuple[ChainHead, str, str]:
        """Keep what is new and follows; return the head, and what became of the rest."""
        if batch.appliance != box:
            raise PeerError("foreign", f"{box!r} sent entries of {batch.appliance!r}")
        if not _CHAIN.match(batch.chain) or len(batch.after) != len(NO_HASH):
            raise PeerError("bad-request", "a batch names its chain and the hash before it")
        entries = unpack(box, batch.chain, batch.first, batch.data)
        at = self._branch_of(session, box, batch)
        count, why = follow(batch.after, entries)
        if not count:
            raise PeerError("bad-chain", why)
        good = entries[:count]
        fresh, forked = self._sort(session, good, at, start=batch.after == NO_HASH)
        self._keep(session, fresh)
        reason, detail = "normal", ""
        if forked:
            reason, detail = "fork", f"chain {batch.chain} goes on in two ways at entry {forked}"
            self._alarm(session, box, batch.chain, forked, reason, detail)
        if why:
            reason, detail = "bad-chain", why
            number = good[-1].number + 1
            self._alarm(session, box, batch.chain, number, reason, detail)
        return head_of(good[-1]), reason, detail

    def _branch_of(self, session: Session, box: str, batch: LedgerBatch) -> int:
        """Return the branch that holds the entry before the batch; raise PeerError `gap`."""
        if batch.after == NO_HASH:
            return 0
        branch = session.scalar(
            select(LedgerEntry.branch).where(
                LedgerEntry.appliance == box,
                LedgerEntry.chain == batch.chain,
                LedgerEntry.number == batch.first - 1,
                LedgerEntry.hash == batch.after,
            )
        )
        if branch is None:
            raise PeerError("gap", f"entry {batch.first - 1} of chain {batch.chain} is not here")
        return branch

    def _sort(
        self, session: Session, entries: Sequence[Entry], branch: int, *, start: bool
    ) -> tuple[list[_Step], int]:
        """Return the entries that are new, each with its branch, and where a fork begins or 0."""
        first = entries[0]
        rows = session.execute(
            select(LedgerEntry.number, LedgerEntry.hash, LedgerEntry.branch).where(
                LedgerEntry.appliance == first.appliance,
                LedgerEntry.chain == first.chain,
                LedgerEntry.number.between(first.number, entries[-1].number),
            )
        ).all()
        known = {(number, bytes(digest)): at for number, digest, at in rows}
        taken = {(at, number) for number, _, at in rows}
        count = _branches(session, first)
        fresh: list[_Step] = []
        forked = 0
        for entry in entries:
            here = known.get((entry.number, entry.hash))
            if here is not None:
                branch = here
            elif (branch, entry.number) in taken or (start and entry is first and count):
                if count >= BRANCHES_MOST:
                    raise PeerError("fork", f"chain {entry.chain} has {count} branches already")
                branch, forked = count, entry.number
                count += 1
            if here is None:
                taken.add((branch, entry.number))
                fresh.append(_Step(branch, entry))
        return fresh, forked

    def _keep(self, session: Session, fresh: Sequence[_Step]) -> None:
        """Write new entries, the heads they make, and the rows of the contacts they tell of."""
        if not fresh:
            return
        box = fresh[0].entry.appliance
        row = session.get(Appliance, box)
        site = row.site if row else ""
        turn = session.scalar(
            select(func.max(LedgerChain.turn)).where(LedgerChain.appliance == box)
        )
        session.execute(insert(LedgerEntry), [_entry_row(step) for step in fresh])
        for branch in sorted({step.branch for step in fresh}):
            steps = [step.entry for step in fresh if step.branch == branch]
            self._move_head(session, branch, steps, site, (turn or 0) + 1)
        session.flush()
        derive_contacts(session, {step.entry.contact for step in fresh if not step.branch} - {""})

    def _move_head(
        self, session: Session, branch: int, entries: Sequence[Entry], site: str, turn: int
    ) -> None:
        """Let the branch end with the last of *entries*; begin it if it is new."""
        first, last = entries[0], entries[-1]
        row = session.get(LedgerChain, (first.appliance, first.chain, branch))
        now = moment(self._clock)
        reason = ""
        if row is None:
            fact = first.fact()
            begun = fact if isinstance(fact, ChainBegun) else None
            row = LedgerChain(
                appliance=first.appliance,
                chain=first.chain,
                branch=branch,
                site=site,
                forked_after=first.number - 1 if branch else 0,
                reason=begun.reason if begun else "",
                previous_chain=begun.previous_chain[:64] if begun else "",
                previous_number=min(max(0, begun.previous_number), 1 << 62) if begun else 0,
                begun_at=now,
            )
            session.add(row)
            reason = row.reason
        row.number, row.hash = last.number, last.hash
        row.signature = self._sign(head_of(last)).signature
        row.turn, row.taken_at = turn, now
        if reason in {"lost", "broken", "damaged"}:
            detail = f"{first.appliance} began a new chain: {reason}"
            self._alarm(session, first.appliance, first.chain, first.number, "lost", detail)

    def _sign(self, head: ChainHead) -> SignedHead:
        signature = sign(self._key, HEAD_KIND, head.body())
        return SignedHead(head.appliance, head.chain, head.number, head.hash, signature)

    # -- alarms --------------------------------------------------------------------------------

    def _refused(self, box: str, batch: LedgerBatch, error: PeerError) -> None:
        """Raise an alarm for what was refused as a whole."""
        chain = batch.chain if _CHAIN.match(batch.chain) else ""
        number = min(max(0, batch.first), 1 << 62)
        try:
            with self._database.session() as session:
                self._alarm(session, box, chain, number, error.reason, error.message)
        except SQLAlchemyError as trouble:
            _log.error("%s: no alarm could be written: %s", box, trouble)

    def _alarm(
        self, session: Session, box: str, chain: str, number: int, reason: str, detail: str
    ) -> None:
        """Write an alarm and its line in the audit, once each."""
        own = LedgerAlarm.appliance == box
        same = (own, LedgerAlarm.chain == chain, LedgerAlarm.reason == reason)
        seen = select(func.count()).where(*same, LedgerAlarm.number == number)
        if session.scalar(seen) or (
            (session.scalar(select(func.count()).where(own)) or 0) >= ALARMS_MOST
        ):
            return
        _log.error("%s: %s: %s", box, reason, detail)
        now = moment(self._clock)
        session.add(
            LedgerAlarm(
                id=new_id(),
                at=now,
                appliance=box,
                chain=chain,
                number=number,
                reason=reason,
                detail=_printable(detail)[:500],
            )
        )
        what = f"ledger of {box}: {reason}"
        people.note(session, now, WHO, what, after={"chain": chain, "entry": number})


def derive_contacts(session: Session, contacts: Collection[str]) -> None:
    """Make the rows of these contacts anew from all that is kept about them."""
    if not contacts:
        return
    told = session.execute(
        select(LedgerEntry.contact, func.count())
        .where(LedgerEntry.contact.in_(contacts), LedgerEntry.branch == 0)
        .group_by(LedgerEntry.contact)
    )
    fit = [contact for contact, count in told if count <= STORY_MOST]
    rows = session.scalars(
        select(LedgerEntry).where(LedgerEntry.contact.in_(fit), LedgerEntry.branch == 0)
    )
    entries: dict[str, list[Entry]] = defaultdict(list)
    for row in rows:
        entries[row.contact].append(entry_of(row))
        session.expunge(row)
    where = sites(session)
    session.execute(delete(Contact).where(Contact.contact.in_(fit)))
    if entries:
        session.execute(
            insert(Contact), [contact_row(name, own, where) for name, own in entries.items()]
        )


def sites(session: Session) -> dict[str, str]:
    """Return where each box stood when its newest chain began."""
    order = select(LedgerChain.appliance, LedgerChain.site).order_by(LedgerChain.turn)
    return {row.appliance: row.site for row in session.execute(order)}


def entry_of(row: LedgerEntry) -> Entry:
    """Return a row as the entry that the box wrote."""
    return Entry(
        appliance=row.appliance,
        chain=row.chain,
        number=row.number,
        wall_us=row.wall_us,
        mono_s=row.mono_s,
        kind=row.kind,
        contact=row.contact,
        facts=bytes(row.facts),
        hash=bytes(row.hash),
    )


def entries_of(rows: Iterable[LedgerEntry]) -> list[Entry]:
    """Return rows as the entries that the boxes wrote."""
    return [entry_of(row) for row in rows]


def _entry_row(step: _Step) -> dict[str, object]:
    one = step.entry
    return {
        "appliance": one.appliance,
        "chain": one.chain,
        "branch": step.branch,
        "number": one.number,
        "wall_us": one.wall_us,
        "mono_s": one.mono_s,
        "kind": one.kind,
        "contact": one.contact,
        "facts": one.facts,
        "hash": one.hash,
    }


def _branches(session: Session, entry: Entry) -> int:
    """Return in how many ways the chain of *entry* is known to go on."""
    newest = select(func.max(LedgerChain.branch)).where(
        LedgerChain.appliance == entry.appliance, LedgerChain.chain == entry.chain
    )
    found = session.scalar(newest)
    return 0 if found is None else found + 1


def _signed(row: LedgerChain) -> SignedHead:
    return SignedHead(row.appliance, row.chain, row.number, bytes(row.hash), bytes(row.signature))


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else "\ufffd" for c in text)
