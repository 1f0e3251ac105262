"""A day once more: agents who come, leave and do not answer, callers who give up."""

import msgspec

from appliance.plan.model import Agent, Divide, Enqueue, Flow, HangUp, Overflow, Plan, Queue
from appliance.routing.day import Detour, Failed, Fate, Presence, Stay, Visit
from appliance.routing.failures import PAIR_FAILURE_MS
from appliance.routing.replay import USUAL_SETUP_US, USUAL_TALK_US, Replay, fingerprint
from tests.appliance.routing.days import PLAN, S, fates, served, there, visit


def test_one_agent_takes_one_after_the_other() -> None:
    """Talk 60 s, notes 10 s, then the next; what is not known takes the usual time."""
    day = [visit(1, 1, seat="ann"), visit(2, 5), visit(3, 6)]
    assert fates(day, there("ann", 0)) == [
        served(1, "ann", 2),
        served(2, "ann", 1 + 2 + 70 - 5 + 2),
        served(3, "ann", 73 + 72 - 6 + 2),
    ]


def test_where_nothing_is_known_the_usual_is_assumed() -> None:
    day = [visit(1, 0, talk_us=-1, setup_us=-1), visit(2, 0, talk_us=-1, setup_us=-1)]
    second = 2 * USUAL_SETUP_US + USUAL_TALK_US + 10 * S
    assert fates(day, there("ann", 0))[1] == Fate("c2", "served", "ann", second)


def test_events_of_one_millisecond_keep_their_order() -> None:
    """ann is better than ben; whether she is there comes down to two microseconds."""
    presences = [there("ben", 0), there("ann", 1.000_002)]
    assert fates([visit(1, 1.000_001)], *presences) == [served(1, "ben", 2)]
    assert fates([visit(1, 1.000_003)], *presences) == [served(1, "ann", 2)]


def test_who_gives_up_frees_the_agent_that_rings() -> None:
    day = [visit(1, 1, patience_us=1_500_000), visit(2, 1.1, seat="ann")]
    assert fates(day, there("ann", 0)) == [
        Fate("c1", "abandoned", "", round(1.5 * S)),
        served(2, "ann", 1.4 + 2),
    ]


def test_who_gave_up_while_an_agent_was_called_did_not_hear_them() -> None:
    """The usual setup would have been shorter than the patience."""
    day = [visit(1, 1, patience_us=3 * S), visit(2, 100, seat="ben")]
    assert fates(day, there("ann", 0))[0] == served(1, "ann", 2)
    unheard = msgspec.structs.replace(day[0], unheard="ann", unheard_us=3 * S, setup_us=-1)
    assert fates([unheard, day[1]], there("ann", 0))[0] == Fate("c1", "abandoned", "", 3 * S)


def test_an_offer_that_came_to_nothing_does_so_again() -> None:
    """ann does not answer, is not ready because of it, and comes back for the next."""
    failed = {"ann": (Failed(15 * S, "no-answer", 30 * S),)}
    day = [visit(1, 1, seat="ben", failed=failed), visit(2, 40)]
    assert fates(day, there("ann", 0), there("ben", 20)) == [
        served(1, "ben", 19 + 2),
        served(2, "ann", 6 + 2),
    ]


def test_as_many_offers_come_to_nothing_as_did_and_the_pair_is_left_out_meanwhile() -> None:
    """Nothing else happens when that time is over; the idle time counts from before."""
    failed = {"ann": (Failed(15 * S, "no-answer"),)}
    again = 15 + PAIR_FAILURE_MS / 1000
    assert fates([visit(1, 1, failed=failed)], there("ann", 0)) == [served(1, "ann", again + 2)]


def test_an_agent_leaves_after_the_talk() -> None:
    day = [visit(1, 1, seat="ann"), visit(2, 2)]
    left = [there("ann", 0), there("ann", 5, there=False)]
    assert fates(day, *left)[1] == Fate("c2", "open")
    back = [*left, there("ann", 90)]
    assert fates(day, *back)[1] == served(2, "ann", 88 + 2)


def test_time_alone_widens_the_search() -> None:
    """Nothing happens at 20 s but that the reserve may be asked."""
    queue = Queue(name="sales", skills={"sales": 1}, reserve_s=20)
    reserve = msgspec.structs.replace(PLAN.agents[1], reserve=True)
    plan = Plan(queues=(queue,), agents=(PLAN.agents[0], reserve))
    came = [there("ben", 0), there("ann", 500)]
    assert fates([visit(1, 1)], *came, plan=plan) == [served(1, "ben", 22)]


def test_who_asks_for_an_agent_by_name_waits_for_them() -> None:
    stay = Stay(queue="sales", agent="ben")
    assert fates([visit(1, 1, stay=stay)], there("ann", 0), there("ben", 0)) == [
        served(1, "ben", 2)
    ]


# -- overflow ----------------------------------------------------------------------------------


def overflow(*rules: Overflow) -> Plan:
    sales = msgspec.structs.replace(PLAN.queues[0], overflow=rules)
    flows = (
        Flow(name="on", start="on", steps={"on": Enqueue(queue="other")}),
        Flow(name="out", start="out", steps={"out": HangUp()}),
    )
    return msgspec.structs.replace(PLAN, queues=(sales, Queue(name="other")), flows=flows)


HELP = Agent(name="cyd", site="a", account="p3")


def test_who_waits_too_long_goes_to_the_other_queue() -> None:
    plan = overflow(Overflow(after_s=30, flow="on"))
    plan = msgspec.structs.replace(plan, agents=(*plan.agents, HELP))
    assert fates([visit(1, 1)], there("cyd", 0), plan=plan) == [served(1, "cyd", 30 + 2)]


