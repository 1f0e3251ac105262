"""A contact centre in virtual time where not everything goes well.

Callers give up, agents do not answer or take a break, who waits too long overflows into a flow and
comes back in another queue or is let go.
"""

import heapq
import random
from collections.abc import Callable

import msgspec

from appliance.plan.model import Enqueue, Flow, HangUp, Overflow, Plan, Queue
from appliance.routing.failures import failure_of
from appliance.routing.model import (
    ContactRow,
    ContactState,
    Place,
    Proposal,
    SeatRow,
    SeatState,
)
from tests.appliance.routing.rows import Published

#: mean talk, wrap-up and patience [ms]
TALK_MS, WRAP_UP_MS, PATIENCE_MS = 170_000, 10_000, 120_000
#: from offer to ringing, then to the answer; until an agent who does not answer is given up [ms]
RESERVE_MS, ANSWER_MS, RING_MS = 5, 3_000, 15_000
#: how often nobody answers, and how long the agent is gone then [ms]
NO_ANSWER, NO_ANSWER_MS = 0.02, 60_000
#: between breaks, of a break, and in a flow [ms]
WORK_MS, BREAK_MS, FLOW_MS = 1_800_000, 120_000, 7_000

_replace = msgspec.structs.replace


def overflowing(plan: Plan) -> Plan:
    """Return *plan* with overflow: some queues to the next one, some to the exit."""
    queues = [_overflowing(queue, number) for number, queue in enumerate(plan.queues)]
    names = [queue.name for queue in plan.queues]
    on = [
        Flow(
            name=f"on-{number}",
            start="on",
            steps={"on": Enqueue(queue=names[(number + 1) % len(names)])},
        )
        for number in range(len(names))
    ]
    out = Flow(name="out", start="bye", steps={"bye": HangUp(prompts=("closed",))})
    return _replace(plan, queues=tuple(queues), flows=(*on, out))


def _overflowing(queue: Queue, number: int) -> Queue:
    rules: tuple[Overflow, ...] = ()
    if number % 3 == 0:
        rules = (Overflow(after_s=25, flow=f"on-{number}"),)
    elif number % 3 == 1:
        rules = (Overflow(after_s=60, flow="out"),)
    return _replace(queue, overflow=rules)


