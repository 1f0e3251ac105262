"""Messages: what a caller says and nothing else, played back, as long as it may be."""

import asyncio
import wave
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from appliance.base.errors import BranchlineError, ConfigError
from appliance.legs.enginetypes import RtpRemote
from appliance.legs.playables import read_recording
from appliance.wire.commands import MaskDigits, Play, RecordLeg, StopRecord
from appliance.wire.events import PlayDone, RecordingDone, Refused
from tests import audio
from tests.appliance.legs.soundrig import Far, SoundRig


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[SoundRig]:
    with SoundRig(tmp_path) as rig:
        yield rig


def message(rig: SoundRig, far: Far, name: str = "m", longest_ms: int = 0) -> audio.Sound:
    """Return what is in the file after two seconds of a recorded message."""
    path = f"voicemail/general/{name}.wav"
    rig.put(RecordLeg(far.leg, name, path, message=True, longest_ms=longest_ms))
    rig.run(2000)
    rig.put(StopRecord(name))
    rig.run(200)
    found = audio.read_wav(rig.recordings / path)
    assert found.shape[1] == 1
    return np.asarray(found[:, 0])


async def test_a_message_holds_what_the_caller_says_alone(rig: SoundRig) -> None:
    far = rig.add(440.0)
    rig.put(Play(far.leg, 1, ["tone:1000"], loop=True))
    sound = message(rig, far)
    assert far.hears(1000)
    assert audio.level_dbm0(sound[4000:12000], 440) == pytest.approx(-10, abs=0.5)
    assert audio.level_dbm0(sound[4000:12000], 1000) < -60
    (done,) = rig.heard(RecordingDone)
    assert (done.duration_ms, done.reason) == (2000, "normal")


async def test_keys_are_never_in_a_message(rig: SoundRig) -> None:
    far = rig.add()
    far.says(np.concatenate([audio.silence(300), audio.digit("5", 100), audio.silence(600)]))
    rig.put(RecordLeg(far.leg, "m", "m.wav", message=True))
    rig.put(MaskDigits(far.leg), MaskDigits(far.leg, on=False))  # as a talk's may be
    rig.run(2000)
    rig.put(StopRecord("m"))
    rig.run(200)
    sound = audio.read_wav(rig.recordings / "m.wav")[:, 0]
    assert max(audio.level_dbm0(part, 770) for part in audio.frames(sound, 800)) < -35


async def test_a_message_ends_when_it_is_as_long_as_it_may_be(rig: SoundRig) -> None:
    sound = message(rig, rig.add(440.0), longest_ms=500)
    assert len(sound) == 4000
    (done,) = rig.heard(RecordingDone)
    assert (done.duration_ms, done.reason) == (500, "longest")


async def test_the_length_is_told_in_time_at_each_rate(rig: SoundRig) -> None:
    far = rig.add()
    address, port = far.socket.getsockname()
    wide = RtpRemote(address, port, 9, "G722")
    rig.media.set_remote(far.leg, wide, send=True, receive=True)
    rig.put(RecordLeg(far.leg, "m", "m.wav", message=True))
    rig.run(1000)
    rig.put(StopRecord("m"))
    rig.run(200)
    with wave.open(str(rig.recordings / "m.wav")) as file:
        assert (file.getframerate(), file.getnframes()) == (16000, 16000)
    (done,) = rig.heard(RecordingDone)
    assert done.duration_ms == 1000


async def test_a_caller_hears_the_message(rig: SoundRig) -> None:
    far = rig.add(440.0)
    message(rig, far)
    far.says(audio.silence(20))
    far.forget()
    rig.put(Play(far.leg, 7, ["recording:voicemail/general/m.wav"]))
    for _ in range(100):
        await asyncio.sleep(0.02)
        rig.run(20)
        if rig.row(far).play and audio.total_dbm0(far.heard[-800:]) > -20:
            break
    rig.run(400)
    assert far.hears(440)
    rig.run(2000)
    assert rig.heard(PlayDone, play=7, why="end")


@pytest.mark.parametrize("item", ["recording:none.wav", "recording:../taps/x", "recording:"])
async def test_what_is_no_recording_is_not_played(rig: SoundRig, item: str) -> None:
    far = rig.add()
    rig.put(Play(far.leg, 7, [item]))
    for _ in range(200):
        if rig.heard(PlayDone):
            break
        await asyncio.sleep(0.02)
    assert rig.heard(PlayDone, play=7, why="unknown-prompt")


async def test_no_negative_length(rig: SoundRig) -> None:
    far = rig.add()
    rig.put(RecordLeg(far.leg, "m", "m.wav", message=True, longest_ms=-1))
    assert rig.heard(Refused, reason="bad-request")


@pytest.mark.parametrize("rate_hz", [8000, 16000, 48000])
def test_recordings_of_each_rate_are_read(tmp_path: Path, rate_hz: int) -> None:
    audio.write_wav(tmp_path / "a.wav", audio.tone(440, 500), rate_hz)
    samples, found_hz = read_recording(tmp_path / "a.wav")
    assert (len(samples), found_hz) == (4000, rate_hz)


def test_what_cannot_be_read_is_refused(tmp_path: Path) -> None:
    audio.write_wav(tmp_path / "rate.wav", audio.tone(440, 500), 11025)
    audio.write_wav(tmp_path / "empty.wav", audio.silence(0))
    with wave.open(str(tmp_path / "stereo.wav"), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(bytes(400))
    (tmp_path / "text.wav").write_text("no sound")
    for name in ("rate.wav", "empty.wav", "stereo.wav", "text.wav", "none.wav"):
        with pytest.raises(ConfigError, match="unknown-prompt") as told:
            read_recording(tmp_path / name)
        assert isinstance(told.value, BranchlineError)
