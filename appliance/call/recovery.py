"""After a restart: contacts are found again from what the ledger kept and what legs holds.

Each command is repeated that may not have left before the kill; every command is harmless when
it comes twice.
"""

import logging
from collections.abc import Iterable

import msgspec

from appliance.call.attach import Found
from appliance.call.book import CONTACT_KEY
from appliance.call.callbacks import CallBacks
from appliance.call.contact import CallBack, Contact, shift
from appliance.call.office import Office
from appliance.call.outside import OutsideCalls
from appliance.call.owner import ContactOwner
from appliance.call.transfer.desk import Transfers
from appliance.call.transfer.recovery import TransferRecovery
from appliance.call.voicemails import Voicemails
from appliance.call.waiting import WaitingRoom
from appliance.call.written import WrittenContacts
from appliance.ledger.records import Adopted
from appliance.wire.commands import Answer, Bridge, Hang, Unbridge
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
        office: Office,
        owner: ContactOwner,
        waiting: WaitingRoom,
        outside: OutsideCalls,
        voicemails: Voicemails,
        transfers: Transfers,
        callbacks: CallBacks,
        written: WrittenContacts,
    ) -> None:
        self._turn, self._book, self._clock = office.turn, office.book, office.clock
        self._owner = owner
        self._waiting = waiting
        self._outside = outside
        self._voicemails = voicemails
        self._transfers = TransferRecovery(transfers, outside)
        self._callbacks = callbacks
        self._written = written

    def adopt(self, contact: Contact, found: Found) -> bool:
        """Take *contact* in again; return whether its flow has to be resumed.

        A contact whose leg is gone is closed in the books with what legs still knows of it; one
        that waits to be called back has none.
        """
        if contact.channel != "voice":
            self._written.adopt(contact)
            return False
        if contact.callback is not None:
            self._turn_clock(contact, contact.callback, found.boot)
            if contact.callback.waits:
                self._adopt_away(contact, contact.callback, found)
                return False
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
            if self._callbacks.caller_left(contact, reason):
                return
            self._book.end(contact, "failed", reason)
        else:
            self._owner.caller_down(contact, reason)

    def _turn_clock(self, contact: Contact, back: CallBack, boot: str) -> None:
        """Bring monotonic times of an earlier boot to this one's clock, by the wall clock."""
        if back.boot == boot:
            return
        gone_s = max(0.0, (self._clock.wall_us() - back.wall_us) / 1e6)
        shift_s = self._clock.monotonic_s() - gone_s - back.t_promised
        back.boot = boot
        shift(contact, shift_s)

    def _adopt_away(self, contact: Contact, back: CallBack, found: Found) -> None:
        """Take in a contact that has no leg by nature, and the call that was being made."""
        self._book.add(contact)
        fact = Adopted(leg=0, epoch=found.epoch, state=contact.phase)
        self._turn.note(contact.contact, fact)
        if contact.phase == "resting":
            self._callbacks.rest(contact)
        if contact.phase != "reserved":
            return
        agent = _agent_leg(contact, found, by_number=False)
        called = _called_leg(back, found)
        if agent is None:
            self._callbacks.stop(contact)
            self._owner.take_back(contact, "owner-restart")
            return
        self._book.set_agent_leg(contact, agent.leg)
        if not back.tok:
            self._owner.rearm(contact)
            if agent.state == "up":
                self._callbacks.call(contact)
            return
        if called is None:
            # perhaps it was never called, and who stands in for us has done so meanwhile
            self._owner.take_back(contact, "owner-restart")
            self._turn.command(Hang(agent.leg, "owner-restart"))
            return
        self._callbacks.dial(contact)
        self._callbacks.leg_out(contact, called.leg)
        if called.state == "up":
            self._callbacks.answered(contact)
        elif called.state == "down":
            self._callbacks.down(contact, called.reason)

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


def _called_leg(back: CallBack, found: Found) -> LegRow | None:
    """Return the leg that the caller was called on, ended or not."""
    for row in found.legs.values():
        if row.out and back.tok and row.tok == back.tok:
            return row
    return None


def _agent_leg(contact: Contact, found: Found, *, by_number: bool = True) -> LegRow | None:
    """Return the live leg to the agent, by number or by the token it was dialled with."""
    booking = contact.booking
    if booking is None:
        return None
    tokens = (booking.reservation, f"{booking.reservation}/phone")
    for row in found.legs.values():
        same = (by_number and row.leg == booking.leg) or row.tok in tokens
        if row.out and row.state != "down" and same:
            return row
    return None
