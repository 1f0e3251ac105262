"""The matchmaker: one proposal at a time for each contact and seat, and it never gets stuck."""

import random

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.link.messages import Delta, Snapshot
from appliance.routing.matchmaker import PROPOSAL_TTL_MS, REFUSED_MS, Matchmaker
from appliance.routing.model import ContactRow, Failure, Proposal, SeatRow
from tests.appliance.routing.oracle import eligible
from tests.appliance.routing.rows import (
    NOW_MS,
    OWNERS,
    PLAN,
    Published,
    World,
    contact,
    publish,
    seat,
    worlds,
)


def matchmaker_of(*rows: ContactRow | SeatRow | Failure) -> Matchmaker:
    matchmaker = Matchmaker(PLAN)
    for owner in OWNERS:
        matchmaker.on_snapshot(owner, publish(owner, rows), NOW_MS)
    return matchmaker


def pairs(proposals: list[Proposal]) -> list[tuple[str, str]]:
    return [(proposal.contact, proposal.seat) for proposal in proposals]


def test_takes_the_records_of_the_link() -> None:
    matchmaker = Matchmaker(PLAN)
    snapshot = Snapshot(incarnation=1, number=1, contacts=[contact("c")], seats=[])
    assert matchmaker.on_snapshot("box-a", snapshot, NOW_MS)
    assert matchmaker.propose(NOW_MS) == []
    assert matchmaker.on_delta("box-a", Delta(1, 2, seats=[seat("ann")]), NOW_MS)
    assert pairs(matchmaker.propose(NOW_MS)) == [("c", "ann")]
    assert not matchmaker.on_delta("box-a", Delta(0, 3), NOW_MS)


def test_does_not_repeat_itself() -> None:
    matchmaker = matchmaker_of(contact("c"), contact("d"), seat("ann"))
    assert pairs(matchmaker.propose(NOW_MS)) == [("c", "ann")]
    assert matchmaker.propose(NOW_MS) == []
    matchmaker.on_delta("box-a", Published(contacts=[contact("e")]), NOW_MS)
    assert matchmaker.propose(NOW_MS) == []


def test_a_seat_that_is_ready_for_calls_may_have_a_written_contact_on_its_way() -> None:
    gil, hal = seat("gil", also=("chat",)), seat("hal", also=("chat",), idle_ms=9_000)
    matchmaker = matchmaker_of(contact("c", queue="any", channel="chat"), gil, hal)
    (proposal,) = matchmaker.propose(NOW_MS)
    reserved = msgspec.structs.replace(
        {"gil": gil, "hal": hal}[proposal.seat], also=(), busy=1, fence=1
    )
    assert reserved.state == "ready"
    matchmaker.on_delta("box-a", Published(seats=[reserved]), NOW_MS + 10)
    assert matchmaker.propose(NOW_MS + 10) == []


def test_a_snapshot_that_says_nothing_new_changes_nothing() -> None:
    rows = (contact("c"), seat("ann"), seat("ben"))
    matchmaker = matchmaker_of(*rows)
    assert len(matchmaker.propose(NOW_MS)) == 1
    matchmaker.on_snapshot("box-a", publish("box-a", rows), NOW_MS)
    assert matchmaker.propose(NOW_MS) == []


def test_a_changed_row_is_proposed_again() -> None:
    matchmaker = matchmaker_of(contact("c"), seat("ann", idle_ms=9), seat("ben"))
    assert pairs(matchmaker.propose(NOW_MS)) == [("c", "ann")]
    matchmaker.on_delta("box-a", Published(contacts=[contact("c", fence=1)]), NOW_MS)
    assert pairs(matchmaker.propose(NOW_MS)) == [("c", "ben")]


def test_refused_by_the_seat_the_next_best_is_asked() -> None:
    matchmaker = matchmaker_of(contact("c"), seat("ann", idle_ms=9), seat("ben"))
    assert pairs(matchmaker.propose(NOW_MS)) == [("c", "ann")]
    matchmaker.refused("c", "ann", "seat-busy", NOW_MS)
    (proposal,) = matchmaker.propose(NOW_MS)
    assert proposal.seat == "ben"
    assert proposal.trace.candidates[0].against == "seat-busy"


