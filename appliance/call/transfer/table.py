"""Which leg, token and reservation belong to the target of a transfer: found by any of them."""

from appliance.call.book import ContactBook
from appliance.call.contact import Booking, Contact, OutsideCall
from appliance.ledger.records import Outcome


class TransferTable:
    """The targets that are called for contacts, or talk, while their first agent has them."""

    def __init__(self, book: ContactBook) -> None:
        self._book = book
        self._by_token: dict[str, Contact] = {}
        self._by_leg: dict[int, Contact] = {}
        book.on_ended.append(self._ended)

    def by_token(self, token: str) -> Contact | None:
        """Return the contact whose target has this reservation, or token of its call."""
        return self._by_token.get(token)

    def by_leg(self, leg: int) -> Contact | None:
        """Return the contact whose target is on *leg*."""
        return self._by_leg.get(leg)

    def clear(self) -> None:
        """Forget all; every contact is about to be adopted anew."""
        self._by_token.clear()
        self._by_leg.clear()

    def add(self, contact: Contact) -> None:
        """Take in the target that *contact*'s transfer speaks of."""
        far = far_of(contact)
        if far is not None:
            self._by_token[token_of(far)] = contact
            if isinstance(far, Booking):
                self._book.budget.take(far.reservation, far.seat_owner)
            self.set_leg(contact, far.leg)

    def set_leg(self, contact: Contact, leg: int) -> None:
        """Note which leg leads to the target."""
        far = far_of(contact)
        if far is not None and leg:
            far.leg = leg
            self._by_leg[leg] = contact
            self._book.changed(contact)

    def drop(self, contact: Contact) -> Booking | OutsideCall | None:
        """Let the target go; return it."""
        transfer, far = contact.transfer, far_of(contact)
        if transfer is not None and far is not None:
            self._by_token.pop(token_of(far), None)
            self._by_leg.pop(far.leg, None)
            self._book.budget.free(token_of(far))
            transfer.booking = transfer.outside = None
        return far

    def _ended(self, contact: Contact, _outcome: Outcome, _reason: str) -> None:
        self.drop(contact)


def far_of(contact: Contact) -> Booking | OutsideCall | None:
    """Return the target that is called or talks beside the agent who has the contact."""
    transfer = contact.transfer
    return None if transfer is None else transfer.booking or transfer.outside


def token_of(far: Booking | OutsideCall) -> str:
    """Return what the target's call is known by."""
    return far.reservation if isinstance(far, Booking) else far.tok