class Lively:
    """Owners in virtual time; each event publishes rows, proposals are followed at once."""

    def __init__(
        self,
        plan: Plan,
        chance: random.Random,
        *,
        every_ms: float,
        patience_ms: float = PATIENCE_MS,
    ) -> None:
        """A contact comes *every_ms* on average, and gives up after *patience_ms*."""
        self._chance = chance
        self._every_ms = every_ms
        self._patience_ms = patience_ms
        self._queues = {queue.name: queue for queue in plan.queues}
        self._flows = {flow.name: flow for flow in plan.flows}
        self._names = list(self._queues)
        self._sites = [site.name for site in plan.sites]
        self.now_ms = 0
        #: contacts that have ended
        self.done = 0
        self._number = 0
        self._events: list[tuple[int, int, Callable[[], None]]] = []
        self._contacts: dict[str, ContactRow] = {}
        self._joined: dict[str, int] = {}
        #: contact -> flow to which it goes as soon as it waits
        self._overdue: dict[str, str] = {}
        #: told of each row that an owner publishes, and of what a row does not say
        self.publish: Callable[..., None] = lambda *_: None
        self.tell: Callable[..., None] = lambda *_: None
        #: seat -> why it is paused; since when it is idle [ms]
        self.whys: dict[str, str] = {}
        self._idle: dict[str, int] = {}
        self._break_due: set[str] = set()
        self.seats = {
            agent.name: SeatRow(
                seat=agent.name,
                owner=f"box-{agent.site}",
                incarnation=1,
                epoch=1,
                site=agent.site,
                state="ready",
                idle_ms=chance.randrange(60_000),
            )
            for agent in plan.agents
        }
        for row in self.seats.values():
            self._idle[row.seat] = -row.idle_ms
            self._in(chance.expovariate(1 / WORK_MS), self._break, row.seat)
        self._in(0, self._arrive)

    def snapshots(self) -> dict[str, Published]:
        """Return what each owner has at the beginning."""
        found = {f"box-{site}": Published() for site in self._sites}
        for row in self.seats.values():
            found[row.owner].seats.append(row)
        return found

    @property
    def next_ms(self) -> int:
        """When the next thing happens."""
        return self._events[0][0]

    def step(self) -> None:
        """Let the next thing happen."""
        self.now_ms, _, event = heapq.heappop(self._events)
        event()

    def _in(self, in_ms: float, event: Callable[..., None], *arguments: str) -> None:
        self._number += 1
        due_ms = self.now_ms + round(in_ms)
        heapq.heappush(self._events, (due_ms, self._number, lambda: event(*arguments)))

    # -- contacts ------------------------------------------------------------------------------

    def _arrive(self) -> None:
        chance = self._chance
        self._in(chance.expovariate(1 / self._every_ms), self._arrive)
        self._number += 1
        name, site = f"c{self._number}", chance.choice(self._sites)
        self._joined[name] = self.now_ms
        row = ContactRow(
            contact=name,
            owner=f"box-{site}",
            incarnation=1,
            place=Place(self.now_ms << 16, f"box-{site}", name),
            queue=chance.choice(self._names),
            klass=chance.choice(("platinum", "gold", "gold", "bronze", "bronze")),
            home=site,
        )
        self._contacts[name] = row
        self.publish(row)
        self._in(chance.expovariate(1 / self._patience_ms), self._give_up, name)
        for rule in self._queues[row.queue].overflow:
            self._in(rule.after_s * 1000, self._overflow, name, rule.flow)

    def _give_up(self, name: str) -> None:
        row = self._contacts.get(name)
        if row is None or row.state == "talking":
            return
        self._over(row, "abandoned")
        if row.seat:
            self._seat(row.seat, "ready")

    def _over(self, row: ContactRow, outcome: str) -> None:
        del self._contacts[row.contact]
        self.tell(row, outcome)
        self.publish(_replace(row, state="ended", fence=row.fence + 1))
        self.done += 1

    def _overflow(self, name: str, flow: str) -> None:
        row = self._contacts.get(name)
        if row is None or row.state == "talking":
            return
        if row.state != "waiting":  # where the offer comes to nothing, it goes at once
            self._overdue[name] = flow
            return
        gone = _replace(row, state="ended", fence=row.fence + 1)
        self.tell(row, "moved", flow)
        self.publish(gone)
        # in a flow it holds no row; `connecting` keeps it from being taken for one that waits
        self._contacts[name] = _replace(row, state="connecting", fence=row.fence + 1)
        self._in(self._chance.uniform(0.5, 1.5) * FLOW_MS, self._through, name, flow)

    def _through(self, name: str, flow: str) -> None:
        row = self._contacts.get(name)
        if row is None:
            return
        step = next(iter(self._flows[flow].steps.values()))
        if not isinstance(step, Enqueue):
            self._over(row, "released")
            return
        age_ms = self.now_ms - self._joined[name]
        row = _replace(row, state="waiting", queue=step.queue, age_ms=age_ms, fence=row.fence + 1)
        self._contacts[name] = row
        self.tell(row, "queued")
        self.publish(row)
        for rule in self._queues[row.queue].overflow:
            due_ms = max(0, round(rule.after_s * 1000) - age_ms)
            self._in(due_ms, self._overflow, name, rule.flow)

    # -- from offer to notes -------------------------------------------------------------------

    def follow(self, proposal: Proposal) -> None:
        """Both owners take a proposal."""
        self._contact(proposal.contact, "reserved", proposal.seat)
        self._seat(proposal.seat, "reserved")
        row = self._contacts[proposal.contact]
        self._in(RESERVE_MS, self._ring, row.contact, row.seat, str(row.fence))

    def _offered(self, name: str, fence: str) -> ContactRow | None:
        """Return the contact, if this offer still holds."""
        row = self._contacts.get(name)
        return row if row is not None and str(row.fence) == fence else None

    def _ring(self, name: str, seat: str, fence: str) -> None:
        if self._offered(name, fence) is None:
            return
        self._seat(seat, "ringing")
        if self._chance.random() < NO_ANSWER:
            self._in(RING_MS, self._unanswered, name, seat, fence)
        else:
            ring_ms = self._chance.uniform(0.5, 1.5) * ANSWER_MS
            self._in(ring_ms, self._answer, name, seat, fence)

    def _unanswered(self, name: str, seat: str, fence: str) -> None:
        row = self._offered(name, fence)
        if row is None:
            return
        self.tell(row, "offer-ended", "no-answer")
        age_ms = self.now_ms - self._joined[name]
        back = _replace(row, state="waiting", seat="", age_ms=age_ms, fence=row.fence + 1)
        self._contacts[name] = back
        failure = failure_of(row, seat, self.seats[seat].owner, "no-answer")
        self.publish(back, failure)
        self._pause(seat, "no-answer", NO_ANSWER_MS)
        if name in self._overdue:
            self._overflow(name, self._overdue.pop(name))

    def _answer(self, name: str, seat: str, fence: str) -> None:
        if self._offered(name, fence) is None:
            return
        self._contact(name, "talking", seat)
        self._seat(seat, "talking")
        self._in(self._chance.expovariate(1 / TALK_MS), self._hang_up, name, seat)

    def _hang_up(self, name: str, seat: str) -> None:
        self._over(self._contacts[name], "served")
        self._seat(seat, "wrap-up")
        self._in(self._chance.uniform(0.5, 1.5) * WRAP_UP_MS, self._noted, seat)

    def _noted(self, seat: str) -> None:
        if seat in self._break_due:
            self._break_due.discard(seat)
            self._pause(seat, "agent", BREAK_MS)
        else:
            self._seat(seat, "ready")

    # -- seats ---------------------------------------------------------------------------------

    def _break(self, seat: str) -> None:
        self._in(self._chance.expovariate(1 / WORK_MS), self._break, seat)
        if self.seats[seat].state == "ready":
            self._pause(seat, "agent", BREAK_MS)
        elif self.seats[seat].state in ("talking", "wrap-up"):
            self._break_due.add(seat)

    def _pause(self, seat: str, why: str, for_ms: float) -> None:
        self.whys[seat] = why
        self._seat(seat, "paused")
        self._in(self._chance.uniform(0.5, 1.5) * for_ms, self._seat, seat, "ready")

    def _contact(self, name: str, state: ContactState, seat: str) -> None:
        row = self._contacts[name]
        self._contacts[name] = _replace(row, state=state, seat=seat, fence=row.fence + 1)
        self.publish(self._contacts[name])

    def _seat(self, name: str, state: SeatState) -> None:
        row = self.seats[name]
        since_ms = self.now_ms
        if state == "ready":
            since_ms = self._idle.setdefault(name, self.now_ms)
        elif state in ("talking", "paused"):
            self._idle.pop(name, None)
        idle_ms = self.now_ms - since_ms
        self.seats[name] = _replace(row, state=state, fence=row.fence + 1, idle_ms=idle_ms)
        self.publish(self.seats[name])
