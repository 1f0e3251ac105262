"""The page about the wire names every record, its tag and its fields, in order."""

import re
from typing import get_args

import pytest

from appliance.wire.commands import Account, BrainRecord, Peer
from appliance.wire.events import LegsRecord
from appliance.wire.rows import LegRow, Part, Record, Registration, TrunkState
from tests.docs.tables import rows, section


def tag_of(kind: type[Record]) -> int:
    """Return a record's tag."""
    tag = kind.__struct_config__.tag
    assert isinstance(tag, int)
    return tag


RECORDS: list[type[Record]] = sorted({*get_args(LegsRecord), *get_args(BrainRecord)}, key=tag_of)
VALUES: list[type[Record]] = [Part, Registration, TrunkState, Account, Peer]


def written(heading: str, at: int) -> dict[str, list[str]]:
    """Return the first column of a table and the words of another."""
    return {row[0]: re.findall(r"`([^`]+)`", row[at]) for row in rows(section("wire.md", heading))}


@pytest.mark.parametrize("kind", RECORDS, ids=lambda kind: kind.__name__)
def test_every_record_has_its_row(kind: type[Record]) -> None:
    tag = tag_of(kind)
    told = kind in get_args(LegsRecord)
    heading = "From legs to brain" if told else "From brain to legs"
    table = rows(section("wire.md", heading))
    (row,) = [row for row in table if row[0] == str(tag)]
    assert row[1] == f"`{kind.__name__}`"
    assert re.findall(r"`([^`]+)`", row[2]) == list(kind.__struct_fields__)


@pytest.mark.parametrize("kind", VALUES, ids=lambda kind: kind.__name__)
def test_every_value_has_its_row(kind: type[Record]) -> None:
    assert written("Values in records", 1)[f"`{kind.__name__}`"] == list(kind.__struct_fields__)


def test_every_field_of_a_leg_is_explained_once() -> None:
    named = re.findall(r"`([^`]+)`", " ".join(written("What the snapshot shows", 0)))
    assert sorted(named) == sorted(["LegRow", *LegRow.__struct_fields__])
