"""The books, recounted from nothing but the journal: every contact counts once and adds up.

    offered = served + abandoned + released + failed + voicemail + open

Pure: entries in, tallies out. Entries may come repeated (a merge of what was uploaded twice)
and from several appliances; they are told apart by (appliance, chain, number).
"""

from collections.abc import Collection, Iterable
from typing import Literal

import msgspec

from appliance.ledger.entry import Entry
from appliance.ledger.records import (
    ContactArrived,
    ContactEnded,
    ContactQueued,
    EscrowClosed,
    EscrowReturned,
    EscrowTaken,
)

Fault = Literal["no-arrival", "two-arrivals", "no-end", "two-ends", "after-end"]


class Tally(msgspec.Struct):
    """What became of the contacts that were offered to one queue."""

    offered: int = 0
    served: int = 0
    abandoned: int = 0
    released: int = 0
    failed: int = 0
    voicemail: int = 0
    open: int = 0
    #: sums over the contacts that ended [ms]
    waited_ms: int = 0
    talked_ms: int = 0

    @property
    def balanced(self) -> bool:
        """Tell whether the formula at the top of this file holds."""
        ended = self.served + self.abandoned + self.released + self.failed + self.voicemail
        return self.offered == ended + self.open


class Imbalance(msgspec.Struct, frozen=True):
    """A contact whose journal is not «arrived … ended, once»."""

    contact: str
    fault: Fault


class Books(msgspec.Struct):
    """The recount: a tally for each queue; contacts that never queued stand under ``""``."""

    queues: dict[str, Tally]
    imbalances: list[Imbalance]

    @property
    def total(self) -> Tally:
        """Return the sum over all queues."""
        total = Tally()
        for tally in self.queues.values():
            for name in Tally.__struct_fields__:
                setattr(total, name, getattr(total, name) + getattr(tally, name))
        return total


class _Contact:
    """What the entries read so far say of one contact."""

    __slots__ = ("arrivals", "closed", "ended", "ends", "late", "queue", "returned", "taken")

    def __init__(self) -> None:
        self.arrivals = 0
        self.ends = 0
        self.ended: ContactEnded | None = None
        self.late = False
        self.queue = ""
        #: it was taken over here, or its end is in the journal of the box that took it over
        self.taken = False
        self.returned = False
        self.closed: EscrowClosed | None = None


def recount(entries: Iterable[Entry], *, still_open: Collection[str] | None = None) -> Books:
    """Return the books of *entries*; each appliance's must come in order.

    With *still_open*, the contacts that live right now, a contact without an end that is not
    among them is an imbalance; without it, it simply counts as open.
    """
    seen: set[tuple[str, str, int]] = set()
    contacts: dict[str, _Contact] = {}
    for entry in entries:
        key = (entry.appliance, entry.chain, entry.number)
        if not entry.contact or key in seen:
            continue
        seen.add(key)
        _read(contacts.setdefault(entry.contact, _Contact()), entry)
    books = Books({}, [])
    for contact, facts in contacts.items():
        if facts.returned and not facts.arrivals and not facts.ends:
            continue  # it is in its owner's books
        tally = books.queues.setdefault(facts.queue, Tally())
        _count(tally, facts)
        fault = _fault(contact, facts, still_open)
        if fault is not None:
            books.imbalances.append(Imbalance(contact, fault))
    return books


def _read(contact: _Contact, entry: Entry) -> None:
    """Take note of one entry."""
    fact = entry.fact()
    if isinstance(fact, ContactArrived):
        contact.arrivals += 1
        contact.late |= contact.ends > 0
    elif isinstance(fact, ContactQueued):
        contact.queue = fact.queue
        contact.late |= contact.ends > 0
    elif isinstance(fact, EscrowTaken):
        contact.taken, contact.returned = True, False
    elif isinstance(fact, EscrowReturned):
        contact.returned = True
    elif isinstance(fact, EscrowClosed):
        contact.closed = fact
    elif isinstance(fact, ContactEnded):
        contact.ends += 1
        # the first end counts; a second one is an imbalance, not a second contact
        contact.ended = contact.ended or fact


def _count(tally: Tally, contact: _Contact) -> None:
    """Count one contact, once."""
    tally.offered += 1
    ended = contact.ended
    if ended is None and contact.closed is not None:
        outcome = contact.closed.outcome
        setattr(tally, outcome, getattr(tally, outcome) + 1)
        return
    if ended is None:
        tally.open += 1
        return
    setattr(tally, ended.outcome, getattr(tally, ended.outcome) + 1)
    tally.waited_ms += ended.waited_ms
    tally.talked_ms += ended.talked_ms


def _fault(contact: str, facts: _Contact, still_open: Collection[str] | None) -> Fault | None:
    """Return what is wrong with a contact's journal, the worst first, or None."""
    if not facts.arrivals and not facts.taken:
        return "no-arrival"
    if facts.arrivals > 1:
        return "two-arrivals"
    if facts.ends > 1:
        return "two-ends"
    if facts.late:
        return "after-end"
    elsewhere = facts.closed is not None or facts.taken
    if not facts.ends and not elsewhere and still_open is not None and contact not in still_open:
        return "no-end"
    return None
