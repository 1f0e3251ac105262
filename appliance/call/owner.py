"""The contact owner's side: a caller joins a queue, is reserved a seat, talks, and leaves.

The matchmaker proposes to the seat's owner, who reserves and offers the seat here; we confirm,
and the media must connect in time or the contact is back at its own place.
"""

import logging
from collections.abc import Callable, Mapping
from typing import Literal

from appliance.base.reasons import LOST
from appliance.call.contact import Booking, Contact, context_of, is_away, waited_s
from appliance.call.office import Office
from appliance.call.overflow import OverflowWatch
from appliance.call.talks import Talks
from appliance.call.transfer.hooks import TransferHooks
from appliance.call.waiting import WaitingRoom
from appliance.ledger.records import (
    ContactQueued,
    OfferEnded,
    Outcome,
    SeatOffered,
)
from appliance.link.messages import CONNECT_MS, Confirm, Offer, Reached, Release
from appliance.routing.failures import PAIR_FAILURE_MS, PATH_FAILURE_MS, PATH_REASONS
from appliance.routing.model import Failure, Given
from appliance.routing.trace import PACKED_MOST
from appliance.wire.commands import Dial, Hang, WatchSilence

log = logging.getLogger(__name__)

#: an offer that rings is given up this long after the seat's owner should have [s]
RING_GRACE_S = 5.0
#: why a caller's leg has ended -> who ended the talk; for other reasons we did
_ENDED_BY: Mapping[str, Literal["caller", "agent"]] = {"normal": "caller", "bridge-ended": "agent"}
#: a leg to an appliance that the link no longer reaches may be silent so long [s]: its legs send
#: all the time while they live, so that longer silence is no pause in what is said; to those that
#: pause by comfort noise our legs give more
DEAD_SILENCE_S = 2.0


