"""Further hubs: added, told in the signed directory, merged on one floor, taken away."""

from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner, Result

from appliance.base.errors import ConfigError
from appliance.link.bodies import Directory
from appliance.plan import canonical
from control.cli import app
from control.fleet import hubs
from control.fleet.floors import merged
from control.fleet.hubs import HubEntry
from control.fleet.keys import hub_pair
from control.models import documents
from control.parts import ControlParts
from control.settings import ControlSettings, load_control

ENTRY = HubEntry(
    name="hub-2",
    address="192.0.2.7",
    link_port=7500,
    telemetry_in_port=7501,
    telemetry_out_port=7502,
)
PORTS = ("--link-port", "7500", "--telemetry-in-port", "7501", "--telemetry-out-port", "7502")


@pytest.fixture
def settings(tmp_path: Path) -> ControlSettings:
    return ControlSettings(state_dir=str(tmp_path))


def test_each_hub_has_its_own_key_ports_and_sockets(settings: ControlSettings) -> None:
    assert hubs.further_hubs(settings) == []
    hubs.add_hub(settings, ENTRY)
    assert hubs.further_hubs(settings) == [ENTRY]
    second = hubs.settings_of(settings, "hub-2")
    assert (second.hub_name, second.hub_address, second.link_port) == ("hub-2", "192.0.2.7", 7500)
    assert second.hub_commands != settings.hub_commands
    assert second.hub_live != settings.hub_live
    assert second.hub_ledger == settings.hub_ledger  # there is one intake
    assert hubs.settings_of(second, "hub-2") == second
    assert hub_pair(settings.state_path, "hub-2") != hub_pair(settings.state_path)
    (told,) = hubs.directory_hubs(settings)
    assert told.curve_key == hub_pair(settings.state_path, "hub-2").public
    assert (told.hub, told.link_address, told.telemetry_port) == ("hub-2", "192.0.2.7", 7501)
    moved = msgspec.structs.replace(ENTRY, address="192.0.2.8")
    hubs.add_hub(settings, moved)
    assert hubs.further_hubs(settings) == [moved]
    hubs.remove_hub(settings, "hub-2")
    assert hubs.further_hubs(settings) == []


@pytest.mark.parametrize("name", ["hub", "hub-", "berlin", "hub-A", "hub-2\n", "hub-../x", ""])
def test_a_further_hub_must_be_called_so(settings: ControlSettings, name: str) -> None:
    with pytest.raises(ConfigError) as raised:
        hubs.add_hub(settings, msgspec.structs.replace(ENTRY, name=name))
    assert raised.value.reason == "bad-config"


def test_what_cannot_be_is_refused_in_words(settings: ControlSettings) -> None:
    with pytest.raises(ConfigError) as raised:
        hubs.settings_of(settings, "hub-9")
    assert raised.value.reason == "not-found"
    with pytest.raises(ConfigError) as raised:
        hubs.remove_hub(settings, "hub-9")
    assert raised.value.reason == "not-found"
    here = msgspec.structs.replace(ENTRY, address=settings.hub_address)
    with pytest.raises(ConfigError) as raised:
        hubs.add_hub(settings, msgspec.structs.replace(here, link_port=settings.link_port))
    assert raised.value.reason == "port-busy"
    hubs.add_hub(settings, here)
    with pytest.raises(ConfigError) as raised:
        hubs.add_hub(settings, msgspec.structs.replace(here, name="hub-3"))
    assert raised.value.reason == "port-busy"
    (settings.state_path / hubs.HUBS_FILE).write_text("[{}]")
    with pytest.raises(ConfigError) as raised:
        hubs.further_hubs(settings)
    assert raised.value.reason == "bad-config"


def test_a_directory_of_one_hub_is_as_it_always_was() -> None:
    body = canonical.encode(Directory(serial=1, peers=()))
    assert body == b'{"peers":[],"serial":1}'


def test_hubs_come_and_go_by_command(tmp_path: Path) -> None:
    config = tmp_path / "control.toml"
    config.write_text(f'state_dir = "{tmp_path / "state"}"\n')

    def run(*words: str) -> Result:
        return CliRunner().invoke(app, [*words, "--config", str(config)])

    def directory() -> Directory:
        parts = ControlParts.open(load_control(config))
        with parts.database.session() as session:
            last = documents.latest(session, "directory")
        parts.close()
        assert last is not None
        return canonical.decode(last.body, Directory)

    assert run("init", "--password", "secret secret").exit_code == 0
    added = run("hubs", "add", "hub-2", *PORTS)
    assert "directory 1 is published; no hub is up" in added.stdout
    assert [hub.hub for hub in directory().hubs] == ["hub-2"]
    assert "nothing has changed" in run("hubs", "add", "hub-2", *PORTS).stdout
    listed = run("hubs", "list").stdout.splitlines()
    assert listed == [
        "hub  127.0.0.1:7400  the hub is not running",
        "hub-2  127.0.0.1:7500  the hub is not running",
    ]
    assert run("hub", "--name", "hub-3").exit_code == 1
    assert run("hubs", "add", "berlin", *PORTS).exit_code == 1
    assert "directory 2 is published" in run("hubs", "remove", "hub-2").stdout
    assert directory().hubs == ()
    refused = run("token", "--site", "berlin", "--name", "hub-2")
    assert refused.exit_code == 1
    assert "hubs are called so" in refused.output


def test_floors_are_one() -> None:
    def box(name: str, *, up: bool) -> dict[str, object]:
        return {"name": name, "up": up}

    one = {
        "number": 3,
        "at": "2026-01-01",
        "plan_serial": 7,
        "appliances": [box("a", up=True), box("b", up=False)],
        "contacts": [{"contact": "c2"}],
        "seats": [{"seat": "ann"}],
        "queues": [{"queue": "q", "waiting": 0, "offered": 0, "talking": 1}],
    }
    other = {
        "number": 4,
        "at": "2026-01-02",
        "plan_serial": 6,
        "appliances": [box("a", up=False), box("b", up=True)],
        "contacts": [{"contact": "c1"}],
        "seats": [{"seat": "bob"}],
        "queues": [{"queue": "q", "waiting": 2, "offered": 0, "talking": 1}, {"queue": "r"}],
    }
    floor = merged([one, other])
    assert (floor["number"], floor["at"], floor["plan_serial"]) == (7, "2026-01-02", 7)
    assert floor["appliances"] == [box("a", up=True), box("b", up=True)]
    assert [row["contact"] for row in floor["contacts"]] == ["c1", "c2"]
    assert [row["seat"] for row in floor["seats"]] == ["ann", "bob"]
    assert [(row["queue"], row.get("waiting")) for row in floor["queues"]] == [
        ("q", 2),
        ("r", None),
    ]
