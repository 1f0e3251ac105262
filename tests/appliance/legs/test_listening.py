"""What a leg is listened to for: tones, faxes, who answered, who talks; told once, by name."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from appliance.legs.mediaevents import AnswerKind
from appliance.wire.commands import Listen
from appliance.wire.events import Heard, Refused, Talking
from tests import audio
from tests.appliance.legs.soundrig import Far, SoundRig

#: (ITU-T E.180, special information tone)
SIT_HZ = (950, 1400, 1800)


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[SoundRig]:
    with SoundRig(tmp_path) as rig:
        yield rig


def word(ms: int) -> audio.Sound:
    """Return a voice-like buzz."""
    return audio.mix(*(audio.tone(130.0 * k, ms, -12 - 2.0 * k) for k in range(1, 12)))


def says(rig: SoundRig, far: Far, *sounds: audio.Sound) -> None:
    """Let a far end say this once."""
    sound = np.concatenate(sounds)
    far.says(sound)
    rig.run(len(sound) // 8)
    far.says(audio.silence(20))


def busy(hz: float = 425.0, times: int = 3) -> audio.Sound:
    """Return the busy tone of ITU-T E.180."""
    return np.concatenate([audio.tone(hz, 500), audio.silence(500)] * times)


def found(rig: SoundRig) -> list[tuple[str, str]]:
    """Return what was told."""
    return [(event.kind, event.what) for event in rig.heard(Heard)]


async def test_a_busy_tone_is_told_by_its_name_and_once(rig: SoundRig) -> None:
    far, other = rig.add(), rig.add()
    rig.put(Listen(far.leg, ("ringback", "busy")), Listen(other.leg, ("congestion",)))
    assert rig.row(far).listens == ("ringback", "busy")
    says(rig, far, busy())
    (event,) = rig.heard(Heard)
    assert (event.leg, event.kind, event.what) == (far.leg, "tone", "busy")
    assert rig.row(far).heard == "busy"


async def test_a_repeated_listen_does_not_begin_anew(rig: SoundRig) -> None:
    far = rig.add()
    rig.put(Listen(far.leg, ("busy",)))
    for _ in range(3):
        says(rig, far, busy(times=1))
        rig.put(Listen(far.leg, ("busy",), fax=True))
    rig.run(100)
    assert found(rig) == [("tone", "busy")]


async def test_sit_and_ringback_are_told_apart(rig: SoundRig) -> None:
    far = rig.add()
    rig.put(Listen(far.leg, ("busy", "ringback", "sit", "congestion")))
    sit = [audio.tone(hz, 330) for hz in SIT_HZ]
    says(rig, far, audio.silence(500), *sit, audio.silence(1200))
    assert found(rig) == [("tone", "sit")]
    says(rig, far, *[audio.tone(425, 1000), audio.silence(4000)] * 2)
    assert found(rig)[1:] == [("tone", "ringback")]


async def test_names_are_those_of_the_country(tmp_path: Path) -> None:
    with SoundRig(tmp_path, country="us") as rig:
        far = rig.add()
        rig.put(Listen(far.leg, ("busy",)))
        says(rig, far, busy())
        assert not rig.heard(Heard)
        both = audio.mix(audio.tone(480, 500), audio.tone(620, 500))
        says(rig, far, *[both, audio.silence(500)] * 3)
        assert found(rig) == [("tone", "busy")]


async def test_nothing_is_told_that_is_not_asked_for(rig: SoundRig) -> None:
    far = rig.add()
    rig.put(Listen(far.leg, ("busy",), fax=True, answer=True, talk=True), Listen(far.leg))
    assert rig.row(far).listens == ()
    says(rig, far, busy(), audio.tone(1100, 500), word(800), audio.silence(2000))
    assert not rig.heard(Heard)
    assert not rig.heard(Talking)


async def test_a_calling_fax_is_told(rig: SoundRig) -> None:
    far = rig.add()
    rig.put(Listen(far.leg, fax=True))
    says(rig, far, *[audio.tone(1100, 500), audio.silence(3000)] * 2)  # ITU-T T.30: CNG
    assert ("fax", "cng") in found(rig)
    says(rig, far, audio.tone(2100, 3000), audio.silence(500))  # ITU-T V.25: CED
    assert ("fax", "ced") in found(rig)


@pytest.mark.parametrize(
    ("who", "after_ms", "sounds"),
    [
        ("human", 1700, [audio.silence(500), word(400), audio.silence(2000)]),
        ("machine", 1800, [audio.silence(300), word(3000), audio.silence(1000)]),
        ("silence", 2500, [audio.silence(1000), audio.silence(3000)]),
    ],
    ids=["human", "machine", "silence"],
)
async def test_who_answered_is_told(
    rig: SoundRig, who: AnswerKind, after_ms: int, sounds: list[audio.Sound]
) -> None:
    far = rig.add()
    rig.run(100)
    rig.put(Listen(far.leg, answer=True))
    says(rig, far, sounds[0])
    rig.put(Listen(far.leg, answer=True, talk=True))  # goes on as it was
    says(rig, far, *sounds[1:], audio.silence(20))
    (event,) = rig.heard(Heard)
    assert (event.kind, event.what) == ("answer", who)
    assert event.after_ms == pytest.approx(after_ms, abs=150)
    assert rig.row(far).heard == who


async def test_a_machine_is_told_and_then_its_beep(rig: SoundRig) -> None:
    far = rig.add()
    rig.put(Listen(far.leg, answer=True))
    says(rig, far, word(3000), audio.silence(300), audio.tone(1000, 500), audio.silence(1000))
    assert found(rig) == [("answer", "machine"), ("answer", "beep")]
    assert rig.row(far).heard == "beep"


async def test_talk_is_told_when_it_begins_and_stops(rig: SoundRig) -> None:
    far, other = rig.add(), rig.add()
    rig.put(Listen(far.leg, talk=True))
    says(rig, far, audio.silence(500), word(1000), word(600))
    assert [event.on for event in rig.heard(Talking)] == [True]
    assert rig.row(far).talks
    says(rig, far, audio.silence(2000))
    assert [(event.leg, event.on) for event in rig.heard(Talking)] == [
        (far.leg, True),
        (far.leg, False),
    ]
    assert not rig.row(far).talks
    says(rig, other, word(1000))
    assert len(rig.heard(Talking)) == 2


async def test_who_is_not_listened_to_does_not_talk(rig: SoundRig) -> None:
    far = rig.add()
    rig.put(Listen(far.leg, talk=True))
    says(rig, far, word(1000))
    assert rig.row(far).talks
    rig.put(Listen(far.leg))
    assert not rig.row(far).talks
    assert not rig.heard(Refused)
