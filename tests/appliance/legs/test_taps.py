"""Live copies of a leg: every sample arrives, only where it may, and ends are told."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from appliance.legs.taps import MAX_TAPS
from appliance.wire.commands import Sides, StopTap, Tap
from appliance.wire.events import Refused, TapEnded
from tests import audio
from tests.appliance.legs.soundrig import SoundRig, TapReader


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[SoundRig]:
    with SoundRig(tmp_path) as rig:
        yield rig


@pytest.fixture
def reader(rig: SoundRig) -> Iterator[TapReader]:
    reader = TapReader(rig.taps / "desk")
    yield reader
    reader.close()


@pytest.mark.parametrize(
    ("sides", "hz"), [("says", (440,)), ("hears", (620,)), ("both", (440, 620))]
)
async def test_a_tap_delivers_the_samples(
    rig: SoundRig, reader: TapReader, sides: Sides, hz: tuple[int, ...]
) -> None:
    one, _ = rig.pair()
    rig.put(Tap(one.leg, "t", "desk", sides), Tap(one.leg, "t", "desk", sides))
    assert rig.row(one).taps == ("t",)
    rig.run(500)
    got = reader.frames()
    assert [clock for clock, _ in got] == [960 * i for i in range(len(got))]
    assert len(got) >= 24
    sound = np.concatenate([samples for _, samples in got])
    for i, one_hz in enumerate(hz):
        side = sound[i :: len(hz)][800:]
        assert audio.level_dbm0(side, one_hz) == pytest.approx(-10, abs=0.5)
        assert audio.loudest_other_db(side, one_hz) < -30
    rig.put(StopTap("t"), StopTap("t"))
    rig.run(60)
    (ended,) = rig.heard(TapEnded)
    assert (ended.leg, ended.tap, ended.reason, ended.lost) == (one.leg, "t", "stopped", 0)
    assert rig.row(one).taps == ()


async def test_a_tap_ends_with_its_reader_and_with_its_leg(
    rig: SoundRig, reader: TapReader
) -> None:
    one, other = rig.pair()
    rig.put(Tap(one.leg, "t", "desk"))
    rig.run(100)
    reader.frames()
    reader.close()
    rig.run(200)
    assert rig.heard(TapEnded)[0].reason == "reader-gone"
    assert rig.row(one).taps == ()
    second = TapReader(rig.taps / "second")
    rig.put(Tap(other.leg, "u", "second"))
    rig.run(100)
    rig.exchange.hang(other.leg, "normal")
    rig.run(100)
    second.close()
    assert rig.heard(TapEnded, tap="u")[0].reason == "stopped"
    assert not rig.heard(Refused)


async def test_taps_only_go_to_sockets_of_their_folder(rig: SoundRig, reader: TapReader) -> None:
    one, _ = rig.pair()
    outside = TapReader(rig.taps.parent / "outside")
    (rig.taps / "file").write_text("x")
    (rig.taps / "way-out").symlink_to(rig.taps.parent)
    bad = ["../outside", str(rig.taps.parent / "outside"), "way-out/outside", "file", "none"]
    bad += ["", ".", "..", "\0", "x" * 200, "a/" * 3000]
    rig.put(*(Tap(one.leg, f"t{i}", path) for i, path in enumerate(bad)))
    assert [event.reason for event in rig.heard(Refused)] == ["tap-failed"] * len(bad)
    assert rig.row(one).taps == ()
    rig.run(40)
    outside.close()


async def test_a_leg_has_so_many_taps_and_no_more(rig: SoundRig) -> None:
    one, _ = rig.pair()
    readers = [TapReader(rig.taps / str(i)) for i in range(MAX_TAPS + 1)]
    rig.put(*(Tap(one.leg, f"t{i}", str(i)) for i in range(MAX_TAPS + 1)))
    assert [event.reason for event in rig.heard(Refused)] == ["overload"]
    assert len(rig.row(one).taps) == MAX_TAPS
    rig.run(40)
    for reader in readers:
        reader.close()
