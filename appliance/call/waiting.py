"""What a waiting caller hears: an announced expected wait, then music, again and again."""

from collections.abc import Callable

from appliance.call.contact import Contact
from appliance.call.office import Office
from appliance.call.overflow import OverflowWatch
from appliance.call.prompts import wait_items
from appliance.ledger.records import WaitAnnounced
from appliance.routing.expected import announced
from appliance.wire.commands import Play

#: a wait that is over before it is announced is not announced [s]
WORTH_SAYING_S = 10.0
#: expected wait of a contact: low and high end [s], or None where nothing is known
Expect = Callable[[Contact], tuple[float, float] | None]


class WaitingRoom:
    """Plays to the contacts that wait."""

    def __init__(self, office: Office, overflow: OverflowWatch) -> None:
        self._turn, self._book, self._plans = office.turn, office.book, office.plans
        self._timers, self._clock = office.timers, office.clock
        self._overflow = overflow
        #: set by the composition root
        self.expect: Expect = lambda _contact: None
        #: hears of each announcement
        self.told: Callable[[Contact], None] = lambda _contact: None

    def enter(self, contact: Contact) -> None:
        """Greet a contact that has just joined, once its leg can hear."""
        if contact.up and not self._overflow.watch(contact):
            self._announce(contact)

    def resume(self, contact: Contact, *, playing: bool) -> None:
        """Go on with a contact that waited already (after an offer, or a restart)."""
        if not contact.up:
            return
        if not playing:
            self.music(contact)
        self._arm(contact)
        self._overflow.watch(contact)

    def leave(self, contact: Contact) -> None:
        """Stop announcing; what plays is ended by the bridge, or by the flow."""
        self._timers.cancel(_timer(contact))
        self._overflow.forget(contact)

    def play_done(self, contact: Contact, play: int, why: str) -> None:
        """After an announcement comes music."""
        if why == "end" and play == contact.play and contact.phase in ("waiting", "reserved"):
            self.music(contact)

    def play(self, contact: Contact, items: list[str], *, loop: bool = False) -> None:
        """Play *items* to the caller, replacing what plays."""
        contact.play += 1
        self._turn.command(Play(contact.leg, contact.play, items, loop))
        self._book.changed(contact)

    def music(self, contact: Contact) -> None:
        """Play the queue's music, over and over."""
        self.play(contact, self._plans.music(contact.queue, contact.klass), loop=True)

    def _announce(self, contact: Contact) -> None:
        self._arm(contact)
        expected = self.expect(contact) if self._plans.queue(contact.queue).announce_s else None
        if expected is None or contact.phase != "waiting" or expected[1] < WORTH_SAYING_S:
            self.music(contact)
            return
        low_s, high_s = expected
        self._turn.note(contact.contact, WaitAnnounced(low_s=low_s, high_s=high_s))
        self.told(contact)
        self.play(contact, wait_items(announced(low_s, high_s)))

    def _arm(self, contact: Contact) -> None:
        every_s = self._plans.queue(contact.queue).announce_s
        if every_s:
            due = self._clock.monotonic_s() + every_s
            self._timers.arm(_timer(contact), due, lambda: self._again(contact.contact))

    def _again(self, name: str) -> None:
        contact = self._book.get(name)
        if contact is not None and contact.phase == "waiting":
            self._announce(contact)


def _timer(contact: Contact) -> str:
    return f"announce/{contact.contact}"
