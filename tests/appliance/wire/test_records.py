"""The records: whole on the other side, readable by a neighbour version, refused where wrong."""

from types import UnionType
from typing import Any, get_args

import msgspec
import pytest

from appliance.wire.codec import HEAD, brain_decoder, encode_frame, legs_decoder
from appliance.wire.commands import (
    BrainRecord,
    Bridge,
    Dial,
    Hang,
    KeepDigits,
    Level,
    Listen,
    MaskDigits,
    PauseRecord,
    Seek,
    StopTap,
    Tap,
    WatchSilence,
)
from appliance.wire.events import (
    Bridged,
    Heard,
    LegsRecord,
    RecordingGap,
    Talking,
    TapEnded,
)
from appliance.wire.rows import LegRow, Part, Record
from appliance.wire.session import Snapshot

BOSS = Part(3, "whisper", 2)
ROW = LegRow(
    leg=3,
    out=True,
    kind="phone",
    via="1001",
    state="up",
    role="whisper",
    whispers_to=2,
    says_db=-3.5,
    mute=True,
    paused=True,
    masked=True,
    taps=("t", "u"),
    listens=("busy", "talk"),
    heard="busy",
    talks=True,
    keeps_digits=True,
    silence_s=2.5,
)
COMMANDS: list[BrainRecord] = [
    Bridge("b", [1, 2, 3], (BOSS, Part(1, "listen"))),
    Level(1, -6.0, 3.5, mute=True, deaf=True),
    PauseRecord("r", on=False),
    MaskDigits(1, on=False),
    Tap(1, "t", "desk/1", "hears"),
    StopTap("t"),
    Seek(1, 7, -5000, relative=True, number=3),
    Listen(1, ("busy", "sit"), fax=True, answer=True, talk=True),
    Bridge("b", [1, 2], rest="stay-if-lost"),
    KeepDigits(1, on=False),
    WatchSilence(1, 2.5),
]
EVENTS: list[LegsRecord] = [
    Bridged(1, 2.0, "b", [1, 2, 3], (BOSS,)),
    TapEnded(1, 2.0, 1, "t", "reader-gone", 5),
    Heard(1, 2.0, 1, "answer", "machine", 1800),
    Talking(1, 2.0, 1, True),
    RecordingGap(1, 2.0, 1, "r", 5000, "paused"),
    Snapshot([ROW]),
]


def raw(*fields: Any) -> bytes:
    """Return one record as a foreign hand would write it, in a batch before a good one."""
    return msgspec.msgpack.encode([fields, Hang(9)])


@pytest.mark.parametrize("record", COMMANDS, ids=str)
def test_a_command_arrives_as_it_was_sent(record: BrainRecord) -> None:
    frame = encode_frame([record])
    assert brain_decoder().decode(bytes(frame[HEAD:])) == ([record], [])


@pytest.mark.parametrize("record", EVENTS, ids=lambda record: type(record).__name__)
def test_an_event_arrives_as_it_was_sent(record: LegsRecord) -> None:
    frame = encode_frame([record])
    assert legs_decoder().decode(bytes(frame[HEAD:])) == ([record], [])


@pytest.mark.parametrize("union", [LegsRecord, BrainRecord], ids=["legs", "brain"])
def test_each_record_has_a_tag_of_its_own(union: UnionType) -> None:
    tags = [kind.__struct_config__.tag for kind in get_args(union)]
    assert len(tags) == len(set(tags))
    assert all(issubclass(kind, Record) for kind in get_args(union))


def test_a_brain_of_the_version_before_bridges_as_ever() -> None:
    (bridge,), bad = brain_decoder().decode(msgspec.msgpack.encode([[48, "b", [1, 2]]]))
    assert bridge == Bridge("b", [1, 2])
    assert bad == []


def test_a_row_without_the_newer_fields_is_as_it_was() -> None:
    fields = msgspec.to_builtins(LegRow(leg=1, out=False, kind="trunk", via="x", state="up"))
    old = fields[: LegRow.__struct_fields__.index("role")]
    (snapshot,), bad = legs_decoder().decode(msgspec.msgpack.encode([[2, [old]]]))
    assert snapshot == Snapshot([LegRow(leg=1, out=False, kind="trunk", via="x", state="up")])
    assert bad == []


def test_a_newer_row_is_read_by_the_version_before() -> None:
    class OldRow(msgspec.Struct, array_like=True):
        leg: int
        out: bool

    row = msgspec.msgpack.decode(msgspec.msgpack.encode(ROW), type=OldRow)
    assert (row.leg, row.out) == (3, True)


@pytest.mark.parametrize(
    "fields",
    [
        (48, "b", [1, 2], [[1, "barge", 0]]),
        (48, "b", [1, 2], [["1", "listen", 0]]),
        (48, "b", [1, 2], [1]),
        (56, 1, "loud"),
        (56,),
        (57, None),
        (58, 1.5),
        (59, 1, "t", "desk", "left"),
        (59, 1, "t"),
        (60, 7),
        (61, 1, 7, 2**65 * 1.0),
        (61, 1, 7, "0"),
        (62, 1, "busy"),
        (62, 1, ["busy"], "yes"),
    ],
    ids=str,
)
def test_a_wrong_value_spoils_its_record_alone(fields: tuple[Any, ...]) -> None:
    assert brain_decoder().decode(raw(*fields)) == ([Hang(9)], [fields[0]])


def test_a_bridge_of_an_older_brain_ends_those_who_are_left() -> None:
    older = msgspec.to_builtins(Bridge("b", [1, 2], rest="stay"))[:-1]
    assert msgspec.convert(older, Bridge).rest == "end"


def test_a_dial_of_an_older_brain_leaves_the_codecs_to_the_settings() -> None:
    newer = Dial(tok="t", kind="peer", via="b", ring_s=9.0, codecs=("OPUS",))
    older = msgspec.convert(msgspec.to_builtins(newer)[:-1], Dial)
    assert (older.ring_s, older.codecs) == (9.0, ())
