"""Service levels, and who would be worse off."""

from appliance.routing.day import Fate, recorded
from appliance.routing.scores import same_share, scores, worse_off
from tests.appliance.routing.days import PLAN, S, served, visit

DAY = [
    visit(1, 0, seat="ann", waited_us=2 * S),
    visit(2, 0, seat="ben", waited_us=30 * S),
    visit(3, 0, patience_us=9 * S),
    visit(4, 0),
    visit(5, 0, let_go_us=7 * S),
]


def test_what_was_recorded() -> None:
    assert [fate.outcome for fate in map(recorded, DAY)] == [
        "served",
        "served",
        "abandoned",
        "open",
        "released",
    ]


def test_scores_and_losses() -> None:
    was = [recorded(one) for one in DAY]
    becomes = [
        Fate("c1", "abandoned", "", S),
        Fate("c2", "served", "ann", 30 * S + 900_000),
        served(3, "ben", 9),
        Fate("c4", "open"),
        Fate("c5", "released", "", 9 * S),
    ]
    (key,) = scores(PLAN, DAY, was)
    before, after = scores(PLAN, DAY, was)[key], scores(PLAN, DAY, becomes)[key]
    assert (before.offered, before.served, before.abandoned, before.in_time) == (5, 2, 1, 1)
    assert (before.service_level, before.mean_wait_s, before.longest_us) == (0.2, 16.0, 30 * S)
    assert before.released == after.released == 1
    assert (after.served, after.in_time) == (2, 1)
    assert [loss.contact for loss in worse_off(DAY, was, becomes)] == ["c1", "c5"]
    assert same_share(was, becomes) == 0.0
