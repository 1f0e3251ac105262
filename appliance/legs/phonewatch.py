"""Asks registered phones by OPTIONS whether they are there (RFC 3261 §11)."""

import heapq
import itertools
import logging
from dataclasses import dataclass
from random import Random

from appliance.legs.contacts import Contact, ContactTable, over_tls
from appliance.legs.numbers import user_of
from appliance.legs.sip import SipStack
from appliance.legs.sipevents import OptionsResult
from appliance.legs.sipnative import SipError

_log = logging.getLogger(__name__)

#: statuses that the stack itself makes up when nobody answers
_NOBODY = (408, 503)
#: phones are asked at moments of their own, this much about the mean: a thousand asked at once
#: answer at once, and the answers overrun the socket
_SPREAD = 0.15


@dataclass(slots=True)
class _Check:
    """When a phone was heard last, and is asked next [s]."""

    contact: Contact
    t_heard: float
    t_ask: float


class PhoneWatch:
    """Knows when to ask whom; looking costs as much as there is to do, not as there are phones."""

    def __init__(
        self,
        stack: SipStack,
        contacts: ContactTable,
        *,
        check_s: float,
        chance: Random | None = None,
    ) -> None:
        self._stack = stack
        self._contacts = contacts
        #: a phone is asked so often that it is heard of twice before it counts as gone
        self._ask_s = check_s * 0.75
        self._gone_s = check_s + 1.0
        self._chance = chance or Random()  # noqa: S311 - spreads load, no secret
        self._checks: dict[str, _Check] = {}
        self._questions: dict[int, str] = {}
        self._due: list[tuple[float, int, _Check]] = []
        self._count = itertools.count()

    def entered(self, contact: Contact, now: float) -> None:
        """Watch a phone that has just registered: it was heard now."""
        self._watch(_Check(contact, now, now + self._interval()))

    def found(self, now: float) -> None:
        """Watch the phones that were there before us, asked one after the other."""
        for contact in self._contacts:
            if contact.account not in self._checks:
                first = now + self._chance.uniform(0, self._ask_s)
                self._watch(_Check(contact, now, first))

    def answered(self, result: OptionsResult, now: float) -> bool:
        """Take the answer to an OPTIONS; return False when it was none of ours."""
        account = self._questions.pop(result.call, None)
        if account is None:
            return False
        check = self._checks.get(account)
        if check is not None and result.status not in _NOBODY:
            check.t_heard = now
            self._contacts.answers(check.contact, here=True)
        return True

    def look(self, now: float) -> None:
        """Ask whom it is time to ask; note who has not been heard for too long."""
        while self._due and self._due[0][0] <= now:
            _, _, check = heapq.heappop(self._due)
            contact = check.contact
            if self._checks.get(contact.account) is not check:
                continue
            if self._contacts.get(contact.account) is not contact:
                del self._checks[contact.account]
                continue
            if now - check.t_heard > self._gone_s:
                self._contacts.answers(contact, here=False)
            if now >= check.t_ask:
                check.t_ask = now + self._interval()
                self._ask(contact)
            self._push(check, now)

    def _watch(self, check: _Check) -> None:
        self._checks[check.contact.account] = check
        self._push(check, check.t_heard)

    def _push(self, check: _Check, now: float) -> None:
        """Look again when it is to be asked, or counts as gone, whichever comes first."""
        t_gone = check.t_heard + self._gone_s
        due = min(check.t_ask, t_gone + 0.01) if t_gone > now else check.t_ask
        heapq.heappush(self._due, (due, next(self._count), check))

    def _interval(self) -> float:
        return self._ask_s * self._chance.uniform(1 - _SPREAD, 1.0)

    def _ask(self, contact: Contact) -> None:
        try:
            question = self._stack.options(reach(contact))
        except SipError as error:
            _log.warning("phone %s cannot be asked: %s", contact.account, error)
        else:
            self._questions[question] = contact.account


def reach(contact: Contact) -> str:
    """Return the URI that reaches a phone where its packets come from, behind a NAT too."""
    over = ";transport=tcp" if "transport=tcp" in contact.uri.lower() else over_tls(contact)
    return f"sip:{user_of(contact.uri)}@{contact.address}:{contact.port}{over}"
