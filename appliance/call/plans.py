"""The plan in force, with look-ups by name."""

from appliance.plan.model import Agent, Flow, Number, Plan, Queue


class CurrentPlan:
    """Holds the plan in force; everyone asks here, so that the next call follows the new one."""

    def __init__(self, plan: Plan | None = None) -> None:
        self.plan = Plan()
        self.take(plan or Plan())

    def take(self, plan: Plan) -> None:
        """Put *plan* in force."""
        self.plan = plan
        self.numbers: dict[str, Number] = {item.number: item for item in plan.numbers}
        self.queues: dict[str, Queue] = {item.name: item for item in plan.queues}
        self.flows: dict[str, Flow] = {item.name: item for item in plan.flows}
        self.agents: dict[str, Agent] = {item.name: item for item in plan.agents}
        self.agent_by_account: dict[str, Agent] = {item.account: item for item in plan.agents}

    def number(self, called: str) -> Number | None:
        """Return what answers *called*, with or without its leading `+`."""
        return self.numbers.get(called) or self.numbers.get("+" + called)

    def queue(self, name: str) -> Queue:
        """Return the queue called *name*; one the plan no longer has keeps its defaults."""
        return self.queues.get(name) or Queue(name=name)
