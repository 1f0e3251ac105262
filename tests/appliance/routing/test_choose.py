"""Which seat a contact is handed to: the best of those that are free and in reach."""

from typing import Any

import msgspec
import pytest

from appliance.plan.transfers import Target
from appliance.routing.choose import choose
from appliance.routing.floor import Floor
from appliance.routing.model import ContactRow, Failure, Place, SeatRow
from appliance.routing.planindex import PlanIndex
from tests.appliance.routing.rows import NOW_MS, PLAN

INDEX = PlanIndex(PLAN)
CONTACT = ContactRow(
    contact="c", owner="box-a", incarnation=1, place=Place(1, "box-a", "c"), queue="service",
    klass="gold", state="talking", seat="ben", home="a",
)  # fmt: skip
SITES = {"ann": "a", "ben": "a", "cyd": "b", "dov": "b", "eve": "c", "fay": "c"}


def seat(name: str, **more: Any) -> SeatRow:
    """Return the row of a free seat at its own branch."""
    row = SeatRow(
        seat=name, owner=f"box-{SITES[name]}", incarnation=1, epoch=1, site=SITES[name],
        state="ready",
    )  # fmt: skip
    return msgspec.structs.replace(row, **more)


def floor_of(*seats: SeatRow, failures: tuple[Failure, ...] = (), cut: str = "") -> Floor:
    """Return a floor of three branches; the one called *cut* reaches nobody."""
    floor = Floor("hub")
    boxes = ("box-a", "box-b", "box-c")
    for box in boxes:
        reaches = [box] if box == cut else [*(one for one in boxes if one != cut), "hub"]
        own = [one for one in seats if one.owner == box]
        failed = [one for one in failures if one.owner == box]
        contacts = [CONTACT] if box == "box-a" else []
        floor.replace(box, 1, contacts, own, failed, reaches=reaches, now_ms=NOW_MS)
    return floor


def chosen(floor: Floor, kind: Any, name: str, *tried: str) -> str:
    """Return the name of the seat, or the reason word."""
    found = choose(INDEX, floor, CONTACT, Target(kind, name), tried, NOW_MS)
    return found if isinstance(found, str) else found.seat


ALL = tuple(seat(name) for name in SITES)


def test_a_queue_takes_the_most_able_but_who_has_it() -> None:
    assert chosen(floor_of(*ALL), "queue", "service") == "cyd"
    assert chosen(floor_of(*ALL), "queue", "service", "cyd") == "dov"
    assert chosen(floor_of(seat("ben")), "queue", "service") == "unavailable"


def test_a_queue_that_is_not_there() -> None:
    assert chosen(floor_of(*ALL), "queue", "gone") == "not-found"


def test_a_site_takes_who_serves_the_contacts_queue_there() -> None:
    assert chosen(floor_of(*ALL), "site", "c") == "fay"
    assert chosen(floor_of(*ALL), "site", "c", "fay") == "unavailable"


def test_an_agent_is_taken_able_or_not() -> None:
    assert chosen(floor_of(*ALL), "agent", "eve") == "eve"


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        ("paused", "seat-paused"), ("away", "seat-gone"), ("talking", "seat-busy"),
        ("wrap-up", "seat-busy"), ("reserved", "seat-busy"),
    ],
)  # fmt: skip
def test_an_agent_who_is_not_free(state: str, reason: str) -> None:
    floor = floor_of(seat("eve", state=state))
    assert chosen(floor, "agent", "eve") == reason
    assert chosen(floor, "site", "c") == "unavailable"


def test_an_agent_who_is_nowhere() -> None:
    assert chosen(floor_of(), "agent", "eve") == "seat-gone"


def test_a_branch_that_is_cut_off() -> None:
    floor = floor_of(*ALL, cut="box-b")
    assert chosen(floor, "agent", "cyd") == "peer-unreachable"
    assert chosen(floor, "queue", "service") == "fay"


def test_a_pair_that_has_just_failed_is_left_out() -> None:
    failure = Failure(owner="box-a", contact="c", seat="cyd", reason="no-answer", for_ms=9_000)
    assert chosen(floor_of(*ALL, failures=(failure,)), "queue", "service") == "dov"