def test_a_refused_pair_is_tried_again_after_a_while_or_a_change() -> None:
    matchmaker = matchmaker_of(contact("c"), seat("ann"))
    assert pairs(matchmaker.propose(NOW_MS)) == [("c", "ann")]
    matchmaker.refused("c", "ann", "stale-fence", NOW_MS)
    assert matchmaker.propose(NOW_MS + REFUSED_MS - 1) == []
    assert pairs(matchmaker.propose(NOW_MS + REFUSED_MS)) == [("c", "ann")]
    matchmaker.refused("c", "ann", "stale-fence", NOW_MS)
    matchmaker.on_delta("box-a", Published(seats=[seat("ann", fence=1)]), NOW_MS)
    assert pairs(matchmaker.propose(NOW_MS)) == [("c", "ann")]


def test_a_no_to_what_was_never_proposed_is_ignored() -> None:
    matchmaker = matchmaker_of(contact("c"), seat("ann"))
    matchmaker.refused("c", "ann", "seat-busy", NOW_MS)
    assert pairs(matchmaker.propose(NOW_MS)) == [("c", "ann")]
    matchmaker.refused("c", "ben", "seat-busy", NOW_MS)
    assert matchmaker.propose(NOW_MS) == []


def test_a_late_no_to_an_earlier_proposal_is_ignored() -> None:
    matchmaker = matchmaker_of(contact("c"), seat("ann", idle_ms=9), seat("ben"))
    assert pairs(matchmaker.propose(NOW_MS)) == [("c", "ann")]
    matchmaker.refused("c", "ben", "seat-busy", NOW_MS)
    assert matchmaker.propose(NOW_MS) == []


def test_proposals_renewed_do_not_hide_older_ones() -> None:
    """c is proposed at 0 and, changed, at 1,000 again; d at 500 is still noticed at 3,000."""
    matchmaker = matchmaker_of(contact("c", arrival=1), seat("ann", idle_ms=9))
    assert pairs(matchmaker.propose(NOW_MS)) == [("c", "ann")]
    both = Published(contacts=[contact("d", arrival=2)], seats=[seat("ben", idle_ms=5)])
    matchmaker.on_delta("box-a", both, NOW_MS + 500)
    assert pairs(matchmaker.propose(NOW_MS + 500)) == [("d", "ben")]
    again = Published(contacts=[contact("c", arrival=1, fence=1)], seats=[seat("ann", fence=1)])
    matchmaker.on_delta("box-a", again, NOW_MS + 1_000)
    assert pairs(matchmaker.propose(NOW_MS + 1_000)) == [("c", "ann")]
    assert matchmaker.propose(NOW_MS + 500 + PROPOSAL_TTL_MS) == []


def test_where_nothing_is_heard_others_get_their_turn() -> None:
    matchmaker = matchmaker_of(
        contact("c", arrival=1), contact("d", arrival=2), seat("ann", owner="box-b")
    )
    assert pairs(matchmaker.propose(NOW_MS)) == [("c", "ann")]
    assert matchmaker.propose(NOW_MS + PROPOSAL_TTL_MS - 1) == []
    after = NOW_MS + PROPOSAL_TTL_MS
    assert pairs(matchmaker.propose(after)) == [("d", "ann")]
    assert pairs(matchmaker.propose(after + PROPOSAL_TTL_MS)) == [("c", "ann")]


def test_the_end_of_a_failure_is_noticed_without_an_event() -> None:
    failed = Failure(owner="box-a", contact="c", seat="ann", reason="no-answer", for_ms=9_000)
    matchmaker = matchmaker_of(contact("c"), seat("ann"), failed)
    assert matchmaker.propose(NOW_MS + 8_999) == []
    assert pairs(matchmaker.propose(NOW_MS + 9_000)) == [("c", "ann")]


def test_a_path_that_is_up_again_is_noticed() -> None:
    matchmaker = Matchmaker(PLAN)
    far = Published(seats=[seat("ann", owner="box-b")], reaches=["box-a"])
    matchmaker.on_snapshot("box-b", far, NOW_MS)
    matchmaker.on_snapshot("box-a", Published(contacts=[contact("c")], reaches=[]), NOW_MS)
    assert matchmaker.propose(NOW_MS) == []
    matchmaker.on_delta("box-a", Published(reaches=["box-b"]), NOW_MS)
    assert pairs(matchmaker.propose(NOW_MS)) == [("c", "ann")]