class ContactOwner:
    """Moves this appliance's contacts from queue to talk."""

    def __init__(self, office: Office, waiting: WaitingRoom, overflow: OverflowWatch) -> None:
        self._turn, self._book, self._plans = office.turn, office.book, office.plans
        self._timers, self._clock = office.timers, office.clock
        self._waiting = waiting
        self._overflow = overflow
        self.talks = Talks(office, waiting)
        #: set by `Transfers`
        self.transfers: TransferHooks
        #: chooses the site that a contact is for at first
        self.give: Callable[[Contact], Given | None] = lambda _contact: None
        #: publishes a pair to be left out
        self.on_failure: Callable[[Failure], None] = lambda _failure: None
        #: asked of a contact that is about to join a queue: whether it waits there already
        self.returns: Callable[[Contact, str], bool] = lambda _contact, _queue: False
        #: told of a contact without a leg whose agent has answered, or has gone again
        self.on_agent: Callable[[Contact], None] = lambda _contact: None
        self.on_taken_back: Callable[[Contact], None] = lambda _contact: None
        #: asked of a caller who has gone: whether the contact waits on without
        self.stays: Callable[[Contact, str], bool] = lambda _contact, _reason: False
        #: the relay by which an appliance is reached; empty: directly
        self.relay_of: Callable[[str], str] = lambda _peer: ""
        #: asked why a contact may not be served from here now; nothing: it may
        self.barred: Callable[[Contact], str] = lambda _contact: ""

    # -- joining a queue -----------------------------------------------------------------------

    def enqueue(
        self,
        contact: Contact,
        queue: str,
        skills: dict[str, int],
        klass: str = "",
        agent: str = "",
    ) -> None:
        """Put *contact* into *queue* at its own place."""
        if self.returns(contact, queue):
            return
        contact.phase = "waiting"
        contact.flow = None
        contact.queue = queue
        contact.skills = skills
        contact.agent = agent
        contact.klass = klass or contact.klass or self._plans.plan.default_class
        contact.t_queued = contact.t_queued or self._clock.monotonic_s()
        contact.given = self.give(contact)
        site = contact.given.site if contact.given else ""
        self._turn.note(
            contact.contact,
            ContactQueued(queue=queue, klass=contact.klass, skills=skills, agent=agent, site=site),
        )
        self._overflow.joined(contact)
        self._waiting.enter(contact)
        self._book.changed(contact)

    # -- the reservation -----------------------------------------------------------------------

    def offered(self, peer: str, offer: Offer) -> None:
        """Confirm a seat that was reserved for a contact of ours, or give it back by word."""
        contact = self._book.get(offer.contact)
        refusal = self._refusal(contact, offer) or self._full(contact, peer)
        if contact is None or refusal:
            release = Release(offer.reservation, offer.fence, refusal or "contact-gone")
            self._turn.message(peer, release)
            return
        now = self._clock.monotonic_s()
        contact.phase = "reserved"
        booking = Booking(
            reservation=offer.reservation,
            fence=offer.fence,
            seat=offer.seat,
            seat_owner=peer,
            agent_title=offer.agent_title,
        )
        self._book.set_booking(contact, booking)
        self._waiting.leave(contact)
        self._arm(contact, now + CONNECT_MS / 1000)
        self._turn.note(
            contact.contact,
            SeatOffered(
                seat=offer.seat,
                owner=peer,
                reservation=offer.reservation,
                fence=offer.fence,
                waited_ms=round(waited_s(contact, now) * 1000),
                trace=offer.trace[:PACKED_MOST],
            ),
        )
        confirm = Confirm(offer.reservation, offer.fence, context_of(contact, now))
        self._turn.message(peer, confirm)
        if peer != self._book.name and contact.channel == "voice":
            self.dial(contact)
        self._book.changed(contact)

    def _refusal(self, contact: Contact | None, offer: Offer) -> str:
        """Return why *offer* cannot be taken, or nothing."""
        if contact is None:
            return "contact-gone"
        if offer.contact_incarnation != self._book.incarnation:
            return "stale-incarnation"
        if contact.phase != "waiting":
            return "contact-gone"
        if offer.contact_fence != contact.fence:
            return "stale-fence"
        return self.barred(contact)

    def _full(self, contact: Contact | None, peer: str) -> str:
        """Return why no call may go to *peer* now, or nothing."""
        written = contact is None or contact.channel != "voice"
        return "" if written else self._book.budget.against(peer)

    def dial(self, contact: Contact) -> None:
        """Call the seat's owner, naming reservation and fence and nothing else."""
        if contact.booking is not None:
            self._turn.command(self.peer_dial(contact, contact.booking))

    def peer_dial(self, contact: Contact, booking: Booking) -> Dial:
        """Return the call to the owner of a seat that was reserved, by the way there is now."""
        booking.relay = self.relay_of(booking.seat_owner)
        return Dial(
            tok=booking.reservation,
            kind="peer",
            via=booking.seat_owner,
            owner=contact.leg,
            caller=contact.caller,
            private=contact.private,
            reservation=booking.reservation,
            fence=booking.fence,
            ring_s=self._ring_s(contact),
            relay=booking.relay,
            codecs=self._book.budget.codecs(booking.seat_owner),
        )

    def reached(self, peer: str, message: Reached) -> None:
        """Follow how the agent's phone fares at the seat's owner."""
        contact = self._book.by_reservation(message.reservation)
        if contact is None or not self._holds(contact, peer, message.fence):
            return
        booking = contact.booking
        assert booking is not None  # noqa: S101 - by_reservation found it by its booking
        booking.ringing = True
        if message.leg:
            self._book.set_agent_leg(contact, message.leg)
        ours = booking.leg and peer == self._book.name
        if message.state == "answered" and (ours or contact.channel != "voice"):
            self.connect(contact)
        elif contact.phase == "reserved":
            self._arm(contact, self._clock.monotonic_s() + self._ring_s(contact))

    def released(self, peer: str, message: Release) -> None:
        """Take back a contact whose reservation the seat's owner ended."""
        contact = self._book.by_reservation(message.reservation)
        if contact is None or contact.phase != "reserved":
            return
        if self._holds(contact, peer, message.fence):
            self.take_back(contact, message.reason, tell=False)

    def connect(self, contact: Contact) -> None:
        """Let caller and agent hear each other."""
        booking = contact.booking
        if booking is None or contact.phase == "talking":
            return
        if is_away(contact):
            self._timers.cancel(_timer(contact))
            self.on_agent(contact)
            return
        contact.phase = "talking"
        contact.t_talk = self._clock.monotonic_s()
        self._timers.cancel(_timer(contact))
        if contact.channel == "voice":
            self.talks.bridge(contact, booking)
        self.talks.begun(contact, booking.leg)
        self.transfers.connected(contact)
        self._book.changed(contact)

    def take_back(self, contact: Contact, reason: str, *, tell: bool = True) -> None:
        """Return a reserved contact to its own place, and remember the pair that failed."""
        booking = contact.booking
        if booking is None:
            return
        if tell:
            release = Release(booking.reservation, booking.fence, reason)
            self._turn.message(booking.seat_owner, release)
        if booking.leg and booking.seat_owner != self._book.name:
            self._turn.command(Hang(booking.leg, reason))
        self._turn.note(
            contact.contact,
            OfferEnded(reservation=booking.reservation, reason=reason),
        )
        if reason != "preempted":  # nobody failed, so nobody is left out
            self.on_failure(self._failure(contact, booking, reason))
        self.on_taken_back(contact)
        self._book.drop_booking(contact)
        contact.attempts += 1
        self._timers.cancel(_timer(contact))
        if self.transfers.returned(contact, reason):
            return
        contact.phase = "waiting"
        self._waiting.resume(contact, playing=True)
        self._book.changed(contact)

    def _failure(self, contact: Contact, booking: Booking, reason: str) -> Failure:
        name = self._book.name
        if reason in PATH_REASONS and booking.seat_owner != name and not booking.ringing:
            return Failure(
                owner=name, a=name, b=booking.seat_owner, reason=reason, for_ms=PATH_FAILURE_MS
            )
        return Failure(
            owner=name,
            contact=contact.contact,
            seat=booking.seat,
            reason=reason,
            for_ms=PAIR_FAILURE_MS,
        )

    def peer_down(self, peer: str) -> None:
        """Take back the contacts that were on their way to *peer*.

        Talks go on as long as sound comes; where none does, the agent is lost soon.
        """
        for contact in self._book:
            booking = contact.booking
            if booking is None or booking.seat_owner != peer:
                continue
            if contact.phase == "reserved":
                self.take_back(contact, "peer-unreachable", tell=False)
            elif contact.phase == "talking" and booking.leg:
                self._turn.command(WatchSilence(booking.leg, DEAD_SILENCE_S))

    def peer_up(self, peer: str) -> None:
        """Let the legs to *peer* be as silent as the settings say, again."""
        for contact in self._book:
            second = contact.transfer.booking if contact.transfer else None
            for booking in (contact.booking, second):
                if booking is None or booking.seat_owner != peer or not booking.leg:
                    continue
                if booking.relay == self.relay_of(peer):  # else this way may be lost for good
                    self._turn.command(WatchSilence(booking.leg))

    # -- legs ----------------------------------------------------------------------------------

    def agent_leg_out(self, contact: Contact, leg: int) -> None:
        """Note the leg that was dialled to the seat's owner."""
        if contact.booking is not None:
            self._book.set_agent_leg(contact, leg)
        else:
            self._turn.command(Hang(leg, "cancelled"))

    def agent_leg_ringing(self, contact: Contact) -> None:
        """Give the agent time to answer."""
        if contact.booking is not None and contact.phase == "reserved":
            contact.booking.ringing = True
            self._arm(contact, self._clock.monotonic_s() + self._ring_s(contact))

    def agent_leg_down(self, contact: Contact, reason: str) -> None:
        """Take the contact back if the talk had not begun; else the caller's leg ends too."""
        if contact.phase == "reserved":
            self.take_back(contact, "no-answer" if reason == "normal" else reason)
        elif contact.phase != "talking" or self.transfers.agent_down(contact, reason):
            return
        elif reason in LOST:
            self.transfers.lost(contact, reason)
        else:
            # legs ends a bridge by itself, but the agent may go before there was one
            self._turn.command(Hang(contact.leg, "bridge-ended"))

    def caller_down(self, contact: Contact, reason: str) -> None:
        """Close the contact: its caller has gone."""
        self._timers.cancel(_timer(contact))
        self._waiting.leave(contact)
        self.transfers.caller_down(contact)
        booking = contact.booking
        if contact.phase == "talking":
            self.talks.ended(contact, reason, by=_ENDED_BY.get(reason, "us"))
            self._book.end(contact, "served", reason)
            return
        if self.stays(contact, reason):
            return
        if booking is not None:
            release = Release(booking.reservation, booking.fence, "caller-gone")
            self._turn.message(booking.seat_owner, release)
        gave_up = contact.t_queued and not _let_go(contact)
        outcome: Outcome = "abandoned" if gave_up else "released"
        if contact.messages:
            outcome = "voicemail"
        self._book.end(contact, outcome, reason)

    def rearm(self, contact: Contact) -> None:
        """Give an adopted, reserved contact its time again."""
        self._arm(contact, self._clock.monotonic_s() + self._ring_s(contact))

    def _arm(self, contact: Contact, due: float) -> None:
        self._timers.arm(_timer(contact), due, lambda: self._lapsed(contact.contact))

    def _lapsed(self, name: str) -> None:
        contact = self._book.get(name)
        if contact is not None and contact.phase == "reserved" and not _is_called(contact):
            ringing = contact.booking is not None and contact.booking.ringing
            self.take_back(contact, "no-answer" if ringing else "reservation-expired")

    def _ring_s(self, contact: Contact) -> float:
        return self._plans.queue(contact.queue).ring_s + RING_GRACE_S

    @staticmethod
    def _holds(contact: Contact, peer: str, fence: int) -> bool:
        """Tell whether *peer* speaks of the reservation that the contact holds now."""
        booking = contact.booking
        return booking is not None and booking.seat_owner == peer and booking.fence == fence


def _is_called(contact: Contact) -> bool:
    """Tell whether the contact is being called back: that has a deadline of its own."""
    return contact.callback is not None and contact.callback.tok != ""


def _let_go(contact: Contact) -> bool:
    """Tell whether the contact's flow came to its end: released, or answered outside."""
    if contact.phase != "flow" or contact.flow is None:
        return False
    answered = contact.outside is not None and contact.outside.up
    return answered or contact.flow.phase == "done"


def _timer(contact: Contact) -> str:
    return f"connect/{contact.contact}"
