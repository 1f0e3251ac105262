"""Every decision can be computed again from its trace, and told in words."""

from pathlib import Path

import msgspec
from hypothesis import given

from appliance.plan.model import Agent
from appliance.routing.decide import decide
from appliance.routing.model import Failure, Given, Proposal
from appliance.routing.planindex import PlanIndex
from appliance.routing.trace import PACKED_MOST, explain, pack, recompute, unpack
from tests.appliance.routing.rows import (
    NOW_MS,
    OWNERS,
    PLAN,
    World,
    contact,
    floor_of,
    given_to,
    seat,
    worlds,
)


def one() -> Proposal:
    floor = floor_of(
        contact("c", age_ms=4_000, klass="gold"),
        seat("fay", idle_ms=1_000),
        seat("ann", idle_ms=3_000),
        seat("cyd", owner="box-b", idle_ms=8_000),
        Failure(owner="box-a", seat="fay", reason="declined", for_ms=5_000),
    )
    return decide(PlanIndex(PLAN), floor, NOW_MS)[0]


@given(worlds())
def test_every_decision_follows_from_its_trace(world: World) -> None:
    for proposal in decide(PlanIndex(PLAN), world.floor(), NOW_MS):
        sent = msgspec.msgpack.decode(msgspec.msgpack.encode(proposal), type=Proposal)
        assert recompute(PLAN, sent) == []


def test_what_does_not_follow_is_told() -> None:
    proposal = one()
    replace = msgspec.structs.replace
    assert recompute(PLAN, proposal) == []
    assert recompute(replace(PLAN, serial=9), proposal) == ["decided by plan 7, not 9"]
    assert recompute(PLAN, replace(proposal, seat="cyd")) == ["seat 'cyd', computed 'ann'"]
    trace = proposal.trace
    assert recompute(PLAN, replace(proposal, trace=replace(trace, waited_ms=5_000))) == [
        "score 26.0, computed 27.5"
    ]
    turned = replace(trace, candidates=trace.candidates[::-1])
    assert recompute(PLAN, replace(proposal, trace=turned)) == [
        "candidates are not in order of preference"
    ]
    empty = replace(trace, candidates=())
    assert recompute(PLAN, replace(proposal, trace=empty)) == ["seat 'ann', computed ''"]


def test_the_own_branch_is_computed_again() -> None:
    floor = floor_of(contact("c"), seat("ann"), seat("ben", owner="box-b", idle_ms=9_000))
    (proposal,) = decide(PlanIndex(PLAN), floor, NOW_MS)
    assert proposal.seat == "ann"
    assert recompute(PLAN, proposal) == []


def test_a_wrong_site_or_an_uncalled_reserve_is_told() -> None:
    replace = msgspec.structs.replace
    row = contact("c", queue="split")
    given = given_to(row, 3)
    assert given is not None
    floor = floor_of(replace(row, given=given), *(seat("ben", owner=owner) for owner in OWNERS))
    floor.change(given.site, 1, seats=[seat("ann", owner=given.site)], now_ms=NOW_MS)
    (proposal,) = decide(PlanIndex(PLAN), floor, NOW_MS)
    assert (proposal.seat, proposal.trace.area) == ("ann", f"site:{given.site}")
    assert recompute(PLAN, proposal) == []
    other = next(owner for owner in OWNERS if owner != given.site)
    wrong = replace(proposal.trace, given=replace(given, site=other))
    assert recompute(PLAN, replace(proposal, trace=wrong)) == [
        f"given to {other!r}, computed {given.site!r}"
    ]
    wide = replace(proposal.trace, area="all")
    assert recompute(PLAN, replace(proposal, trace=wide)) == [
        f"looked for in 'all', computed 'site:{given.site}'"
    ]


def test_a_reserve_that_nothing_called_is_told() -> None:
    replace = msgspec.structs.replace
    floor = floor_of(contact("c", queue="rush"), seat("gil"))
    floor.set_joined({"rush": 0.75})
    (proposal,) = decide(PlanIndex(PLAN), floor, NOW_MS)
    assert recompute(PLAN, proposal) == []
    assert "agents in reserve serve it: 75% answered in time lately" in explain(proposal)
    quiet = replace(proposal, trace=replace(proposal.trace, joined=-1.0))
    assert recompute(PLAN, quiet) == ["'gil' is in reserve"]