def test_a_lost_owner_is_no_longer_proposed_and_comes_back() -> None:
    matchmaker = matchmaker_of(contact("c"), seat("ann", owner="box-b"))
    matchmaker.on_lost("box-b")
    matchmaker.on_lost("box-b")
    assert matchmaker.propose(NOW_MS) == []
    back = Published(seats=[seat("ann", owner="box-b")])
    matchmaker.on_snapshot("box-b", back, NOW_MS)
    assert pairs(matchmaker.propose(NOW_MS)) == [("c", "ann")]


def test_a_seat_that_is_free_again_frees_its_contact_but_not_for_itself() -> None:
    matchmaker = matchmaker_of(contact("c"), seat("ann", idle_ms=9))
    assert pairs(matchmaker.propose(NOW_MS)) == [("c", "ann")]
    # its owner reserved it, heard nothing of the contact's owner, and freed it again
    for row in (seat("ann", state="reserved", fence=1), seat("ann", state="ready", fence=2)):
        matchmaker.on_delta(row.owner, Published(seats=[row]), NOW_MS)
        assert matchmaker.propose(NOW_MS) == []
    matchmaker.on_delta("box-a", Published(seats=[seat("ben")]), NOW_MS)
    assert pairs(matchmaker.propose(NOW_MS)) == [("c", "ben")]


def test_a_seat_that_is_gone_frees_its_contact_at_once() -> None:
    matchmaker = matchmaker_of(contact("c"), seat("ann", owner="box-b"), seat("ben"))
    (first,) = matchmaker.propose(NOW_MS)
    owner = first.seat_owner
    matchmaker.on_delta(owner, Published(gone=[first.seat]), NOW_MS)
    (second,) = matchmaker.propose(NOW_MS)
    assert {first.seat, second.seat} == {"ann", "ben"}


def test_what_was_proposed_to_a_lost_owner_is_proposed_elsewhere_at_once() -> None:
    matchmaker = matchmaker_of(contact("c"), seat("ann", owner="box-b"))
    assert pairs(matchmaker.propose(NOW_MS)) == [("c", "ann")]
    matchmaker.on_delta("box-a", Published(seats=[seat("ben")]), NOW_MS)
    assert matchmaker.propose(NOW_MS) == []
    matchmaker.on_lost("box-b")
    assert pairs(matchmaker.propose(NOW_MS)) == [("c", "ben")]


def test_a_matchmaker_in_a_box_proposes_only_what_is_its_own() -> None:
    matchmaker = Matchmaker(PLAN, "box-b")
    rows = (contact("c"), seat("ann", idle_ms=9), seat("ben", owner="box-b"))
    for owner, reaches in (("box-a", ["box-b", "hub"]), ("box-b", ["box-a"])):
        own = msgspec.structs.replace(publish(owner, rows), reaches=reaches)
        matchmaker.on_snapshot(owner, own, NOW_MS)
    # the least name of those whom both reach is box-a; alone with itself box-a has the hub
    assert matchmaker.propose(NOW_MS) == []
    matchmaker.on_delta("box-a", Published(reaches=["hub"]), NOW_MS)
    mine = contact("d", owner="box-b")
    matchmaker.on_delta("box-b", Published(contacts=[mine], reaches=[]), NOW_MS)
    (proposal,) = matchmaker.propose(NOW_MS)
    assert (proposal.contact, proposal.seat, proposal.place) == ("d", "ben", mine.place)
    assert {one.against for one in proposal.trace.candidates if one.seat == "ann"} <= {
        "peer-unreachable"
    }


def test_a_new_plan_counts_at_once() -> None:
    matchmaker = matchmaker_of(contact("c"), seat("eve"))
    assert matchmaker.propose(NOW_MS) == []
    eve = msgspec.structs.replace(PLAN.agents[4], skills={"sales": 9})
    matchmaker.set_plan(msgspec.structs.replace(PLAN, serial=8, agents=(eve,)))
    (proposal,) = matchmaker.propose(NOW_MS)
    assert (proposal.seat, proposal.trace.plan_serial) == ("eve", 8)


