"""A day once more: agents who come, leave and do not answer, callers who give up."""

import msgspec

from appliance.plan.model import Agent, Plan, Queue
from appliance.routing.model import Place
from appliance.routing.replay import (
    USUAL_SETUP_MS,
    USUAL_TALK_MS,
    Fate,
    Presence,
    Replay,
    Visit,
    fingerprint,
)
from appliance.routing.scores import recorded, same_share, scores, worse_off

PLAN = Plan(
    queues=(Queue(name="sales", skills={"sales": 1}, wrap_up_s=10, target_s=20),),
    agents=(
        Agent(name="ann", site="a", account="p1", skills={"sales": 5}),
        Agent(name="ben", site="a", account="p2", skills={"sales": 3}),
    ),
)


def visit(number: int, joined_ms: int, **more: object) -> Visit:
    plain = Visit(
        contact=f"c{number}",
        owner="box-a",
        place=Place(joined_ms, "box-a", f"c{number}"),
        joined_ms=joined_ms,
        queue="sales",
        talk_ms=60_000,
        setup_ms=2_000,
    )
    return msgspec.structs.replace(plain, **more)


def there(seat: str, at_ms: int, *, there: bool = True) -> Presence:
    return Presence(at_ms=at_ms, seat=seat, owner="box-a", site="a", there=there)


def fates(visits: list[Visit], *presences: Presence) -> list[Fate]:
    return Replay(PLAN, visits, presences).run()


def test_one_agent_takes_one_after_the_other() -> None:
    """Talk 60 s, notes 10 s, then the next; what is not known takes the usual time."""
    day = [visit(1, 1_000, seat="ann"), visit(2, 5_000), visit(3, 6_000)]
    assert fates(day, there("ann", 0)) == [
        Fate("c1", "served", "ann", 2_000),
        Fate("c2", "served", "ann", 1_000 + 2_000 + 70_000 - 5_000 + 2_000),
        Fate("c3", "served", "ann", 73_000 + 72_000 - 6_000 + 2_000),
    ]


def test_where_nothing_is_known_the_usual_is_assumed() -> None:
    day = [visit(1, 0, talk_ms=-1, setup_ms=-1), visit(2, 0, talk_ms=-1, setup_ms=-1)]
    second = 2 * USUAL_SETUP_MS + USUAL_TALK_MS + 10_000
    assert fates(day, there("ann", 0))[1] == Fate("c2", "served", "ann", second)


def test_who_gives_up_frees_the_agent_that_rings() -> None:
    day = [visit(1, 1_000, patience_ms=1_500), visit(2, 1_100, seat="ann")]
    assert fates(day, there("ann", 0)) == [
        Fate("c1", "abandoned", "", 1_500),
        Fate("c2", "served", "ann", 1_400 + 2_000),
    ]


def test_an_offer_that_came_to_nothing_does_so_again() -> None:
    day = [visit(1, 1_000, seat="ben", failed={"ann": 15_000})]
    presences = [
        there("ann", 0),
        there("ann", 16_000, there=False),
        there("ben", 20_000),
    ]
    assert fates(day, *presences) == [Fate("c1", "served", "ben", 19_000 + 2_000)]


def test_an_agent_leaves_after_the_talk() -> None:
    day = [visit(1, 1_000, seat="ann"), visit(2, 2_000)]
    left = [there("ann", 0), there("ann", 5_000, there=False)]
    assert fates(day, *left)[1] == Fate("c2", "open")
    back = [*left, there("ann", 90_000)]
    assert fates(day, *back)[1] == Fate("c2", "served", "ann", 88_000 + 2_000)


def test_time_alone_widens_the_search() -> None:
    """Nothing happens at 20 s but that the reserve may be asked."""
    queue = Queue(name="sales", skills={"sales": 1}, reserve_s=20)
    reserve = msgspec.structs.replace(PLAN.agents[1], reserve=True)
    plan = Plan(queues=(queue,), agents=(PLAN.agents[0], reserve))
    day = [visit(1, 1_000)]
    came = [there("ben", 0), there("ann", 500_000)]
    assert Replay(plan, day, came).run() == [Fate("c1", "served", "ben", 22_000)]


def test_scores_and_losses() -> None:
    day = [
        visit(1, 0, seat="ann", waited_ms=2_000),
        visit(2, 0, seat="ben", waited_ms=30_000),
        visit(3, 0, patience_ms=9_000),
        visit(4, 0),
    ]
    was = recorded(day)
    assert [fate.outcome for fate in was] == ["served", "served", "abandoned", "open"]
    becomes = [
        Fate("c1", "abandoned", "", 1_000),
        Fate("c2", "served", "ann", 30_900),
        Fate("c3", "served", "ben", 9_000),
        Fate("c4", "open"),
    ]
    (key,) = scores(PLAN, day, was)
    before, after = scores(PLAN, day, was)[key], scores(PLAN, day, becomes)[key]
    assert (before.offered, before.served, before.abandoned, before.in_time) == (4, 2, 1, 1)
    assert (before.service_level, before.mean_wait_s, before.longest_ms) == (0.25, 16.0, 30_000)
    assert (after.served, after.in_time) == (2, 1)
    assert [loss.contact for loss in worse_off(day, was, becomes)] == ["c1"]
    assert same_share(was, becomes) == 0.0
    assert fingerprint(was) != fingerprint(becomes)
