"""Groups and pools: what stands in them, and that they stay bounded."""

from appliance.routing import index as index_module
from appliance.routing.areas import ALL, agent_area, region_area, site_area
from appliance.routing.index import Index
from appliance.routing.model import Given
from appliance.routing.needs import Stage
from appliance.routing.planindex import PlanIndex
from tests.appliance.routing.rows import PLAN, contact, seat

INDEX = PlanIndex(PLAN)


def stages(queue: str, skills: dict[str, int] | None = None) -> tuple[Stage, ...]:
    found = INDEX.stages(queue, "voice", skills or {})
    assert found is not None
    return found


def test_a_need_has_the_higher_of_both_levels_in_order_of_names() -> None:
    needs = [stages("sales", {"german": 2, "sales": 1}), stages("sales", {"sales": 7})]
    assert [found[0].need.required for found in needs] == [
        (("german", 2), ("sales", 3)),
        (("sales", 7),),
    ]
    assert stages("any")[0].need.required == ()
    assert INDEX.stages("nowhere", "voice", {}) is None


def test_equal_needs_are_one_object() -> None:
    assert stages("sales")[0].need is stages("sales", {"sales": 2})[0].need


def test_a_queue_asks_for_less_and_looks_farther_step_by_step() -> None:
    told = [(s.after_ms, s.radius, s.need.required, s.need.reserve) for s in stages("near")]
    assert told == [
        (0, "site", (("german", 4), ("sales", 3)), False),
        (5_000, "region", (("german", 4), ("sales", 3)), False),
        (10_000, "region", (("german", 1), ("sales", 3)), False),
        (20_000, "all", (("german", 1), ("sales", 3)), False),
        (30_000, "all", (("german", 1), ("sales", 3)), True),
        (40_000, "all", (("sales", 2),), True),
    ]
    assert stages("near")[-1].need.preferred == (("german", 1), ("service", 2))


def test_levels_are_added_up_over_what_is_required_and_preferred() -> None:
    need = stages("near")[2].need
    assert INDEX.agents["fay"].levels(need) == 9 + 1  # service 1 is below what counts
    assert INDEX.agents["gil"].levels(need) is None  # in reserve
    assert INDEX.agents["gil"].levels(stages("near")[4].need) == 18
    assert INDEX.agents["eve"].levels(need) is None
    assert INDEX.agents["hal"].levels(stages("any")[0].need) is None  # takes no calls


def test_the_best_seat_stands_first_and_leaves_without_a_trace() -> None:
    index = Index(INDEX)
    index.put_seat(seat("ann"), 20)
    index.put_contact(contact("c"), 0)
    index.put_seat(seat("ben"), 10)
    index.put_seat(seat("fay", owner="box-b"), 30)
    index.let_in(())
    (group,) = index.live
    near = group.pool.seats_of(site_area("box-a"), index.there(site_area("box-a")))
    assert [entry[-1] for entry in group.seats] == ["fay", "ben", "ann"]
    assert [entry[-1] for entry in near] == ["ben", "ann"]
    index.put_seat(seat("ann"), 5)
    assert [entry[-1] for entry in index.contested()[group]] == ["fay", "ann", "ben"]
    assert [entry[-1] for entry in group.seats] == ["fay", "ben"]
    index.let_in(())
    assert [entry[-1] for entry in group.seats] == ["fay", "ann", "ben"]
    assert [entry[-1] for entry in near] == ["ann", "ben"]
    for name in ("ann", "ben", "fay", "nobody"):
        index.drop_seat(name)
    assert (group.seats, near, index.ready, index.live) == ([], [], {}, {})
    assert not index.there(site_area("box-a"))


def test_the_seats_of_an_area_are_those_that_are_let_in() -> None:
    index = Index(INDEX)
    index.put_contact(contact("c"), 0)
    index.put_seat(seat("ann"), 0)  # somebody waits: it stands at the door
    index.put_seat(seat("dov", owner="box-b"), 0)
    for area in (site_area("box-a"), agent_area("ann")):
        assert not index.there(area)
    index.let_in(())
    for area, names in (
        (site_area("box-a"), ["ann"]),
        (region_area("north"), ["dov", "ann"]),
        (agent_area("ann"), ["ann"]),
        (agent_area("nobody"), []),
        (site_area("nowhere"), []),
    ):
        assert [ready.row.seat for ready in index.there(area)] == names


def test_who_is_waited_for_stands_at_the_door_until_the_next_decision() -> None:
    index = Index(INDEX)
    index.put_contact(contact("c"), 0)
    group = index.waiting["c"].group
    for name in ("ann", "ben"):
        assert index.put_seat(seat(name), 0)
    assert (group.seats, index.live) == ([], {})
    assert [entry[-1] for entry in index.contested()[group]] == ["ann", "ben"]
    index.let_in({"ann"})
    assert [entry[-1] for entry in group.seats] == ["ben"]
    assert [entry[-1] for entry in index.contested()[group]] == ["ann", "ben"]
    index.drop_seat("ann")
    assert [entry[-1] for entry in index.contested()[group]] == ["ben"]


