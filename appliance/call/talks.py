"""The talk of caller and agent: it begins, is held and ends; journalled and recorded."""

from collections.abc import Callable
from typing import Literal

from appliance.call.contact import Booking, Contact, waited_s
from appliance.call.office import Office
from appliance.call.waiting import WaitingRoom
from appliance.ledger.records import ContactConnected, ContactHeld, TalkEnded
from appliance.wire.commands import Bridge, Unbridge


class Talks:
    """What is the same of every talk, whoever brought it about."""

    def __init__(self, office: Office, waiting: WaitingRoom) -> None:
        self._turn, self._book, self._clock = office.turn, office.book, office.clock
        self._waiting = waiting
        #: told of a contact that now talks, for the recording policy
        self.on_begun: Callable[[Contact], None] = lambda _contact: None

    def begun(self, contact: Contact, leg: int) -> None:
        """Journal that the contact talks, and have it recorded."""
        booking = contact.booking
        waited = waited_s(contact, contact.t_talk) + contact.waited_before_s
        connected = ContactConnected(
            seat=booking.seat if booking else "",
            owner=booking.seat_owner if booking else "",
            reservation=booking.reservation if booking else "",
            leg=leg,
            bridge=contact.contact,
            waited_ms=round(waited * 1000),
        )
        self._turn.note(contact.contact, connected)
        self.on_begun(contact)

    def bridge(self, contact: Contact, booking: Booking) -> None:
        """Let both hear each other; a caller whose agent is lost stays with us."""
        bridge = Bridge(contact.contact, [contact.leg, booking.leg], rest="stay-if-lost")
        self._turn.command(bridge)

    def hold(self, contact: Contact, *, on: bool) -> None:
        """The agent, whose phone is ours, held the caller or took it back: music meanwhile."""
        booking = contact.booking
        if contact.phase != "talking" or booking is None or contact.on_hold == on:
            return
        if contact.transfer is not None:
            return
        contact.on_hold = on
        self._turn.note(contact.contact, ContactHeld(on=on))
        if on:
            self._turn.command(Unbridge(contact.contact))
            self._waiting.music(contact)
        else:
            self.bridge(contact, booking)
        self._book.changed(contact)

    def ended(
        self, contact: Contact, reason: str, *, by: Literal["caller", "agent", "us"]
    ) -> None:
        """Journal the end of the talk, and who ended it."""
        now = self._clock.monotonic_s()
        talked_ms = round((now - contact.t_talk) * 1000) if contact.t_talk else 0
        seat = contact.booking.seat if contact.booking else ""
        fact = TalkEnded(seat=seat, talked_ms=talked_ms, reason=reason, by=by)
        self._turn.note(contact.contact, fact)
