"""The pages say what the code says: reasons, settings, records, commands; and links lead on."""

import inspect
import re
from pathlib import Path

import msgspec
import pytest

from appliance.base.errors import Verdict
from appliance.base.reasons import REASONS
from appliance.config import model
from appliance.config.load import load_appliance
from appliance.ledger.records import KINDS as FACTS
from appliance.telemetry import records as telemetry
from control.settings import ControlSettings
from drivers import errors as driver_errors
from tests.docs.clipage import page
from tests.docs.tables import DOCS, default_text, fields_of, rows, section, type_text

ROOT = DOCS.parent
SECTIONS: dict[str, type[msgspec.Struct]] = {
    "`appliance.toml`": model.ApplianceSettings,
    "`[sip]`": model.SipSettings,
    "`[media]`": model.MediaSettings,
    "`[phones]`": model.PhoneSettings,
    "`[trunks.NAME]`": model.TrunkSettings,
    "`[lines.NAME]`": model.LineSettings,
    "`[legs]`": model.LegsSettings,
    "`[link]`": model.LinkSettings,
    "`[telemetry]`": model.TelemetrySettings,
    "`[recording]`": model.RecordingSettings,
    "`[fax]`": model.FaxSettings,
    "`[voicemail]`": model.VoicemailSettings,
    "`[lookup]`": model.LookupSettings,
    "`[lookup.secrets.NAME]`": model.LookupSecret,
    "`control.toml`": ControlSettings,
}


def documented(text: str, columns: int) -> dict[str, list[str]]:
    """Return name -> the next cells of its row; a name that stands twice is an error."""
    found: dict[str, list[str]] = {}
    for cells in rows(text):
        name = cells[0].strip("`")
        if cells[0].startswith("`"):
            assert name not in found, f"{name} stands twice"
            assert all(cells[1:]), f"{name} has an empty cell"
            found[name] = cells[1:columns]
    return found


def test_every_reason_has_its_row() -> None:
    found = documented(section("errors.md", "Reasons"), 2)
    assert found == {reason: [str(verdict)] for reason, verdict in REASONS.items()}


def test_every_verdict_has_its_row() -> None:
    assert set(documented(section("errors.md", "Verdicts"), 1)) == set(Verdict)


def test_drivers_use_the_same_words() -> None:
    for reason, verdict in driver_errors.REASONS.items():
        assert reason in REASONS
        assert REASONS[reason] == str(verdict), reason


@pytest.mark.parametrize("heading", SECTIONS)
def test_every_setting_has_its_row(heading: str) -> None:
    wanted = {
        field.name: [type_text(field.type), default_text(field)]
        for field in fields_of(SECTIONS[heading])
        if not type_text(field.type).endswith("section")
    }
    assert documented(section("configuration.md", heading), 3) == wanted


def test_no_section_of_the_settings_is_forgotten() -> None:
    known = set(SECTIONS.values())
    sections = {
        kind
        for _, kind in inspect.getmembers(model, inspect.isclass)
        if issubclass(kind, model.Section) and kind is not model.Section
    }
    assert sections <= known


def test_the_example_of_the_settings_can_be_loaded(tmp_path: Path) -> None:
    text = (DOCS / "configuration.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)
    path = tmp_path / "appliance.toml"
    path.write_text(example, encoding="utf-8")
    settings = load_appliance(path)
    assert settings.trunks["provider"].register
    assert settings.lines["gsm"].profile == "sim7600"


@pytest.mark.parametrize("kind", telemetry.KINDS, ids=telemetry.kind_of)
def test_every_telemetry_record_and_field_has_its_row(
    kind: type[telemetry.TelemetryRecord],
) -> None:
    common = {field.name for field in fields_of(telemetry.TelemetryRecord)}
    found = documented(section("telemetry.md", f"### `{telemetry.kind_of(kind)}`"), 2)
    assert found == {
        field.name: [type_text(field.type)]
        for field in fields_of(kind)
        if field.name not in common
    }


def test_the_fields_of_every_telemetry_record_have_their_row() -> None:
    found = documented(section("telemetry.md", "Fields of every record"), 2)
    wanted = {f.name: [type_text(f.type)] for f in fields_of(telemetry.TelemetryRecord)}
    assert found == {"kind": ["text"], **wanted}


def test_the_schema_and_the_page_name_the_same_kinds() -> None:
    text = (DOCS / "telemetry.md").read_text(encoding="utf-8")
    on_page = set(re.findall(r"^### `([a-z-]+)`$", text, re.MULTILINE))
    mapping = telemetry.schema()["discriminator"]["mapping"]
    assert on_page == set(mapping)


def test_every_ledger_entry_and_field_has_its_row() -> None:
    found = documented(section("ledger.md", "The entries"), 2)
    for kind, record in FACTS.items():
        names = [f"`{name}`" for name in record.__struct_fields__]
        assert found[kind] == [" ".join(names) or "–"], kind
    outcomes = {"served", "abandoned", "released", "failed", "voicemail"}
    assert set(found) == set(FACTS) | outcomes


def test_the_command_line_page_is_current() -> None:
    text = (DOCS / "cli.md").read_text(encoding="utf-8")
    found = text.partition("]]] -->\n")[2].partition("<!-- [[[end]]] -->")[0]
    assert found == page(), "make it anew: python -m cogapp -r docs/cli.md"


PAGES = sorted([*DOCS.rglob("*.md"), *ROOT.glob("*.md")])


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_relative_links_lead_somewhere(path: Path) -> None:
    text = re.sub(r"```.*?```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        aim = (path.parent / name) if name else path
        assert aim.exists(), f"{path.name}: {target}"
        if anchor and aim.suffix == ".md":
            assert anchor in anchors(aim), f"{path.name}: {target}"


def anchors(path: Path) -> set[str]:
    """Return the anchors of a page's headings, as Git hosts make them."""
    found = set()
    for heading in re.findall(r"^#+ (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE):
        plain = re.sub(r"[^\w\- ]", "", heading.strip().lower())
        found.add(plain.replace(" ", "-"))
    return found
