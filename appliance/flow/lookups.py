"""Asks data sources about contacts, and lets their answers count.

Asking is an effect with an event: the question leaves after the commit of the state that waits for
it, and an answer counts only while that state waits for its number. A restarted brain asks a GET
again and does not repeat a POST (`appliance/plan/steps.py`).
"""

import logging
from collections.abc import Callable
from functools import partial

import msgspec

from appliance.call.contact import Contact, Looked
from appliance.call.office import Office
from appliance.ledger.records import LookedUp
from appliance.plan.lookup import (
    BadAnswerError,
    Lookup,
    Question,
    Taken,
    facts_of,
    journalled,
    question,
    read,
)
from appliance.plan.served import at_last, both, serves

log = logging.getLogger(__name__)

#: things that agents are shown of one contact
MAX_DATA = 32


class Answer(msgspec.Struct, frozen=True):
    """What came of a question: *reason* is `normal`, `not-found`, or why there is no answer."""

    reason: str = "normal"
    body: bytes = b""


#: asks a question, and tells the answer later, once
Ask = Callable[[Question, Callable[[Answer], None]], None]


def nobody(_question: Question, told: Callable[[Answer], None]) -> None:
    """Answer as a box does that may ask nobody."""
    told(Answer("lookup-refused"))


class _Asked(msgspec.Struct, frozen=True):
    """A question on its way."""

    contact: str
    number: int
    flow: str
    name: str
    step: Lookup
    asked_s: float


class Lookups:
    """Questions about this box's contacts."""

    def __init__(self, office: Office, ask: Ask) -> None:
        self._turn, self._book, self._plans = office.turn, office.book, office.plans
        self._clock = office.clock
        self._ask = ask
        self._due: list[tuple[_Asked, Question | None]] = []
        #: told whether the source knew the contact; None: nothing that can be read came in time
        self.on_answer: Callable[[Contact, bool | None], None] = lambda _contact, _known: None
        office.turn.after_commit.append(self._send)

    def ask(self, contact: Contact, step: Lookup) -> None:
        """Ask once the state that waits for the answer is committed."""
        contact.asked += 1
        state = contact.flow
        flow, name = (state.flow, state.step) if state else ("", "")
        facts = facts_of(
            caller="" if contact.private else contact.caller,
            called=contact.called,
            contact=contact.contact,
            keys=contact.keys,
        )
        now = self._clock.monotonic_s()
        asked = _Asked(contact.contact, contact.asked, flow, name, step, now)
        self._due.append((asked, question(step, facts)))
        self._turn.wake()

    def skills(self, contact: Contact, queue: str, skills: dict[str, int]) -> dict[str, int]:
        """Return what the contact needs in *queue*, with what was looked up if anybody has it."""
        looked = contact.looked.skills
        known = self._plans.queues.get(queue)
        if not looked or known is None:
            return skills
        wanted = {name: max(skills.get(name, 0), looked.get(name, 0)) for name in skills | looked}
        needed = at_last(known, both(known, wanted))
        if any(serves(agent, needed) for agent in self._plans.plan.agents):
            return wanted
        log.warning("%s: nobody in %s has what was looked up", contact.contact, queue)
        return skills

    def _send(self) -> None:
        due, self._due = self._due, []
        for asked, what in due:
            if what is None:  # nothing to ask with: the number is withheld, no digits came
                self._answered(asked, Answer("not-found"))
            else:
                self._ask(what, partial(self._answered, asked))

    def _answered(self, asked: _Asked, answer: Answer) -> None:
        contact = self._book.get(asked.contact)
        if contact is None or contact.asked != asked.number or contact.phase != "flow":
            return
        taken, reason = _understood(asked.step, answer)
        known = None if reason not in ("normal", "not-found") else taken is not None
        fact = LookedUp(
            flow=asked.flow,
            step=asked.name,
            result="failed" if known is None else "found" if known else "missing",
            reason=reason if known is None else "normal",
            took_ms=round((self._clock.monotonic_s() - asked.asked_s) * 1000),
            taken=taken.names() if taken else [],
            data=journalled(asked.step, taken) if taken else {},
        )
        self._turn.note(contact.contact, fact)
        if taken is not None:
            self._take(contact, taken)
        self.on_answer(contact, known)

    def _take(self, contact: Contact, taken: Taken) -> None:
        plan = self._plans.plan
        if any(klass.name == taken.klass for klass in plan.classes):
            contact.klass = taken.klass
        looked = contact.looked
        contact.looked = Looked(
            skills={**looked.skills, **taken.skills},
            agent=taken.agent if taken.agent in self._plans.agents else looked.agent,
        )
        data = {**contact.data, **taken.data}
        contact.data = dict(list(data.items())[-MAX_DATA:])


def _understood(step: Lookup, answer: Answer) -> tuple[Taken | None, str]:
    """Return what is taken of an answer, and a reason word."""
    if answer.reason != "normal":
        return None, answer.reason
    try:
        return read(step, answer.body), "normal"
    except BadAnswerError:
        return None, "lookup-garbled"
