"""The registrar: takes phones in by digest, and asks them by OPTIONS whether they are there."""

import asyncio
import logging

from appliance.legs.contacts import MAX_EXPIRES_S, Contact, ContactTable
from appliance.legs.numbers import clean, contact_values, user_of
from appliance.legs.phoneauth import PhoneAuth
from appliance.legs.phonewatch import PhoneWatch
from appliance.legs.sip import SipStack
from appliance.legs.sipevents import OptionsResult, RegisterIn

_log = logging.getLogger(__name__)

#: shorter registrations are lengthened, as a registrar may (RFC 3261 §10.3) [s]
MIN_EXPIRES_S = 60
#: what a phone gets that asks for nothing [s]
_DEFAULT_EXPIRES_S = 300
#: until the brain has told the accounts [s]
_RETRY_AFTER_S = 5
#: how often the phones are looked at [s]
_LOOK_S = 0.2


class PhoneRegistrar:
    """Answers REGISTER and keeps the table of contacts true."""

    def __init__(
        self, stack: SipStack, contacts: ContactTable, auth: PhoneAuth, *, check_s: float
    ) -> None:
        self._stack = stack
        self._contacts = contacts
        self._auth = auth
        self._watch = PhoneWatch(stack, contacts, check_s=check_s)

    def register(self, event: RegisterIn) -> None:
        """Answer a REGISTER."""
        if not self._auth.told:
            # a refusal would make phones give up; they are to try again when we know them
            self._stack.respond(event.call, 503, headers=[("Retry-After", str(_RETRY_AFTER_S))])
        elif not event.authorization:
            self._challenge(event, stale=False)
        else:
            self._judge(event)

    def _judge(self, event: RegisterIn) -> None:
        """Let in whoever proves to be the account that is registered."""
        checked = self._auth.check(event.authorization, "REGISTER", event.source)
        if checked.stale:
            self._challenge(event, stale=True)
        elif not checked.account or user_of(event.aor) != checked.account:
            _log.warning("a REGISTER from %s is refused", event.source)
            self._stack.respond(event.call, 403)
        else:
            self._bind(event, checked.account)

    def asked(self, result: OptionsResult) -> bool:
        """Take the answer to an OPTIONS; return False when it was none of ours."""
        return self._watch.answered(result, asyncio.get_running_loop().time())

    async def keep_checking(self) -> None:
        """Ask phones, expire contacts and write them down, until cancelled."""
        loop = asyncio.get_running_loop()
        t_save = 0.0
        self._watch.found(loop.time())
        while True:
            now = loop.time()
            self._contacts.expire()
            self._watch.look(now)
            if now >= t_save:
                t_save = now + 2.0
                self._contacts.save()
            await asyncio.sleep(_LOOK_S)

    # -- registering ---------------------------------------------------------------------------

    def _challenge(self, event: RegisterIn, *, stale: bool) -> None:
        headers = self._auth.challenge(stale=stale, proxy=False)
        self._stack.respond(event.call, 401, headers=headers)

    def _bind(self, event: RegisterIn, account: str) -> None:
        """Enter, refresh or take out a contact, and answer with what stands now."""
        wishes = contact_values(event.contacts)
        if wishes is None:
            self._stack.respond(event.call, 400)
            return
        for uri, asked_s in wishes:
            expires_s = _granted(asked_s if asked_s >= 0 else event.expires_s)
            if uri == "*" or not expires_s:
                self._unbind(account, uri)
            elif not self._enter(event, account, uri, expires_s):
                self._stack.respond(event.call, 503)
                return
        self._stack.respond(event.call, 200, headers=self._bindings(account))

    def _enter(self, event: RegisterIn, account: str, uri: str, expires_s: int) -> bool:
        now = asyncio.get_running_loop().time()
        contact = Contact(
            account,
            uri,
            event.source,
            event.source_port,
            clean(event.user_agent),
            now + expires_s,
            tls=self._stack.came_by_tls(event.call),
        )
        if not self._contacts.put(contact):
            return False
        self._watch.entered(contact, now)
        return True

    def _unbind(self, account: str, uri: str) -> None:
        contact = self._contacts.get(account)
        if contact is not None and uri in ("*", contact.uri):
            self._contacts.drop(account, "normal")

    def _bindings(self, account: str) -> list[tuple[str, str]]:
        contact = self._contacts.get(account)
        if contact is None:
            return []
        left_s = max(0, round(contact.t_expires - asyncio.get_running_loop().time()))
        return [("Contact", f"<{contact.uri}>;expires={left_s}"), ("Expires", str(left_s))]


def _granted(asked_s: int) -> int:
    """Return how long a registration may last; 0 takes it out."""
    if asked_s < 0:
        return _DEFAULT_EXPIRES_S
    return min(max(asked_s, MIN_EXPIRES_S), MAX_EXPIRES_S) if asked_s else 0
