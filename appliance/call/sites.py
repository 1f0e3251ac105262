"""Chooses the site whose agents a contact is for at first, where its queue asks for it."""

import logging
from collections.abc import Callable, Iterable, Sequence

import msgspec

from appliance.call.contact import Contact
from appliance.call.plans import CurrentPlan
from appliance.call.turn import Turn
from appliance.routing.model import Given, SiteView
from appliance.routing.sites import least_wait, share_site

log = logging.getLogger(__name__)

#: what has been given is kept under this
SITES_KEY = "sites"
#: sites told in a contact's row; it travels to every matchmaker
TOLD = 4


class Dealt(msgspec.Struct):
    """What this box has given, queue by queue; it outlives the brain, so that shares hold."""

    #: queue -> contacts given by shares
    numbers: dict[str, int] = {}
    #: queue -> the site chosen last
    chosen: dict[str, str] = {}


class SiteChooser:
    """Gives contacts to sites by the rules of `routing/sites.py`."""

    def __init__(self, name: str, turn: Turn, plans: CurrentPlan) -> None:
        self._name = name
        self._turn = turn
        self._plans = plans
        self._dealt = Dealt()
        #: queue -> what was looked at, and what that has become by what was given since
        self._seen: dict[str, tuple[Sequence[SiteView], dict[str, SiteView]]] = {}
        #: set by the composition root: the sites of a queue, the same object until there is
        #: something new, and the expected wait at one [s]
        self.look: Callable[[str], Sequence[SiteView]] = lambda _queue: ()
        self.expect: Callable[[str, SiteView], float | None] = lambda _queue, _view: None

    def remember(self, states: Iterable[tuple[str, bytes]]) -> None:
        """Go on counting where the brain before this one was."""
        for key, state in states:
            if key == SITES_KEY:
                try:
                    self._dealt = msgspec.msgpack.decode(state, type=Dealt)
                except msgspec.MsgspecError as error:
                    log.error("%s cannot be read: %s", key, error)  # noqa: TRY400

    def give(self, contact: Contact) -> Given | None:
        """Return the site that *contact*, which joins its queue, is for at first; None: all."""
        divide = self._plans.queue(contact.queue).divide
        if divide is None:
            return None
        given = self._by_shares(contact) if divide.by == "shares" else self._by_wait(contact)
        if not given.site:
            return None
        self._turn.keep(SITES_KEY, self._dealt)
        return given

    def _by_shares(self, contact: Contact) -> Given:
        queue = self._plans.queue(contact.queue)
        number = self._dealt.numbers.get(queue.name, 0) + 1
        self._dealt.numbers[queue.name] = number
        shares = queue.divide.shares if queue.divide else {}
        site = share_site(shares, self._name, queue.name, number)
        return Given(site, "shares", self._plans.plan.serial, number)

    def _by_wait(self, contact: Contact) -> Given:
        queue = self._plans.queue(contact.queue)
        views = self._views(queue.name)
        waits = []
        for view in views.values():
            wait_s = self.expect(queue.name, view)
            if wait_s is not None:
                waits.append((view.site, round(wait_s, 1)))
        before = self._dealt.chosen.get(queue.name, "")
        site = least_wait(waits, before, queue.divide.margin_s if queue.divide else 0.0)
        if site:
            self._dealt.chosen[queue.name] = site
            # until the next look, what was given counts too
            views[site] = msgspec.structs.replace(views[site], waiting=views[site].waiting + 1)
        serial = self._plans.plan.serial
        return Given(site, "wait", serial, waits=_told(waits, before), before=before)

    def _views(self, queue: str) -> dict[str, SiteView]:
        looked = self.look(queue)
        seen = self._seen.get(queue)
        if seen is None or seen[0] is not looked:
            seen = self._seen[queue] = (looked, {view.site: view for view in looked})
        return seen[1]


def _told(waits: list[tuple[str, float]], before: str) -> tuple[tuple[str, float], ...]:
    """Return the waits that decided: the least ones, and the one of the site chosen before."""
    ordered = sorted(waits, key=lambda wait: (wait[1], wait[0]))
    return tuple(
        (site, wait_s)
        for number, (site, wait_s) in enumerate(ordered)
        if number < TOLD or site == before
    )
