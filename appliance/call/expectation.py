"""How long a caller will wait: learnt per queue from talks, told as an interval."""

from collections.abc import Callable

from appliance.base.clock import Clock
from appliance.call.book import ContactBook
from appliance.call.contact import Contact
from appliance.call.plans import CurrentPlan
from appliance.routing.expected import WaitModel
from appliance.routing.model import QueueView


class Expectation:
    """Estimates from what this box sees, and from what the hub tells of the whole centre."""

    def __init__(self, book: ContactBook, plans: CurrentPlan, clock: Clock) -> None:
        self._book = book
        self._plans = plans
        self._clock = clock
        self._models: dict[str, WaitModel] = {}
        #: queue -> what a matchmaker that sees more than this box told last
        self._views: dict[str, QueueView] = {}
        #: gives newer views, once somebody wants to know
        self._look: Callable[[], list[QueueView]] | None = None
        book.on_ended.append(self._learn)

    def take(self, views: list[QueueView]) -> None:
        """Take what a matchmaker tells of each queue; none is left when it goes."""
        self._views = {view.queue: view for view in views}
        self._look = None

    def look(self, views: Callable[[], list[QueueView]]) -> None:
        """Have *views* asked when a wait is next expected: on a large floor they cost 10 ms."""
        self._look = views

    def expect(self, contact: Contact) -> tuple[float, float] | None:
        """Return the wait of *contact* as (low, high) [s], or None where nobody serves."""
        if self._look is not None:
            self.take(self._look())
        view = self._views.get(contact.queue)
        if view is None:
            return None
        own_ahead = sum(1 for other in self._book if _before(other, contact))
        ahead = max(own_ahead, view.waiting - 1)
        model = self._models.get(contact.queue, WaitModel())
        return model.expect(ahead=ahead, serving=view.serving, ready=view.ready)

    def _learn(self, contact: Contact, _outcome: str, _reason: str) -> None:
        if not contact.t_talk:
            return
        talk_s = self._clock.monotonic_s() - contact.t_talk
        wrap_up_s = self._plans.queue(contact.queue).wrap_up_s
        model = self._models.get(contact.queue, WaitModel())
        self._models[contact.queue] = model.observe(talk_s, wrap_up_s)


def _before(other: Contact, contact: Contact) -> bool:
    """Tell whether *other* waits in the same queue at an earlier place."""
    return (
        other.phase == "waiting" and other.queue == contact.queue and other.place < contact.place
    )
