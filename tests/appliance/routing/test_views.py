"""Queues at a glance: who waits, who serves, who is free."""

from appliance.routing.model import QueueView
from appliance.routing.planindex import PlanIndex
from appliance.routing.views import queue_views
from tests.appliance.routing.rows import PLAN, contact, floor_of, seat


def test_counts_who_waits_and_who_has_the_skills() -> None:
    floor = floor_of(
        contact("c1"),
        contact("c2", owner="box-b"),
        contact("c3", state="talking"),
        contact("c4", queue="service"),
        seat("ann"),
        seat("ben", state="talking"),
        seat("cyd", owner="box-b", state="paused"),
        seat("dov", owner="box-b", state="wrap-up"),
        seat("eve"),
        seat("zed"),
    )
    assert queue_views(PLAN, PlanIndex(PLAN), floor)[:3] == [
        QueueView("sales", waiting=2, serving=2, ready=1),
        QueueView("service", waiting=1, serving=2, ready=0),
        QueueView("any", waiting=0, serving=4, ready=2),
    ]
