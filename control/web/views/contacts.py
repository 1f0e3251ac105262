"""Contacts: what became of each, over all branches; and whether the boxes' ledgers are whole."""

from datetime import date, timedelta
from typing import Any

import msgspec
from flask import Blueprint, abort, render_template, request, url_for

from appliance.base.clock import rfc3339
from appliance.ledger.books import Tally
from appliance.ledger.entry import Entry
from appliance.ledger.promises import NOMINAL
from appliance.ledger.records import SeatOffered
from appliance.routing.trace import explain, unpack
from control.ledger import promised, queries
from control.ledger.queries import OUTCOMES, ContactFilter
from control.models import fleet, ledger, plan
from control.models.base import moment
from control.web.context import database, parts

page = Blueprint("contacts", __name__, url_prefix="/contacts")
#: how long an alarm is told on the page of contacts [d]; it always stands on that of ledgers
_TOLD_DAYS = 7
#: rows on a page; alarms shown
_ROWS = 100
#: days on the page of promises
_PROMISE_DAYS = 7
_ALARMS = 50
#: facts that say nothing to a person who reads a contact's story
_INSIDE = {"epoch", "leg", "bridge", "trace", "fence", "reservation", "arrival", "incarnation"}
#: how a fact is called for people, where the field is called otherwise
_NAMES = {"klass": "class", "owner": "at", "low_s": "from s", "high_s": "to s"}
_TITLES = {
    "contact-arrived": "Arrived",
    "contact-answered": "We answered",
    "flow-stepped": "Menu",
    "contact-queued": "Put into a queue",
    "wait-announced": "Was told the wait",
    "call-back-promised": "Left a number, was promised a call",
    "call-back-made": "Called back",
    "call-back-failed": "The call back was not answered",
    "call-back-scored": "The promise of a call, scored",
    "contact-left": "Left the line, waits to be called",
    "contact-returned": "Called in again",
    "escrow-taken": "A peer calls back for the branch that is gone",
    "escrow-returned": "Given back to its branch",
    "escrow-closed": "A peer had called back",
    "seat-offered": "Offered to a seat",
    "offer-ended": "The offer came to nothing",
    "contact-connected": "Talks with the agent",
    "contact-held": "Hold",
    "contact-moved": "Handed on",
    "transfer-stepped": "Transfer",
    "talk-ended": "The talk ended",
    "contact-ended": "Ended",
    "recording-kept": "Recording kept",
    "adopted": "Found again after a restart",
    "place-corrected": "Place corrected",
}


class Step(msgspec.Struct, frozen=True):
    """One entry as a person reads it."""

    title: str
    kind: str
    appliance: str
    at: str
    #: since the contact's first entry [s]
    after_s: float
    facts: list[tuple[str, str]]


@page.get("/")
def contacts() -> str:
    """Show the contacts of a day, and what became of them."""
    wanted, skip = _asked()
    with database() as session:
        found = queries.find(session, wanted, most=_ROWS, skip=skip)
        tallies = queries.tallies(session, wanted)
        # what is asked for is among the choices, also where it is no longer in the plan
        queues = {queue.name for queue in plan.all_queues(session)} | {wanted.queue}
        sites = {site.name for site in fleet.all_sites(session)} | {wanted.site}
        alarms = [one for one in ledger.alarms(session, 1) if _fresh(one)]
    total = Tally()
    for tally in tallies.values():
        for name in Tally.__struct_fields__:
            setattr(total, name, getattr(total, name) + getattr(tally, name))
    return render_template(
        "contacts.html",
        rows=found.rows,
        total=total,
        wanted=wanted,
        outcomes=OUTCOMES,
        queues=sorted(queues - {""}),
        sites=sorted(sites - {""}),
        alarms=alarms,
        earlier=_link(wanted, days=-1),
        later=_link(wanted, days=1),
        more=_link(wanted, skip=skip + _ROWS) if found.more else "",
    )


@page.get("/ledgers")
def ledgers() -> str:
    """Show how far control has each box's ledger, and what a person must look at."""
    with database() as session:
        chains = ledger.chains(session)
        alarms = ledger.alarms(session, _ALARMS)
    return render_template("ledgers.html", chains=chains, alarms=alarms)


