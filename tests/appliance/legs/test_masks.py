"""Dialled digits that no recording and no tap may hold, whoever hears them."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from appliance.wire.commands import Bridge, MaskDigits, RecordLeg, StopRecord, Tap, Unbridge
from appliance.wire.events import Digit, RecordingDone
from tests import audio
from tests.appliance.legs.soundrig import Far, SoundRig, TapReader

#: the two tones of 5 (ITU-T Q.23)
FIVE_HZ = (770.0, 1336.0)


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[SoundRig]:
    with SoundRig(tmp_path) as rig:
        yield rig


@pytest.fixture
def reader(rig: SoundRig) -> Iterator[TapReader]:
    reader = TapReader(rig.taps / "desk")
    yield reader
    reader.close()


def dials(far: Far, rig: SoundRig) -> None:
    """Let a far end dial 5 three times."""
    five = np.concatenate([audio.digit("5", 100), audio.silence(100)])
    far.says(np.concatenate([audio.silence(200), five, five, five, audio.silence(200)]))
    rig.run(1000)
    far.says(audio.silence(20))
    rig.run(200)


def digits_in(sound: audio.Sound) -> int:
    """Return how many stretches of 20 ms have both tones of 5."""
    return sum(
        all(audio.level_dbm0(part, hz) > -35 for hz in FIVE_HZ)
        for part in audio.frames(sound, 160)
    )


async def test_masked_digits_are_in_no_recording_and_yet_told(rig: SoundRig) -> None:
    caller, agent = rig.add(), rig.add()
    rig.put(RecordLeg(caller.leg, "c", "c.wav"), RecordLeg(agent.leg, "a", "a.wav"))
    rig.run(200)
    rig.put(MaskDigits(caller.leg), MaskDigits(caller.leg))
    rig.put(Bridge("b", [caller.leg, agent.leg]))
    dials(caller, rig)
    assert rig.row(caller).masked
    rig.put(StopRecord("c"), StopRecord("a"))
    rig.run(200)
    assert [digit.digit for digit in rig.heard(Digit, leg=caller.leg)] == ["5", "5", "5"]
    assert digits_in(agent.heard) > 6
    assert digits_in(audio.read_wav(rig.recordings / "c.wav")[:, 0]) == 0
    assert digits_in(audio.read_wav(rig.recordings / "a.wav")[:, 1]) == 0
    rig.put(MaskDigits(caller.leg, on=False), RecordLeg(agent.leg, "b", "b.wav"))
    dials(caller, rig)
    rig.put(StopRecord("b"))
    rig.run(200)
    assert digits_in(audio.read_wav(rig.recordings / "b.wav")[:, 1]) > 6


async def test_the_mask_covers_who_comes_later_and_goes_with_its_leg(rig: SoundRig) -> None:
    caller, agent = rig.add(), rig.add()
    rig.put(MaskDigits(caller.leg), Bridge("b", [caller.leg, agent.leg]))
    rig.put(RecordLeg(agent.leg, "a", "a.wav"))
    dials(caller, rig)
    other = rig.add()
    rig.put(Bridge("b", [agent.leg, other.leg, caller.leg]))
    rig.exchange.ended(caller.leg, "normal")
    rig.run(200)
    before = rig.heard(RecordingDone)
    dials(other, rig)
    rig.put(StopRecord("a"))
    rig.run(200)
    sound = audio.read_wav(rig.recordings / "a.wav")[:, 1]
    assert not before
    assert digits_in(sound[: 8 * 1200]) == 0
    assert digits_in(sound[8 * 1200 :]) > 6


async def test_the_mask_is_about_those_who_share_a_bridge_now(rig: SoundRig) -> None:
    caller, agent = rig.add(), rig.add()
    rig.put(MaskDigits(caller.leg), Bridge("b", [caller.leg, agent.leg]))
    rig.put(RecordLeg(agent.leg, "a", "a.wav"), Unbridge("b"))
    dials(agent, rig)
    rig.put(StopRecord("a"))
    rig.run(200)
    assert digits_in(audio.read_wav(rig.recordings / "a.wav")[:, 0]) > 6


async def test_a_tap_hears_no_masked_digit(rig: SoundRig, reader: TapReader) -> None:
    caller, agent = rig.add(), rig.add()
    rig.put(Bridge("b", [caller.leg, agent.leg]), Tap(agent.leg, "t", "desk", "hears"))
    rig.run(200)
    rig.put(MaskDigits(caller.leg))
    dials(caller, rig)
    rig.run(200)
    assert digits_in(np.concatenate([samples for _, samples in reader.frames()])) == 0
    rig.put(MaskDigits(caller.leg, on=False))
    dials(caller, rig)
    assert digits_in(np.concatenate([samples for _, samples in reader.frames()])) > 6