def test_the_site_in_words() -> None:
    given = Given("box-b", "wait", 7, waits=(("box-b", 12.0), ("box-a", 40.0)), before="box-a")
    floor = floor_of(contact("c", queue="least", given=given), seat("ann", owner="box-b"))
    (proposal,) = decide(PlanIndex(PLAN), floor, NOW_MS)
    assert explain(proposal)[:2] == [
        "c (bronze) waited 0.0 s, score 0.0, plan 7, looked for in site box-b",
        "given to box-b at first: expected waits box-b 12 s, box-a 40 s, before it box-a",
    ]


def test_a_decision_in_words() -> None:
    assert explain(one()) == [
        "c (gold) waited 4.0 s, score 26.0, plan 7",
        "fay: levels 9, same branch, ready for 1.0 s: left out: declined",
        "ann: levels 5, same branch, ready for 3.0 s: chosen",
        "cyd: levels 3, another branch, ready for 8.0 s: next best",
    ]


def test_the_worked_example_of_the_page() -> None:
    """docs/routing.md: what it says is what happens, word for word."""
    levels = {"ann": 5, "ben": 5, "fay": 9, "eve": 2}
    agents = tuple(
        Agent(name=name, site="a", account=name, skills={"sales": level})
        for name, level in levels.items()
    )
    floor = floor_of(
        contact("K1", arrival=1, age_ms=40_000),
        contact("K2", arrival=2, age_ms=15_000, klass="gold", owner="box-b"),
        contact("K3", arrival=3, age_ms=12_000, owner="box-b"),
        seat("ann", idle_ms=90_000),
        seat("ben", idle_ms=20_000, owner="box-b"),
        seat("fay", idle_ms=5_000, owner="box-b"),
        seat("eve", idle_ms=300_000),
        Failure(owner="box-b", contact="K2", seat="fay", reason="no-answer", for_ms=10_000),
    )
    plan = PlanIndex(msgspec.structs.replace(PLAN, agents=agents))
    proposals = decide(plan, floor, NOW_MS)
    assert [(p.contact, p.seat) for p in proposals] == [
        ("K2", "ben"),
        ("K1", "fay"),
        ("K3", "ann"),
    ]
    page = (Path(__file__).parents[3] / "docs" / "routing.md").read_text(encoding="utf-8")
    assert "\n".join(explain(proposals[0])) in page


def again(proposal: Proposal, packed: bytes) -> Proposal:
    """Return the decision as its journal tells it."""
    names = (proposal.contact, proposal.contact_owner, proposal.seat, proposal.seat_owner)
    found = unpack(*names, packed)
    assert found is not None
    return found


@given(worlds())
def test_what_is_packed_for_the_journal_can_still_be_computed(world: World) -> None:
    for proposal in decide(PlanIndex(PLAN), world.floor(), NOW_MS):
        packed = pack(proposal)
        assert 0 < len(packed) <= PACKED_MOST
        assert recompute(PLAN, again(proposal, packed)) == []


def test_where_there_is_no_room_the_last_seats_are_left_out() -> None:
    proposal = one()
    replace = msgspec.structs.replace
    assert explain(again(proposal, pack(proposal))) == explain(proposal)
    last = proposal.trace.candidates[-1]
    many = tuple(replace(last, seat=f"{last.seat}-{number}" * 5) for number in range(40))
    crowded = replace(
        proposal,
        trace=replace(
            proposal.trace,
            candidates=proposal.trace.candidates + many,
            given=Given("s", "wait", 7, waits=tuple(("x" * 60, 1.0) for _ in range(9))),
        ),
    )
    packed = pack(crowded)
    assert 0 < len(packed) <= PACKED_MOST
    found = again(proposal, packed)
    assert proposal.seat in [candidate.seat for candidate in found.trace.candidates]
    assert recompute(PLAN, found) == []
    endless = replace(proposal, trace=replace(proposal.trace, klass="x" * 400))
    assert pack(endless) == b""


def test_what_is_no_trace_tells_nothing() -> None:
    for packed in (b"", b"x", b"\xc1", msgspec.msgpack.encode(["7"] * 9), b"\x91" * 5000):
        assert unpack("c", "a", "s", "a", packed) is None
