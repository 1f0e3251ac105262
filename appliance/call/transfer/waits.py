"""An agent consults a queue in which nobody is free: it waits for as long as a phone would ring.

The agent hears how long it may take, then the ringing tone, and has the caller again when nobody
has come free by then. Hanging up meanwhile leaves the caller in that queue.
"""

from collections.abc import Callable

import msgspec

from appliance.call.contact import Contact
from appliance.call.office import Office
from appliance.call.prompts import wait_items
from appliance.call.transfer.bridges import TransferBridges
from appliance.call.waiting import WaitingRoom
from appliance.routing.expected import announced

#: it is looked again this often whether somebody is free [s]
AGAIN_S = 1.0


class QueueWait:
    """Looks again and again for a free agent of a consulted queue."""

    def __init__(self, office: Office, bridges: TransferBridges, waiting: WaitingRoom) -> None:
        self._book, self._plans = office.book, office.plans
        self._timers, self._clock = office.timers, office.clock
        self._bridges = bridges
        self._waiting = waiting
        #: looks for a seat; set by `Transfers`
        self.look: Callable[[Contact], None] = lambda _contact: None

    def wait(self, contact: Contact, queue: str) -> bool:
        """Wait until it is looked again; False where there is nothing to wait for any more."""
        transfer = contact.transfer
        if transfer is None or transfer.how != "consult" or contact.phase != "talking":
            return False
        now_s = self._clock.monotonic_s()
        if not transfer.until_s:
            expected = self._waiting.expect(msgspec.structs.replace(contact, queue=queue))
            if expected is None:
                return False  # nobody serves it
            transfer.until_s = now_s + self._plans.queue(queue).ring_s
            self._bridges.play(contact, wait_items(announced(*expected), thanks=()))
        if now_s >= transfer.until_s:
            return False
        # who refused may be free again by then
        transfer.seat = transfer.seat_owner = transfer.reason = ""
        transfer.tried = ()
        self.rearm(contact)
        self._book.changed(contact)
        return True

    def rearm(self, contact: Contact) -> None:
        """Look again in a while; also after a restart."""
        name = contact.contact
        self._timers.arm(timer_of(contact), self._clock.monotonic_s() + AGAIN_S, self._again(name))

    def _again(self, name: str) -> Callable[[], None]:
        def look() -> None:
            contact = self._book.get(name)
            if contact is not None and contact.transfer and contact.transfer.stage == "asked":
                self.look(contact)

        return look


def timer_of(contact: Contact) -> str:
    """Return the timer of a contact's transfer."""
    return f"transfer/{contact.contact}"
