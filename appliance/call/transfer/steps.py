"""What every transfer does: journal how far it is, tell the agent, let the agent go."""

from typing import Literal

from appliance.call.contact import Contact, end_talk, waited_s
from appliance.call.office import Office
from appliance.call.talks import Talks
from appliance.call.waiting import WaitingRoom
from appliance.ledger.records import TransferState, TransferStepped
from appliance.link.messages import TransferTold
from appliance.wire.commands import Hang, Unbridge


class TransferSteps:
    """Small steps that blind transfers and consultations are made of."""

    def __init__(self, office: Office, waiting: WaitingRoom, talks: Talks) -> None:
        self._turn, self._book, self._clock = office.turn, office.book, office.clock
        self._waiting = waiting
        self._talks = talks

    def tell(
        self,
        contact: Contact,
        state: TransferState,
        *,
        seat: str = "",
        reason: str = "",
        note: str = "",
    ) -> None:
        """Journal how far the transfer is, and tell the agent who asked."""
        transfer = contact.transfer
        if transfer is None:
            return
        waited = waited_s(contact, self._clock.monotonic_s()) + contact.waited_before_s
        fact = TransferStepped(
            how=transfer.how,
            state=state,
            to=transfer.target,
            by=transfer.by,
            seat=seat,
            reason=reason,
            note=note,
            waited_ms=round(waited * 1000),
        )
        self._turn.note(contact.contact, fact)
        booking = contact.booking
        if booking is not None and booking.seat == transfer.by:
            told = TransferTold(booking.reservation, booking.fence, state, reason)
            self._turn.message(booking.seat_owner, told)

    def let_go(self, contact: Contact) -> None:
        """End the agent's part: the caller hears music, the agent wraps up."""
        booking = contact.booking
        self.note_talk(contact, "transferred", by="agent")
        self._book.drop_booking(contact)
        self._turn.command(Unbridge(contact.contact))
        if booking is not None and booking.leg:
            self._turn.command(Hang(booking.leg, "transferred"))
        self._waiting.music(contact)

    def note_talk(self, contact: Contact, reason: str, *, by: Literal["agent", "us"]) -> None:
        """Journal that a talk has ended whose contact has not."""
        self._talks.ended(contact, reason, by=by)
        end_talk(contact, self._clock.monotonic_s())

    def moving(self, contact: Contact) -> None:
        """Nobody has the contact for the moment, and nobody else is to be offered it."""
        contact.phase = "moving"
        self._book.changed(contact)
