"""How long a caller will wait: learnt per queue from talks, told as an interval."""

import math
from collections.abc import Callable, Sequence

from appliance.base.clock import Clock
from appliance.call.book import ContactBook
from appliance.call.contact import Contact
from appliance.call.plans import CurrentPlan
from appliance.routing.calibration import Calibration
from appliance.routing.expected import Outlook, WaitModel
from appliance.routing.model import QueueView, SiteView

#: a view of the queues is looked at again after this [s]
FRESH_S = 2.0
#: the same for sites [s]: looking costs all seats, so not at each call
SITES_FRESH_S = 1.0


class Expectation:
    """Estimates from what this box sees, and from what whoever proposes tells of the whole."""

    def __init__(self, book: ContactBook, plans: CurrentPlan, clock: Clock) -> None:
        self._book = book
        self._plans = plans
        self._clock = clock
        self._models: dict[str, WaitModel] = {}
        self._calibrations: dict[str, Calibration] = {}
        #: contact -> what it was told first: queue, what that was made of, when [monotonic s]
        self._promises: dict[str, tuple[str, Outlook, float]] = {}
        #: queue -> its view, looked at here [monotonic s]
        self._views: dict[str, QueueView] = {}
        self._looked_s = -math.inf
        #: whoever proposes -> what it tells of each queue
        self._told: dict[str, dict[str, QueueView]] = {}
        #: this box's own look over its queues, and over their sites
        self.look: Callable[[], list[QueueView]] = list
        self.look_at_sites: Callable[[], dict[str, list[SiteView]]] = dict
        self._sites: dict[str, list[SiteView]] = {}
        self._looked_at_sites_s = -math.inf
        #: who sees more of a queue than this box and tells of it; nothing: nobody
        self.source: Callable[[str], str] = lambda _queue: ""
        book.on_ended.append(self._learn)
        book.on_ended.append(self._score)

    def take(self, peer: str, views: list[QueueView]) -> None:
        """Take what a hub, or a peer that proposes, tells of each queue."""
        self._told[peer] = {view.queue: view for view in views}

    def gone(self, peer: str) -> None:
        """Forget what *peer* told: it is out of reach."""
        self._told.pop(peer, None)

    def sites(self, queue: str) -> Sequence[SiteView]:
        """Return the sites of a queue that gives contacts by expected wait.

        The same object until there is something new.
        """
        view = self._told.get(self.source(queue), {}).get(queue)
        if view is not None and view.sites:
            return view.sites
        now = self._clock.monotonic_s()
        if now - self._looked_at_sites_s >= SITES_FRESH_S:
            self._sites = self.look_at_sites()
            self._looked_at_sites_s = now
        return self._sites.get(queue, ())

    def _view(self, queue: str) -> QueueView | None:
        """Return a view that is fresh: looking costs queues times seats, so not at each call."""
        told = self._told.get(self.source(queue))
        if told is not None:
            return told.get(queue)
        now = self._clock.monotonic_s()
        if now - self._looked_s > FRESH_S:
            self._views = {view.queue: view for view in self.look()}
            self._looked_s = now
        return self._views.get(queue)

    def expect(self, contact: Contact) -> tuple[float, float] | None:
        """Return the wait of *contact* as (low, high) [s], or None where nobody serves."""
        outlook = self._outlook(contact)
        return None if outlook is None else self._calibration(contact.queue).interval(outlook)

    def told(self, contact: Contact) -> None:
        """Note that *contact* was told its wait: the first one will be scored, and learnt from."""
        outlook = self._outlook(contact)
        if outlook is not None:
            promise = (contact.queue, outlook, self._clock.monotonic_s())
            self._promises.setdefault(contact.contact, promise)

    def _calibration(self, queue: str) -> Calibration:
        return self._calibrations.get(queue, Calibration())

    def _outlook(self, contact: Contact) -> Outlook | None:
        view = self._view(contact.queue)
        if view is None:
            return None
        own_ahead = sum(1 for other in self._book if _before(other, contact))
        ahead = max(own_ahead, view.waiting - 1)
        model = self._models.get(contact.queue, WaitModel())
        return model.outlook(ahead=ahead, serving=view.serving, ready=view.ready)

    def _score(self, contact: Contact, _outcome: str, _reason: str) -> None:
        """Learn from what came of the wait that was told."""
        promise = self._promises.pop(contact.contact, None)
        if promise is None:
            return
        queue, outlook, told_s = promise
        came_s = (contact.t_talk or self._clock.monotonic_s()) - told_s
        left = not contact.t_talk
        self._calibrations[queue] = self._calibration(queue).learn(outlook, came_s, left=left)

    def expect_at(self, queue: str, view: SiteView) -> float | None:
        """Return the wait of one more contact at a site [s], the middle of it; None: nobody's."""
        model = self._models.get(queue, WaitModel())
        wait = model.expect(ahead=view.waiting, serving=view.serving, ready=view.ready)
        return None if wait is None else sum(wait) / 2

    def _learn(self, contact: Contact, _outcome: str, _reason: str) -> None:
        if not contact.t_talk or contact.channel != "voice":
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
