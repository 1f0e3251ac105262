"""Rows that came as a snapshot, or one by one with everything in between: the same bytes."""

import msgspec

from appliance.routing.decide import decide
from appliance.routing.planindex import PlanIndex
from tests.appliance.routing.rows import NOW_MS, PLAN
from tests.bench.same_plan import from_deltas, from_snapshots

FLOORS = 1_500


def test_deltas_and_snapshots_lead_to_the_same_answers() -> None:
    plan = PlanIndex(PLAN)
    proposals = 0
    for number in range(FLOORS):
        first = decide(plan, from_snapshots(number), NOW_MS)
        again = decide(plan, from_deltas(number), NOW_MS)
        assert msgspec.msgpack.encode(first) == msgspec.msgpack.encode(again), number
        proposals += len(first)
    assert proposals > FLOORS / 2
