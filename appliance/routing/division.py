"""To which site each contact of a replayed day is given at first. Pure.

Under the plan that was in force when a contact joined, it is given where its owner gave it: that
is in the ledger. Under another plan the rules of `sites.py` choose anew, each owner for itself;
what an owner expects at a site is made of the whole floor, and of all talks of the queue so far.
"""

from collections import Counter

import msgspec

from appliance.plan.model import Divide, Plan
from appliance.routing.day import Stay
from appliance.routing.expected import WaitModel
from appliance.routing.model import Given, SiteView
from appliance.routing.recordedfloor import RecordedFloor
from appliance.routing.sites import least_wait, share_site

#: a look over all sites is used for this long [µs]: looking costs all seats
_LOOK_US = 2_000_000


class Division:
    """Gives the contacts of one day under one plan."""

    def __init__(self, plan: Plan, floor: RecordedFloor) -> None:
        self._serial = plan.serial
        self._floor = floor
        self._divides = {queue.name: queue.divide for queue in plan.queues if queue.divide}
        #: (owner, queue) -> how many it has given by shares; the site it has chosen last
        self._numbers: Counter[tuple[str, str]] = Counter()
        self._chosen: dict[tuple[str, str], str] = {}
        self._models: dict[str, WaitModel] = {}
        self._views: dict[str, dict[str, SiteView]] = {}
        self._looked_us = -_LOOK_US - 1

    def observe(self, queue: str, talk_us: int, wrap_up_us: int) -> None:
        """Learn from a talk how long they last."""
        if queue in self._divides:
            model = self._models.get(queue, WaitModel())
            self._models[queue] = model.observe(talk_us / 1e6, wrap_up_us / 1e6)

    def give(self, owner: str, stay: Stay, now_us: int) -> Given | None:
        """Return the site that a contact of *owner*, which joins its queue, is for at first."""
        divide = self._divides.get(stay.queue)
        if divide is None:
            return None
        key = (owner, stay.queue)
        self._numbers[key] += 1
        known = stay.site if stay.serial < 0 else stay.serial == self._serial
        if known:
            # number and waits are left out: nothing is computed again from what was recorded
            given = Given(stay.site, divide.by)
        elif divide.by == "shares":
            number = self._numbers[key]
            site = share_site(divide.shares, owner, stay.queue, number)
            given = Given(site, "shares", self._serial, number)
        else:
            given = self._by_wait(key, divide, now_us)
        return given if given.site else None

    def _by_wait(self, key: tuple[str, str], divide: Divide, now_us: int) -> Given:
        queue, before = key[1], self._chosen.get(key, "")
        views = self._look(now_us).get(queue, {})
        model = self._models.get(queue, WaitModel())
        waits = []
        for view in views.values():
            wait = model.expect(ahead=view.waiting, serving=view.serving, ready=view.ready)
            if wait is not None:
                waits.append((view.site, round(sum(wait) / 2, 1)))
        site = least_wait(waits, before, divide.margin_s)
        if site:
            self._chosen[key] = site
            # until the next look, what was given counts too
            views[site] = msgspec.structs.replace(views[site], waiting=views[site].waiting + 1)
        return Given(site, "wait", self._serial, waits=tuple(waits), before=before)

    def _look(self, now_us: int) -> dict[str, dict[str, SiteView]]:
        if now_us - self._looked_us >= _LOOK_US:
            self._looked_us = now_us
            self._views = {
                queue: {view.site: view for view in views}
                for queue, views in self._floor.site_views().items()
            }
        return self._views
