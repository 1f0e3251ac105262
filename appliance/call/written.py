"""Contacts without a leg (chat, SMS, mail, task): they wait in queues and are offered like calls.

What a caller's leg says of a call, words say of them: the owner of the seat assures us that the
agent is at it, until it says that it is done. Without its word the contact is back at its place.
"""

from collections.abc import Mapping
from typing import Literal

from appliance.base.clock import rfc3339
from appliance.base.errors import ConfigError
from appliance.base.ids import new_id
from appliance.call.contact import Contact, end_talk
from appliance.call.office import Office
from appliance.call.owner import ContactOwner
from appliance.ledger.records import Adopted, ContactArrived
from appliance.link.messages import (
    SERVING_LAPSE_S,
    Release,
    Served,
    Serving,
    ServingAck,
)
from appliance.plan.model import Channel
from appliance.routing.model import Place

#: written contacts open here; more are refused, so that no source of them fills the memory
MAX_OPEN = 10_000


class WrittenContacts:
    """Makes written contacts, and keeps them while an agent is at them."""

    def __init__(self, office: Office, owner: ContactOwner) -> None:
        self._turn, self._book, self._plans = office.turn, office.book, office.plans
        self._timers, self._clock, self._hlc = office.timers, office.clock, office.hlc
        self._owner = owner

    def new(
        self,
        channel: Channel,
        queue: str,
        subject: str = "",
        *,
        sender: str = "",
        klass: str = "",
        skills: Mapping[str, int] | None = None,
        agent: str = "",
        data: Mapping[str, str] | None = None,
    ) -> Contact:
        """Let a new contact wait in *queue*; raise ConfigError `not-found` or `overload`."""
        if queue not in self._plans.queues:
            raise ConfigError("not-found", f"there is no queue {queue!r}")
        if sum(contact.channel != "voice" for contact in self._book) >= MAX_OPEN:
            raise ConfigError("overload", f"{MAX_OPEN} written contacts are open")
        name, now = new_id(), self._clock.monotonic_s()
        contact = Contact(
            contact=name,
            place=Place(self._hlc.now(), self._book.name, name),
            epoch="",
            leg=0,
            kind=channel,
            via="",
            caller=sender,
            caller_name="",
            private=False,
            called="",
            arrived=rfc3339(self._clock.wall_us()),
            t_arrived=now,
            channel=channel,
            subject=subject,
            data=dict(data or {}),
        )
        fact = ContactArrived(
            arrival=contact.place.arrival, channel=channel, caller=sender, subject=subject
        )
        self._turn.note(name, fact)
        self._book.add(contact)
        self._owner.enqueue(contact, queue, dict(skills or {}), klass, agent)
        return contact

    def withdraw(self, name: str) -> None:
        """End a contact that nobody has accepted: what it was about is gone."""
        contact = self._book.get(name)
        if contact is not None and contact.phase in ("waiting", "reserved"):
            self.close(contact)

    def close(self, contact: Contact) -> None:
        """End a contact on its own side: withdrawn, or whoever wrote it has left."""
        booking = contact.booking
        if booking is not None:
            self._turn.message(
                booking.seat_owner, Release(booking.reservation, booking.fence, "cancelled")
            )
        if contact.phase == "talking":
            self._end(contact, "caller")
        else:
            self._timers.cancel(f"connect/{contact.contact}")
            self._book.end(contact, "released", "cancelled")

    def served(self, peer: str, message: Served) -> None:
        """End a contact that the agent has dealt with."""
        contact = self._held(peer, message.reservation, message.fence)
        if contact is not None:
            self._end(contact, "agent")

    def serving(self, peer: str, message: Serving) -> None:
        """Hear that an agent is at it; if it is not ours any more, say so."""
        contact = self._held(peer, message.reservation, message.fence)
        if contact is None:
            release = Release(message.reservation, message.fence, "contact-gone")
            self._turn.message(peer, release)
            return
        if contact.phase == "reserved":  # the word that it was accepted was lost
            self._owner.connect(contact)
        self.watch(contact)
        self._turn.message(peer, ServingAck(message.reservation, message.fence))

    def released(self, peer: str, message: Release) -> None:
        """Take back a contact whose agent has gone while at it."""
        contact = self._held(peer, message.reservation, message.fence)
        if contact is not None and contact.phase == "talking":
            self._take_back(contact, message.reason, tell=False)

    def watch(self, contact: Contact) -> None:
        """Wait for the next word that an agent is at it."""
        name, due = contact.contact, self._clock.monotonic_s() + SERVING_LAPSE_S
        self._timers.arm(_timer(contact), due, lambda: self._lapsed(name))

    def adopt(self, contact: Contact) -> None:
        """Take a contact in again after a restart: it hangs on no leg, so it goes on."""
        self._book.add(contact)
        self._turn.note(contact.contact, Adopted(leg=0, state=contact.phase))
        if contact.phase == "reserved":
            self._owner.rearm(contact)
        elif contact.phase == "talking":
            self.watch(contact)

    def _held(self, peer: str, reservation: str, fence: int) -> Contact | None:
        contact = self._book.by_reservation(reservation)
        booking = contact.booking if contact else None
        if contact is None or booking is None or contact.channel == "voice":
            return None
        return contact if (booking.seat_owner, booking.fence) == (peer, fence) else None

    def _lapsed(self, name: str) -> None:
        contact = self._book.get(name)
        if contact is not None and contact.phase == "talking":
            self._take_back(contact, "peer-unreachable")

    def _take_back(self, contact: Contact, reason: str, *, tell: bool = True) -> None:
        self._timers.cancel(_timer(contact))
        self._owner.talks.ended(contact, reason, by="us")
        end_talk(contact, self._clock.monotonic_s())
        self._owner.take_back(contact, reason, tell=tell)

    def _end(self, contact: Contact, by: Literal["caller", "agent"]) -> None:
        self._timers.cancel(f"connect/{contact.contact}")
        self._timers.cancel(_timer(contact))
        self._owner.talks.ended(contact, "normal", by=by)
        self._book.end(contact, "served", "normal")


def _timer(contact: Contact) -> str:
    return f"serving/{contact.contact}"
