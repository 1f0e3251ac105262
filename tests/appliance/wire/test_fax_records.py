"""The records of faxes on the wire: their tags and places are for ever, fields come at the end."""

import msgspec
import pytest

from appliance.wire.commands import BrainRecord, ReceiveFax, SendFax, StopFax
from appliance.wire.events import FaxDone, FaxPage, LegsRecord
from appliance.wire.rows import LegRow, Record

LEGS: list[tuple[LegsRecord, list[object]]] = [
    (FaxPage(7, 1.5, 3, "f", 2, "+49 30"), [29, 7, 1.5, 3, "f", 2, "+49 30"]),
    (
        FaxDone(8, 1.5, 3, "f", "normal", 2, "+49 30", "f.tif", "f.pdf", True, True, 14400),
        [31, 8, 1.5, 3, "f", "normal", 2, "+49 30", "f.tif", "f.pdf", True, True, 14400],
    ),
]
BRAIN: list[tuple[BrainRecord, list[object]]] = [
    (ReceiveFax(3, "f", "f.tif", "+49 30"), [64, 3, "f", "f.tif", "+49 30"]),
    (SendFax(3, "f", "f.tif", "+49 30", "To you"), [65, 3, "f", "f.tif", "+49 30", "To you"]),
    (StopFax("f"), [66, "f"]),
]


@pytest.mark.parametrize(("record", "wire"), [*LEGS, *BRAIN], ids=str)
def test_a_record_stands_so_on_the_wire(record: Record, wire: list[object]) -> None:
    body = msgspec.msgpack.encode(record)
    assert msgspec.msgpack.decode(body) == wire
    union = LegsRecord if any(record == one for one, _ in LEGS) else BrainRecord
    assert msgspec.msgpack.decode(body, type=union) == record


def test_what_a_far_end_leaves_out_has_its_default() -> None:
    assert msgspec.convert([64, 3, "f", "f.tif"], ReceiveFax).station == ""
    assert msgspec.convert([31, 8, 1.5, 3, "f", "no-fax", 0], FaxDone).path == ""


def test_the_row_of_an_older_legs_process_has_no_fax() -> None:
    row = LegRow(leg=1, out=False, kind="trunk", via="city", state="up", fax="f")
    older = msgspec.to_builtins(row)[: LegRow.__struct_fields__.index("fax")]
    assert msgspec.convert(older, LegRow).fax == ""
