"""The far end: what it says and when, what it hears, and that it goes at last."""

from pathlib import Path
from typing import Any

import pytest

from drivers.errors import DriverError
from drivers.sim.caller import FarCaller
from drivers.sim.sound import DTMF_HZ, Samples, from_bytes, to_bytes, tones
from tests.drivers.rig import level_at, wav_samples


def say_all(far: FarCaller) -> tuple[Samples, list[tuple[int, str]]]:
    said, keys = from_bytes(b""), []
    frame = 0
    while not far.done:
        said += from_bytes(far.speak())
        frame += 1
        keys += [(frame, key) for key in far.keys_pressed()]
    return said, keys


def test_keys_come_when_they_should_and_over_the_speech() -> None:
    said, keys = say_all(FarCaller(say="tone:440", press="1#", press_after_s=1.0, talk_s=2.0))
    assert len(said) == 16000
    assert level_at(said[:8000], 440) > 0.25
    for start, digit in ((8000, "1"), (8000 + 1760, "#")):
        for hz in DTMF_HZ[digit]:
            assert level_at(said[start : start + 960], hz) > 0.2
    assert [key for _, key in keys] == ["1", "#"]
    assert 50 < keys[0][0] < keys[1][0]


def test_key_pressed_now_comes_next() -> None:
    far = FarCaller(talk_s=1.0)
    far.speak()
    far.press_now("5")
    said, keys = say_all(far)
    assert level_at(said[:960], DTMF_HZ["5"][0]) > 0.2
    assert [key for _, key in keys] == ["5"]


def test_recording_is_what_it_heard(tmp_path: Path) -> None:
    far = FarCaller(record=str(tmp_path / "heard.wav"))
    tone = tones((1000,), 2000, 0.3)
    for start in range(0, len(tone), 160):
        far.hear(to_bytes(tone[start : start + 160]))
    far.leave()
    far.leave()
    assert wav_samples(tmp_path / "heard.wav") == tone
    assert far.heard == tone[-8000:]


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"press": "12x"}, "bad-request"),
        ({"talk_s": 0.0}, "bad-request"),
        ({"talk_s": float("inf")}, "bad-request"),
        ({"press_after_s": -1.0}, "bad-request"),
        ({"say": "/nowhere/hello.wav"}, "missing-file"),
        ({"record": "/nowhere/heard.wav"}, "missing-file"),
    ],
)
def test_impossible_wishes_are_refused(options: dict[str, Any], reason: str) -> None:
    with pytest.raises(DriverError) as caught:
        FarCaller(**options)
    assert caught.value.reason == reason
