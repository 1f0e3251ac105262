"""Of proposals for one seat the one is taken that a single matchmaker would have made."""

import random

from appliance.routing.contest import best
from appliance.routing.decide import decide
from appliance.routing.model import Proposal
from appliance.routing.planindex import PlanIndex
from tests.appliance.routing.rows import NOW_MS, PLAN, contact, floor_of, seat

_INDEX = PlanIndex(PLAN)


def proposals(*rows: object, late_ms: int = 0) -> list[Proposal]:
    """Return what a matchmaker that sees these rows proposes."""
    return decide(_INDEX, floor_of(*rows), NOW_MS + late_ms)  # type: ignore[arg-type]


def test_what_is_taken_is_what_one_matchmaker_would_propose() -> None:
    agent = _INDEX.plan.agents[0].name
    queues = [queue.name for queue in PLAN.queues]
    served = 0
    for number in range(400):
        pick = random.Random(number)
        rows = [
            contact(
                f"c{n}",
                arrival=arrival,
                queue=pick.choice(queues),
                klass=pick.choice(("gold", "bronze")),
                age_ms=5_000 * (10 - arrival),
            )
            for n, arrival in enumerate(pick.choices(range(10), k=6))
        ]
        parts = (rows[:2], rows[2:4], rows[4:])
        made = [proposal for part in parts for proposal in proposals(*part, seat(agent))]
        alone = proposals(*rows, seat(agent))
        if alone:
            served += 1
            assert best(pick.sample(made, len(made))).contact == alone[0].contact
    assert served > 50


def test_ages_do_not_decide_between_equals() -> None:
    agent = _INDEX.plan.agents[0].name
    queue = next(q.name for q in PLAN.queues if proposals(contact("x", queue=q.name), seat(agent)))
    first = contact("first", arrival=1, queue=queue, age_ms=10_000)
    second = contact("second", arrival=2, queue=queue, age_ms=9_999)
    made = proposals(first, seat(agent)) + proposals(second, seat(agent), late_ms=40)
    assert made[1].trace.contact_score > made[0].trace.contact_score
    assert best(made).contact == "first"
