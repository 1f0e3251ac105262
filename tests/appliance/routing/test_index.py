"""Lines and pools: what stands in them, and that they stay bounded."""

from appliance.routing.index import MAX_IDLE_POOLS, Index, PlanIndex
from tests.appliance.routing.rows import PLAN, contact, seat

INDEX = PlanIndex(PLAN)


def test_a_requirement_is_the_higher_of_both_levels_in_order_of_names() -> None:
    assert INDEX.requirement("sales", {"german": 2, "sales": 1}) == (("german", 2), ("sales", 3))
    assert INDEX.requirement("sales", {"sales": 7}) == (("sales", 7),)
    assert INDEX.requirement("any", {}) == ()
    assert INDEX.requirement("nowhere", {}) is None


def test_levels_are_added_up_over_what_is_required() -> None:
    assert INDEX.levels("ann", (("german", 2), ("sales", 3))) == 9
    assert INDEX.levels("ann", ()) == 0
    assert INDEX.levels("ann", (("german", 5),)) is None
    assert INDEX.levels("zed", ()) is None


def test_the_best_seat_stands_first_and_leaves_without_a_trace() -> None:
    index = Index(INDEX)
    sales = (("sales", 3),)
    index.put_seat(seat("ann"), 20)
    index.put_contact(contact("c"), 0)
    index.put_seat(seat("ben"), 10)
    index.put_seat(seat("fay", owner="box-b"), 30)
    pool = index.pool(sales)
    assert [entry[2] for entry in pool.best] == ["fay", "ben", "ann"]
    assert [entry[2] for entry in pool.local["box-a"]] == ["ben", "ann"]
    index.put_seat(seat("ann"), 5)
    assert [entry[2] for entry in pool.best] == ["fay", "ann", "ben"]
    for name in ("ann", "ben", "fay", "nobody"):
        index.drop_seat(name)
    assert (pool.best, pool.local, index.ready) == ([], {}, {})


def test_a_line_is_ordered_by_place_and_leaves_without_a_trace() -> None:
    index = Index(INDEX)
    for name, arrival in (("b", 2), ("c", 3), ("a", 1)):
        index.put_contact(contact(name, arrival=arrival, klass="unknown"), 0)
    (line,) = index.lines[("sales", 3),].values()
    assert [entry[3] for entry in line] == ["a", "b", "c"]
    for name in ("a", "b", "c", "nobody"):
        index.drop_contact(name)
    assert (index.lines, index.waiting) == ({}, {})


def test_contacts_of_ever_new_skills_do_not_fill_the_memory() -> None:
    index = Index(INDEX)
    for number in range(3 * MAX_IDLE_POOLS):
        index.put_contact(contact("c", skills={f"skill-{number}": 1}), 0)
    index.drop_contact("c")
    assert len(index._pools) <= MAX_IDLE_POOLS + 1


def test_a_pool_somebody_waits_for_is_kept() -> None:
    """Or a seat that comes to be ready would not be noticed."""
    index = Index(INDEX)
    index.put_contact(contact("c"), 0)
    index.drop_contact("c")
    index.put_contact(contact("c"), 0)
    for number in range(2 * MAX_IDLE_POOLS):
        index.put_contact(contact("d", skills={f"skill-{number}": 1}), 0)
    assert index.put_seat(seat("ann"), 0)
