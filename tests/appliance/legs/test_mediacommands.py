"""Levels, pauses and places of plays: commands carried out on sound, and refused by word."""

import json
import math
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.base.reasons import REASONS
from appliance.legs.media import MAX_SEEK_MS
from appliance.wire.commands import (
    BrainRecord,
    Bridge,
    Level,
    Listen,
    MaskDigits,
    PauseRecord,
    Play,
    RecordLeg,
    Seek,
    StopPlay,
    StopRecord,
    StopTap,
    Tap,
)
from appliance.wire.events import PlayDone, RecordingDone, RecordingGap, Refused
from appliance.wire.rows import Part
from tests import audio
from tests.appliance.legs.soundrig import Far, SoundRig

BIG = 2**63 - 1
#: stands for what was left out of a recording
BEEP_HZ = 1000.0


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[SoundRig]:
    with SoundRig(tmp_path) as rig:
        yield rig


# -- levels -------------------------------------------------------------------------------------


async def test_a_mute_leg_hears_and_is_not_heard(rig: SoundRig) -> None:
    one, other = rig.pair()
    rig.put(Level(one.leg, mute=True), Level(one.leg, mute=True), RecordLeg(one.leg, "r", "r.wav"))
    rig.run(400)
    assert one.hears(620)
    assert not other.hears(440)
    assert rig.row(one).mute
    rig.put(Level(one.leg), StopRecord("r"))
    rig.run(400)
    assert other.hears(440)
    assert not rig.row(one).mute
    file = audio.read_wav(rig.recordings / "r.wav")[1600:]
    assert audio.total_dbm0(file[:, 0]) < -60
    assert audio.level_dbm0(file[:, 1], 620) > -12


async def test_a_deaf_leg_hears_nothing(rig: SoundRig) -> None:
    one, other = rig.pair()
    rig.put(Level(one.leg, deaf=True))
    rig.run(400)
    assert not one.hears(620)
    assert other.hears(440)


async def test_levels_are_those_asked_for(rig: SoundRig) -> None:
    one, other = rig.pair()
    rig.put(Level(one.leg, says_db=-6.0, hears_db=-12.0))
    rig.run(400)
    assert audio.level_dbm0(other.heard[-1600:], 440) == pytest.approx(-16, abs=0.3)
    assert audio.level_dbm0(one.heard[-1600:], 620) == pytest.approx(-22, abs=0.3)
    assert (rig.row(one).says_db, rig.row(one).hears_db) == (-6.0, -12.0)


# -- recordings ---------------------------------------------------------------------------------


async def test_a_pause_is_a_marked_gap(rig: SoundRig) -> None:
    one, _ = rig.pair()
    rig.put(RecordLeg(one.leg, "r", "a/r.wav"))
    rig.run(1000)
    rig.put(PauseRecord("r"), PauseRecord("r"))
    one.says(audio.tone(1300, 1000))
    rig.run(2000)
    assert rig.row(one).paused
    one.says(audio.tone(440, 1000))
    rig.run(100)
    rig.put(PauseRecord("r", on=False))
    rig.run(1000)
    assert not rig.row(one).paused
    rig.put(StopRecord("r"))
    rig.run(40)
    (gap,) = rig.heard(RecordingGap)
    assert (gap.recording, gap.why, gap.leg) == ("r", "paused", one.leg)
    assert gap.at_ms == pytest.approx(1000, abs=40)
    (done,) = rig.heard(RecordingDone)
    file = audio.read_wav(rig.recordings / done.path)
    assert done.duration_ms == len(file) // 8 < 2600
    says = file[:, 0]
    assert max(audio.level_dbm0(part, 1300) for part in audio.frames(says, 800)) < -30
    beep = says[gap.at_ms * 8 :][:800]
    assert audio.level_dbm0(beep, BEEP_HZ) > -24
    assert audio.level_dbm0(says[-6400:-1600], 440) > -12
    (mark,) = (rig.recordings / "a/r.wav.marks").read_text().splitlines()
    assert json.loads(mark)["mark"] == "paused"
    assert json.loads(mark)["ms"] == pytest.approx(2100, abs=40)


async def test_a_recording_that_is_closed_is_not_paused(rig: SoundRig) -> None:
    one, _ = rig.pair()
    rig.put(RecordLeg(one.leg, "r", "r.wav"), PauseRecord("r"), StopRecord("r"))
    rig.run(60)
    assert rig.heard(RecordingDone)
    assert not rig.row(one).paused


# -- places of a play ---------------------------------------------------------------------------

ITEMS = ["tone:440", "tone:620", "tone:1000"]


def playing(rig: SoundRig) -> Far:
    """Return who is 300 ms into three tones of a second each."""
    far = rig.add()
    rig.put(Play(far.leg, 7, ITEMS))
    rig.run(300)
    assert far.hears(440)
    return far


async def test_a_play_is_moved_in(rig: SoundRig) -> None:
    far = playing(rig)
    rig.put(Seek(far.leg, 7, 2000))
    rig.run(300)
    assert far.hears(1000)
    rig.put(Seek(far.leg, 7, 0))
    rig.run(300)
    assert far.hears(440)
    rig.put(Seek(far.leg, 7, 1000), Seek(far.leg, 7, 1000))
    rig.run(300)
    assert far.hears(620)


