"""How long a leg may be silent before it is lost, and who says so."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.wire.commands import Bridge, KeepDigits, WatchSilence
from appliance.wire.events import Refused
from tests.appliance.legs.soundrig import SoundRig


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[SoundRig]:
    with SoundRig(tmp_path) as rig:
        yield rig


@pytest.mark.parametrize("said_first", [True, False])
async def test_a_leg_is_lost_after_the_silence_that_was_said(
    rig: SoundRig, said_first: bool
) -> None:
    lost: list[tuple[int, str]] = []
    rig.media.on_lost = lambda leg, reason: lost.append((leg, reason))
    far, other = rig.add(440.0), rig.add(620.0)
    for one in (far, other):
        rig.media.watch_silence(one.leg, on=True)
    if said_first:
        rig.put(WatchSilence(far.leg, 2.0))
    rig.run(500)
    far.gone = other.gone = True
    rig.run(1500)
    if not said_first:
        rig.put(WatchSilence(far.leg, 2.0))
        rig.run(500)
    assert lost == []
    rig.run(2000)
    assert lost == [(far.leg, "media-timeout")]
    assert rig.row(far).silence_s == 2.0


async def test_it_may_be_as_silent_as_the_settings_say_again(rig: SoundRig) -> None:
    lost: list[int] = []
    rig.media.on_lost = lambda leg, _: lost.append(leg)
    far = rig.add(440.0)
    rig.put(WatchSilence(far.leg, 2.0), WatchSilence(far.leg))
    rig.media.watch_silence(far.leg, on=True)
    rig.run(200)
    far.gone = True
    rig.run(5000)
    assert lost == []


async def test_a_leg_on_hold_may_be_silent_whatever_was_said(rig: SoundRig) -> None:
    lost: list[int] = []
    rig.media.on_lost = lambda leg, _: lost.append(leg)
    far = rig.add(440.0)
    rig.media.watch_silence(far.leg, on=False)
    rig.put(WatchSilence(far.leg, 2.0))
    far.gone = True
    rig.run(5000)
    assert lost == []


@pytest.mark.parametrize("after_s", [-1.0, 90_000.0, float("nan"), float("inf")])
async def test_a_silence_that_is_none_is_refused(rig: SoundRig, after_s: float) -> None:
    far = rig.add(440.0)
    rig.put(WatchSilence(far.leg, after_s))
    (refused,) = rig.heard(Refused)
    assert refused.reason == "bad-request"


async def test_a_leg_that_is_not_there_is_gone(rig: SoundRig) -> None:
    rig.put(WatchSilence(7, 2.0), KeepDigits(7))
    assert [refused.reason for refused in rig.heard(Refused)] == ["gone", "gone"]


async def test_a_leg_that_keeps_its_digits_is_shown_and_still_talks(rig: SoundRig) -> None:
    far, other = rig.add(440.0), rig.add(620.0)
    rig.put(Bridge("b", [far.leg, other.leg], rest="stay"), KeepDigits(far.leg))
    rig.run(500)
    assert rig.row(far).keeps_digits
    assert other.hears(440.0)
    rig.put(KeepDigits(far.leg, on=False))
    assert not rig.row(far).keeps_digits


async def test_who_pauses_by_comfort_noise_may_be_silent_for_as_long_as_that_takes(
    rig: SoundRig,
) -> None:
    lost: list[int] = []
    rig.media.on_lost = lambda leg, _: lost.append(leg)
    far = rig.add(440.0)
    rig.media.silence.may_pause(far.leg, on=True)
    rig.media.watch_silence(far.leg, on=True)
    rig.put(WatchSilence(far.leg, 2.0))
    rig.run(200)
    far.gone = True
    rig.run(5000)  # our own engine sends one packet each 5 s
    assert lost == []
    rig.run(2000)
    assert lost == [far.leg]