def test_what_a_flow_did_it_does_again() -> None:
    plan = overflow(Overflow(after_s=30, flow="on"))
    plan = msgspec.structs.replace(plan, agents=(*plan.agents, HELP))
    stay = Stay(queue="other")
    long = (Detour(queue="sales", flow="on", took_us=7 * S, stay=stay),)
    day = [visit(1, 1, detours=long)]
    assert fates(day, there("cyd", 0), plan=plan) == [served(1, "cyd", 37 + 2)]


def test_a_flow_may_let_them_go() -> None:
    plan = overflow(Overflow(after_s=30, flow="out"))
    assert fates([visit(1, 1)], there("cyd", 0), plan=plan) == [Fate("c1", "released", "", 30 * S)]


def test_an_offer_holds_them_and_when_it_fails_they_go_at_once() -> None:
    plan = overflow(Overflow(after_s=5, flow="out"))
    failed = {"ann": (Failed(15 * S, "no-answer", -1),)}
    assert fates([visit(1, 1, failed=failed)], there("ann", 0), plan=plan) == [
        Fate("c1", "released", "", 15 * S)
    ]
    assert fates([visit(1, 1, setup_us=9 * S, seat="ann")], there("ann", 0), plan=plan) == [
        served(1, "ann", 9)
    ]


def test_a_long_expected_wait_sends_them_away_on_joining() -> None:
    """ann talks: the second waits 180 s on average, the third twice as long."""
    plan = overflow(Overflow(expected_s=250, flow="out"))
    day = [visit(1, 1), visit(2, 5), visit(3, 9)]
    first, second, third = fates(day, there("ann", 0), plan=plan)
    assert (first.outcome, second.outcome) == ("served", "served")
    assert third == Fate("c3", "released", "", 0)


def test_where_nobody_serves_no_wait_is_long_enough() -> None:
    plan = overflow(Overflow(expected_s=3_600, flow="out"))
    gone = there("ann", 0.5, there=False)
    assert fates([visit(1, 1)], there("ann", 0), gone, plan=plan) == [
        Fate("c1", "released", "", 0)
    ]


def test_a_fingerprint_tells_days_apart() -> None:
    assert fingerprint([served(1, "ann", 2)]) != fingerprint([served(1, "ann", 3)])


# -- division between sites, and agents in reserve ---------------------------------------------

NORTH = Agent(name="nan", site="north", account="p3", skills={"sales": 3})
SOUTH = Agent(name="sue", site="south", account="p4", skills={"sales": 3})


def divided(divide: Divide, serial: int = 7) -> Plan:
    queue = msgspec.structs.replace(PLAN.queues[0], divide=divide)
    return msgspec.structs.replace(PLAN, serial=serial, queues=(queue,), agents=(NORTH, SOUTH))


def at(seat: str, site: str) -> Presence:
    return Presence(at_us=0, seat=seat, owner=f"box-{site}", site=site, there=True)


BOTH = (at("nan", "north"), at("sue", "south"))
SHARES = Divide(by="shares", shares={"north": 25.0, "south": 75.0}, for_s=600.0)


def seats(visits: list[Visit], plan: Plan) -> list[str]:
    return [fate.seat for fate in Replay(plan, visits, BOTH).run()]


def test_under_the_plan_of_the_day_each_contact_is_given_where_it_was() -> None:
    sites = ["south", "north", "north", "south", ""]
    day = [
        visit(n, n * 100, stay=Stay(queue="sales", site=site, serial=7), home="north")
        for n, site in enumerate(sites)
    ]
    assert seats(day, divided(SHARES)) == ["sue", "nan", "nan", "sue", "nan"]
    # a ledger that does not tell the plan, but the site
    unknown = [msgspec.structs.replace(v, stay=Stay(queue="sales", site="south")) for v in day]
    assert seats(unknown, divided(SHARES)) == ["sue"] * 5


def test_under_another_plan_shares_are_dealt_anew() -> None:
    day = [
        visit(n, n * 100, stay=Stay(queue="sales", site="north", serial=7), home="north")
        for n in range(40)
    ]
    found = seats(day, divided(SHARES, serial=8))
    assert 29 <= found.count("sue") <= 31
    assert (
        seats(day, msgspec.structs.replace(PLAN, serial=8, agents=(NORTH, SOUTH))) == ["nan"] * 40
    )


def test_under_another_plan_the_least_wait_is_chosen_anew() -> None:
    by_wait = divided(Divide(by="wait", margin_s=0.0, for_s=600.0), serial=8)
    day = [
        visit(n, n * 3, stay=Stay(queue="sales", site="north", serial=7), home="north")
        for n in range(12)
    ]
    found = seats(day, by_wait)
    assert 4 <= found.count("sue") <= 8
    # the agent of one site is away: its wait is nobody's
    alone = [fate.seat for fate in Replay(by_wait, day, BOTH[:1]).run()]
    assert alone == ["nan"] * 12


def test_agents_in_reserve_join_while_too_few_are_answered_in_time() -> None:
    queue = msgspec.structs.replace(
        PLAN.queues[0], target_s=5, reserve_below=0.8, reserve_above=0.9
    )
    spare = Agent(name="rex", site="a", account="p5", skills={"sales": 1}, reserve=True)
    plan = msgspec.structs.replace(PLAN, queues=(queue,), agents=(PLAN.agents[0], spare))
    presences = (there("ann", 0), there("rex", 0))
    calm = [visit(n, n * 100) for n in range(5)]
    assert {fate.seat for fate in Replay(plan, calm, presences).run()} == {"ann"}
    rush = [visit(n, n) for n in range(12)]
    found = [fate.seat for fate in Replay(plan, rush, presences).run()]
    assert found[0] == "ann"
    assert found.count("rex") > 3