async def test_a_relative_move_is_made_once_for_each_number(rig: SoundRig) -> None:
    far = playing(rig)
    rig.put(*[Seek(far.leg, 7, 1000, relative=True, number=1)] * 2)
    rig.run(300)
    assert far.hears(620)
    rig.put(Seek(far.leg, 7, -1000, relative=True, number=2))
    rig.run(300)
    assert far.hears(440)
    rig.put(Play(far.leg, 8, ITEMS))
    rig.run(300)
    rig.put(Seek(far.leg, 8, 1000, relative=True, number=1))
    rig.run(300)
    assert far.hears(620)


async def test_a_move_to_behind_the_end_ends_the_play(rig: SoundRig) -> None:
    far = playing(rig)
    rig.put(Seek(far.leg, 7, 60_000))
    rig.run(100)
    assert rig.heard(PlayDone)[0].why == "end"
    rig.put(Seek(far.leg, 7, 0))
    assert [event.reason for event in rig.heard(Refused)] == ["gone"]


# -- refusals -----------------------------------------------------------------------------------

WRONG: list[tuple[BrainRecord, str]] = [
    (Level(9), "gone"),
    (Level(-BIG), "gone"),
    (Level(1, says_db=-60.1), "bad-request"),
    (Level(1, says_db=20.1), "bad-request"),
    (Level(1, hears_db=math.nan), "bad-request"),
    (Level(1, hears_db=math.inf), "bad-request"),
    (Level(1, says_db=-math.inf), "bad-request"),
    (PauseRecord(""), "gone"),
    (PauseRecord("none", on=False), "gone"),
    (MaskDigits(9), "gone"),
    (Tap(9, "t", "desk"), "gone"),
    (Tap(1, "", "desk"), "bad-request"),
    (Seek(9, 7, 0), "gone"),
    (Seek(1, 8, 0), "gone"),
    (Seek(1, 0, 0), "gone"),
    (Seek(1, BIG, 0), "gone"),
    (Seek(1, 7, -1), "bad-request"),
    (Seek(1, 7, MAX_SEEK_MS + 1), "bad-request"),
    (Seek(1, 7, 2**64 - 1), "bad-request"),
    (Seek(1, 7, -BIG, relative=True, number=5), "bad-request"),
    (Listen(9), "gone"),
    (Listen(1, ("no-tone",)), "unknown-prompt"),
    (Listen(1, ("busy", "99999")), "unknown-prompt"),
    (Listen(1, tuple(str(hz) for hz in range(300, 317))), "bad-request"),
]


@pytest.mark.parametrize(("command", "reason"), WRONG, ids=str)
async def test_what_cannot_be_is_refused_by_word(
    rig: SoundRig, command: BrainRecord, reason: str
) -> None:
    far = playing(rig)
    rig.put(command)
    (refused,) = rig.heard(Refused)
    assert (refused.reason, refused.command) == (reason, type(command).__struct_config__.tag)
    rig.run(300)
    assert far.hears(440)
    row = rig.row(far)
    assert (row.says_db, row.hears_db, row.taps, row.listens) == (0.0, 0.0, (), ())


async def test_a_leg_without_media_is_in_the_wrong_state(rig: SoundRig) -> None:
    far = rig.add()
    rig.media.remove(far.leg)
    rig.put(Level(far.leg), Tap(far.leg, "t", "x"), Seek(far.leg, 0, 0), Listen(far.leg))
    assert {event.reason for event in rig.heard(Refused)} == {"wrong-state"}
    assert len(rig.heard(Refused)) == 4
    rig.put(StopPlay(far.leg))


WHOLE = st.one_of(st.integers(-2, 9), st.integers(-(2**63), 2**64 - 1))
WORD = st.one_of(st.sampled_from(["", "t", "r", "b", "busy", "440", "../x"]), st.text(max_size=9))
LEVEL_DB = st.floats()
PART = st.builds(Part, WHOLE, st.sampled_from(["talk", "listen", "whisper"]), WHOLE)
ANYTHING = st.one_of(
    st.builds(Level, WHOLE, LEVEL_DB, LEVEL_DB, st.booleans(), st.booleans()),
    st.builds(PauseRecord, WORD, st.booleans()),
    st.builds(MaskDigits, WHOLE, st.booleans()),
    st.builds(Tap, WHOLE, WORD, WORD, st.sampled_from(["says", "hears", "both"])),
    st.builds(StopTap, WORD),
    st.builds(Seek, WHOLE, WHOLE, WHOLE, st.booleans(), WHOLE),
    st.builds(
        Listen, WHOLE, st.lists(WORD).map(tuple), st.booleans(), st.booleans(), st.booleans()
    ),
    st.builds(Bridge, WORD, st.lists(WHOLE, max_size=4), st.lists(PART, max_size=3).map(tuple)),
    st.builds(RecordLeg, WHOLE, WORD, st.just("r.wav")),
    st.builds(StopRecord, WORD),
)


@settings(max_examples=60)
@given(st.lists(ANYTHING, max_size=20))
async def test_whatever_comes_has_a_word(commands: list[BrainRecord]) -> None:
    with TemporaryDirectory() as folder, SoundRig(Path(folder)) as rig:
        for _ in range(3):
            rig.add(440.0)
        for command in commands:
            rig.put(command)
            rig.run(20)
        reasons = {event.reason for event in rig.heard(Refused)}
        assert reasons <= REASONS.keys() - {"internal"}
        assert len(rig.table.rows) == 3
