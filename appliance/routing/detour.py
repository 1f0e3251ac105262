"""Where a flow leads a contact that nobody hears: what overflow does in a replayed day. Pure.

What the contact did on that way is in its ledger. Where it never went, nobody can know what it
would press: it presses nothing, prompts take their usual time, a calendar is asked for that moment
of the day, a data source knows nothing, who is called outside answers, and who may leave a message
leaves one.
"""

from collections.abc import Container
from datetime import UTC, datetime

from appliance.plan import actions, steps
from appliance.plan.hours import is_open
from appliance.plan.model import Flow, Overflow, Plan
from appliance.routing.day import Detour, Stay, Visit
from appliance.routing.expected import WaitModel
from appliance.routing.model import QueueView
from appliance.routing.recordedfloor import RecordedFloor

#: what the prompts of one step take [s]
USUAL_PROMPTS_S = 4.0
#: a look over all queues is used for this long [µs], as in a call
_LOOK_US = 2_000_000
#: steps of one way; a flow that is longer has no end
_STEPS_MOST = 200


class OverflowRules:
    """Where the queues of a plan send those who wait too long, and what the flows do then."""

    def __init__(self, plan: Plan, floor: RecordedFloor) -> None:
        self._floor = floor
        self.flows = {flow.name: flow for flow in plan.flows}
        self._calendars = {calendar.name: calendar for calendar in plan.calendars}
        self._rules = {queue.name: queue.overflow for queue in plan.queues if queue.overflow}
        self._models: dict[str, WaitModel] = {}
        self._views: dict[str, QueueView] = {}
        self._looked_us = -_LOOK_US - 1

    def observe(self, queue: str, talk_us: int, wrap_up_us: int) -> None:
        """Learn from a talk how long they last."""
        if queue in self._rules:
            model = self._models.get(queue, WaitModel())
            self._models[queue] = model.observe(talk_us / 1e6, wrap_up_us / 1e6)

    def next(
        self, visit: Visit, queue: str, taken: Container[tuple[str, str]], now_us: int
    ) -> tuple[int, str] | None:
        """Return when a visit that joins *queue* now will leave it, and for which flow.

        *taken*: the rules that were applied to it already, each as queue and flow.
        """
        rules = [
            (due_us, rule.flow)
            for rule in self._rules.get(queue, ())
            if (queue, rule.flow) not in taken
            and (due_us := self._due_us(visit, queue, rule, now_us)) >= 0
        ]
        return min(rules, default=None)

    def _due_us(self, visit: Visit, queue: str, rule: Overflow, now_us: int) -> int:
        """Return when *rule* applies; -1: never."""
        if rule.after_s:
            return visit.joined_us + round(rule.after_s * 1e6)
        expected = self._expected(queue, now_us)
        # where nobody serves the queue, no wait is long enough
        too_long = expected is None or sum(expected) / 2 > rule.expected_s
        return now_us if too_long else -1

    def _expected(self, queue: str, now_us: int) -> tuple[float, float] | None:
        """Return the wait that would be told of *queue*, by what is seen of it."""
        if now_us - self._looked_us > _LOOK_US:
            self._views = self._floor.views()
            self._looked_us = now_us
        view = self._views.get(queue)
        if view is None:
            return None
        model = self._models.get(queue, WaitModel())
        ahead = max(0, view.waiting - 1)  # the visit itself waits already
        return model.expect(ahead=ahead, serving=view.serving, ready=view.ready)

    def detour(self, visit: Visit, rule: tuple[str, str], now_us: int) -> Detour:
        """Return what becomes of a visit in a flow: what became of it there, if it was there."""
        for known in visit.detours:
            if (known.queue, known.flow) == rule and known.took_us >= 0:
                return known
        return self.unheard(*rule, now_us)

    def unheard(self, queue: str, name: str, at_us: int) -> Detour:
        """Return what the flow *name* does with a contact from *queue* that presses nothing."""
        flow = self.flows[name]
        took_s = 0.0
        state, due = steps.begin(flow)
        last: actions.Action | None = None
        for _ in range(_STEPS_MOST):
            last = due[-1] if due else None
            if isinstance(last, actions.PlayPrompts):
                took_s += USUAL_PROMPTS_S
                state, due = steps.on_prompts_done(flow, state)
            elif isinstance(last, actions.StartTimer):
                took_s += last.seconds
                state, due = steps.on_timeout(flow, state)
            elif isinstance(last, actions.LookAtClock):
                at = datetime.fromtimestamp(at_us / 1e6 + took_s, UTC)
                state, due = self._by_clock(flow, state, last.calendar, at)
            elif isinstance(last, actions.AskSource):
                state, due = steps.on_answer(flow, state, known=False)
            else:
                break
        stay = None
        if isinstance(last, actions.JoinQueue):
            stay = Stay(queue=last.queue, klass=last.klass, skills=last.skills, agent=last.agent)
        return Detour(queue=queue, flow=name, took_us=round(took_s * 1e6), stay=stay)

    def _by_clock(
        self, flow: Flow, state: actions.FlowState, name: str, at: datetime
    ) -> actions.Turn:
        """Look at a calendar; one that is not there always is open, as in a call."""
        calendar = self._calendars.get(name)
        return steps.on_hours(flow, state, is_open=calendar is None or is_open(calendar, at))