def test_who_comes_while_a_seat_stands_at_the_door_may_take_it() -> None:
    index = Index(INDEX)
    index.put_contact(contact("c"), 0)
    index.put_seat(seat("ann"), 0)
    index.drop_contact("c")
    assert index.contested() == {}
    for name, queue in (("d", "sales"), ("e", "any"), ("f", "near")):
        assert index.put_contact(contact(name, queue=queue), 0)
        assert index.waiting[name].group in index.contested()
    assert not index.put_contact(contact("g", queue="service"), 0)


def test_the_door_holds_few() -> None:
    index = Index(INDEX)
    index.put_contact(contact("c", queue="any"), 0)
    names = [name for name, profile in INDEX.agents.items() if "voice" in profile.channels]
    assert len(names) > index_module.MAX_DOOR + 1  # one is in reserve
    for number, name in enumerate(names):
        index.put_seat(seat(name), number)
        assert len(index._door) <= index_module.MAX_DOOR
    assert index.live


def test_a_line_is_ordered_by_place_and_leaves_without_a_trace() -> None:
    index = Index(INDEX)
    index.put_seat(seat("ann"), 0)
    for name, arrival in (("b", 2), ("c", 3), ("a", 1)):
        index.put_contact(contact(name, arrival=arrival, klass="unknown"), 0)
    (group,) = index.live
    (line,) = group.lines.values()
    assert [entry[3] for entry in line] == ["a", "b", "c"]
    for name in ("a", "b", "c", "nobody"):
        index.drop_contact(name)
    assert (group.lines, index.waiting, index.live) == ({}, {}, {})


def test_time_moves_a_contact_on_by_itself() -> None:
    index = Index(INDEX)
    index.put_seat(seat("fay", owner="box-c"), 0)
    index.put_seat(seat("gil", owner="box-c"), 0)
    assert not index.put_contact(contact("c", queue="near", owner="box-a"), 0)
    assert not index.advance(9_999)
    assert not index.advance(10_000)
    assert index.advance(20_000)
    ((group, seats),) = index.contested().items()
    assert (group.area, [entry[-1] for entry in seats]) == (ALL, ["fay"])
    index.advance(30_000)
    ((group, seats),) = index.contested().items()
    assert [entry[-1] for entry in seats] == ["fay", "gil"]
    index.drop_contact("c")
    assert not index.advance(99_000)


def test_a_contact_looks_at_its_site_first_and_then_everywhere() -> None:
    given = Given("box-b", "shares", 7, 1)
    index = Index(INDEX)
    index.put_seat(seat("ann", owner="box-a"), 0)
    assert not index.put_contact(contact("c", queue="split", given=given), 0)
    assert index.waiting["c"].group.area == "site:box-b"
    assert index.put_seat(seat("ben", owner="box-b"), 0)
    assert not index.advance(19_999)
    assert index.advance(20_000)
    assert index.waiting["c"].group.area == ALL
    assert index.put_contact(contact("d", queue="split"), 20_000)  # given to none
    nowhere = Given("made-up", "wait", 7)
    assert index.put_contact(contact("e", queue="least", given=nowhere), 20_000)


def test_agents_in_reserve_join_and_leave_at_a_word() -> None:
    index = Index(INDEX)
    index.put_seat(seat("gil"), 0)
    assert not index.put_contact(contact("c", queue="rush"), 0)
    assert not index.advance(3_600_000)  # time alone does not call them
    assert index.set_joined(frozenset({"rush"}))
    (group,) = index.live
    assert [entry[-1] for entry in group.seats] == ["gil"]
    assert index.put_contact(contact("d", queue="rush"), 0)
    assert not index.set_joined(frozenset())
    assert not index.live


def test_who_asks_for_an_agent_waits_for_nobody_else_while_they_are_there() -> None:
    index = Index(INDEX)
    index.put_seat(seat("ben"), 0)
    index.put_seat(seat("ann", state="talking"), 0)
    assert not index.put_contact(contact("c", agent="ann"), 0)
    assert index.put_seat(seat("ann", state="paused"), 0)  # so ben may
    assert index.waiting["c"].group.area == ALL
    index.put_seat(seat("ann"), 0)
    ((group, seats),) = index.contested().items()
    assert group is index.waiting["c"].group
    assert (group.area, [entry[-1] for entry in seats]) == (agent_area("ann"), ["ann"])
    assert index.drop_seat("ann")
    assert index.waiting["c"].group.area == ALL


def test_contacts_of_ever_new_skills_do_not_fill_the_memory() -> None:
    index = Index(INDEX)
    many = index_module.MAX_IDLE_POOLS
    for number in range(2 * many):
        index.put_contact(contact("c", skills={f"skill-{number}": 1}), 0)
    index.drop_contact("c")
    assert len(index._pools) <= many + 1


def test_a_pool_somebody_waits_for_is_kept() -> None:
    """Or a seat that comes to be ready would not be noticed."""
    index = Index(INDEX)
    index.put_contact(contact("c"), 0)
    index.drop_contact("c")
    index.put_contact(contact("c"), 0)
    for number in range(2 * index_module.MAX_IDLE_POOLS):
        index.put_contact(contact("d", skills={f"skill-{number}": 1}), 0)
    assert index.put_seat(seat("ann"), 0)
