"""After a restart: contacts are found again from what the ledger kept and what legs holds.

Each command is repeated that may not have left before the kill; every command is harmless when
it comes twice.
"""

import logging
from collections.abc import Iterable

import msgspec

from appliance.call.attach import Found
from appliance.call.book import CONTACT_KEY, ContactBook
from appliance.call.contact import Contact
from appliance.call.outside import OutsideCalls
from appliance.call.owner import ContactOwner
from appliance.call.transfer_recovery import TransferRecovery
from appliance.call.transfers import Transfers
from appliance.call.turn import Turn
from appliance.call.voicemails import Voicemails
from appliance.call.waiting import WaitingRoom
from appliance.ledger.records import Adopted
from appliance.wire.commands import Answer, Bridge, Unbridge
from appliance.wire.rows import LegRow

log = logging.getLogger(__name__)


def kept_contacts(states: Iterable[tuple[str, bytes]]) -> list[Contact]:
    """Return the contacts among the kept states; one that cannot be read is told and left out."""
    decoder = msgspec.msgpack.Decoder(Contact)
    contacts = []
    for key, state in states:
        if not key.startswith(CONTACT_KEY):
            continue
        try:
            contacts.append(decoder.decode(state))
        except msgspec.MsgspecError as error:
            log.error("%s cannot be adopted: %s", key, error)  # noqa: TRY400
    return contacts


class Recovery:
    """Brings kept contacts and live legs together."""

    def __init__(
        self,
        turn: Turn,
        book: ContactBook,
        owner: ContactOwner,
        waiting: WaitingRoom,
        outside: OutsideCalls,
        voicemails: Voicemails,
        transfers: Transfers,
    ) -> None:
        self._turn = turn
        self._book = book
        self._owner = owner
        self._waiting = waiting
        self._outside = outside
        self._voicemails = voicemails
        self._transfers = TransferRecovery(transfers, outside)

    def adopt(self, contact: Contact, found: Found) -> bool:
        """Take *contact* in again; return whether its flow has to be resumed.

        A contact whose leg is gone is closed in the books with what legs still knows of it.
        """
        row = found.legs.get(contact.leg) if contact.epoch == found.epoch else None
        self._book.add(contact)
        if row is None or row.state == "down":
            self._close(contact, row)
            return False
        self._turn.note(
            contact.contact,
            Adopted(leg=contact.leg, epoch=contact.epoch, state=contact.phase),
        )
        contact.up = row.state == "up"
        if row.state in ("new", "ringing"):
            self._turn.command(Answer(contact.leg))
        if row.bridge and contact.phase in ("waiting", "reserved", "moving"):
            # its agent was let go, but the kill came before that was said
            self._turn.command(Unbridge(contact.contact))
            self._waiting.music(contact)
        return self._go_on(contact, row, found)

    def _go_on(self, contact: Contact, row: LegRow, found: Found) -> bool:
        """Take up what the contact was doing; return whether its flow has to be resumed."""
        match contact.phase:
            case "moving":
                self._transfers.adopt(contact, row, found)
            case "talking" if contact.transfer is not None:
                self._transfers.adopt(contact, row, found)
            case "talking" if contact.outside is not None:
                self._outside.adopt(contact, row, found)
            case "talking":
                self._adopt_talk(contact, row, found)
            case "reserved":
                self._adopt_reserved(contact, row, found)
            case "waiting":
                self._waiting.resume(contact, playing=bool(row.play or row.bridge))
            case "flow":
                if self._outside.adopt(contact, row, found):
                    return False
                return contact.up and not self._voicemails.adopt(contact, row)
        return False

    def _close(self, contact: Contact, row: LegRow | None) -> None:
        reason = row.reason if row is not None else "legs-restart"
        if self._voicemails.caller_gone(contact, reason):
            return
        if row is None and contact.phase != "talking":
            self._book.end(contact, "failed", reason)
        else:
            self._owner.caller_down(contact, reason)

    def _adopt_talk(self, contact: Contact, row: LegRow, found: Found) -> None:
        """A talk goes on; a bridge that was not made before the kill is made now."""
        booking = contact.booking
        agent = found.legs.get(booking.leg) if booking else None
        if booking is None or agent is None or agent.state == "down":
            self._owner.agent_leg_down(contact, agent.reason if agent else "normal")
        elif not row.bridge:
            legs = [contact.leg, booking.leg]
            self._turn.command(Bridge(contact.contact, legs, rest="stay-if-lost"))

    def _adopt_reserved(self, contact: Contact, row: LegRow, found: Found) -> None:
        """An offer under way goes on where its leg is there; else the contact waits again."""
        booking = contact.booking
        agent = _agent_leg(contact, found)
        if booking is None or agent is None:
            self._owner.take_back(contact, "owner-restart")
            self._waiting.resume(contact, playing=bool(row.play))
            return
        self._book.set_agent_leg(contact, agent.leg)
        if agent.state == "up":
            self._owner.connect(contact)
        else:
            self._owner.rearm(contact)


def _agent_leg(contact: Contact, found: Found) -> LegRow | None:
    """Return the live leg to the agent, by number or by the token it was dialled with."""
    booking = contact.booking
    if booking is None:
        return None
    tokens = (booking.reservation, f"{booking.reservation}/phone")
    for row in found.legs.values():
        if row.out and row.state != "down" and (row.leg == booking.leg or row.tok in tokens):
            return row
    return None