@page.get("/promises")
def promises() -> str:
    """Show how what callers were told of their wait, or of a call, came out, by day and queue."""
    wanted, _ = _asked()
    last = wanted.day or _today()
    with database() as session:
        rows = promised.by_day(session, last, _PROMISE_DAYS, wanted.queue)
        windows = promised.windows_by_day(session, last, _PROMISE_DAYS, wanted.queue)
        queues = {queue.name for queue in plan.all_queues(session)} | {wanted.queue}
    return render_template(
        "promises.html",
        rows=rows,
        total=promised.total(rows),
        windows=windows,
        windows_total=promised.windows_total(windows),
        nominal=NOMINAL,
        last=last,
        days=_PROMISE_DAYS,
        queue=wanted.queue,
        queues=sorted(queues - {""}),
    )


@page.get("/contact/<contact>")
def contact(contact: str) -> str:
    """Show one contact's story."""
    with database() as session:
        row = session.get(ledger.Contact, contact)
        entries = queries.story(session, contact)
    if row is None or not entries:
        abort(404)
    start_us = entries[0].wall_us
    return render_template(
        "contact.html", row=row, steps=[_step(entry, start_us) for entry in entries]
    )


def _asked() -> tuple[ContactFilter, int]:
    """Return the filter in the address, and how many rows to leave out; nonsense is dropped."""
    given = request.args
    day: date | None = _today()
    if "day" in given:
        try:
            day = date.fromisoformat(given["day"])
        except ValueError:
            day = None
    outcome = given.get("outcome", "")
    wanted = ContactFilter(
        day=day,
        queue=_name(given.get("queue", "")),
        site=_name(given.get("branch", "")),
        outcome=outcome if outcome in OUTCOMES else "",
    )
    skip = given.get("skip", 0, type=int)
    return wanted, min(max(0, skip), 1_000_000)


def _name(text: str) -> str:
    """Return a name to look for; what no name can be is no database's business."""
    return text[:63] if text.isprintable() else ""


def _link(wanted: ContactFilter, *, days: int = 0, skip: int = 0) -> str:
    """Return the address of the same question for another day, or for the next rows."""
    day = wanted.day
    if days:
        day = (day or _today()) + timedelta(days=days)
    asked: dict[str, Any] = {
        "day": day.isoformat() if day else "",
        "queue": wanted.queue,
        "branch": wanted.site,
        "outcome": wanted.outcome,
        "skip": skip,
    }
    return url_for(
        "contacts.contacts", **{n: value for n, value in asked.items() if value or n == "day"}
    )


def _fresh(alarm: ledger.LedgerAlarm) -> bool:
    """Tell whether an alarm is new enough to stand above the contacts."""
    return moment(parts().clock) - alarm.at < timedelta(days=_TOLD_DAYS)


def _today() -> date:
    return date.fromisoformat(rfc3339(parts().clock.wall_us())[:10])


def _step(entry: Entry, start_us: int) -> Step:
    facts = queries.facts_of(entry)
    return Step(
        title=_TITLES.get(entry.kind, entry.kind),
        kind=entry.kind,
        appliance=entry.appliance,
        at=entry.ts[11:23],
        after_s=(entry.wall_us - start_us) / 1e6,
        facts=[
            (_NAMES.get(name, name.removesuffix("_ms").replace("_", " ")), _told(name, value))
            for name, value in facts.items()
            if name not in _INSIDE
        ]
        + [("why", line) for line in _why(entry)],
    )


def _why(entry: Entry) -> list[str]:
    """Return why a contact was offered to that seat, in sentences, where it is journalled."""
    fact = entry.fact() if entry.kind == "seat-offered" else None
    if not isinstance(fact, SeatOffered):
        return []
    proposal = unpack(entry.contact, entry.appliance, fact.seat, fact.owner, fact.trace)
    return explain(proposal) if proposal else []


def _told(name: str, value: object) -> str:
    """Return a fact's value for people."""
    if name.endswith("_ms") and isinstance(value, int):
        return f"{value / 1000:.1f} s"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return ", ".join(f"{key} {level}" for key, level in value.items())
    return str(value)
