"""Consultation: agent and target talk first while the caller hears music, then one of three.

*Complete*: caller and target talk on, the agent wraps up; hanging up does the same. *Back*: the
target is let go, the agent talks with the caller again. *Conference*: all three.
"""

from collections.abc import Callable

from appliance.base.ids import new_id
from appliance.base.reasons import LOST
from appliance.call.contact import (
    Booking,
    Contact,
    OutsideCall,
    context_of,
)
from appliance.call.office import Office
from appliance.call.outside import OutsideCalls
from appliance.call.owner import DEAD_SILENCE_S, RING_GRACE_S, ContactOwner
from appliance.call.prompts import FAILED
from appliance.call.transfer.bridges import TransferBridges
from appliance.call.transfer.steps import TransferSteps
from appliance.call.transfer.table import TransferTable, far_of
from appliance.call.waiting import WaitingRoom
from appliance.ledger.records import ContactMoved
from appliance.link.messages import CONNECT_MS, Confirm, Context, Offer, Reached, Release
from appliance.plan.transfers import parse_target
from appliance.wire.commands import Dial, Hang, WatchSilence

#: the agent is told that it failed for no longer than this [s]
FAILING_S = 3.0


class Consultations:
    """The part of transfers in which an agent holds the caller and talks with the target."""

    def __init__(
        self,
        office: Office,
        owner: ContactOwner,
        outside: OutsideCalls,
        waiting: WaitingRoom,
        steps: TransferSteps,
    ) -> None:
        self._turn, self._book, self._plans = office.turn, office.book, office.plans
        self._timers, self._clock = office.timers, office.clock
        self._owner = owner
        self._outside = outside
        self._steps = steps
        self.bridges = TransferBridges(office.turn, waiting)
        self.table = TransferTable(office.book)
        # set by `Transfers`, whose part this is
        self.go_on_alone: Callable[[Contact], None] = lambda _contact: None
        self.lose: Callable[[Contact, str], None] = lambda _contact, _reason: None

    # -- what the agent asks for ---------------------------------------------------------------

    def begin(self, contact: Contact) -> None:
        """Put the caller aside, with music; the agent hears that the target is called."""
        contact.on_hold = False
        self.bridges.aside(contact)
        self.bridges.ring(contact)

    def ask(self, contact: Contact, do: str) -> str:
        """Take the next step of a consultation; return why not, or nothing."""
        transfer = contact.transfer
        stage = transfer.stage if transfer else ""
        if transfer is None or transfer.how != "consult" or stage == "failing":
            return "wrong-state"
        match do:
            case "complete" if stage in ("talking", "conference"):
                self._complete(contact)
            case "complete":
                self._leave(contact)
            case "back":
                self._let_target_go(contact, "cancelled")
                self._back(contact)
            case "conference" if stage == "talking":
                self._confer(contact)
            case _:
                return "wrong-state"
        return ""

    def _confer(self, contact: Contact) -> None:
        if contact.transfer is None:
            return
        contact.transfer.stage = "conference"
        self.bridges.all_three(contact)
        self._steps.tell(contact, "conference")
        self._book.changed(contact)

    def _complete(self, contact: Contact) -> None:
        """Let caller and target talk on, without the agent."""
        transfer, far = contact.transfer, self.table.drop(contact)
        if transfer is None or far is None:
            return
        self._steps.tell(contact, "completed", seat=far.seat if isinstance(far, Booking) else "")
        self.bridges.apart(contact)
        self._hand_over(contact, far)
        self._connected(contact, far)

    def _leave(self, contact: Contact) -> None:
        """Let the agent go whose target has not answered yet: from here on it is blind."""
        booking = contact.booking
        self.agent_down(contact, "transferred")
        if booking is not None:
            self._turn.command(Hang(booking.leg, "transferred"))

    def _hand_over(self, contact: Contact, far: Booking | OutsideCall) -> None:
        """Take the contact from the agent who asked and give it to the target."""
        self._steps.let_go(contact)
        if isinstance(far, Booking):
            self._book.set_booking(contact, far)
        else:
            self._outside.take(contact, far)
        transfer = contact.transfer
        target = parse_target(transfer.target) if transfer else None
        if transfer is not None and target is not None:
            fact = ContactMoved(to=transfer.target, by=f"agent:{transfer.by}")
            self._turn.note(contact.contact, fact)
            if target.kind == "queue":
                contact.queue = target.name

    def _connected(self, contact: Contact, far: Booking | OutsideCall) -> None:
        contact.phase = "talking"
        contact.transfer = None
        contact.t_talk = self._clock.monotonic_s()
        self.bridges.with_caller(contact, far.leg)
        self._owner.talks.begun(contact, far.leg)
        self._book.changed(contact)

    def _let_target_go(self, contact: Contact, reason: str) -> None:
        far = self.table.drop(contact)
        self._timers.cancel(_timer(contact))
        if isinstance(far, Booking):
            self._turn.message(far.seat_owner, Release(far.reservation, far.fence, reason))
        if far is not None and far.leg:
            self.bridges.apart(contact)
            self._turn.command(Hang(far.leg, reason))

    def _back(self, contact: Contact) -> None:
        """Let agent and caller hear each other again."""
        self._steps.tell(contact, "cancelled")
        contact.transfer = None
        self.bridges.rejoin(contact)
        self._book.changed(contact)

    def tell_failed(self, contact: Contact) -> None:
        """Tell the agent that it cannot be, then let both talk on."""
        transfer = contact.transfer
        if transfer is None:
            return
        transfer.stage = "failing"
        self.bridges.aside(contact)
        self.bridges.play(contact, list(FAILED))
        self._arm(contact, FAILING_S, self.failed)
        self._book.changed(contact)

    def fail(self, contact: Contact, reason: str) -> None:
        """The target cannot be had: the agent hears so, and talks with the caller again."""
        self._steps.tell(contact, "failed", reason=reason)
        self._let_target_go(contact, reason if reason != "normal" else "cancelled")
        self.tell_failed(contact)

    def play_done(self, leg: int, why: str) -> None:
        """The agent has heard that it failed, or how long it may take."""
        contact = self._book.by_agent_leg(leg)
        if contact is None or why == "replaced":
            return
        if contact.transfer is not None and contact.transfer.stage == "asked":
            if contact.transfer.until_s and why == "end":
                self.bridges.ring(contact)
            return
        self.failed(contact)

    def failed(self, contact: Contact) -> None:
        """The agent knows that it failed, and talks with the caller again."""
        if contact.transfer is None or contact.transfer.stage != "failing":
            return
        self._timers.cancel(_timer(contact))
        contact.transfer = None
        self.bridges.rejoin(contact)
        self._book.changed(contact)

    # -- the target is reached -----------------------------------------------------------------

    def offered(self, contact: Contact, peer: str, offer: Offer) -> None:
        """Take the seat that was asked for; its phone rings for the agent."""
        transfer = contact.transfer
        if transfer is None:
            return
        transfer.stage = "calling"
        transfer.booking = Booking(
            reservation=offer.reservation,
            fence=offer.fence,
            seat=offer.seat,
            seat_owner=peer,
            agent_title=offer.agent_title,
        )
        self.table.add(contact)
        self._steps.tell(contact, "calling", seat=offer.seat)
        self._turn.message(peer, Confirm(offer.reservation, offer.fence, self._context(contact)))
        if peer != self._book.name:
            self.dial(contact)
        self._arm(contact, CONNECT_MS / 1000, self._lapsed)
        self._book.changed(contact)

    def dial(self, contact: Contact) -> None:
        """Call the appliance of the target's seat."""
        booking = contact.transfer.booking if contact.transfer else None
        if booking is not None:
            self._turn.command(self._owner.peer_dial(contact, booking))

    def _context(self, contact: Contact) -> Context:
        context = context_of(contact, self._clock.monotonic_s())
        target = parse_target(contact.transfer.target) if contact.transfer else None
        if target is not None and target.kind == "queue":
            context.queue = target.name
        return context

    def call_outside(self, contact: Contact, number: str) -> None:
        """Call a number outside for the agent."""
        transfer, rules = contact.transfer, self._plans.plan.transfers
        if transfer is None:
            return
        transfer.stage = "calling"
        transfer.outside = OutsideCall(tok=new_id())
        self.table.add(contact)
        self._steps.tell(contact, "calling")
        self.dial_outside(contact, number)
        self._arm(contact, rules.ring_s + RING_GRACE_S, self._lapsed)

    def dial_outside(self, contact: Contact, number: str) -> None:
        """Say the call once more, or for the first time."""
        rules = self._plans.plan.transfers
        outside = contact.transfer.outside if contact.transfer else None
        if outside is not None:
            dial = Dial(
                tok=outside.tok, kind="trunk", via=rules.trunk, to=number, owner=contact.leg,
                caller=contact.caller, caller_name=contact.caller_name,
                private=contact.private, ring_s=rules.ring_s,
            )  # fmt: skip
            self._turn.command(dial)

    def reached(self, peer: str, message: Reached) -> bool:
        """Follow the phone of a target's seat; return whether it is one."""
        contact = self.table.by_token(message.reservation)
        booking = contact.transfer.booking if contact and contact.transfer else None
        if contact is None or booking is None:
            return False
        if (booking.seat_owner, booking.fence) != (peer, message.fence):
            return True
        booking.ringing = True
        if message.leg:
            self.table.set_leg(contact, message.leg)
        if message.state == "answered" and booking.leg and peer == self._book.name:
            self.up(contact)
        else:
            self.ringing(contact)
        return True

    def ringing(self, contact: Contact) -> None:
        """Give the target time to answer."""
        if contact.transfer is not None and contact.transfer.stage == "calling":
            self._arm(contact, self._ring_s(contact), self._lapsed)

    def up(self, contact: Contact) -> None:
        """Let agent and target hear each other."""
        transfer, far = contact.transfer, far_of(contact)
        if transfer is None or far is None or transfer.stage != "calling":
            return
        transfer.stage = "talking"
        self._timers.cancel(_timer(contact))
        self.bridges.two(contact)
        self._steps.tell(contact, "talking", seat=far.seat if isinstance(far, Booking) else "")
        self._book.changed(contact)

    # -- somebody goes -------------------------------------------------------------------------

    def released(self, peer: str, message: Release) -> bool:
        """The target's seat was given back; return whether it is one."""
        contact = self.table.by_token(message.reservation)
        booking = contact.transfer.booking if contact and contact.transfer else None
        if contact is None or booking is None:
            return False
        if (booking.seat_owner, booking.fence) == (peer, message.fence):
            self.target_down(contact, message.reason)
        return True

    def target_down(self, contact: Contact, reason: str) -> None:
        """The target did not answer, or has hung up: the agent has the caller again."""
        stage = contact.transfer.stage if contact.transfer else ""
        if stage == "calling":
            self.fail(contact, "no-answer" if reason == "normal" else reason)
        elif stage in ("talking", "conference"):
            self.table.drop(contact)
            self.bridges.apart(contact)
            self._back(contact)

    def agent_down(self, contact: Contact, reason: str) -> None:
        """The agent who asked has gone: what they asked for goes on without them."""
        transfer = contact.transfer
        if transfer is None:
            return
        if transfer.stage in ("talking", "conference"):
            self._complete(contact)
            return
        self._timers.cancel(_timer(contact))
        far = self.table.drop(contact)
        failing = transfer.stage == "failing"
        self._steps.let_go(contact)
        transfer.how = "blind"
        if failing:
            self.lose(contact, "gone" if reason in LOST else "normal")
        elif isinstance(far, Booking):
            contact.phase = "reserved"
            self._book.set_booking(contact, far)
            self._owner.rearm(contact)
        elif far is not None:
            contact.phase = "moving"
            self._outside.take(contact, far)
        else:
            self.go_on_alone(contact)
        self._book.changed(contact)

    def caller_down(self, contact: Contact) -> None:
        """The caller has gone: nobody is left to talk about."""
        self._timers.cancel(_timer(contact))
        booking = contact.booking
        if contact.transfer is not None and contact.transfer.stage != "failing":
            self._steps.tell(contact, "failed", reason="caller-gone")
        self._let_target_go(contact, "caller-gone")
        if contact.transfer is not None and booking is not None and booking.leg:
            self._turn.command(Hang(booking.leg, "caller-gone"))

    def peer_down(self, contact: Contact, peer: str) -> None:
        """A target whose appliance is gone will not answer; who talks is left to the media."""
        transfer = contact.transfer
        booking = transfer.booking if transfer else None
        if transfer is None or booking is None or booking.seat_owner != peer:
            return
        if transfer.stage == "calling":
            self.fail(contact, "peer-unreachable")
        elif booking.leg:
            self._turn.command(WatchSilence(booking.leg, DEAD_SILENCE_S))

    # -- inside --------------------------------------------------------------------------------

    def _ring_s(self, contact: Contact) -> float:
        return self._plans.queue(self._context(contact).queue).ring_s + RING_GRACE_S

    def _arm(self, contact: Contact, seconds: float, act: Callable[[Contact], None]) -> None:
        name = contact.contact
        due = self._clock.monotonic_s() + seconds
        self._timers.arm(_timer(contact), due, lambda: self._due(name, act))

    def _due(self, name: str, act: Callable[[Contact], None]) -> None:
        contact = self._book.get(name)
        if contact is not None:
            act(contact)

    def _lapsed(self, contact: Contact) -> None:
        transfer = contact.transfer
        if transfer is not None and transfer.stage == "calling":
            ringing = transfer.booking is not None and transfer.booking.ringing
            self.fail(contact, "no-answer" if ringing else "reservation-expired")


def _timer(contact: Contact) -> str:
    return f"transfer/{contact.contact}"
