"""The calls with other branches that this branch's access link carries, and its room for more.

A call counts from its reservation to its end, once: it stands here by the name of its reservation,
put in and taken out where contact and seat take and leave that. So after a restart the count is
what was adopted. It takes room at both ends; each end counts for its own link.
"""

from collections.abc import Callable

from appliance.call.plans import CurrentPlan
from appliance.plan.links import call_kbit_s, most_calls, pair_codecs
from appliance.plan.model import LinkCodec, Site

#: the alarm is raised above this part of what the link carries, and ends below the other
ALARM_ABOVE, ALARM_BELOW = 0.8, 0.7


class LinkBudget:
    """What is reserved of one branch's access link."""

    def __init__(self, name: str, site: str, plans: CurrentPlan) -> None:
        self._name = name
        self._site = site
        self._plans = plans
        #: reservations of calls with other branches
        self._calls: set[str] = set()
        self._told, self._told_used = False, 0
        self._alarmed = False
        #: the branch of another appliance; empty: not known, so it counts as another
        self.site_of: Callable[[str], str] = lambda _peer: ""
        #: told when the link takes no more calls, and when it does again
        self.on_full: list[Callable[[bool], None]] = []
        #: told at the end of a turn in which the number of calls changed
        self.on_change: Callable[[], None] = lambda: None

    # -- what is reserved ----------------------------------------------------------------------

    def take(self, reservation: str, peer: str) -> None:
        """Reserve room for the call of *reservation*, if it goes to another branch."""
        if self._elsewhere(peer):
            self._calls.add(reservation)

    def free(self, reservation: str) -> None:
        """Let go what *reservation* had, if anything."""
        self._calls.discard(reservation)

    def clear(self) -> None:
        """Forget all; every contact and seat is about to be adopted anew."""
        self._calls.clear()

    def against(self, peer: str, leaves: str = "") -> str:
        """Return the reason word against one more call with *peer*, or nothing.

        *leaves*: a reservation that is given up for it.
        """
        return "link-full" if self._elsewhere(peer) and self.is_full(leaves) else ""

    def is_full(self, leaves: str = "") -> bool:
        """Tell whether the link takes no more calls, once *leaves* is given up."""
        return 0 < self.limit <= len(self._calls) - (leaves in self._calls)

    # -- what the plan says --------------------------------------------------------------------

    @property
    def used(self) -> int:
        """Calls that are reserved."""
        return len(self._calls)

    @property
    def limit(self) -> int:
        """Calls that the link carries; 0: any number."""
        return most_calls(self._here())

    @property
    def used_kbit_s(self) -> int:
        """What these calls take of the link at most, each way."""
        return self.used * call_kbit_s(self._here().codecs)

    @property
    def limit_kbit_s(self) -> int:
        """What calls may take of the link, each way; 0: all of it."""
        return self._here().link_kbit_s

    def codecs(self, peer: str) -> tuple[LinkCodec, ...]:
        """Return the codecs of calls with *peer*, best first; none: as the settings say."""
        if not self._elsewhere(peer):
            return ()
        return pair_codecs(self._here(), self._plans.site(self.site_of(peer)))

    # -- who is told ---------------------------------------------------------------------------

    def settle(self) -> bool:
        """Tell whether the link is full, where that has changed; return whether it has."""
        if self._told_used != self.used:
            self._told_used = self.used
            self.on_change()
        full = self.is_full()
        if full == self._told:
            return False
        self._told = full
        for told in self.on_full:
            told(full)
        return True

    def watch(self) -> bool:
        """Tell whether the link is nearly full; it is until it has fallen below a lower mark."""
        share = self.used / self.limit if self.limit else 0.0
        self._alarmed = share > (ALARM_BELOW if self._alarmed else ALARM_ABOVE)
        return self._alarmed

    def _here(self) -> Site:
        return self._plans.site(self._site)

    def _elsewhere(self, peer: str) -> bool:
        return peer != self._name and self.site_of(peer) != self._site
