"""When a peer is dialled again."""

from random import Random

import pytest

from appliance.link.dialler import (
    ATTEMPT_S,
    DETOUR_AFTER_S,
    DIRECT_AGAIN_S,
    FIRST_WAIT_S,
    LONGEST_WAIT_S,
    SHORT_ATTEMPT_S,
    Detour,
    Redial,
)


def waits(chance: Random, *, delay_s: float = 0.0, count: int = 12) -> list[float]:
    redial = Redial(100.0, chance, delay_s=delay_s)
    found = []
    for _ in range(count):
        redial.failed(200.0)
        found.append(redial.due_s - 200.0)
    return found


def test_waits_grow_to_a_bound() -> None:
    found = waits(Random(1))
    assert FIRST_WAIT_S / 2 <= found[0] <= FIRST_WAIT_S
    assert all(LONGEST_WAIT_S / 2 <= wait <= LONGEST_WAIT_S for wait in found[5:])


def test_boxes_do_not_come_back_in_step() -> None:
    last = {waits(Random(seed))[-1] for seed in range(50)}
    assert len(last) == 50
    assert max(last) - min(last) > LONGEST_WAIT_S / 4


def test_success_begins_anew() -> None:
    redial = Redial(0.0, Random(1))
    for _ in range(9):
        redial.failed(0.0)
    redial.succeeded()
    redial.failed(0.0)
    assert redial.due_s <= FIRST_WAIT_S


def test_who_does_not_lead_waits_longer() -> None:
    assert min(waits(Random(1), delay_s=1.5)) > 1.5
    assert Redial(10.0, Random(1), delay_s=1.5).due_s == 11.5


def test_an_attempt_has_waited_already() -> None:
    redial = Redial(0.0, Random(1))
    for _ in range(9):
        redial.failed(0.0)
    redial.failed(101.0, began_s=100.0)
    assert redial.due_s == 101.0
    redial.failed(100.1, began_s=100.0)
    assert 100.0 + LONGEST_WAIT_S / 2 <= redial.due_s <= 100.0 + LONGEST_WAIT_S


def test_an_attempt_is_short_unless_the_peer_is_far_away() -> None:
    redial = Redial(0.0, Random(1))
    limits = [redial.begin() for _ in range(6)]
    assert limits == [SHORT_ATTEMPT_S, SHORT_ATTEMPT_S, ATTEMPT_S] * 2
    for took_s, attempt_s in ((0.02, SHORT_ATTEMPT_S), (0.9, 1.8), (2.1, ATTEMPT_S)):
        redial.succeeded(took_s)
        assert redial.begin() == pytest.approx(attempt_s)


def test_a_long_attempt_into_the_unknown_has_short_ones_beside_it() -> None:
    redial = Redial(0.0, Random(1))
    assert redial.beside([], 10.0)
    assert not redial.beside([10.0], 10.9)
    assert redial.beside([10.0], 10.0 + SHORT_ATTEMPT_S)
    assert not redial.beside([10.0, 11.0], 12.5)
    redial.succeeded(0.4)  # now it is known how long to wait
    assert redial.beside([], 10.0)
    assert not redial.beside([10.0], 12.0)


def test_a_peer_that_is_elsewhere_by_now_is_dialled_at_once() -> None:
    redial = Redial(0.0, Random(1))
    redial.succeeded(2.1)
    redial.later(100.0)
    assert redial.due_s == 100.0 + DIRECT_AGAIN_S
    redial.hasten()
    assert redial.due_s < 0
    assert redial.begin() == SHORT_ATTEMPT_S


def test_relays_are_tried_one_after_the_other_and_then_again() -> None:
    detour = Detour(10.0, Random(1))
    relays = ["r1", "r2", "r3"]
    assert not detour.due(12.9, 3.0)
    assert detour.due(13.0, 3.0)
    assert [detour.next(relays, 13.0) for _ in range(4)] == ["r1", "r2", "r3", ""]
    assert not detour.due(13.0, 3.0)
    assert detour.due(13.0 + FIRST_WAIT_S, 3.0)
    assert detour.next(relays, 14.0) == "r1"


def test_rounds_in_vain_grow_rarer_and_one_of_three_is_long() -> None:
    detour, limits, now_s = Detour(0.0, Random(1)), [], 0.0
    for _ in range(9):
        while not detour.due(now_s, 0.0):
            now_s += 0.01
        assert detour.next(["r"], now_s) == "r"
        limits.append(detour.limit_s)
        assert detour.next(["r"], now_s) == ""
    assert limits == [SHORT_ATTEMPT_S, SHORT_ATTEMPT_S, ATTEMPT_S] * 3
    assert not detour.due(now_s + LONGEST_WAIT_S / 2 - 0.01, 0.0)
    assert detour.due(now_s + LONGEST_WAIT_S, 0.0)


def test_where_there_is_no_relay_the_first_one_is_taken_at_once() -> None:
    detour = Detour(0.0, Random(1))
    assert detour.next([], 1.0) == ""
    assert detour.due(1.0, 0.0)
    assert detour.next(["r"], 1.0) == "r"


def test_the_relay_that_failed_is_the_last_to_be_tried_again() -> None:
    detour = Detour(0.0, Random(1))
    detour.lost("r1", 50.0, 1.5)
    assert not detour.due(51.4, 3.0)
    assert detour.due(51.5, 3.0)
    assert detour.next(["r1", "r2"], 52.0) == "r2"
    assert detour.next(["r1", "r2"], 52.0) == ""
    assert detour.next(["r1", "r2"], 53.0) == "r1"


def test_a_direct_session_that_is_lost_is_waited_for_first() -> None:
    detour = Detour(0.0, Random(1))
    detour.lost("", 50.0)
    assert not detour.due(50.0 + DETOUR_AFTER_S - 0.1, DETOUR_AFTER_S)
    assert detour.due(50.0 + DETOUR_AFTER_S, DETOUR_AFTER_S)