def test_an_agent_with_a_proposal_on_its_way_is_there_under_a_new_plan() -> None:
    """Who asks for that agent by name goes on waiting for nobody else."""
    matchmaker = matchmaker_of(contact("c"), seat("ann"))
    assert pairs(matchmaker.propose(NOW_MS)) == [("c", "ann")]
    matchmaker.set_plan(msgspec.structs.replace(PLAN, serial=8))
    asks = contact("d", queue="near", agent="ann", age_ms=12_000)
    matchmaker.on_delta("box-a", Published(contacts=[asks], seats=[seat("fay")]), NOW_MS)
    assert matchmaker.propose(NOW_MS) == []
    matchmaker.on_delta("box-a", Published(seats=[seat("ann", state="away", fence=1)]), NOW_MS)
    assert pairs(matchmaker.propose(NOW_MS)) == [("d", "fay")]


def test_a_proposal_that_was_taken_does_not_make_it_decide_again() -> None:
    matchmaker = matchmaker_of(contact("c"), seat("ann"), contact("d"))
    (proposal,) = matchmaker.propose(NOW_MS)
    _take(matchmaker, proposal, NOW_MS)
    assert matchmaker.propose(NOW_MS + PROPOSAL_TTL_MS) == []
    matchmaker.floor.tick(NOW_MS + PROPOSAL_TTL_MS + REFUSED_MS)
    assert not matchmaker.floor.stirred


@given(worlds())
def test_a_new_matchmaker_says_what_the_old_one_would(world: World) -> None:
    """It holds no truth: the owners' snapshots are all it needs."""
    old = matchmaker_of(*world.rows)
    for owner in OWNERS:
        old.on_snapshot(owner, publish(owner, world.rows), NOW_MS)
    assert old.propose(NOW_MS) == matchmaker_of(*world.rows).propose(NOW_MS)


@given(worlds(), st.randoms(use_true_random=False))
@settings(max_examples=60)
def test_owners_and_matchmaker_come_to_an_end(world: World, chance: random.Random) -> None:
    """Owners take proposals, refuse them, or keep silent; all who can be served are served."""
    matchmaker = matchmaker_of(*world.rows)
    floor, now_ms = matchmaker.floor, NOW_MS
    outstanding: dict[str, tuple[Proposal, int]] = {}
    for _ in range(400):
        for proposal in matchmaker.propose(now_ms):
            assert proposal.contact not in outstanding
            assert all(other.seat != proposal.seat for other, _ in outstanding.values())
            outstanding[proposal.contact] = (proposal, now_ms + PROPOSAL_TTL_MS)
        for proposal, _ in list(outstanding.values()):
            answer = chance.choice(["take", "take", "refuse", "silence"])
            if answer == "take":
                _take(matchmaker, proposal, now_ms)
            elif answer == "refuse":
                matchmaker.refused(proposal.contact, proposal.seat, "seat-busy", now_ms)
            if answer != "silence":
                del outstanding[proposal.contact]
        now_ms += 500
        outstanding = {c: entry for c, entry in outstanding.items() if entry[1] > now_ms}
    seats = floor.seats()
    for row in floor.contacts():
        if row.state == "waiting":
            now = msgspec.structs.replace(row, age_ms=row.age_ms + now_ms - NOW_MS)
            able = [free for free in seats if eligible(now, free, seats, floor.joined)]
            assert all(floor.against(row, free, now_ms) for free in able)


def _take(matchmaker: Matchmaker, proposal: Proposal, now_ms: int) -> None:
    """Both owners publish that the two talk."""
    row, taken = matchmaker.floor.contact(proposal.contact), matchmaker.floor.seat(proposal.seat)
    assert row is not None
    assert taken is not None
    assert (row.fence, taken.fence) == (proposal.contact_fence, proposal.seat_fence)
    row = msgspec.structs.replace(row, state="talking", fence=row.fence + 1)
    taken = msgspec.structs.replace(taken, state="talking", fence=taken.fence + 1)
    matchmaker.on_delta(row.owner, Published(contacts=[row]), now_ms)
    matchmaker.on_delta(taken.owner, Published(seats=[taken]), now_ms)


@given(worlds(), st.integers(1, 3))
def test_proposals_in_portions_are_the_same_together(world: World, most: int) -> None:
    whole = pairs(matchmaker_of(*world.rows).propose(NOW_MS))
    matchmaker = matchmaker_of(*world.rows)
    made = []
    while matchmaker.floor.stirred:
        portion = pairs(matchmaker.propose(NOW_MS, most))
        assert len(portion) <= most
        made += portion
    assert made == whole
