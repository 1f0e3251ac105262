"""What failed is left out for a while, and only where its owner has a say."""

import pytest

from appliance.routing.failures import MAX_FAILURE_MS, MAX_FAILURES, FailureMemory
from appliance.routing.model import Failure


def failure(
    *, contact: str = "", seat: str = "", a: str = "", b: str = "", for_ms: int = 1_000
) -> Failure:
    return Failure(
        owner="box-a", contact=contact, seat=seat, a=a, b=b, reason="no-answer", for_ms=for_ms
    )


def against(memory: FailureMemory, contact: str, seat: str, now_ms: int = 0) -> str:
    """Ask for a contact at box-a and a seat at box-b."""
    return memory.against(contact, "box-a", seat, "box-b", now_ms)


@pytest.mark.parametrize(
    ("row", "left_out"),
    [
        (failure(contact="c", seat="ann"), {("c", "ann")}),
        (failure(contact="c"), {("c", "ann"), ("c", "ben")}),
        (failure(seat="ann"), {("c", "ann"), ("d", "ann")}),
        (failure(a="box-a", b="box-b", contact="c"), {("c", "ann"), ("c", "ben")}),
        (
            failure(a="box-b", b="box-a"),
            {("c", "ann"), ("c", "ben"), ("d", "ann"), ("d", "ben")},
        ),
        (failure(a="box-a", b="box-c"), set()),
        (failure(a="box-b", b="box-c"), set()),
    ],
)
def test_empty_fields_match_everything(row: Failure, left_out: set[tuple[str, str]]) -> None:
    memory = FailureMemory()
    memory.add("box-a", [row], 0)
    found = {(c, s) for c in ("c", "d") for s in ("ann", "ben") if against(memory, c, s)}
    assert found == left_out


def test_a_stranger_has_no_say() -> None:
    memory = FailureMemory()
    stranger = Failure(owner="box-x", contact="c", seat="ann", reason="declined", for_ms=1_000)
    assert memory.add("box-x", [stranger], 0) == 0
    assert against(memory, "c", "ann") == ""
    assert memory.add("box-a", [stranger], 0) == 1
    paths = Failure(owner="box-x", a="box-a", b="box-b", reason="unreachable", for_ms=1_000)
    assert memory.add("box-x", [paths], 0) == 1
    assert against(memory, "c", "ann") == ""


def test_the_seats_owner_has_a_say_as_well() -> None:
    memory = FailureMemory()
    row = Failure(owner="box-b", contact="c", seat="ann", reason="no-answer", for_ms=1_000)
    memory.add("box-b", [row], 0)
    assert against(memory, "c", "ann") == "no-answer"


def test_it_ends_and_the_newest_word_counts() -> None:
    memory = FailureMemory()
    memory.add("box-a", [failure(contact="c", for_ms=1_000)], 0)
    memory.add("box-a", [failure(contact="c", for_ms=5_000)], 500)
    assert not memory.expire(1_000)
    assert against(memory, "c", "ann", 5_499) == "no-answer"
    assert against(memory, "c", "ann", 5_500) == ""
    assert memory.expire(5_500)
    assert not memory.expire(5_500)


def test_a_failure_never_counts_for_ever() -> None:
    memory = FailureMemory()
    memory.add("box-a", [failure(contact="c", for_ms=10**12)], 0)
    assert against(memory, "c", "ann", MAX_FAILURE_MS - 1)
    assert not against(memory, "c", "ann", MAX_FAILURE_MS)


def test_one_owner_cannot_fill_the_memory() -> None:
    memory = FailureMemory()
    flood = (failure(contact=f"c{number}") for number in range(MAX_FAILURES + 3))
    assert memory.add("box-a", flood, 0) == 3
    assert memory.add("box-a", [failure(contact="c1", for_ms=9_000)], 0) == 0
    assert against(memory, "c1", "ann", 8_999)


def test_forgotten_with_its_owner() -> None:
    memory = FailureMemory()
    memory.add("box-a", [failure(contact="c")], 0)
    memory.forget("box-a")
    assert against(memory, "c", "ann") == ""
    assert not memory.expire(10_000)


def test_renewing_costs_no_memory() -> None:
    memory = FailureMemory()
    for now_ms in range(10_000):
        memory.add("box-a", [failure(contact="c", for_ms=60_000)], now_ms)
    assert len(memory._due) < 2_000
    assert not memory.expire(69_998)
    assert memory.expire(69_999)


def test_a_failure_that_was_called_off_and_its_owner_lost_leaves_nothing_behind() -> None:
    memory = FailureMemory()
    memory.add("box-a", [failure(a="box-a", b="box-b", for_ms=5_000)], 0)
    memory.add("box-a", [failure(a="box-a", b="box-b", for_ms=0)], 1_000)  # the path is back
    assert memory.expire(1_000)
    memory.forget("box-a")
    assert not memory.expire(5_000)
