"""A contact that waits too long is handed on to a flow, as its queue says; its place goes with it.

Which rule will apply, and when, is decided once, on joining, and kept with the contact: a restart
changes nothing. Each rule is taken once by a contact, so a flow may lead back into the queue.
"""

import math
from collections.abc import Callable

from appliance.call.contact import Contact, Leaving
from appliance.call.office import Office
from appliance.ledger.records import ContactMoved
from appliance.plan.model import Overflow


class OverflowWatch:
    """Moves contacts from a queue to a flow when their time has come."""

    def __init__(self, office: Office) -> None:
        self._turn, self._book, self._plans = office.turn, office.book, office.plans
        self._timers, self._clock = office.timers, office.clock
        #: set by the composition root: the expected wait, and what begins a flow
        self.expect: Callable[[Contact], tuple[float, float] | None] = lambda _contact: None
        self.start: Callable[[Contact, str], None] = lambda _contact, _flow: None
        #: told of a contact that no longer waits
        self.on_leaving: Callable[[Contact], None] = lambda _contact: None

    def joined(self, contact: Contact) -> None:
        """Decide which rule of its queue will take *contact* away, and when."""
        if contact.channel != "voice":
            return  # a flow is made of prompts and keys
        rules = [
            (self._due_s(contact, rule), rule.flow)
            for rule in self._plans.overflow(contact.queue, contact.klass)
            if (contact.queue, rule.flow) not in contact.taken
        ]
        due_s, flow = min(rules, default=(math.inf, ""))
        contact.leaving = Leaving(due_s, flow) if due_s < math.inf else None

    def watch(self, contact: Contact) -> bool:
        """Wait for the moment; tell whether it has come, so that nothing need be announced."""
        leaving = contact.leaving
        if leaving is None or contact.phase != "waiting":
            return False
        self._timers.arm(_timer(contact), leaving.due_s, lambda: self._due(contact.contact))
        return leaving.due_s <= self._clock.monotonic_s()

    def forget(self, contact: Contact) -> None:
        """Stop waiting: the contact is reserved, or gone."""
        self._timers.cancel(_timer(contact))

    def _due_s(self, contact: Contact, rule: Overflow) -> float:
        """Return when *rule* applies [monotonic s]; never is infinite."""
        if rule.after_s:
            return contact.t_queued + rule.after_s
        interval = self.expect(contact)
        # where nobody serves the queue, no wait is long enough
        expected_s = sum(interval) / 2 if interval else math.inf
        return self._clock.monotonic_s() if expected_s > rule.expected_s else math.inf

    def _due(self, name: str) -> None:
        contact = self._book.get(name)
        if contact is None or contact.phase != "waiting" or contact.leaving is None:
            return
        flow = contact.leaving.flow
        contact.leaving = None
        if flow not in self._plans.flows:
            self._book.changed(contact)
            return
        contact.taken = (*contact.taken, (contact.queue, flow))
        contact.phase = "flow"
        self.on_leaving(contact)
        self._turn.note(contact.contact, ContactMoved(to=flow, by="overflow"))
        self.start(contact, flow)


def _timer(contact: Contact) -> str:
    return f"overflow/{contact.contact}"
