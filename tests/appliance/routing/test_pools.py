"""Pools: who may ever serve whom stays together, and nothing else does."""

from hypothesis import given
from hypothesis import strategies as st

from appliance.plan.model import Agent, Plan, Queue, Relax
from appliance.routing.planindex import PlanIndex
from appliance.routing.pools import Pools

SKILLS = ("a", "b", "c", "d")

skills = st.dictionaries(st.sampled_from(SKILLS), st.integers(1, 3), max_size=2)
queues = st.builds(
    lambda some: tuple(
        Queue(
            name=f"q{number}",
            skills=required,
            relax=(Relax(after_s=1.0, skills=dict.fromkeys(required, level)),)
            if level is not None
            else (),
        )
        for number, (required, level) in enumerate(some)
    ),
    st.lists(st.tuples(skills, st.none() | st.integers(0, 2)), min_size=1, max_size=5),
)
agents = st.builds(
    lambda some: tuple(
        Agent(name=f"n{number}", site="s", account=f"n{number}", skills=levels, reserve=reserve)
        for number, (levels, reserve) in enumerate(some)
    ),
    st.lists(st.tuples(skills, st.booleans()), max_size=6),
)


def serves(plan: PlanIndex, agent: str, queue: str, own: dict[str, int]) -> bool:
    """Tell whether the production rule ever pairs them, with reserve agents or without."""
    profile = plan.agents[agent]
    stages = [*(plan.stages(queue, "voice", own) or ()), *(plan.joined(queue, "voice", own) or ())]
    return any(profile.levels(stage.need) is not None for stage in stages)


@given(queues, agents, skills)
def test_who_may_ever_serve_a_queue_is_in_its_pool(
    some: tuple[Queue, ...], people: tuple[Agent, ...], own: dict[str, int]
) -> None:
    plan = PlanIndex(Plan(queues=some, agents=people))
    for queue in some:
        for agent in people:
            if serves(plan, agent.name, queue.name, own):
                assert plan.pools.agent(agent.name) == plan.pools.queue(queue.name)


@given(queues, agents)
def test_a_pool_is_connected_and_called_by_its_least_queue(
    some: tuple[Queue, ...], people: tuple[Agent, ...]
) -> None:
    plan = PlanIndex(Plan(queues=some, agents=people))
    for pool in plan.pools.names:
        within = {queue.name for queue in some if plan.pools.queue(queue.name) == pool}
        assert pool == min(within)
        reached = {pool}
        for _ in some:
            for agent in people:
                served = {q for q in within if serves(plan, agent.name, q, {})}
                if served & reached:
                    reached |= served
        assert reached == within


def test_the_order_of_a_plan_changes_nothing() -> None:
    some = [Queue(name=name, skills={name: 1}) for name in ("x", "y", "z")]
    people = [
        Agent(name="ann", site="s", account="ann", skills={"y": 1, "z": 1}),
        Agent(name="bob", site="s", account="bob", skills={"x": 1}),
        Agent(name="cat", site="s", account="cat", skills={"w": 1}),
    ]
    for pools in (Pools(some, people), Pools(some[::-1], people[::-1])):
        assert pools.of_queue == {"x": "x", "y": "y", "z": "y"}
        assert pools.of_agent == {"ann": "y", "bob": "x", "cat": ""}
        assert pools.names == ["x", "y"]
        assert pools.queue("nowhere") == pools.agent("nobody") == ""
