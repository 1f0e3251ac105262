"""Peers' clocks are measured against ours, and nobody's is set."""

import pytest

from appliance.base.clock import HeldClock
from appliance.base.hlc import MAX_DRIFT_MS, HybridClock, stamp_ms
from appliance.link.clocks import CALM_MS, NOISE_MS, ClockWatch
from tests.appliance.link.rig import World

YEARS_MS = 10 * 365 * 86_400_000


class Rig:
    """A watch on a held clock, and what it told."""

    def __init__(self) -> None:
        self.clock = HeldClock()
        self.hlc = HybridClock(self.clock)
        self.told: list[tuple[str, int]] = []
        self.watch = ClockWatch(self.clock, self.hlc, lambda *told: self.told.append(told))

    def stamp(self, ahead_ms: int) -> int:
        return (self.clock.wall_us() // 1000 + ahead_ms) << 16

    def take(self, ahead_ms: int, delay_ms: int = 0) -> None:
        self.watch.take("box-b", self.stamp(ahead_ms), delay_ms)


@pytest.mark.parametrize("ahead_ms", [-YEARS_MS, -3_600_000, -501, 501, 3_600_000, YEARS_MS])
def test_a_clock_that_is_off_is_told_once(ahead_ms: int) -> None:
    rig = Rig()
    for _ in range(3):
        rig.take(ahead_ms)
    assert rig.told == [("box-b", ahead_ms)]
    assert rig.watch.off_ms == {"box-b": ahead_ms}
    rig.take(10)
    assert rig.told[1:] == [("box-b", 0)]
    assert rig.watch.off_ms == {}


@pytest.mark.parametrize("ahead_ms", [-MAX_DRIFT_MS, -20, 0, 20, MAX_DRIFT_MS])
def test_a_clock_that_is_a_little_off_is_not_told(ahead_ms: int) -> None:
    rig = Rig()
    rig.take(ahead_ms)
    assert rig.told == []


def test_the_way_here_does_not_count() -> None:
    rig = Rig()
    rig.take(-900, delay_ms=1_800)
    assert rig.told == []


def test_noise_and_the_edge_tell_nothing_new() -> None:
    rig = Rig()
    for ahead_ms in (1_000, 1_000 + NOISE_MS, 1_000 - NOISE_MS):
        rig.take(ahead_ms)
    assert rig.told == [("box-b", 1_000)]
    rig.take(MAX_DRIFT_MS + 1)
    rig.take(CALM_MS + 1)
    assert rig.told[1:] == [("box-b", MAX_DRIFT_MS + 1)]
    rig.take(CALM_MS)
    assert rig.told[2:] == [("box-b", 0)]


def test_ours_follows_but_is_not_dragged() -> None:
    rig = Rig()
    wall_ms = rig.clock.wall_us() // 1000
    rig.take(MAX_DRIFT_MS)
    assert stamp_ms(rig.hlc.read()) == wall_ms + MAX_DRIFT_MS
    rig.take(3_600_000)
    rig.take(YEARS_MS)
    assert stamp_ms(rig.hlc.read()) == wall_ms + MAX_DRIFT_MS


@pytest.mark.parametrize("stamp", [0, -1, -(1 << 70)])
def test_what_is_no_stamp_is_no_measure(stamp: int) -> None:
    rig = Rig()
    rig.watch.take("box-b", stamp, 0)
    assert rig.told == []
    assert rig.hlc.read() == rig.stamp(0)


def test_beats_carry_it_before_a_peer_counts_as_reached() -> None:
    world = World()
    world.pair()
    told: list[object] = []
    node = world.nodes["a"]
    world.nodes["b"].stamp = lambda: 77
    node.on_stamp = lambda *what: told.append(what)
    node.on_reached = told.append
    world.network.delay_s = 0.2
    node.dial("b")
    world.run(3)
    assert told[0] == ("b", 77, 400)
    assert told[1] == "b"
    assert len(told) > 2
