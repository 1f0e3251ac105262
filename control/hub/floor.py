"""The hub's floor: what all boxes published, live for the pages, and matched as it changes.

The hub holds no truth. It proposes; a lost hub loses nothing that the boxes do not publish again.
"""

import asyncio
import logging
import math
from collections import Counter
from collections.abc import Callable, Iterable

import msgspec

from appliance.base.clock import Clock
from appliance.link.messages import (
    Delta,
    LinkMessage,
    ProposalRefused,
    Propose,
    SeatAsk,
    Snapshot,
)
from appliance.link.seeking import answer
from appliance.link.telling import QueueTeller
from appliance.plan.model import Plan
from appliance.routing.matchmaker import Matchmaker
from appliance.routing.model import QueueView
from appliance.routing.reach import HUB_NAME
from appliance.routing.views import site_views
from control.hub.live import LiveState

_log = logging.getLogger(__name__)

#: a hub that has just started proposes when every box has told what it has, or this long after
#: the first did [s]: boxes dial again within 1 s (`link/dialler.py`), and who is served before the
#: others are known may overtake them
GATHER_S = 1.0
#: proposals made in one turn of the loop, some 10 ms: when many seats and contacts meet at once,
#: as after a heal, the first are on their way while the others are chosen, and the link goes on
TURN_PROPOSALS = 100


class HubFloor:
    """A `ViewSink` over all boxes: feeds the matchmaker and the live state."""

    def __init__(
        self,
        clock: Clock,
        send: Callable[[str, LinkMessage], bool],
        *,
        soon: Callable[[Callable[[], None]], object] | None = None,
        name: str = HUB_NAME,
    ) -> None:
        self._clock = clock
        self._send = send
        self._soon = soon or _call_soon
        self._name = name
        self.matchmaker = Matchmaker(Plan(), name)
        self.live = LiveState(self.matchmaker.floor, clock)
        self._due = False
        #: boxes that have not yet told what they have, while they are waited for, and how long
        self._missing: set[str] = set()
        self._gather_until_s = math.inf
        self._teller = QueueTeller(clock, send, self._views)
        self.newcomer, self.tell_queues = self._teller.newcomer, self._teller.tell
        #: proposals sent, and what came back, by reason word
        self.outcomes: Counter[str] = Counter()

    # -- what the boxes publish ----------------------------------------------------------------

    def replace(self, owner: str, snapshot: Snapshot) -> None:
        """Take everything that *owner* has."""
        if self.matchmaker.on_snapshot(owner, snapshot, self._now_ms()):
            self.live.touch(owner, snapshot)
            self._gathered(owner, snapshot.reaches)
            self._stir()

    def change(self, owner: str, delta: Delta) -> None:
        """Take what changed at *owner*."""
        if self.matchmaker.on_delta(owner, delta, self._now_ms()):
            self.live.touch(owner, delta)
            self._gathered(owner, delta.reaches or ())
            self._stir()

    def lose(self, owner: str) -> None:
        """Forget *owner*: it is out of reach."""
        self.matchmaker.on_lost(owner)
        self.live.lose(owner)
        self._stir()

    # -- matching ------------------------------------------------------------------------------

    def gather(self, boxes: Iterable[str]) -> None:
        """Propose nothing before all of *boxes* are here, or GATHER_S after the first."""
        self._missing = set(boxes)
        self._gather_until_s = math.inf

    @property
    def gathering(self) -> bool:
        """Tell whether boxes are still waited for."""
        if self._missing and self._clock.monotonic_s() >= self._gather_until_s:
            _log.info("proposing without %s", ", ".join(sorted(self._missing)))
            self._missing.clear()
        return bool(self._missing)

    def _gathered(self, owner: str, reaches: Iterable[str]) -> None:
        """Note that *owner* has told what it has: it sends its rows once it reaches this hub."""
        if not self._missing or self._name not in reaches:
            return
        if self._gather_until_s == math.inf:
            self._gather_until_s = self._clock.monotonic_s() + GATHER_S
        self._missing.discard(owner)

    def set_plan(self, plan: Plan) -> None:
        """Decide by another plan from now on."""
        self.matchmaker.set_plan(plan)
        self.live.set_plan(self.matchmaker.plan)
        self._stir()

    def refused(self, peer: str, answer: ProposalRefused) -> None:
        """Take an owner's no; from nobody else."""
        floor = self.matchmaker.floor
        contact, seat = floor.contact(answer.contact), floor.seat(answer.seat)
        owners = {row.owner for row in (contact, seat) if row is not None}
        if owners and peer not in owners:
            self.outcomes["not-enrolled"] += 1
            _log.warning("%s refused a proposal that is not its own", peer)
            return
        self.outcomes[answer.reason[:32]] += 1
        self.matchmaker.refused(answer.contact, answer.seat, answer.reason, self._now_ms())
        self._stir()

    def propose(self) -> None:
        """Send what is to be proposed now."""
        self._due = False
        if self.gathering:
            return
        now_ms = self._now_ms()
        for proposal in self.matchmaker.propose(now_ms, TURN_PROPOSALS):
            self.outcomes["proposed"] += 1
            if not self._send(proposal.seat_owner, Propose(proposal)):
                self.matchmaker.refused(
                    proposal.contact, proposal.seat, "peer-unreachable", now_ms
                )
        if self.matchmaker.floor.stirred:
            self._stir()

    def asked(self, peer: str, ask: SeatAsk) -> None:
        """Find a seat for the owner of a contact that is handed on."""
        self._send(peer, answer(self.matchmaker, peer, ask, self._now_ms()))

    def _views(self) -> list[QueueView]:
        """Return each queue over the whole centre, with its sites where an owner needs them."""
        self.live.settle()
        views = self.live.queues.views()
        sites = site_views(self.matchmaker.plan, self.matchmaker.floor)
        if not sites:
            return views
        return [
            msgspec.structs.replace(view, sites=tuple(sites.get(view.queue, ()))) for view in views
        ]

    def _stir(self) -> None:
        """Match once in the next turn, however many rows this turn brings."""
        if not self._due:
            self._due = True
            self._soon(self.propose)

    def _now_ms(self) -> int:
        return round(self._clock.monotonic_s() * 1000)


def _call_soon(callback: Callable[[], None]) -> object:
    return asyncio.get_running_loop().call_soon(callback)
