"""After a restart: a transfer goes on where it was, with whoever of the three is still there."""

from appliance.call.attach import Found
from appliance.call.contact import Booking, Contact
from appliance.call.outside import OutsideCalls
from appliance.call.transfer.consult import Consultations
from appliance.call.transfer.desk import Transfers
from appliance.call.transfer.table import far_of, token_of
from appliance.plan.transfers import parse_target
from appliance.wire.rows import LegRow


class TransferRecovery:
    """Adopts contacts that were being handed on."""

    def __init__(self, transfers: Transfers, outside: OutsideCalls) -> None:
        self._transfers = transfers
        self._consult: Consultations = transfers.consult
        self._bridges = transfers.consult.bridges
        self._outside = outside

    def adopt(self, contact: Contact, row: LegRow, found: Found) -> None:
        """Go on with the transfer of a contact whose caller is there; *row* is that leg."""
        if contact.phase == "moving":
            self._adopt_moving(contact, row, found)
        else:
            self._adopt_three(contact, row, found)

    def _adopt_moving(self, contact: Contact, row: LegRow, found: Found) -> None:
        """Nobody has the contact: ask again for the seat, or find the call to the outside."""
        self._bridges.aside(contact, playing=bool(row.play))
        if contact.outside is None:
            self._transfers.say_wanted(contact)
        elif not self._outside.adopt(contact, row, found) and contact.outside is None:
            self._transfers.fail(contact, "owner-restart")

    def _adopt_three(self, contact: Contact, row: LegRow, found: Found) -> None:
        """An agent has the contact and a target is asked for, called, or there."""
        self._consult.table.add(contact)
        far = far_of(contact)
        target = _target_leg(contact, found)
        if far is not None and target is not None:
            self._consult.table.set_leg(contact, target.leg)
        booking = contact.booking
        agent = found.legs.get(booking.leg) if booking else None
        agent_there = agent is not None and agent.state != "down"
        if far is not None and target is None and not self._calls_again(contact):
            self._consult.target_down(contact, "owner-restart" if agent_there else "gone")
        elif agent_there:
            self._go_on(contact, row, target)
        if not agent_there:
            self._consult.agent_down(contact, agent.reason if agent else "normal")

    def _calls_again(self, contact: Contact) -> bool:
        """Say the call to a number outside again, which may not have left."""
        transfer = contact.transfer
        target = parse_target(transfer.target) if transfer else None
        if transfer is None or target is None or transfer.stage != "calling":
            return False
        if transfer.outside is None or transfer.outside.leg:
            return False
        self._consult.dial_outside(contact, target.name)
        return True

    def _go_on(self, contact: Contact, row: LegRow, target: LegRow | None) -> None:
        """Repeat what may not have left before the kill; all of it is harmless twice."""
        transfer = contact.transfer
        stage = transfer.stage if transfer else ""
        if stage == "failing":
            self._consult.failed(contact)
        elif stage == "conference":
            self._bridges.all_three(contact)
        elif transfer is not None and transfer.how == "blind":
            self._bridges.rejoin(contact)
            self._transfers.say_wanted(contact)
        else:
            self._bridges.aside(contact, playing=bool(row.play))
            self._go_on_consulting(contact, target)

    def _go_on_consulting(self, contact: Contact, target: LegRow | None) -> None:
        stage = contact.transfer.stage if contact.transfer else ""
        if stage == "talking":
            self._bridges.two(contact)
            return
        self._bridges.ring(contact)
        if stage == "asked":
            self._transfers.say_wanted(contact)
        elif target is not None and target.state == "up":
            self._consult.up(contact)
        else:
            self._consult.ringing(contact)


def _target_leg(contact: Contact, found: Found) -> LegRow | None:
    """Return the target's living leg, by number or by the token it was dialled with."""
    far = far_of(contact)
    if far is None:
        return None
    tokens = {token_of(far)}
    if isinstance(far, Booking):
        tokens.add(f"{far.reservation}/phone")
    for row in found.legs.values():
        if row.out and row.state != "down" and (row.leg == far.leg or row.tok in tokens):
            return row
    return None
