"""The page of the plan names every step and field; what it shows can be read."""

import json
import re
import typing

import msgspec
import pytest

from appliance.plan import model
from appliance.plan.hours import Calendar
from appliance.plan.lookup import Lookup, Take
from appliance.plan.parts import Part
from appliance.plan.transfers import Transfers
from appliance.plan.voicemail import Voicemail
from tests.docs.tables import DOCS, rows, section


def test_every_step_has_its_row() -> None:
    wanted = {
        f"`{kind.__struct_config__.tag}`": {f"`{name}`" for name in kind.__struct_fields__}
        for kind in typing.get_args(model.Step)
    }
    found = {
        cells[0]: set(cells[1].split())
        for cells in rows(section("plan.md", "Flows"))
        if cells[0] != "`do`"
    }
    assert found == wanted


def test_every_field_of_a_number_has_its_row() -> None:
    cells = [cells[0] for cells in rows(section("plan.md", "Numbers"))]
    assert set(re.findall(r"`(\w+)`", " ".join(cells))) == set(model.Number.__struct_fields__)


def test_every_field_of_the_longer_steps_has_its_row() -> None:
    for heading, kind in (("Lookup", Lookup), ("Voicemail", Voicemail)):
        fields = [cells for cells in rows(section("plan.md", heading)) if len(cells) == 2]
        cells = [cells[0] for cells in fields if cells[0].startswith("`")]
        assert set(re.findall(r"`(\w+)`", " ".join(cells))) == set(kind.__struct_fields__)


def test_everything_that_can_be_taken_has_its_row() -> None:
    found = {
        cells[0]: cells[1].split()
        for cells in rows(section("plan.md", "Lookup"))
        if len(cells) == 3 and cells[0] != "`as`"
    }
    assert found == {
        f"`{kind.__struct_config__.tag}`": [f"`{name}`" for name in kind.__struct_fields__]
        for kind in typing.get_args(Take)
    }


def test_every_field_of_an_overflow_has_its_row() -> None:
    cells = [cells[0] for cells in rows(section("plan.md", "Overflow"))]
    assert set(re.findall(r"`(\w+)`", " ".join(cells))) == set(model.Overflow.__struct_fields__)


def test_every_field_of_transfers_has_its_row() -> None:
    first = " ".join(row[0] for row in rows(section("plan.md", "Transfers")))
    assert sorted(re.findall(r"`(.+?)`", first)) == sorted(Transfers.__struct_fields__)


@pytest.mark.parametrize(
    ("heading", "part"),
    [
        ("Classes of service", model.ServiceClass),
        ("Agents", model.Agent),
        ("Division", model.Divide),
        ("Branches", model.Site),
    ],
)
def test_every_field_of_a_part_has_its_row(heading: str, part: type[Part]) -> None:
    cells = [cells[0] for cells in rows(section("plan.md", heading)) if cells[0] != "field"]
    assert set(re.findall(r"`(\w+)`", " ".join(cells))) == set(part.__struct_fields__)


def test_the_examples_can_be_read() -> None:
    text = (DOCS / "plan.md").read_text(encoding="utf-8")
    flows = ("Flows", "Lookup", "Voicemail", "Call-backs")
    kinds: dict[str, type] = {
        "Calendars": Calendar,
        **dict.fromkeys(("Division", "Overflow"), model.Queue),
        **dict.fromkeys(flows, model.Flow),
    }
    kinds["Transfers"], kinds["Branches"] = Transfers, model.Site
    found = re.findall(r"^## ([\w-]+)|^```json\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    heading, seen = "", 0
    for title, example in found:
        heading = title or heading
        if example:
            msgspec.convert(json.loads(example), kinds[heading])
            seen += 1
    assert seen == len(kinds)
