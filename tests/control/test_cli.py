"""`branchline control …` from an empty folder to a published plan."""

import logging
import socket
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner, Result

from appliance.link.jointoken import parse_token
from appliance.plan.checks import parse_plan
from control.cli import app
from control.fleet import reception
from control.models import documents, fleet, people
from control.parts import ControlParts
from control.settings import load_control
from tests.control.box import Box
from tests.control.conftest import PLAN


@pytest.fixture(autouse=True)
def _logs() -> Iterator[None]:
    """Commands send the log to the stream they were started with; give the old ones back."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "control.toml"
    path.write_text(f'state_dir = "{tmp_path / "state"}"\n')
    return path


@pytest.fixture
def plan_file(tmp_path: Path) -> Path:
    served = msgspec.structs.replace(PLAN, agents=PLAN.agents[:1])
    path = tmp_path / "plan.json"
    path.write_bytes(msgspec.json.encode(served))
    return path


def run(config: Path, *words: str) -> Result:
    return CliRunner().invoke(app, [*words, "--config", str(config)])


def fine(config: Path, *words: str) -> str:
    result = run(config, *words)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_from_nothing_to_a_published_plan(config: Path, plan_file: Path) -> None:
    assert "password as given" in fine(config, "init", "--password", "secret secret")
    assert "2 numbers, 2 queues, 1 flows, 1 agents" in fine(config, "import-plan", str(plan_file))
    assert "account p101" in fine(config, "agent-secret", "anna")
    assert "plan 1 published\nthe hub is away" in fine(config, "publish")
    assert "nothing to publish" in fine(config, "publish")
    exported = parse_plan(fine(config, "export-plan").encode())
    assert [agent.name for agent in exported.agents] == ["anna"]
    token = parse_token(fine(config, "token", "--site", "berlin", "--name", "b-1", "--hours", "2"))
    parts = ControlParts.open(load_control(config))
    assert token.ca_digest == parts.authority.digest
    with parts.database.session() as session:
        row = session.get_one(fleet.JoinToken, token.token_id.hex())
        assert (row.expires_at - row.made_at).total_seconds() == 7200
        assert set(documents.serials(session)) == {
            ("plan", ""),
            ("roster", "berlin"),
            ("directory", ""),
        }
    parts.close()


def test_init_makes_a_password_once_and_keeps_everything(config: Path) -> None:
    first = fine(config, "init")
    password = first.split("password ")[1].split()[0]
    again = fine(config, "init")
    assert "was there" in again
    assert password not in again
    parts = ControlParts.open(load_control(config))
    with parts.database.session() as session:
        assert people.verify(session, "admin", password) is not None
    parts.close()


def test_a_person_is_added_and_later_gets_another_password(config: Path) -> None:
    fine(config, "init")
    assert "added user eva" in fine(config, "user", "eva", "--password", "first first")
    made = fine(config, "user", "eva")
    assert "new password for user eva" in made
    password = made.split("password ")[-1].split()[0]
    parts = ControlParts.open(load_control(config))
    with parts.database.session() as session:
        assert people.verify(session, "eva", "first first") is None
        assert people.verify(session, "eva", password) is not None
    parts.close()


@pytest.mark.parametrize(
    "words",
    [
        ("publish",),
        ("token", "--site", "berlin", "--name", "b-1"),
        ("agent-secret", "anna"),
        ("export-plan",),
        ("web",),
    ],
)
def test_without_init_one_line_says_what_to_do(config: Path, words: tuple[str, ...]) -> None:
    result = run(config, *words)
    assert result.exit_code == 1
    assert "branchline control init" in result.stderr
    assert "Traceback" not in result.output


def test_what_cannot_be_published_is_named(config: Path, plan_file: Path) -> None:
    fine(config, "init")
    broken = msgspec.structs.replace(PLAN, agents=())
    plan_file.write_bytes(msgspec.json.encode(broken))
    fine(config, "import-plan", str(plan_file))
    result = run(config, "publish")
    assert result.exit_code == 1
    assert "queues[sales].skills" in result.stderr


def test_unknown_names_are_refused(config: Path) -> None:
    fine(config, "init")
    assert "no agent 'nobody'" in run(config, "agent-secret", "nobody").stderr
    result = run(config, "token", "--site", "Berlin!", "--name", "b-1")
    assert result.exit_code == 1
    assert "Berlin!" in result.stderr


def test_how_a_box_stands_in_the_network_is_printed(config: Path) -> None:
    fine(config, "init")
    assert "'b-1' is not in the fleet" in run(config, "network", "b-1", "--nat").stderr
    parts = ControlParts.open(load_control(config))
    text = fine(config, "token", "--site", "b", "--name", "b-1", "--auto-approve").strip()
    reception.answer(parts, Box(text, "b-1").sealed())
    parts.close()
    assert fine(config, "network", "b-1").startswith("b-1 can be dialled\n")
    assert "b-1 can be dialled and carries for others" in fine(config, "network", "b-1", "--relay")
    assert "nobody can dial it" in run(config, "network", "b-1", "--nat").stderr
    assert "b-1 is behind NAT\n" in fine(config, "network", "b-1", "--nat", "--no-relay")


def test_a_port_that_is_taken_is_named(config: Path) -> None:
    fine(config, "init")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        config.write_text(f"{config.read_text()}web_port = {port}\n")
        result = run(config, "web")
    assert result.exit_code == 1
    assert f"port-busy: web_address 127.0.0.1, web_port {port}" in result.stderr
