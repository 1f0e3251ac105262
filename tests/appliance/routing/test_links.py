"""Pairs of branches of which one has no room for another call are left out, and only these."""

from appliance.plan.transfers import parse_target
from appliance.routing.choose import choose
from appliance.routing.decide import decide
from appliance.routing.floor import Floor
from appliance.routing.links import FullLinks
from appliance.routing.model import ContactRow, Proposal, SeatRow
from appliance.routing.planindex import PlanIndex
from appliance.routing.trace import explain, recompute
from tests.appliance.routing.rows import NOW_MS, OWNERS, PLAN, contact, publish, seat

INDEX = PlanIndex(PLAN)


def floor_with(*rows: ContactRow | SeatRow, full: tuple[str, ...] = (), site: str = "") -> Floor:
    """Return a floor on which these owners' links are full; *site*: the branch of all."""
    floor = Floor()
    for owner in OWNERS:
        mine = publish(owner, rows)
        floor.replace(
            owner,
            1,
            mine.contacts,
            mine.seats,
            site=site or owner,
            link_full=owner in full,
            now_ms=NOW_MS,
        )
    return floor


def pairs(proposals: list[Proposal]) -> list[tuple[str, str]]:
    return [(proposal.contact, proposal.seat) for proposal in proposals]


def test_either_end_that_is_full_closes_the_pair() -> None:
    links = FullLinks()
    for owner in OWNERS:
        assert not links.say(owner, full=False, site=owner)
    assert links.against("box-a", "box-b") == ""
    links.say("box-a", full=True)
    assert links.against("box-a", "box-b") == links.against("box-b", "box-a") == "link-full"
    assert links.against("box-a", "box-a") == links.against("box-b", "box-c") == ""
    assert links.closed("box-a", "box-b")
    assert not links.closed("box-b", "box-a")
    assert links.say("box-a", full=False)
    assert links.against("box-a", "box-b") == ""


def test_an_owner_that_is_lost_has_said_nothing() -> None:
    links = FullLinks()
    links.say("box-a", full=True, site="a")
    links.forget("box-a")
    assert links.against("box-a", "box-b") == ""


def test_two_boxes_of_one_branch_have_no_such_link() -> None:
    rows = (contact("c", owner="box-a", queue="any"), seat("ann", owner="box-b"))
    assert pairs(decide(INDEX, floor_with(*rows, full=("box-a", "box-b"), site="north"), NOW_MS))
    assert not decide(INDEX, floor_with(*rows, full=("box-a",)), NOW_MS)


def test_the_trace_names_it_and_computes_again() -> None:
    rows = (
        contact("c", owner="box-a", queue="sales"),
        seat("ann", owner="box-a"),
        seat("fay", owner="box-b"),
    )
    (open_one,) = decide(INDEX, floor_with(*rows), NOW_MS)
    (proposal,) = decide(INDEX, floor_with(*rows, full=("box-b",)), NOW_MS)
    assert (open_one.seat, proposal.seat) == ("fay", "ann")
    assert recompute(PLAN, proposal) == []
    assert any("left out: link-full" in line for line in explain(proposal))


def test_it_ends_with_the_owners_word() -> None:
    rows = (contact("c", owner="box-a", queue="any"), seat("ann", owner="box-b"))
    floor = floor_with(*rows, full=("box-b",))
    assert not decide(INDEX, floor, NOW_MS)
    floor.stirred = False
    floor.change("box-b", 1, link_full=False, now_ms=NOW_MS)
    assert floor.stirred
    assert pairs(decide(INDEX, floor, NOW_MS)) == [("c", "ann")]


def test_what_is_written_takes_no_link() -> None:
    rows = (
        contact("c", owner="box-a", queue="any", channel="chat"),
        seat("gil", owner="box-b", also=("chat",)),
    )
    floor = floor_with(*rows, full=OWNERS)
    assert pairs(decide(INDEX, floor, NOW_MS)) == [("c", "gil")]


def test_a_full_branch_does_not_hold_up_the_others() -> None:
    """The oldest contact is of the full branch: the next one is served, and it with its own."""
    rows = (
        contact("old", owner="box-a", queue="sales", arrival=1),
        contact("new", owner="box-b", queue="sales", arrival=2),
        seat("fay", owner="box-c"),
    )
    assert pairs(decide(INDEX, floor_with(*rows), NOW_MS)) == [("old", "fay")]
    assert pairs(decide(INDEX, floor_with(*rows, full=("box-a",)), NOW_MS)) == [("new", "fay")]
    more = (*rows, seat("ann", owner="box-a"))
    found = pairs(decide(INDEX, floor_with(*more, full=("box-a",)), NOW_MS))
    assert sorted(found) == [("new", "fay"), ("old", "ann")]


def test_the_owner_of_a_contact_knows_its_own_link_best() -> None:
    """What it published of itself does not count, what it says now does."""
    mine = contact("c", owner="box-a", queue="sales", state="talking")
    floor = floor_with(mine, seat("ann", owner="box-b"), full=("box-a",))
    target = parse_target("agent:ann")
    assert target is not None
    assert isinstance(choose(INDEX, floor, mine, target, (), NOW_MS), SeatRow)
    assert choose(INDEX, floor, mine, target, (), NOW_MS, link_full=True) == "link-full"


def test_a_target_whose_branch_is_full_is_not_asked() -> None:
    mine = contact("c", owner="box-a", queue="sales", state="talking")
    floor = floor_with(mine, seat("ann", owner="box-b"), seat("fay"), full=("box-b",))
    agent, queue = parse_target("agent:ann"), parse_target("queue:sales")
    assert agent is not None
    assert queue is not None
    assert choose(INDEX, floor, mine, agent, (), NOW_MS) == "link-full"
    found = choose(INDEX, floor, mine, queue, (), NOW_MS, link_full=True)
    assert isinstance(found, SeatRow)
    assert found.seat == "fay"
