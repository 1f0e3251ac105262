"""Where phones are: registered contacts, kept over a restart of this process."""

import logging
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from appliance.base.clock import Clock
from appliance.legs.events import LegEvents
from appliance.wire.events import Registered, Unregistered
from appliance.wire.rows import Registration

_log = logging.getLogger(__name__)

#: accounts of one site
MAX_CONTACTS = 10_000
#: a registration lasts no longer than this [s]
MAX_EXPIRES_S = 3600


@dataclass(slots=True)
class Contact:
    """One phone: the URI it gave and the address its packets come from (RFC 3581)."""

    account: str
    uri: str
    address: str
    port: int
    agent: str
    #: CLOCK_MONOTONIC
    t_expires: float
    #: it answers when it is asked
    here: bool = True
    #: it registered by TLS: it is reached by the same connection
    tls: bool = False


class _Kept(msgspec.Struct):
    """A contact in the file; wall time, because the machine may have been restarted."""

    account: str
    uri: str
    address: str
    port: int
    agent: str
    expires_us: int
    tls: bool = False


class ContactTable:
    """The newest contact of each account; every change is told, and written down by `save`."""

    def __init__(self, events: LegEvents, clock: Clock, path: Path) -> None:
        self._events = events
        self._clock = clock
        self._path = path
        self._by_account: dict[str, Contact] = {}
        self._at_address: Counter[str] = Counter()
        self._dirty = False

    def __iter__(self) -> Iterator[Contact]:
        return iter(list(self._by_account.values()))

    def __len__(self) -> int:
        return len(self._by_account)

    def get(self, account: str) -> Contact | None:
        """Return where the phone of *account* is, if it is anywhere."""
        return self._by_account.get(account)

    def is_at(self, account: str, address: str, port: int, *, tls: bool = False) -> bool:
        """Tell whether packets from *address* and *port* come from the phone of *account*."""
        contact = self._by_account.get(account)
        if contact is None:
            return False
        return (contact.address, contact.port, contact.tls) == (address, port, tls)

    def any_at(self, address: str) -> bool:
        """Tell whether any phone has registered from *address*."""
        return self._at_address[address] > 0

    def put(self, contact: Contact) -> bool:
        """Enter or refresh a contact; return False when there are too many."""
        old = self._by_account.get(contact.account)
        if old is None and len(self._by_account) >= MAX_CONTACTS:
            return False
        self._forget(contact.account)
        self._by_account[contact.account] = contact
        self._at_address[contact.address] += 1
        self._dirty = True
        self._events.emit(Registered, registration(contact))
        return True

    def drop(self, account: str, reason: str) -> None:
        """Take out the contact of *account*, if there is one."""
        contact = self._by_account.get(account)
        if self._forget(account) and contact is not None and contact.here:
            self._events.emit(Unregistered, account, reason)

    def answers(self, contact: Contact, *, here: bool) -> None:
        """Note whether a phone answers; one that does not may come back without registering."""
        if contact.here == here or self._by_account.get(contact.account) is not contact:
            return
        contact.here = here
        if here:
            self._events.emit(Registered, registration(contact))
        else:
            self._events.emit(Unregistered, contact.account, "unreachable")

    def expire(self) -> None:
        """Take out the contacts whose time has run out."""
        now = self._clock.monotonic_s()
        for contact in self:
            if contact.t_expires <= now:
                self.drop(contact.account, "timeout")

    def save(self) -> None:
        """Write the contacts down if they have changed; a disk that is full is only logged."""
        if not self._dirty:
            return
        self._dirty = False
        kept = [self._kept(contact) for contact in self]
        beside = self._path.with_name(self._path.name + ".new")
        try:
            beside.write_bytes(msgspec.json.encode(kept))
            beside.replace(self._path)
        except OSError as error:
            _log.error("%s cannot be written: %s", self._path, error)

    def load(self) -> None:
        """Take what was written down before a restart, less what has run out since."""
        try:
            kept = msgspec.json.decode(self._path.read_bytes(), type=list[_Kept])
        except FileNotFoundError:
            return
        except (OSError, msgspec.MsgspecError) as error:
            _log.error("%s cannot be read, phones have to register anew: %s", self._path, error)
            return
        now_us, now_s = self._clock.wall_us(), self._clock.monotonic_s()
        for one in kept[:MAX_CONTACTS]:
            left_s = (one.expires_us - now_us) / 1e6
            if 0 < left_s <= MAX_EXPIRES_S:
                place = (one.address, one.port, one.agent)
                self.put(Contact(one.account, one.uri, *place, now_s + left_s, tls=one.tls))

    def _forget(self, account: str) -> bool:
        old = self._by_account.pop(account, None)
        if old is None:
            return False
        self._at_address[old.address] -= 1
        if not self._at_address[old.address]:
            del self._at_address[old.address]
        self._dirty = True
        return True

    def _kept(self, contact: Contact) -> _Kept:
        left_s = contact.t_expires - self._clock.monotonic_s()
        expires_us = self._clock.wall_us() + round(left_s * 1e6)
        place = (contact.address, contact.port, contact.agent)
        return _Kept(contact.account, contact.uri, *place, expires_us, tls=contact.tls)


def over_tls(contact: Contact) -> str:
    """Return what a URI that reaches a phone by TLS ends with; empty for others."""
    return ";transport=tls" if contact.tls else ""


def registration(contact: Contact) -> Registration:
    """Return *contact* as the brain is told of it."""
    return Registration(contact.account, contact.uri, contact.t_expires, contact.agent)
