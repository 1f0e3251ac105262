"""The hybrid clock: stamps grow, stay near wall time, follow others but never far ahead."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.base.clock import HeldClock
from appliance.base.hlc import MAX_DRIFT_MS, HybridClock, moved, stamp_ms

START_MS = 1_800_000_000_000


def test_stamps_carry_wall_time() -> None:
    clock = HeldClock()
    assert stamp_ms(HybridClock(clock).now()) == START_MS


def test_stamps_of_one_millisecond_still_grow() -> None:
    hlc = HybridClock(HeldClock())
    stamps = [hlc.now() for _ in range(100_000)]
    assert stamps == sorted(set(stamps))
    assert stamp_ms(stamps[-1]) <= START_MS + 2, "a full counter runs over into the next ms"


def test_a_wall_clock_that_jumps_back_does_not_take_stamps_with_it() -> None:
    clock = HeldClock()
    hlc = HybridClock(clock)
    before = hlc.now()
    clock.advance(-3600)
    assert hlc.now() > before


@pytest.mark.parametrize("hours", [-87_600.0, -1.0, 1.0, 87_600.0])
def test_stamps_go_with_a_wall_clock_that_is_set(hours: float) -> None:
    clock = HeldClock()
    hlc = HybridClock(clock)
    before, era_ms = hlc.now(), hlc.era_ms
    set_by_ms = round(hours * 3_600_000)
    clock.set_wall(clock.wall_us() + set_by_ms * 1000)
    assert hlc.era_ms - era_ms == set_by_ms
    assert stamp_ms(hlc.read()) == START_MS + set_by_ms
    assert hlc.now() > moved(before, set_by_ms), "what was minted before, and corrected, is first"


def test_a_clock_that_is_a_little_off_is_not_set() -> None:
    clock = HeldClock()
    hlc = HybridClock(clock)
    before, era_ms = hlc.now(), hlc.era_ms
    clock.set_wall(clock.wall_us() - MAX_DRIFT_MS * 1000)
    assert hlc.now() > before
    assert hlc.era_ms == era_ms


def test_reading_mints_nothing() -> None:
    hlc = HybridClock(HeldClock())
    assert hlc.read() == hlc.read()
    minted = hlc.now()
    assert hlc.read() == minted


def test_a_received_stamp_is_followed() -> None:
    clock = HeldClock()
    hlc = HybridClock(clock)
    theirs = (START_MS + MAX_DRIFT_MS) << 16 | 5
    assert hlc.receive(theirs)
    assert hlc.now() > theirs


def test_a_stamp_too_far_ahead_is_refused_and_not_followed() -> None:
    clock = HeldClock()
    hlc = HybridClock(clock)
    theirs = (START_MS + MAX_DRIFT_MS + 1) << 16
    assert not hlc.receive(theirs)
    assert stamp_ms(hlc.now()) == START_MS


def test_an_old_stamp_changes_nothing() -> None:
    clock = HeldClock()
    hlc = HybridClock(clock)
    last = hlc.now()
    assert hlc.receive(1)
    assert hlc.now() == last + 1


steps = st.lists(
    st.one_of(
        st.tuples(st.just("now"), st.just(0)),
        st.tuples(st.just("wall"), st.integers(-5000, 5000)),
        st.tuples(st.just("receive"), st.integers(-2000, 2000)),
    ),
    max_size=60,
)


@given(steps)
def test_whatever_happens_stamps_grow_and_stay_near(steps: list[tuple[str, int]]) -> None:
    clock = HeldClock()
    hlc = HybridClock(clock)
    last, highest_ms = 0, START_MS
    for what, ms in steps:
        if what == "wall":
            clock.advance(ms / 1000)
        wall_ms = clock.wall_us() // 1000
        highest_ms = max(highest_ms, wall_ms)
        if what == "receive":
            theirs = (wall_ms + ms) << 16
            followed = hlc.receive(theirs)
            assert followed == (ms <= MAX_DRIFT_MS)
            if followed:
                assert hlc.now() > theirs
        stamp = hlc.now()
        assert stamp > last
        assert stamp_ms(stamp) <= highest_ms + MAX_DRIFT_MS + 1
        last = stamp
