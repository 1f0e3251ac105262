"""Calls that a flow makes to the outside for its caller: dialled by a trunk, then bridged."""

from collections.abc import Callable

from appliance.base.ids import new_id
from appliance.call.attach import Found
from appliance.call.book import ContactBook
from appliance.call.contact import Contact, OutsideCall
from appliance.call.turn import Turn
from appliance.ledger.records import ContactMoved, Outcome
from appliance.wire.commands import Bridge, Dial, Hang, Play
from appliance.wire.rows import LegRow

#: what the caller hears meanwhile
RINGING = "tone:ringback"


class OutsideCalls:
    """One call to the outside per contact, at most."""

    def __init__(self, turn: Turn, book: ContactBook) -> None:
        self._turn = turn
        self._book = book
        self._by_tok: dict[str, Contact] = {}
        self._by_leg: dict[int, Contact] = {}
        #: told of a contact whose call came to nothing, and the reason word
        self.on_failed: Callable[[Contact, str], None] = lambda _contact, _reason: None
        #: told of a contact on the move whom somebody outside has answered
        self.on_moved: Callable[[Contact], None] = lambda _contact: None
        book.on_ended.append(self._ended)

    def by_tok(self, tok: str) -> Contact | None:
        """Return the contact that the call with this token is for."""
        return self._by_tok.get(tok)

    def by_leg(self, leg: int) -> Contact | None:
        """Return the contact that is called or talks on this leg to the outside."""
        return self._by_leg.get(leg)

    def dial(
        self, contact: Contact, number: str, trunk: str, ring_s: float, by: str = "flow"
    ) -> None:
        """Call *number* for the contact."""
        self._forget(contact)
        contact.outside = OutsideCall(tok=new_id())
        self._by_tok[contact.outside.tok] = contact
        self._turn.note(contact.contact, ContactMoved(to=number, by=by))
        contact.play += 1
        self._turn.command(Play(contact.leg, contact.play, [RINGING], True))
        dial = Dial(
            tok=contact.outside.tok,
            kind="trunk",
            via=trunk,
            to=number,
            owner=contact.leg,
            caller=contact.caller,
            caller_name=contact.caller_name,
            private=contact.private,
            ring_s=ring_s,
        )
        self._turn.command(dial)

    def take(self, contact: Contact, outside: OutsideCall) -> None:
        """Take over a call that was made for the contact's agent."""
        contact.outside = outside
        self._by_tok[outside.tok] = contact
        if outside.leg:
            self._by_leg[outside.leg] = contact

    def leg_out(self, contact: Contact, leg: int) -> None:
        """Note the leg that was dialled."""
        if contact.outside is not None:
            contact.outside.leg = leg
            self._by_leg[leg] = contact
            self._book.changed(contact)

    def answered(self, contact: Contact) -> None:
        """Let the two hear each other."""
        outside = contact.outside
        if outside is not None:
            outside.up = True
            self._turn.command(Bridge(contact.contact, [contact.leg, outside.leg]))
            if contact.phase == "moving":
                self.on_moved(contact)
            self._book.changed(contact)

    def down(self, contact: Contact, reason: str) -> None:
        """Release the caller after the talk; if there was none, the flow goes on."""
        outside = contact.outside
        self._forget(contact)
        if outside is not None and outside.up:
            # legs ends a bridge by itself, but the far end may go before there was one
            self._turn.command(Hang(contact.leg, "bridge-ended"))
        elif outside is not None:
            contact.outside = None
            self.on_failed(contact, reason)

    def adopt(self, contact: Contact, row: LegRow, found: Found) -> bool:
        """Find the call again after a restart; return whether the flow has nothing to do."""
        outside = contact.outside
        if outside is None:
            return False
        leg = next(
            (leg for leg in found.legs.values() if leg.out and leg.tok == outside.tok), None
        )
        self._by_tok[outside.tok] = contact
        if leg is None or leg.state == "down":
            if not outside.up:
                self._forget(contact)
                contact.outside = None
                return False
            self.down(contact, leg.reason if leg else "owner-restart")
            return True
        self.leg_out(contact, leg.leg)
        if leg.state == "up" and not row.bridge:
            self.answered(contact)
        return True

    def _ended(self, contact: Contact, _outcome: Outcome, _reason: str) -> None:
        self._forget(contact)

    def _forget(self, contact: Contact) -> None:
        if contact.outside is not None:
            self._by_tok.pop(contact.outside.tok, None)
            self._by_leg.pop(contact.outside.leg, None)
